"""What a run says, as every kind of report says it: the ranking, and the figures beside it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from servemark.report.figures import quotient, ratio_between
from servemark.report.model import (
    Competitor,
    Figure,
    FoundCapacity,
    Ratio,
    Report,
    ReportedCell,
    Result,
)
from servemark.report.wording import (
    cell_title,
    load_id,
    place,
    plain,
    short_names,
)
from servemark.stats import CPU, THROUGHPUT

QUESTION = "Which web server should serve my model, and what does it cost?"
STAGES = ("null", "receive", "decode", "full")
"""Of an answer, each with all of those before."""
HOW_TO_READ = (
    "Each figure is the mean over blocks with its 95 % interval; a block starts every server "
    "afresh, in random order. A place such as 2–4 is as close as it is known: the 2nd at best, the "
    "4th at worst."
)
HOW_TO_READ_WHAT_RAN = (
    "Each figure is the mean over blocks with its 95 % interval; a block visits every service "
    "once, in random order. A place such as 2–4 is as close as it is known: the 2nd at best, the "
    "4th at worst."
)


@dataclass(frozen=True, slots=True)
class Row:
    """One variant in the ranking by the main cell."""

    rank: int
    name: str
    competitor: Competitor
    result: Result
    throughput: Figure
    judged: Figure
    """The figure that it is ranked by: the throughput, or in an open loop the CPU per answer."""
    others: dict[str, Figure]
    """Throughput by id of the other workloads' cells under the same load."""
    upload_cost: float | None
    """GET ÷ multipart under one load: by how much reading from disk flatters it."""

    @property
    def place_key(self) -> tuple[str, int]:
        """What those have in common that as many are surely ahead of, among those of one model."""
        return (self.competitor.model, self.rank)

    @property
    def place(self) -> str:
        """The places that it may have, as they are shown."""
        return place(self.rank, self.result.last_rank or self.rank)


@dataclass(frozen=True, slots=True)
class Beyond:
    """How a variant stands beyond its capacity."""

    share_in_time: float | None
    recovery_ns: float | None


def beside(main: ReportedCell, cells: Sequence[ReportedCell]) -> list[ReportedCell]:
    """That cell, then those that differ from it by their workload alone."""
    same = [
        cell
        for cell in cells
        if load_id(cell) == load_id(main)
        and cell.stage == main.stage
        and cell.workload != "null"
        and cell.id != main.id
    ]
    return [main, *same]


class Findings:
    """A report with its figures at hand."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.names = short_names(report.competitors)
        self._competitors = {each.variant: each for each in report.competitors}
        self._cells = {cell.id: cell for cell in report.cells}
        self._blocks = {
            (result.variant, result.cell): result.throughput_by_block for result in report.results
        }
        self._figures = {(result.variant, result.cell): result.figures for result in report.results}

    @property
    def how_to_read(self) -> str:
        """What the figures of every table are."""
        return HOW_TO_READ if self.report.restarts else HOW_TO_READ_WHAT_RAN

    @property
    def main(self) -> ReportedCell:
        return self._cells[self.report.main_cell]

    def figure(self, variant: str, cell: str, metric: str = THROUGHPUT) -> Figure | None:
        """A metric of a variant in a cell, or ``None`` where it was not measured."""
        return self._figures.get((variant, cell), {}).get(metric)

    def unit(self, metric: str) -> str:
        return self.report.metrics[metric].unit

    def has(self, cell: ReportedCell, metric: str = THROUGHPUT) -> bool:
        """Whether any variant has a figure there."""
        return any(self.figure(variant, cell.id, metric) for variant in self._competitors)

    def beside_main(self) -> list[ReportedCell]:
        """The cells of a workload with the main cell's load and stage, the main cell first."""
        return beside(self.main, self.report.cells)

    def loads(self) -> list[ReportedCell]:
        """One workload under each of its loads, fewest connections first; none if it has one only.

        The main cell's workload is taken if it has several loads, or else the first that has.
        """
        wanted = [self.main.workload, *(cell.workload for cell in self.report.cells)]
        for workload in wanted:
            cells = [
                cell
                for cell in self.report.cells
                if cell.workload == workload
                and cell.stage == self.main.stage
                and cell.rate_per_s is None
                and self.has(cell)
            ]
            if len(cells) > 1:
                return sorted(cells, key=lambda cell: (cell.connections, len(cell.id)))
        return []

    def upload_pair(self) -> tuple[ReportedCell, ReportedCell] | None:
        """The cells GET and multipart of one load, the main cell's if it has both."""
        of_load: dict[tuple[str, str], dict[str, ReportedCell]] = {}
        for cell in (*self.beside_main(), *self.report.cells):
            of_load.setdefault((load_id(cell), cell.stage), {}).setdefault(cell.workload, cell)
        for cells in of_load.values():
            if "get" in cells and "multipart" in cells:
                return cells["get"], cells["multipart"]
        return None

    def upload_ratio(self, variant: str) -> Ratio | None:
        """GET ÷ multipart, from pairs within blocks."""
        pair = self.upload_pair()
        if pair is None:
            return None
        get, form = (self._blocks.get((variant, cell.id), {}) for cell in pair)
        return ratio_between(get, form)

    def upload_cost(self, variant: str) -> float | None:
        """GET ÷ multipart."""
        found = self.upload_ratio(variant)
        return None if found is None else found.value

    def predictions_per_usd(self, variant: str) -> float | None:
        """Right answers for a dollar in the main cell, at the board's price of the cores used."""
        figure, price = self.figure(variant, self.main.id), self.report.core_hour_usd
        if figure is None or price is None or not self.report.cores.server:
            return None
        return figure.value * 3600 / (price * len(self.report.cores.server))

    def ranking(self, cell: str | None = None) -> list[Row]:
        """The variants that are ranked in a cell (by default the main one), the best first; of
        several models, those of the first model first."""
        judging = self.main if cell is None else self._cells[cell]
        others = beside(judging, self.report.cells)[1:]
        rows = []
        for result in self.report.results:
            throughput = result.figures.get(THROUGHPUT)
            judged = result.figures.get(judging.ranked_by)
            if result.cell != judging.id or result.rank is None:
                continue
            if throughput is None or judged is None:
                continue
            found = {cell.id: self.figure(result.variant, cell.id) for cell in others}
            rows.append(
                Row(
                    rank=result.rank,
                    name=self.names[result.variant],
                    competitor=self._competitors[result.variant],
                    result=result,
                    throughput=throughput,
                    judged=judged,
                    others={cell: figure for cell, figure in found.items() if figure is not None},
                    upload_cost=self.upload_cost(result.variant),
                )
            )
        sign = 1 if judging.ranked_by == CPU else -1
        models = list(dict.fromkeys(each.model for each in self.report.competitors))
        return sorted(
            rows,
            key=lambda row: (
                models.index(row.competitor.model),
                row.rank,
                sign * row.judged.value,
            ),
        )

    def is_by_cost(self) -> bool:
        """Whether the ranking is by what an answer costs, because the rate is the same for all."""
        return self.main.ranked_by == CPU

    def ranked_by(self) -> str:
        """What the ranking goes by, in words, with its cell."""
        what = "CPU time per answer, the least first" if self.is_by_cost() else "answers per second"
        return f"{what} ({cell_title(self.main)})"

    def order(self) -> list[str]:
        """Variants that have any throughput: by the ranking, then those only measured elsewhere."""
        ranked = [row.competitor.variant for row in self.ranking()]
        rest = [
            variant
            for variant, competitor in self._competitors.items()
            if variant not in ranked
            and competitor.twin_of is None
            and any(self.figure(variant, cell.id) for cell in self.report.cells)
        ]
        return [*ranked, *rest]

    def unranked(self) -> list[Competitor]:
        """The variants that the ranking leaves out."""
        ranked = {row.competitor.variant for row in self.ranking()}
        return [each for each in self.report.competitors if each.variant not in ranked]

    def cell(self, cell: str) -> ReportedCell:
        """The cell of that id."""
        return self._cells[cell]

    def capacity_note(self, capacity: FoundCapacity) -> str | None:
        """Why there is no capacity, or why it is not sure: the first reason of several."""
        if not capacity.reasons:
            return None
        none = "no capacity; " if capacity.rate_per_s is None else ""
        more = f" (and {len(capacity.reasons) - 1} more)" if len(capacity.reasons) > 1 else ""
        return f"{none}{plain(capacity.reasons[0])}{more}"

    def capacity_notes(self) -> dict[str, str]:
        """The notes on capacities, by the variant's name."""
        notes = {self.names[x.variant]: self.capacity_note(x) for x in self.report.capacities}
        return {name: note for name, note in notes.items() if note is not None}

    def closed_ratio(self, capacity: FoundCapacity) -> float | None:
        """Capacity ÷ the throughput of the closed loop that its search began from."""
        slo = self.report.slo
        if slo is None or capacity.rate_per_s is None:
            return None
        loops = [
            cell
            for cell in self.report.cells
            if cell.workload == slo.workload and cell.stage == "full" and cell.rate_per_s is None
        ]
        if not loops:
            return None
        figure = self.figure(capacity.variant, max(loops, key=lambda cell: cell.connections).id)
        return None if figure is None else quotient(capacity.rate_per_s.value, figure.value)

    def p99_at_capacity(self, capacity: FoundCapacity) -> float | None:
        """p99 of the response time in the slices near the capacity that met the objective."""
        slo = self.report.slo
        if slo is None or capacity.rate_per_s is None:
            return None
        near = [
            point.p99_ns
            for point in capacity.curve
            if point.p99_ns is not None
            and (point.share_in_time or 0.0) >= slo.share
            and 0.98 <= point.rate_per_s / capacity.rate_per_s.value <= 1.001
        ]
        return statistics.median(near) if near else None

    def beyond_capacity(self, capacity: FoundCapacity) -> Beyond:
        """How it stands at about 1.2 and 1.5 times its capacity."""
        return Beyond(
            share_in_time=self._at(capacity, 1.2, "share_in_time"),
            recovery_ns=self._at(capacity, 1.5, "recovery_ns"),
        )

    def _at(self, capacity: FoundCapacity, times: float, name: str) -> float | None:
        if capacity.rate_per_s is None:
            return None
        found = [
            getattr(point, name)
            for point in capacity.curve
            if abs(point.rate_per_s / capacity.rate_per_s.value / times - 1) < 0.06
            and getattr(point, name) is not None
        ]
        return statistics.median(found) if found else None
