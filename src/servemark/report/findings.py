"""What a run says, as every kind of report says it: the ranking, the answer, the warnings."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from servemark.records import Gate
from servemark.report.figures import ratio_between
from servemark.report.model import (
    Competitor,
    Figure,
    FoundCapacity,
    Problem,
    Ratio,
    Report,
    ReportedCell,
    Result,
)
from servemark.report.wording import (
    cell_title,
    count,
    factor,
    listing,
    load_id,
    number,
    percent,
    place,
    plain,
    short_names,
    workload_name,
    workload_phrase,
)
from servemark.stats import CPU, THROUGHPUT, blocks_for, deviation

QUESTION = "Which web server should serve my model, and what does it cost?"
FEWEST_BLOCKS = 3
MANY_BLOCKS = 30
"""More than this are not worth waiting for."""
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


@dataclass(frozen=True, slots=True)
class Trouble:
    """A problem, said once however often it came up."""

    name: str
    where: tuple[str, ...]
    reason: str
    remedy: str | None
    log_tail: str | None
    made_good: bool
    """Whether measuring once more was enough, each time."""

    @property
    def place(self) -> str:
        """Where it came up, cut to what fits on a line."""
        more = f" and {len(self.where) - 2} more" if len(self.where) > 2 else ""
        return "; ".join(self.where[:2]) + more


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

    def troubles(self) -> list[Trouble]:
        """The problems, each said once with every place where it came up.

        Faults of one gate differ in their figures alone: the first stands for all. A machine that
        is not quiet is nobody's fault, and said once; so is what one gate found in trials that were
        right when they were measured once more, which comes last.
        """
        groups: dict[tuple[str, ...], list[Problem]] = {}
        for problem in sorted(self.report.problems, key=lambda each: each.made_good):
            if problem.gate == Gate.QUIET_MACHINE:
                key: tuple[str, ...] = (problem.gate,)
            elif problem.made_good:
                key = (problem.gate or "", "made good")
            elif problem.gate is None or problem.gate == Gate.COMPLETED:
                key = (problem.name, problem.reason, problem.remedy or "")
            else:
                key = (problem.name, problem.gate)
            groups.setdefault(key, []).append(problem)
        return [_trouble(problems) for problems in groups.values()]

    def warnings(self) -> list[str]:
        """What makes the whole run weaker than it should be."""
        return list(self._warnings())

    def _warnings(self) -> Iterator[str]:
        report = self.report
        yield from (plain(note) for note in report.notes)
        if report.cores.warning:
            yield plain(report.cores.warning)
        if not report.finished:
            yield (
                "The board is not done: the run goes on, or was cut off (--resume goes on with it)."
            )
        if report.given_up:
            names = listing([self.names[each] for each in report.given_up if each in self.names])
            yield f"Given up after failing twice in a row: {names}."
        if report.blocks < FEWEST_BLOCKS:
            yield (
                f"Only {count(report.blocks, 'block')}: too few to tell neighbours in the ranking "
                f"apart. {FEWEST_BLOCKS} are the least."
            )
        if report.disturbed_trials:
            so = "were not ranked" if report.quiet else "were ranked all the same"
            yield (
                f"The machine was not quiet in {report.disturbed_trials:,} of "
                f"{report.finished_trials:,} trials, which {so}."
            )
        loose = self.imprecise()
        if loose and report.finished and report.blocks >= FEWEST_BLOCKS:
            total = sum(result.precise is not None for result in report.results)
            yield (
                f"{len(loose)} of {total} throughputs are not known to the "
                f"± {100 * report.half_width:g} % that the board asks for: its blocks or its time "
                f"were used up. They are marked ≈.{self._what_it_takes(loose)}"
            )

    def _what_it_takes(self, loose: Sequence[Result]) -> str:
        """How noisy the blocks of these are, and what that means for the width asked for."""
        found = [deviation(list(each.throughput_by_block.values())) for each in loose]
        noise = statistics.median([each for each in found if each is not None] or [0.0])
        if noise == 0:
            return ""
        half_width = self.report.half_width
        blocks = blocks_for(half_width, noise)
        said = (
            f" Their answers per second differ by {percent(noise)} from block to block (standard "
            f"deviation, in the median): ± {100 * half_width:g} % would take some "
            f"{count(blocks, 'block')}"
        )
        return (
            f"{said}, so a quieter machine is what helps." if blocks > MANY_BLOCKS else f"{said}."
        )

    def imprecise(self) -> list[Result]:
        """The results whose throughput is not known as closely as the board asks."""
        return [
            result for result in self.report.results if result.precise is False and result.figures
        ]

    def cell(self, cell: str) -> ReportedCell:
        """The cell of that id."""
        return self._cells[cell]

    def capacity_headline(self) -> str | None:
        """Who sustains the highest rate within the objective, in a sentence."""
        slo = self.report.slo
        found = [each for each in self.report.capacities if each.rate_per_s is not None]
        if slo is None or not self.report.capacities:
            return None
        held = f"Held to {slo.percentile:g} % right answers within {slo.bound_ms:g} ms"
        if not found:
            tried = count(len(self.report.capacities), "variant")
            return f"{held}, no rate was found for any of {tried}."
        first = found[0]
        assert first.rate_per_s is not None
        said = (
            f"{held}, {self.names[first.variant]} sustains "
            f"{number(first.rate_per_s.value, '1/s')} a second"
        )
        last = found[-1]
        if last is not first and last.rate_per_s is not None:
            times = factor(_ratio(first.rate_per_s.value, last.rate_per_s.value))
            said += f", {times} what {self.names[last.variant]} does"
        known = {each.variant for each in found}
        missing = len([variant for variant in self.order() if variant not in known])
        return f"{said}. For {count(missing, 'other')} none was found." if missing else f"{said}."

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
        return None if figure is None else _ratio(capacity.rate_per_s.value, figure.value)

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

    def noise(self) -> str | None:
        """What the A/A pairs say in a sentence."""
        found = self.report.noise
        if not found:
            return None
        largest = max(found, key=lambda each: abs(each.ratio.value - 1))
        wrong = sum(each.different for each in found)
        return (
            f"Noise floor: the same server entered twice differs by up to "
            f"{percent(largest.ratio.value - 1)} ({self.names[largest.variant]}, {largest.cell}); "
            f"{wrong} of {len(found)} pairs would be called different."
        )

    def _main_load(self) -> str:
        if self.main.rate_per_s is not None:
            return f"{self.main.rate_per_s:g} requests offered a second"
        return count(self.main.connections, "connection")

    def headline(self) -> str:
        """The answer in a sentence or two: who serves most, and by how much."""
        rows = self._of_first_model()
        if not rows:
            return self._nothing_ranked()
        if self.is_by_cost():
            return self._cost_headline(rows)
        first, last = rows[0], min(rows[1:], key=lambda row: row.throughput.value, default=rows[0])
        cores = count(len(self.report.cores.server), "core")
        where = f"on {cores} with" if self.report.cores.server else "with"
        rate = number(first.throughput.value, "1/s")
        said = (
            f"For {workload_phrase(self.main.workload)}, {where} "
            f"{self._main_load()}, {first.name} answers {rate} a second"
        )
        if len(rows) == 1:
            return f"{said}{self._alone()}."
        slowest = factor(_ratio(first.throughput.value, last.throughput.value))
        said += f": {slowest} what {last.name} does"
        if len(rows) > 2:
            said += f", the slowest of {len(rows)}"
            middle = statistics.median(row.throughput.value for row in rows)
            said += f", and {factor(_ratio(first.throughput.value, middle))} the median"
        return f"{said}{self._memory_beside(first, last)}."

    def _memory_beside(self, first: Row, last: Row) -> str:
        """How much memory the first takes beside the last, where both are known."""
        mine, other = (row.result.figures.get("peak_pss_bytes") for row in (first, last))
        share = None if mine is None or other is None else _ratio(mine.value, other.value)
        if mine is None or share is None:
            return ""
        much = f"{factor(share)} the" if share >= 1.1 else f"{100 * share:.0f} % of the"
        if 0.9 < share < 1.1:
            much = "about the"
        return f"; it takes {number(mine.value, 'bytes')}, {much} memory of {last.name}"

    def _alone(self) -> str:
        """What is to be said where one variant is all there is; a service of one's own may be."""
        if self.main.workload == "target":
            return ""
        return "; nothing else was measured to compare it with"

    def _of_first_model(self) -> list[Row]:
        """The ranking, as far as it is of the model that comes first in it."""
        rows = self.ranking()
        return [row for row in rows if row.competitor.model == rows[0].competitor.model]

    def _cost_headline(self, rows: Sequence[Row]) -> str:
        first, last = rows[0], max(rows[1:], key=lambda row: row.judged.value, default=rows[0])
        said = (
            f"For {workload_phrase(self.main.workload)}, with {self._main_load()} to each, "
            f"{first.name} spends {number(first.judged.value, 'ns')} of CPU time on an answer"
        )
        if len(rows) == 1:
            return f"{said}{self._alone()}."
        times = factor(_ratio(last.judged.value, first.judged.value))
        return f"{said}; {last.name}, the dearest of {len(rows)}, {times} that."

    def doubt(self) -> str | None:
        """Who may be first as well as the winner, if anybody.

        Not all that cannot be told apart from it: one that is told apart from others which are
        better is behind them, however little is known of the two.
        """
        rows = self._of_first_model()
        if not rows or rows[0].judged.blocks < 2:
            return None
        first = rows[0]
        tied, best = first.result.tied_with, first.result.rank
        near = [
            row.name for row in rows if row.competitor.variant in tied and row.result.rank == best
        ]
        if not near:
            return None
        if len(near) > 3:
            near = [*near[:2], f"{len(near) - 2} others"]
        return (
            f"But {listing(near)} cannot be told apart from {first.name}, so that first place is "
            "shared."
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


def _trouble(problems: Sequence[Problem]) -> Trouble:
    first = problems[0]
    quiet = first.gate == Gate.QUIET_MACHINE
    variants = len({problem.name for problem in problems})
    reasons = len({problem.reason for problem in problems})
    gate = f"{first.gate}: " if first.gate not in (None, Gate.COMPLETED) else ""
    places = [
        f"{each.name}, {each.where}" if quiet or variants > 1 else each.where for each in problems
    ]
    several = count(variants, "variant") if variants > 1 else plain(first.name)
    return Trouble(
        name="this machine" if quiet else several,
        where=tuple(dict.fromkeys(plain(place) for place in places)),
        reason=plain(gate + first.reason)
        + (f" (and {reasons - 1} more with other figures)" if reasons > 1 else "")
        + ("; right when measured once more" if first.made_good else ""),
        remedy=None if first.remedy is None else plain(first.remedy),
        log_tail=_tail(next((each.log_tail for each in problems if each.log_tail), None)),
        made_good=first.made_good,
    )


def _tail(log_tail: str | None) -> str | None:
    text = plain(log_tail or "").strip("\n")
    return text or None
