"""Making a new contestant from the template that its language brings."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from servemark.catalog import suggestion
from servemark.errors import PrepareError, UsageError
from servemark.prepare.environments import IGNORED

TEMPLATE = "_template"
"""Folder below a language: a template, or a folder for each of several."""
PLACEHOLDER = "template-name"
"""What stands for the contestant's name in the files of a template."""

_FIT = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")


def create_contestant(contestants: Path, name: str, kind: str | None) -> Path:
    """Make ``contestants/<language>/<name>`` for a name such as ``go/mine``; the folder it is.

    ``kind`` says which template, where the language has several. The folder appears when it is
    complete. Raises ``UsageError`` for what cannot be made, ``PrepareError`` where it cannot be
    written.
    """
    language, slash, short = name.partition("/")
    if not slash:
        raise UsageError(f"'{name}' lacks its language: say LANGUAGE/NAME, such as python/{name}.")
    languages = sorted(path.parent.name for path in contestants.glob("*/runtime.toml"))
    if language not in languages:
        raise UsageError(f"There is no language '{language}'{suggestion(language, languages)}")
    if not _FIT.fullmatch(short):
        raise UsageError(
            f"'{short}' cannot be a contestant's name: use at most 50 small letters, digits and "
            "hyphens, the first of them no hyphen."
        )
    target = contestants / language / short
    if target.exists():
        raise UsageError(f"{target} exists already: choose another name, or remove it.")
    template = _template(contestants / language, kind)
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{short}-") as scratch:
            made = Path(scratch) / short
            shutil.copytree(template, made, ignore=shutil.ignore_patterns(*IGNORED))
            for path in files_below(made):
                path.write_bytes(path.read_bytes().replace(PLACEHOLDER.encode(), short.encode()))
            made.rename(target)
    except OSError as error:
        raise PrepareError(f"{target} cannot be written: {error}.") from error
    return target


def template_kinds(language: Path) -> list[str]:
    """The names of a language's templates, where it has several."""
    return sorted(path.parent.name for path in language.glob(f"{TEMPLATE}/*/contestant.toml"))


def files_below(folder: Path) -> list[Path]:
    """Every file of a contestant, in the order of their paths."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _template(language: Path, kind: str | None) -> Path:
    folder = language / TEMPLATE
    kinds = template_kinds(language)
    if not kinds and not (folder / "contestant.toml").exists():
        raise UsageError(f"{folder} does not exist: copy the folder of a relative instead.")
    if not kinds:
        if kind is not None:
            raise UsageError(f"{language.name} has one template only: leave --template out.")
        return folder
    if kind is None:
        choice = " or ".join(f"--template {each}" for each in kinds)
        raise UsageError(f"{language.name} has several templates: add {choice}.")
    if kind not in kinds:
        raise UsageError(f"{language.name} has no template '{kind}'{suggestion(kind, kinds)}")
    return folder / kind
