"""What a run says, as every kind of report says it: the ranking, the answer, the warnings."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from servemark.report.model import Competitor, Figure, Report, ReportedCell, Result
from servemark.report.wording import (
    cell_title,
    count,
    factor,
    listing,
    load_id,
    number,
    plain,
    short_names,
    workload_name,
    workload_phrase,
)

QUESTION = "Which web server should serve my model, and what does it cost?"
THROUGHPUT = "throughput_per_s"
FEWEST_BLOCKS = 3
HOW_TO_READ = (
    "Each figure is the median of the block means, with the lowest and the highest block as its "
    "spread. A block starts every server afresh, in random order."
)


@dataclass(frozen=True, slots=True)
class Row:
    """One variant in the ranking by the main cell."""

    rank: int
    name: str
    competitor: Competitor
    result: Result
    throughput: Figure
    others: dict[str, Figure]
    """Throughput by id of the other cells under the main cell's load."""
    upload_cost: float | None
    """GET ÷ multipart under one load: by how much reading from disk flatters it."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A problem, said once however often it came up."""

    name: str
    where: tuple[str, ...]
    reason: str
    remedy: str | None
    log_tail: str | None

    @property
    def place(self) -> str:
        """Where it came up, cut to what fits on a line."""
        more = f" and {len(self.where) - 2} more" if len(self.where) > 2 else ""
        return "; ".join(self.where[:2]) + more


class Findings:
    """A report with its figures at hand."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.names = short_names(report.competitors)
        self._competitors = {each.variant: each for each in report.competitors}
        self._cells = {cell.id: cell for cell in report.cells}
        self._figures = {(result.variant, result.cell): result.figures for result in report.results}

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
        """The cells with the main cell's load and stage, the main cell first."""
        main = self.main
        same = [
            cell
            for cell in self.report.cells
            if load_id(cell) == load_id(main) and cell.stage == main.stage and cell.id != main.id
        ]
        return [main, *same]

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

    def upload_cost(self, variant: str) -> float | None:
        """GET ÷ multipart, a ratio of medians."""
        pair = self.upload_pair()
        if pair is None:
            return None
        get, form = (self.figure(variant, cell.id) for cell in pair)
        return None if get is None or form is None or form.median == 0 else get.median / form.median

    def ranking(self) -> list[Row]:
        """The variants that are ranked in the main cell, the fastest first."""
        others = self.beside_main()[1:]
        rows = []
        for result in self.report.results:
            throughput = result.figures.get(THROUGHPUT)
            if result.cell != self.main.id or result.rank is None or throughput is None:
                continue
            found = {cell.id: self.figure(result.variant, cell.id) for cell in others}
            rows.append(
                Row(
                    rank=result.rank,
                    name=self.names[result.variant],
                    competitor=self._competitors[result.variant],
                    result=result,
                    throughput=throughput,
                    others={cell: figure for cell, figure in found.items() if figure is not None},
                    upload_cost=self.upload_cost(result.variant),
                )
            )
        return sorted(rows, key=lambda row: row.rank)

    def order(self) -> list[str]:
        """Variants that have any throughput: by the ranking, then those only measured elsewhere."""
        ranked = [row.competitor.variant for row in self.ranking()]
        rest = [
            variant
            for variant in self._competitors
            if variant not in ranked
            and any(self.figure(variant, cell.id) for cell in self.report.cells)
        ]
        return [*ranked, *rest]

    def unranked(self) -> list[Competitor]:
        """The variants that the ranking leaves out."""
        ranked = {row.competitor.variant for row in self.ranking()}
        return [each for each in self.report.competitors if each.variant not in ranked]

    def troubles(self) -> list[Trouble]:
        """The problems, each said once with every place where it came up."""
        places: dict[tuple[str, str, str | None], list[str]] = {}
        tails: dict[tuple[str, str, str | None], str | None] = {}
        for problem in self.report.problems:
            key = (problem.name, problem.reason, problem.remedy)
            places.setdefault(key, []).append(plain(problem.where))
            tails[key] = tails.get(key) or problem.log_tail
        return [
            Trouble(
                name=plain(name),
                where=tuple(dict.fromkeys(places[name, reason, remedy])),
                reason=plain(reason),
                remedy=None if remedy is None else plain(remedy),
                log_tail=_tail(tails[name, reason, remedy]),
            )
            for name, reason, remedy in places
        ]

    def warnings(self) -> list[str]:
        """What makes the whole run weaker than it should be."""
        return list(self._warnings())

    def _warnings(self) -> Iterator[str]:
        report = self.report
        if report.cores.warning:
            yield plain(report.cores.warning)
        missing = report.planned_trials - report.finished_trials
        if missing > 0:
            yield (
                f"{missing:,} of {report.planned_trials:,} planned trials are missing: the run "
                "goes on, was cut off (--resume goes on with it), or gave up on a server that kept "
                "failing."
            )
        if report.blocks < FEWEST_BLOCKS:
            yield (
                f"Only {count(report.blocks, 'block')}: too few to tell neighbours in the ranking "
                f"apart. {FEWEST_BLOCKS} are the least."
            )

    def _main_load(self) -> str:
        if self.main.rate_per_s is not None:
            return f"{self.main.rate_per_s:g} requests offered a second"
        return count(self.main.connections, "connection")

    def headline(self) -> str:
        """The answer in a sentence or two: who serves most, and by how much."""
        rows = self.ranking()
        if not rows:
            return self._nothing_ranked()
        first, last = rows[0], rows[-1]
        cores = count(len(self.report.cores.server), "core")
        rate = number(first.throughput.median, "1/s")
        said = (
            f"For {workload_phrase(self.main.workload)}, on {cores} with "
            f"{self._main_load()}, {first.name} answers {rate} a second"
        )
        if len(rows) == 1:
            return f"{said}; nothing else was measured to compare it with."
        slowest = factor(_ratio(first.throughput.median, last.throughput.median))
        said += f": {slowest} what {last.name} does"
        if len(rows) > 2:
            said += f", the slowest of {len(rows)}"
            middle = statistics.median(row.throughput.median for row in rows)
            said += f", and {factor(_ratio(first.throughput.median, middle))} the median"
        return f"{said}."

    def doubt(self) -> str | None:
        """Who reaches into the winner's spread, if any does."""
        rows = self.ranking()
        if not rows:
            return None
        first = rows[0].throughput
        near = [row.name for row in rows[1:] if row.throughput.high >= first.low]
        if not near or first.blocks < 2:
            return None
        if len(near) > 3:
            near = [*near[:2], f"{len(near) - 2} others"]
        verb = "reaches" if len(near) == 1 else "reach"
        return (
            f"But {listing(near)} {verb} into the spread of {rows[0].name} over the blocks, so "
            "that first place is not settled."
        )

    def _nothing_ranked(self) -> str:
        if not self.report.results:
            return "Nothing has been measured yet."
        if any(self.has(cell) for cell in self.report.cells):
            return f"Nothing could be ranked by {cell_title(self.main)}."
        return "No server could be ranked: every trial failed."

    def upload_headline(self) -> str | None:
        """What the upload costs, or rather by how much a test from disk flatters."""
        pair = self.upload_pair()
        found = {
            self.names[variant]: cost
            for variant in self.order()
            if (cost := self.upload_cost(variant)) is not None
        }
        if not found or pair is None:
            return None
        said = (
            f"Asked to read the image from disk instead of receiving it "
            f"({workload_name('get')} ÷ {workload_name('multipart')})"
        )
        if len(found) == 1:
            name, cost = next(iter(found.items()))
            return f"{said}, {name} answers {factor(cost)} as many."
        least, most = min(found, key=found.__getitem__), max(found, key=found.__getitem__)
        return (
            f"{said}, servers answer {factor(statistics.median(found.values()))} as many in the "
            f"median, from {factor(found[least])} ({least}) to {factor(found[most])} ({most})."
        )


def _ratio(value: float, base: float) -> float | None:
    return value / base if base else None


def _tail(log_tail: str | None) -> str | None:
    text = plain(log_tail or "").strip("\n")
    return text or None
