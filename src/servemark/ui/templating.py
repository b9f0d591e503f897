"""Pages from templates: everything that is put into one is escaped."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from servemark import __version__
from servemark.report.comparison_wording import said
from servemark.report.wording import count, interval_of, number, plain, ratio_text, value_of
from servemark.ui.guard import SECRET_HEADER
from servemark.units import spell_duration

FOLDER = Path(__file__).parent / "templates"


class Pages:
    """The templates, with what all pages need."""

    def __init__(self, secret: str) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(
            secret=secret, secret_header=SECRET_HEADER, version=__version__
        )
        self._environment.filters.update(
            count=count,
            interval=interval_of,
            number=number,
            plain=plain,
            ratio=ratio_text,
            said=said,
            spell=spell_duration,
            value=value_of,
            when=when,
        )

    def page(
        self, template: str, request: Request, status: int = 200, **content: object
    ) -> HTMLResponse:
        """A whole page."""
        return HTMLResponse(self.text(template, path=request.url.path, **content), status)

    def text(self, template: str, **content: object) -> str:
        """A page or a part of one as text."""
        return self._environment.get_template(template).render(**content)


def when(utc: str) -> str:
    """A time as a list shows it.

    >>> when("2026-11-25T21:26:06+00:00")
    '2026-11-25 21:26 UTC'
    """
    return f"{utc[:10]} {utc[11:16]} UTC" if len(utc) >= 16 else plain(utc)
