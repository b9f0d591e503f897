"""``servemark report``, and the reports that every run leaves in its folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rich.markup import escape

from servemark.cli.console import results, talk
from servemark.cli.stages import Stages
from servemark.errors import ServemarkError, StoreError
from servemark.report import (
    REPORTS,
    build_report,
    render_text,
    report_schema,
    write_hlogs,
    write_pictures,
    write_tables,
)
from servemark.store import RunFolder

FILES = {"html": "report.html", "md": "report.md", "json": "report.json"}
WITH_SAMPLES = frozenset({"html", "json"})
"""Reports that tell latencies by percentile, from the raw samples."""


def write_reports(folder: RunFolder) -> None:
    """Every kind of report as a file in the run folder."""
    report = build_report(folder, samples=True)
    for kind, name in FILES.items():
        _write(folder.path / name, REPORTS[kind](report))


@contextmanager
def reports_at_the_end(folder: RunFolder, stages: Stages, resume: str) -> Iterator[None]:
    """Measuring: however it ends, what there is gets its reports, and where it was cut off,
    ``resume`` is the command that goes on with the run."""
    try:
        yield
    except (KeyboardInterrupt, ServemarkError):
        stages.insist(
            f"Stopped; what was measured is kept: {escape(resume)} {escape(folder.path.name)}"
        )
        raise
    finally:
        if folder.trials() or folder.verifications():
            stages.begin("Writing the reports", len(FILES))
            write_reports(folder)


def show_report(folder: RunFolder, kind: str | None, output: Path | None) -> None:
    """The report on stdout, or in a file; HTML always goes to a file, by default the run's own."""
    report = build_report(folder, samples=kind in WITH_SAMPLES)
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


def show_schema() -> None:
    """What ``docs/report.schema.json`` holds, on stdout."""
    print(json.dumps(report_schema(), indent=2))


def export_report(folder: RunFolder, wanted: Mapping[str, Path]) -> None:
    """Files for other programs, each kind below a folder of its own."""
    report = build_report(folder, samples=wanted.keys() != {"hlog"})
    writers: dict[str, Callable[[Path], list[Path]]] = {
        "figures": partial(write_pictures, report),
        "csv": partial(write_tables, report, kind="csv"),
        "parquet": partial(write_tables, report, kind="parquet"),
        "hlog": partial(write_hlogs, folder),
    }
    for kind, target in wanted.items():
        written = writers[kind](target)
        talk.print(f"Written: {len(written)} files in {target}", soft_wrap=True)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{path} cannot be written ({error.strerror}).") from error
