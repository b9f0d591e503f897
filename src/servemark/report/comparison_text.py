"""A comparison of two runs for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from servemark.report.comparison import Line, RunComparison
from servemark.report.comparison_wording import (
    SHOWN,
    differences,
    extent_text,
    headline,
    loss_of,
    losses,
    main_lines,
    not_judged_text,
    place_of,
    said,
    short_ids,
    tally,
    warnings,
)
from servemark.report.gates import GateResult
from servemark.report.wording import NOTHING, plain, ratio_text, value_of

_STYLES = {"faster": "green", "better": "green", "slower": "red", "worse": "red"}


def render_comparison(found: RunComparison, gates: Sequence[GateResult]) -> RenderableType:
    """Headline, the main cell, what else is told apart, and the gates."""
    return Group(*_parts(found, gates))


def _parts(found: RunComparison, gates: Sequence[GateResult]) -> Iterator[RenderableType]:
    names = short_ids([line.variant for line in found.lines])
    yield Text(f"A  {plain(found.a.run)}\nB  {plain(found.b.run)}", style="dim")
    yield Text("")
    yield Text(headline(found), style="bold")
    for warning in warnings(found):
        yield Text(f"Warning: {warning}", style="yellow")
    for change in found.changes:
        yield Text(f"Changed: {names.get(change.variant, change.variant)}: {plain(change.what)}")
    main = main_lines(found)
    if main:
        yield Text(f"\nAnswers per second, {found.cells[found.main_cell]}")
        yield _main_table(found, main, names)
    differing = differences(found)
    if not set(differing) <= set(main):
        yield Text("\nB÷A of all that differs (· no difference found, ! worse)")
        yield _matrix(found, differing, names)
    lost = losses(found, names)
    if lost:
        yield Text("\nA has a figure of it, and B has none", style="red")
    for item in lost:
        yield Text(f"  {item}")
    yield Text(f"\n{tally(found)}", style="dim")
    for gate in gates:
        yield _gate(found, gate, names)


def _main_table(found: RunComparison, lines: Sequence[Line], names: Mapping[str, str]) -> Table:
    table = _table("variant")
    for head in ("A", "B", "B÷A"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("")
    for line in lines:
        unit = found.metrics[line.metric].unit
        table.add_row(
            Text(names[line.variant]),
            value_of(line.a, unit),
            value_of(line.b, unit),
            NOTHING if line.ratio is None else ratio_text(line.ratio),
            Text(said(line), style=_STYLES.get(line.word, "")),
        )
    return table


def _matrix(found: RunComparison, lines: Sequence[Line], names: Mapping[str, str]) -> Table:
    """A row for each variant and cell in which anything differs, a column for each metric."""
    metrics = [metric for metric in SHOWN if any(line.metric == metric for line in lines)]
    rows: dict[tuple[str, str], dict[str, Line]] = {}
    for line in lines:
        rows.setdefault((line.variant, line.cell), {})[line.metric] = line
    table = _table("variant", "load")
    for metric in metrics:
        table.add_column(SHOWN[metric], justify="right", no_wrap=True)
    for (variant, cell), differing in rows.items():
        ratios = (_ratio_alone(differing.get(metric)) for metric in metrics)
        table.add_row(Text(names[variant]), Text(found.cells[cell]), *ratios)
    return table


def _ratio_alone(line: Line | None) -> Text:
    if line is None:
        return Text("·", style="dim")
    value = None if line.ratio is None else line.ratio.value
    ratio = "from 0" if value is None else f"{value:.2f}" if 0.1 <= value < 10 else f"{value:.3g}"
    return Text(ratio + ("!" if line.is_worse else " "), style=_STYLES.get(line.word, ""))


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for head in heads:
        table.add_column(head)
    return table


def _gate(found: RunComparison, gate: GateResult, names: Mapping[str, str]) -> Text:
    if not gate.broken:
        extent = extent_text(gate, names)
        return Text(f"\nGate {gate.threshold.text} holds{extent}.", style="green")
    items = [
        f"{names[line.variant]}: {place_of(found, line)}: {loss_of(line)}" for line in gate.broken
    ]
    skipped = not_judged_text(gate, names)
    broken = "".join(f"\n  {item}" for item in [*items, *([skipped] if skipped else [])])
    return Text(f"\nGate {gate.threshold.text} is broken:{broken}", style="red")
