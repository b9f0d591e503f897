"""Randomised blocks: what is measured next, decided from what has been measured alone."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from servemark.plan.needs import needed
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
from servemark.units import NS_PER_S

MOST_FAILURES_IN_A_ROW = 2
MOST_LOST = 3
"""So often a trial is begun anew in a block because a load generator was lost."""
CACHING_BLOCKS = 3
"""The search for caches is done in so many of the first blocks, in slices half as long: a cache
shows as several times the speed."""
ASSUMED_START_S = 2.0
"""What a fresh start takes until one was measured."""
ASSUMED_SEARCH_S = 15.0
"""What a search for the capacity takes until one was measured."""
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


@dataclass(frozen=True, slots=True)
class Outlook:
    """How long it still takes, as far as the history tells; ``most_s`` if every further block that
    the board allows is needed."""

    seconds: float
    most_s: float


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
        taken = self._seconds_by_variant(done)
        left = most = 0.0
        for visit in self._visits(history):
            if visit.variant.id in lost:
                continue
            results = done.get((visit.block, visit.variant.id), [])
            if results and self._next_of(visit, done, history) is None:
                continue
            spent = _seconds(results)
            usual = taken.get(visit.variant.id) or self._guess(visit)
            share = len(visit.cells) / max(len(self._cells(visit.block, visit.variant)), 1)
            left += max(usual * share - spent, 0.0)
        most = left
        begun = max((result.trial.block for result in history), default=0) + 1
        if self._most_blocks > max(begun, self.board.blocks):
            full = sum(
                taken.get(variant.id) or self._guess_all(variant)
                for variant in self.variants
                if variant.id not in lost
            )
            most += (self._most_blocks - max(begun, self.board.blocks)) * full
        if self.board.budget_s is not None:
            least_s = left if begun <= self.board.blocks else 0.0
            most = min(most, max(self.board.budget_s - _seconds(history), least_s))
        return Outlook(min(left, most), most)

    @property
    def _most_blocks(self) -> int:
        return self.board.most_blocks or self.board.blocks

    def _is_spent(self, history: Sequence[TrialResult]) -> bool:
        spent_s = _seconds(history) / self.abreast
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
        cell = Cell(workload=slo.workload, load=Open(rate_per_s=round(step.rate_per_s, 1)))
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

    def _seconds_by_variant(self, done: ByVisit) -> dict[str, float]:
        """What a whole visit of each variant took on average, where one is finished."""
        last = max((block for block, _ in done), default=-1)
        visits: dict[str, list[float]] = {}
        for (block, variant), results in done.items():
            if block < min(last, self.board.blocks):
                visits.setdefault(variant, []).append(_seconds(results))
        return {variant: sum(each) / len(each) for variant, each in visits.items()}

    def _guess(self, visit: Visit) -> float:
        board = self.board
        slices = len(visit.cells) + len(self._caching_cells(visit))
        stages = len({cell.stage for cell in visit.cells})
        search_s = ASSUMED_SEARCH_S if visit.searches else 0.0
        return slices * (board.warm_up_s + board.slice_s) + stages * ASSUMED_START_S + search_s

    def _guess_all(self, variant: Variant) -> float:
        cells = tuple(cell for cell in self._all_cells if isinstance(cell.load, Closed))
        return self._guess(Visit(self.board.blocks, variant, cells, searches=False))


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


def _seconds(results: Sequence[TrialResult]) -> float:
    return sum(result.elapsed_ns for result in results) / NS_PER_S
