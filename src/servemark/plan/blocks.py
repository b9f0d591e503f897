"""Randomised blocks: what is measured next, decided from what has been measured alone."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import TypeVar

from servemark.plan.needs import needed
from servemark.plan.outlook import (
    ASSUMED_CURVE_S,
    ASSUMED_SEARCH_S,
    ASSUMED_START_S,
    Known,
    Outlook,
    Part,
    average_seconds,
    seconds_of,
)
from servemark.plan.probes import closed_throughput, probe_of, search_of
from servemark.records import (
    Board,
    Cell,
    Closed,
    Gate,
    Open,
    Purpose,
    Trial,
    TrialResult,
    Variant,
)

MOST_FAILURES_IN_A_ROW = 2
MOST_LOST = 3
"""So often a trial is begun anew in a block because a load generator was lost."""
CACHING_BLOCKS = 3
"""The search for caches is done in so many of the first blocks, in slices half as long: a cache
shows as several times the speed."""
T = TypeVar("T")


ByVisit = dict[tuple[int, str], list[TrialResult]]
"""The results of each block and variant, by its id."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One variant in one block: its cells, and whether its capacity is searched."""

    block: int
    variant: Variant
    cells: tuple[Cell, ...]
    searches: bool


class Plan:
    """The trials of a board. The same history gives the same next trial, whoever asks and when.

    Every variant is in each of the first ``board.blocks`` blocks with all cells. A block after
    those has what then still needs it (see ``plan.needs``), while the budget lasts.
    """

    def __init__(self, board: Board, variants: Sequence[Variant], abreast: int = 1) -> None:
        """``abreast``: so many blocks are measured at the same time, each on a node of its own.
        Further blocks are then decided so many at a time."""
        self.board = board
        self.variants = tuple(variants)
        self.abreast = abreast
        self._all_cells = board.all_cells()
        self._caching_base = board.caching_base() if board.caching else None
        self._slo_start = board.slo_start()
        self._known_visits: dict[tuple[int, int], tuple[Visit, ...]] = {}

    def next(self, history: Sequence[TrialResult]) -> Trial | None:
        """What is to be measured now, or ``None`` when the board is done.

        A variant that has failed twice in a row is given up.
        """
        return next(self._pending(history), None)

    def next_in(self, block: int, history: Sequence[TrialResult]) -> Trial | None:
        """What is to be measured next in that block, or ``None`` when it is done."""
        return next(self._pending(history, block), None)

    def open_blocks(self, history: Sequence[TrialResult]) -> list[int]:
        """The blocks in which something is left to be measured, as far as they are settled."""
        return sorted({trial.block for trial in self._pending(history)})

    def _pending(self, history: Sequence[TrialResult], block: int | None = None) -> Iterator[Trial]:
        """The next trial of each visit that is not done, of one block or of all."""
        done = by_visit(history)
        lost = given_up(history)
        visits = self._visits(history)
        if block is not None and block < self.board.blocks:
            visits = self._whole_block(block)
        for visit in visits:
            if block is not None and visit.block != block:
                continue
            results = done.get((visit.block, visit.variant.id), [])
            if visit.variant.id in lost:
                continue
            if not results and visit.block >= self.board.blocks and self._is_spent(history):
                return
            trial = self._next_of(visit, done, history)
            if trial is not None:
                yield trial

    def outlook(self, history: Sequence[TrialResult]) -> Outlook:
        """How long the rest takes if it goes on as so far."""
        done, lost = by_visit(history), given_up(history)
        visits = list(self._visits(history))
        left = [
            visit
            for visit in visits
            if visit.variant.id not in lost
            and (
                (visit.block, visit.variant.id) not in done
                or self._next_of(visit, done, history) is not None
            )
        ]
        if not left:
            return Outlook(0.0, 0.0)
        under_way = {(visit.block, visit.variant.id) for visit in left}
        known = average_seconds(
            results
            for key, results in done.items()
            if key[0] < self.board.blocks and key not in under_way
        )
        left_s = begun_s = 0.0
        for visit in left:
            results = done.get((visit.block, visit.variant.id), [])
            rest_s = max(self._expected_s(visit, known) - seconds_of(results), 0.0)
            left_s += rest_s
            if results or visit.block < self.board.blocks:
                begun_s += rest_s
        most_s = left_s + self._further_s(visits[-1].block + 1, lost, known)
        if self.board.budget_s is not None:
            budget_s = self.board.budget_s * self.abreast - seconds_of(history)
            most_s = min(most_s, max(budget_s, begun_s))
        return Outlook(min(left_s, most_s), most_s)

    def _further_s(self, block: int, lost: Set[str], known: Known) -> float:
        """How long the blocks from ``block`` on take if every one is needed as a whole."""
        cells = tuple(cell for cell in self._all_cells if isinstance(cell.load, Closed))
        whole_s = sum(
            self._expected_s(Visit(self.board.blocks, variant, cells, searches=False), known)
            for variant in self.variants
            if variant.id not in lost
        )
        return max(self._most_blocks - block, 0) * whole_s

    def _expected_s(self, visit: Visit, known: Known) -> float:
        """How long a whole visit takes: each part as on average so far, or else as guessed."""
        total_s = 0.0
        for part, guessed_s in self._guess(visit).items():
            usual_s = known.get((visit.variant.id, part))
            share = len(visit.cells) / len(self._all_cells) if part == "figures" else 1.0
            total_s += guessed_s if usual_s is None else share * usual_s
        return total_s

    def _guess(self, visit: Visit) -> dict[Part, float]:
        """Seconds of each part that the visit has, from the board alone."""
        slices, stages = len(visit.cells), len({cell.stage for cell in visit.cells})
        slice_s = self.board.warm_up_s + self.board.slice_s
        found: dict[Part, float] = {"figures": slices * slice_s + stages * ASSUMED_START_S}
        again = self._caching_cells(visit)
        if again:
            found["caching"] = len(again) * (self._length("caching") or slice_s)
        if visit.searches and visit.variant.copy_number == 1:
            found["search"] = ASSUMED_SEARCH_S
            if visit.block == 0:
                found["curve"] = ASSUMED_CURVE_S
        return found

    @property
    def _most_blocks(self) -> int:
        return self.board.most_blocks or self.board.blocks

    def _is_spent(self, history: Sequence[TrialResult]) -> bool:
        spent_s = seconds_of(history) / self.abreast
        return self.board.budget_s is not None and spent_s >= self.board.budget_s

    def _visits(self, history: Sequence[TrialResult]) -> Iterator[Visit]:
        """The visits of every block, as far as the history settles them."""
        for block in range(self.board.blocks):
            yield from self._whole_block(block)
        for block in range(self.board.blocks, self._most_blocks):
            first = self._first_abreast(block)
            before = [result for result in history if result.trial.block < first]
            visits = self._known_visits.get((block, len(before)))
            if visits is None:
                if not all(self._is_over(each, before) for each in range(self._sure(first), first)):
                    return
                visits = tuple(self._further_block(block, before))
                self._known_visits[block, len(before)] = visits
            if not visits:
                return
            yield from visits

    def _first_abreast(self, block: int) -> int:
        """The first of the further blocks that are decided together with that one."""
        return block - (block - self.board.blocks) % self.abreast

    def _sure(self, block: int) -> int:
        """The blocks before this one are over when that block is looked at: one after another, or
        so many abreast, but those of the board's least number in any order."""
        if self.abreast == 1:
            return block - 1
        return 0 if block == self.board.blocks else block - self.abreast

    def _is_over(self, block: int, history: Sequence[TrialResult]) -> bool:
        """Whether nothing of that block is left to be measured."""
        done, lost = by_visit(history), given_up(history)
        visits = (
            self._whole_block(block)
            if block < self.board.blocks
            else self._known_further(block, history)
        )
        return all(
            visit.variant.id in lost or self._next_of(visit, done, history) is None
            for visit in visits
        )

    def _known_further(self, block: int, history: Sequence[TrialResult]) -> tuple[Visit, ...]:
        first = self._first_abreast(block)
        before = sum(result.trial.block < first for result in history)
        return self._known_visits[block, before]

    def _whole_block(self, block: int) -> Iterator[Visit]:
        for variant in shuffled(self.variants, self.board.seed, block):
            cells = tuple(self._cells(block, variant))
            searches = self.board.slo is not None and block < self.board.slo.blocks
            yield Visit(block, variant, cells, searches)

    def _further_block(self, block: int, history: Sequence[TrialResult]) -> Iterator[Visit]:
        wanted = needed(self.board, self.variants, history)
        lost = given_up(history)
        for variant in shuffled(self.variants, self.board.seed, block):
            cells = tuple(
                cell
                for cell in self._cells(block, variant)
                if cell.id in wanted.get(variant.id, frozenset())
            )
            if cells and variant.id not in lost:
                yield Visit(block, variant, cells, searches=False)

    def _cells(self, block: int, variant: Variant) -> list[Cell]:
        """The cells in random order, those of one stage together: a stage needs its own start."""
        cells = shuffled(self._all_cells, self.board.seed, block, variant.id)
        # The stage "full" comes last: the search for the capacity goes on with its server.
        stages = [cell.stage for cell in cells if cell.stage != "full"]
        order = [*dict.fromkeys(stages), "full"]
        return sorted(cells, key=lambda cell: order.index(cell.stage))

    def _caching_cells(self, visit: Visit) -> list[Cell]:
        base = self._caching_base
        if base is None or visit.block >= CACHING_BLOCKS:
            return []
        corpora = ("alike", "one") if base.workload == "target" else ("alike", "one", "renewed")
        cells = [base.model_copy(update={"corpus": corpus}) for corpus in corpora]
        return shuffled(cells, self.board.seed, visit.block, visit.variant.id, "caching")

    def _next_of(self, visit: Visit, done: ByVisit, history: Sequence[TrialResult]) -> Trial | None:
        """What is left of a visit: its cells, what was invalid once more, and the searches."""
        results = done.get((visit.block, visit.variant.id), [])
        wanted: list[tuple[Cell, Purpose]] = [(cell, "figure") for cell in visit.cells]
        wanted += [(cell, "caching") for cell in self._caching_cells(visit)]
        attempts: dict[tuple[str, Purpose], list[TrialResult]] = {}
        for result in results:
            attempts.setdefault((result.trial.cell.id, result.trial.purpose), []).append(result)
        for cell, purpose in wanted:
            if (cell.id, purpose) not in attempts:
                return self._trial(visit, cell, purpose, history, duration_s=self._length(purpose))
        for cell, purpose in wanted:
            tried = attempts[cell.id, purpose]
            if self._is_wanted_again(tried):
                length_s, attempt = self._length(purpose), len(tried) + 1
                return self._trial(
                    visit, cell, purpose, history, attempt=attempt, duration_s=length_s
                )
        return self._next_probe(visit, done, history) if visit.searches else None

    def _is_wanted_again(self, tried: Sequence[TrialResult]) -> bool:
        """Once more after one that was invalid; one that lost its load generator was none."""
        if len(tried) > MOST_LOST:
            return False
        carried_out = [result for result in tried if not _lost_its_load(result)]
        return not carried_out or (len(carried_out) == 1 and not carried_out[0].verdict.valid)

    def _next_probe(
        self, visit: Visit, done: ByVisit, history: Sequence[TrialResult]
    ) -> Trial | None:
        """The next rate of the search for the capacity, if its start is known."""
        slo, start = self.board.slo, self._slo_start
        if slo is None or start is None or visit.variant.copy_number > 1:
            return None
        name = visit.variant.id
        results = done.get((visit.block, name), [])
        closed_per_s = closed_throughput(results, start)
        if closed_per_s is None:
            return None
        before = [each for block in range(visit.block) for each in done.get((block, name), [])]
        probes = [result for result in results if result.trial.purpose == "capacity"]
        search = search_of(slo, start, closed_per_s, before)
        step = search.next([probe_of(each) for each in probes])
        if step is None:
            return None
        cell = Cell(workload=slo.workload, load=Open(rate_per_s=step.rate_per_s))
        return self._trial(
            visit,
            cell,
            "capacity",
            history,
            step=step.purpose,
            duration_s=round(step.duration_s, 3),
        )

    def _length(self, purpose: Purpose) -> float | None:
        return self.board.slice_s / 2 if purpose == "caching" else None

    def _trial(
        self,
        visit: Visit,
        cell: Cell,
        purpose: Purpose,
        history: Sequence[TrialResult],
        attempt: int = 1,
        step: str = "",
        duration_s: float | None = None,
    ) -> Trial:
        return Trial(
            number=max((result.trial.number for result in history), default=-1) + 1,
            block=visit.block,
            variant=visit.variant,
            cell=cell,
            purpose=purpose,
            attempt=attempt,
            step=step,
            duration_s=duration_s,
        )


def _lost_its_load(result: TrialResult) -> bool:
    faults = result.verdict.faults
    return result.load is None and any(fault.gate == Gate.GENERATORS for fault in faults)


def by_visit(history: Sequence[TrialResult]) -> ByVisit:
    """The results of each block and variant, in the order of measuring."""
    found: ByVisit = {}
    for result in history:
        found.setdefault((result.trial.block, result.trial.variant.id), []).append(result)
    return found


def given_up(history: Sequence[TrialResult]) -> set[str]:
    """Ids of the variants whose last trials all failed, as many as are allowed in a row."""
    failures: dict[str, int] = {}
    for result in history:
        name = result.trial.variant.id
        failures[name] = 0 if result.failure is None else failures.get(name, 0) + 1
    return {name for name, count in failures.items() if count >= MOST_FAILURES_IN_A_ROW}


def shuffled(items: Sequence[T], *seed: object) -> list[T]:
    """A random order that depends on the seed alone."""
    order = list(items)
    random.Random("/".join(str(part) for part in seed)).shuffle(order)
    return order
