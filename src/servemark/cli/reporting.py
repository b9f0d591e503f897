"""``servemark report``, and the reports that every run leaves in its folder."""

from __future__ import annotations

from pathlib import Path

from servemark.cli.console import results, talk
from servemark.errors import StoreError
from servemark.report import REPORTS, build_report, render_text
from servemark.store import RunFolder

FILES = {"html": "report.html", "md": "report.md", "json": "report.json"}


def write_reports(folder: RunFolder) -> None:
    """Every kind of report as a file in the run folder."""
    report = build_report(folder)
    for kind, name in FILES.items():
        _write(folder.path / name, REPORTS[kind](report))


def show_report(folder: RunFolder, kind: str | None, output: Path | None) -> None:
    """The report on stdout, or in a file; HTML always goes to a file, by default the run's own."""
    report = build_report(folder)
    if kind is None:
        results.print(render_text(report))
        return
    text = REPORTS[kind](report)
    if kind == "html" and output is None:
        output = folder.path / FILES["html"]
    if output is None:
        print(text)
        return
    _write(output, text)
    talk.print(f"Written: {output}", soft_wrap=True)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{path} cannot be written ({error.strerror}).") from error
