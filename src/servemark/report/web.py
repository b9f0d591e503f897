"""What every page needs: templates with the same filters, and the charting library."""

from __future__ import annotations

import re
import tempfile
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from servemark.places import user_cache
from servemark.report.wording import plain


def templates(*folders: Path) -> Environment:
    """The templates in those folders and in this one; whatever they put in is escaped."""
    environment = Environment(
        loader=FileSystemLoader([*folders, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"plain": plain, "breakable": breakable}
    return environment


def breakable(name: str) -> Markup:
    """A name that may go on in another line between its parts: language/framework@server+runtime.

    >>> breakable("go/<b>@builtin")
    Markup('go/<wbr>&lt;b&gt;@<wbr>builtin')
    """
    return Markup("<wbr>").join(re.split(r"(?<=[/@+])(?=.)", name))


@cache
def charting_library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that sets ``vegaEmbed``.

    To put it together takes seconds and comes to the same each time: it is kept in the user's cache
    folder, where there is one that can be written.
    """
    kept = user_cache() / f"vega-of-vl-convert-{version('vl-convert-python')}.js"
    with suppress(OSError):
        return kept.read_bytes().decode()
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    with suppress(OSError):
        _write_whole(kept, script.encode())
    return script


def _write_whole(path: Path, content: bytes) -> None:
    """The file appears with all of its content or not at all, whoever else writes it meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        partial = Path(scratch) / path.name
        partial.write_bytes(content)
        partial.replace(path)
