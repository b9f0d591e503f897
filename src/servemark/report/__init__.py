"""Reports of a run: pure functions of a ``Report``. To add one: a module, a line in ``REPORTS``."""

from __future__ import annotations

from collections.abc import Callable

from servemark.report.build import build_report
from servemark.report.html import render_html
from servemark.report.json import render_json, report_schema
from servemark.report.markdown import render_markdown
from servemark.report.model import Report
from servemark.report.text import render_text

REPORTS: dict[str, Callable[[Report], str]] = {
    "html": render_html,
    "json": render_json,
    "md": render_markdown,
}

__all__ = ["REPORTS", "Report", "build_report", "render_text", "report_schema"]
