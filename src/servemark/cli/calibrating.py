"""``servemark calibrate``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pydantic import ValidationError
from rich.markup import escape
from rich.table import Table

from servemark.cli.console import results, talk
from servemark.cli.project import Project
from servemark.cli.selection import bring_engine, make_engine
from servemark.cli.stages import Stages, shown_stages
from servemark.errors import StoreError, UsageError
from servemark.launch import available_cores, split_cores
from servemark.plan.calibration import FULL, QUICK
from servemark.prepare import Toolbox
from servemark.records import Exclusion
from servemark.records.calibration import Calibration
from servemark.report.calibration import (
    BEGIN,
    deviation_text,
    errors_of,
    pauses_text,
    put_into,
    render_calibration,
    way_text,
)
from servemark.run.calibration import CalibrationBench, calibrate
from servemark.run.generators import OTHERS, Generator
from servemark.stats.calibration import REFERENCE, spelt
from servemark.units import format_ns, format_rate

MODEL = "mnist"
"""The model whose images are the corpus of the uploads."""
_MARKS = {True: "[green]reached[/green]", False: "[red]not reached[/red]", None: "cannot be told"}


class _Talk:
    """How a calibration goes on; a ``Watcher`` of ``run``."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._total = 0
        self._done = 0

    def begin(self, title: str, total: int) -> None:
        self._total, self._done = total, 0
        self._stages.begin(title, total)

    def doing(self, what: str) -> None:
        self._stages.now(what, self._done, self._total)
        self._done += 1


def calibrate_engine(
    project: Project,
    quick: bool,
    former: Path | None,
    as_json: bool,
    output: Path | None,
    plot: Path | None,
    command: str,
) -> None:
    """Calibrate, or read a former calibration; print a table or JSON, write Markdown and a plot."""
    if plot is not None and plot.suffix not in (".svg", ".png"):
        raise UsageError("The plot is written as .svg or .png: give --plot a file of that name.")
    found = _measured(project, quick, command) if former is None else _read(former)
    if as_json:
        print(found.model_dump_json(indent=2))
    else:
        _show(found)
    if output is not None:
        _write(output, _document(output, render_calibration(found)).encode())
    if plot is not None:
        # The charting library takes longer to import than everything else together.
        from servemark.report.calibration_plot import calibration_png, calibration_svg

        svg = plot.suffix == ".svg"
        _write(plot, calibration_svg(found).encode() if svg else calibration_png(found))


def _measured(project: Project, quick: bool, command: str) -> Calibration:
    toolbox = project.toolbox()
    bring_engine(make_engine("native"), toolbox)
    others, versions, absent = _generators(toolbox)
    with shown_stages() as stages:
        bench = CalibrationBench(
            others=others,
            versions=versions,
            absent=absent,
            pictures=project.model(MODEL).pictures(),
            cores=split_cores(available_cores(), 1, 1),
            environment={"PATH": toolbox.environment["PATH"]},
            command=command,
        )
        if bench.cores.warning:
            stages.say(f"  [yellow]weak results[/yellow] {escape(bench.cores.warning)}")
        return calibrate(bench, QUICK if quick else FULL, _Talk(stages))


def _generators(toolbox: Toolbox) -> tuple[list[Generator], dict[str, str], list[Exclusion]]:
    """The generators that are installed, their versions, and those that are not. wrk is brought."""
    present, versions, absent = [], {}, []
    for name, make in OTHERS.items():
        generator = make()
        if generator.need is None:
            continue
        find = toolbox.bring if name == REFERENCE else toolbox.look
        tool = find(name, generator.need)
        if tool.version is None:
            absent.append(Exclusion(name=name, reason="not installed", remedy=tool.remedy))
        else:
            present.append(generator)
            versions[name] = tool.version
    return present, versions, absent


def _read(former: Path) -> Calibration:
    try:
        return Calibration.model_validate_json(former.read_bytes())
    except OSError as error:
        raise UsageError(f"{former} cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        raise UsageError(
            f"{former} is not what this version's calibrate --json prints: calibrate anew."
        ) from error


def _document(output: Path, text: str) -> str:
    """The Markdown file: where it is there and has the markers, only what is between them."""
    try:
        before = output.read_text(encoding="utf-8")
    except FileNotFoundError:
        before = ""
    except OSError as error:
        raise StoreError(f"{output} cannot be read ({error.strerror}).") from error
    return put_into(before, text) if BEGIN in before else f"# Calibration\n\n{text}"


def _write(path: Path, content: bytes) -> None:
    """All of it or nothing: a reader never sees half a file."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(content)
        Path(file.name).chmod(0o644)
        Path(file.name).replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written ({error.strerror}).") from error
    talk.print(f"Written: {path}", soft_wrap=True)


def _show(found: Calibration) -> None:
    """The tables for a terminal; the truth server's own error comes first."""
    error = found.server_error
    results.print(
        f"Truth server's own error (sent − due): p50 {format_ns(error.p50_ns)}, "
        f"p99 {format_ns(error.p99_ns)}, p99.9 {format_ns(error.p999_ns)}, "
        f"largest {format_ns(error.max_ns)}. The way there and back: {way_text(found)}"
    )
    paused = pauses_text(found)
    if paused is not None:
        results.print(f"The machine: {paused}.")
    for title, group in errors_of(found):
        names = [spelt(each.figure) for each in group[0].deviations]
        table = _table(f"\n{title}: figure and error", ["generator", *names])
        truth = [format_ns(each.truth_ns) for each in group[0].deviations]
        table.add_row("[dim]truth[/dim]", *(f"[dim]{text}[/dim]" for text in truth))
        for each in group:
            cells = [
                f"{format_ns(one.found_ns)}\n{_coloured(deviation_text(one), one.holds)}"
                if one.found_ns is not None
                else "–"
                for one in each.deviations
            ]
            table.add_row(each.generator, *cells)
        results.print(table)
    results.print(_speed_table(found))
    results.print(_bar_table(found))
    for absent in found.absent:
        results.print(f"not installed: {absent.name}: {absent.remedy}", markup=False)
    for note in found.notes:
        results.print(note, markup=False)


def _speed_table(found: Calibration) -> Table:
    heads = ["workload, connections", "servemark ÷", "pairs", "requests/s", "CPU/request"]
    table = _table("\nSpeed: ratios, medians over pairs", [*heads, "without polling"])
    for each in found.ratios:
        table.add_row(
            f"{each.workload}, {each.connections}",
            each.generator,
            str(each.pairs),
            f"{each.throughput:.2f} ({each.throughput_low:.2f}–{each.throughput_high:.2f})",
            f"{each.cpu:.2f}",
            f"{each.busy:.2f}",
        )
    best = max((run.requests_per_s for run in found.speeds), default=None)
    table.caption = f"highest rate of any run: {format_rate(best)} requests per second"
    return table


def _bar_table(found: Calibration) -> Table:
    table = _table("\nTo reach", ["what", "bar", "found", ""])
    for each in found.bars:
        table.add_row(escape(each.what), each.bar, escape(each.found), _MARKS[each.holds])
    return table


def _table(title: str, heads: list[str]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")
    return table


def _coloured(text: str, holds: bool | None) -> str:
    return text if holds is None else f"[{'green' if holds else 'red'}]{text}[/]"
