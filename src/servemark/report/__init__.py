"""Reports of a run: pure functions of a ``Report``. To add one: a module, a line in ``REPORTS``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from servemark.report.build import build_report
from servemark.report.hlog import write_hlogs
from servemark.report.json import render_json, report_schema
from servemark.report.markdown import render_markdown
from servemark.report.model import Report
from servemark.report.tables import write_tables
from servemark.report.text import render_text


def render_html(report: Report) -> str:
    """The page. Its module is imported when it is needed: the charting library that it needs takes
    longer to import than everything else together."""
    from servemark.report import html

    return html.render_html(report)


def write_pictures(report: Report, folder: Path) -> list[Path]:
    """The charts as files; imported when it is needed, for the same reason."""
    from servemark.report import pictures

    return pictures.write_pictures(report, folder)


REPORTS: dict[str, Callable[[Report], str]] = {
    "html": render_html,
    "json": render_json,
    "md": render_markdown,
}

__all__ = [
    "REPORTS",
    "Report",
    "build_report",
    "render_text",
    "report_schema",
    "write_hlogs",
    "write_pictures",
    "write_tables",
]
