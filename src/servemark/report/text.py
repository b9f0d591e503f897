"""The report for a terminal: of any width, with or without colour."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from servemark.report.bars import end_of_scale, whiskered
from servemark.report.battery import battery_text
from servemark.report.findings import Findings, Row
from servemark.report.headlines import (
    capacity_headline,
    doubt,
    headline,
    noise_floor,
    upload_headline,
)
from servemark.report.model import Competitor, Report
from servemark.report.nodes import HEADS, nodes_lines
from servemark.report.troubles import Trouble, troubles, warnings
from servemark.report.wording import (
    factor,
    interval_of,
    plain,
    value_of,
    workload_name,
)

GAP = 2
BAR_PLACE = 3
LEAST_BAR, WANTED_BAR, MOST_BAR = 6, 8, 32
BEHIND_THE_BAR = 3
"""Columns of that priority are dropped to make room for a bar."""
UNBOUNDED = 10_000
LOG_LINES = 6
WIDEST_TEXT = 100
_CPU = "CPU: of all its processes, per answer."
WHISKERS = "Whiskers (├┼┤): that interval, where it is wider than a character."


def render_text(report: Report) -> RenderableType:
    """The report as rich shows it: headline, ranking, what went wrong, how to read it."""
    return _Pages(Findings(report))


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the ranking. Those of the highest ``priority`` are dropped first."""

    priority: int
    head: str
    cell: Callable[[Row], str | Text]
    justify: Literal["left", "right"] = "right"
    style: str = ""
    legend: str = ""


class _Pages:
    """Lays the report out when the width is known."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        prose = options.update(width=min(options.max_width, WIDEST_TEXT))
        for paragraph in self._head():
            yield from console.render(paragraph, prose)
        if self._findings.ranking():
            yield from self._ranking(console, options)
        battery = self._findings.report.battery
        yield from console.render(battery_text(battery, self._findings.names), options)
        for paragraph in self._foot():
            yield from console.render(paragraph, prose)

    def _head(self) -> Iterator[RenderableType]:
        findings, report = self._findings, self._findings.report
        yield Text(f"{plain(report.title)} · {plain(report.run)}", style="dim")
        yield Text("")
        yield Text(headline(findings), style="bold")
        for sentence in (
            doubt(findings),
            capacity_headline(findings),
            upload_headline(findings),
            noise_floor(findings),
        ):
            if sentence is not None:
                yield Text(sentence)
        for warning in warnings(findings):
            yield Text(f"Warning: {warning}", style="yellow")
        if findings.ranking():
            yield Text("")

    def _ranking(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """As many columns as fit, and a bar in the room that is left."""
        columns = self._columns(ascii_only=options.ascii_only)
        free = options.max_width - self._width(columns, console, options)
        while any(column.priority for column in columns):
            last = max(column.priority for column in columns)
            wanted = GAP + WANTED_BAR if last >= BEHIND_THE_BAR and not options.ascii_only else 0
            if free >= wanted:
                break
            columns = [column for column in columns if column.priority < last]
            free = options.max_width - self._width(columns, console, options)
        if free - GAP >= LEAST_BAR and not options.ascii_only:
            columns.insert(BAR_PLACE, self._bar(min(free - GAP, MOST_BAR)))
        yield self._table(columns)
        yield from console.render(
            Text(f"\n{self._legend(columns)}", style="dim"),
            options.update(width=min(options.max_width, WIDEST_TEXT)),
        )

    def _width(self, columns: Sequence[_Column], console: Console, options: ConsoleOptions) -> int:
        unbounded = options.update(width=UNBOUNDED, max_width=UNBOUNDED)
        return Measurement.get(console, unbounded, self._table(columns)).maximum

    def _columns(self, *, ascii_only: bool) -> list[_Column]:
        findings, rate = self._findings, f"{workload_name(self._findings.main.workload)}/s"

        def costs(metric: str) -> Callable[[Row], str]:
            return lambda row: value_of(row.result.figures.get(metric), findings.unit(metric))

        def other(cell: str) -> Callable[[Row], str]:
            return lambda row: value_of(row.others.get(cell), "1/s")

        by_cost, unit = findings.is_by_cost(), findings.unit(findings.main.ranked_by)
        judged = costs(findings.main.ranked_by) if by_cost else _speed
        brackets = _brackets(findings.ranking(), ascii_only=ascii_only)
        columns = [
            _Column(
                0, "", lambda row: f"{row.place}{brackets[row.competitor.variant]}", style="dim"
            ),
            _Column(0, "variant", lambda row: row.name, "left"),
            _Column(0, "CPU" if by_cost else rate, judged, style="bold"),
            _Column(1, "95 %", lambda row: interval_of(row.judged, unit), style="dim"),
        ]
        if by_cost:
            legend = "p50, p99: response time, from when a request was due."
            columns.append(_Column(2, "p50", costs("p50_response_ns"), legend=legend))
            columns.append(_Column(2, "p99", costs("p99_response_ns")))
        blocks = findings.report.blocks
        if any(row.throughput.blocks < blocks for row in findings.ranking()):
            columns.append(_Column(1, "blocks", lambda row: f"{row.throughput.blocks} of {blocks}"))
        columns += [
            _Column(4, f"{workload_name(cell.workload)}/s", other(cell.id))
            for cell in findings.beside_main()[1:]
            if findings.has(cell)
        ]
        if findings.upload_pair():
            legend = "GET÷form: answers from disk ÷ answers to a form."
            cost = _Column(2, "GET÷form", lambda row: factor(row.upload_cost), legend=legend)
            columns.append(cost)
        if findings.has(findings.main, "p99_service_ns") and not by_cost:
            legend = "p99: service time that 99 % of the answers keep."
            columns.append(_Column(5, "p99", costs("p99_service_ns"), legend=legend))
        capacities = {each.variant: each for each in findings.report.capacities}
        if capacities:
            slo = findings.report.slo
            assert slo is not None
            legend = f"SLO/s: highest rate with {slo.percentile:g} % within {slo.bound_ms:g} ms."

            def sustained(row: Row) -> str:
                found = capacities.get(row.competitor.variant)
                return value_of(None if found is None else found.rate_per_s, "1/s")

            columns.append(_Column(1, "SLO/s", sustained, legend=legend))
        taxes = {t.variant: t for t in findings.report.taxes if t.cell == findings.main.id}
        if taxes:
            legend = "Tax: what is missing to the same work without a server."
            columns.append(
                _Column(
                    3,
                    "tax",
                    lambda row: value_of(
                        getattr(taxes.get(row.competitor.variant), "tax", None), "share"
                    ),
                    legend=legend,
                )
            )
        return [
            *columns,
            *([] if by_cost else [_Column(3, "CPU", costs("server_cpu_ns"), legend=_CPU)]),
            _Column(6, "memory", costs("peak_pss_bytes"), legend="Memory: peak PSS."),
            _Column(7, "start", costs("first_answer_ns"), legend="Start: to the first answer."),
        ]

    def _bar(self, cells: int) -> _Column:
        end = end_of_scale(row.judged for row in self._findings.ranking())
        return _Column(
            0, "", lambda row: whiskered(row.judged, end, cells), "left", legend=WHISKERS
        )

    def _table(self, columns: Sequence[_Column]) -> Table:
        table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="dim")
        for column in columns:
            table.add_column(
                Text(column.head),
                justify=column.justify,
                style=column.style,
                no_wrap=column.head != "variant",
                overflow="fold",
            )
        for row in self._findings.ranking():
            found = [column.cell(row) for column in columns]
            table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in found))
        return table

    def _legend(self, columns: Sequence[_Column]) -> str:
        ranked = f"Ranked by {self._findings.ranked_by()}."
        return " ".join(
            [ranked, self._findings.how_to_read, *(each.legend for each in columns if each.legend)]
        )

    def _foot(self) -> Iterator[RenderableType]:
        findings, report = self._findings, self._findings.report
        if report.nodes:
            yield Text("\nNodes", style="bold")
        for line in nodes_lines(report.nodes):
            said = ", ".join(
                f"{head} {cell}" for head, cell in zip(HEADS[1:], line[1:], strict=True)
            )
            yield _item(plain(line[0]), None, plain(said), None)
        notes = findings.capacity_notes()
        if notes:
            yield Text("\nCapacities", style="bold")
        for name, note in notes.items():
            yield _item(name, None, note, None)
        yield from self._troubles(troubles(findings.report))
        if report.excluded:
            yield Text("\nLeft out", style="bold")
            for each in report.excluded:
                yield _item(plain(each.name), None, plain(each.reason), each.remedy)
        limits = _limits(report.competitors, findings.names)
        if limits:
            yield Text("\nWhat they cannot do", style="bold")
        for (names, reason), checks in limits.items():
            yield _item(", ".join(names), ", ".join(checks), reason, None)
        waiting = [
            findings.names[each.variant]
            for each in findings.unranked()
            if each.state == "not yet measured"
        ]
        if waiting and report.results:
            yield Text("\nNot yet measured", style="bold")
            yield _indented(Text(", ".join(waiting)), 2)

    def _troubles(self, troubles: list[Trouble]) -> Iterator[RenderableType]:
        if not troubles:
            return
        costly = any(not trouble.made_good for trouble in troubles)
        yield Text("\nProblems", style="bold red" if costly else "bold")
        for trouble in troubles:
            yield _item(trouble.name, trouble.place, trouble.reason, trouble.remedy)
            if trouble.log_tail:
                lines = trouble.log_tail.splitlines()[-LOG_LINES:]
                yield _indented(Text("\n".join(f"| {line}" for line in lines), "dim"), 4)


def _brackets(rows: Sequence[Row], *, ascii_only: bool) -> dict[str, str]:
    """What joins the ranks of variants that cannot be told apart, where they stand together."""
    found = {}
    for before, row, after in zip([None, *rows[:-1]], rows, [*rows[1:], None], strict=True):
        above = before is not None and before.place_key == row.place_key
        below = after is not None and after.place_key == row.place_key
        signs = {(False, True): "╮", (True, True): "│", (True, False): "╯"}
        found[row.competitor.variant] = " " if ascii_only else signs.get((above, below), " ")
    return found


def _limits(
    competitors: Iterable[Competitor], names: Mapping[str, str]
) -> dict[tuple[tuple[str, ...], str], list[str]]:
    """The checks that are limited alike: by the names of those limited, and the reason."""
    limited: dict[tuple[str, str], list[str]] = {}
    for competitor in competitors:
        for check, reason in competitor.limits.items():
            key = (plain(check), plain(reason))
            limited.setdefault(key, []).append(names[competitor.variant])
    alike: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for (check, reason), members in limited.items():
        alike.setdefault((tuple(members), reason), []).append(check)
    return alike


def _speed(row: Row) -> str:
    """The throughput, with a mark where it is not known as closely as the board asks."""
    text = value_of(row.throughput, "1/s")
    return f"≈{text}" if row.result.precise is False else text


def _item(name: str, place: str | None, reason: str, remedy: str | None) -> Padding:
    said = Text.assemble((name, "bold"), (f" ({place})" if place else "", "dim"), f": {reason}")
    if remedy:
        said.append(f"\n  → {plain(remedy)}", style="green")
    return _indented(said, 2)


def _indented(text: Text, cells: int) -> Padding:
    return Padding(text, (0, 0, 0, cells), expand=False)
