"""What every page needs: templates with the same filters, and the charting library."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

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
    """Vega, Vega-Lite and Vega-Embed as one script that sets ``vegaEmbed``."""
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
