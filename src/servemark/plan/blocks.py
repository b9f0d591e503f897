"""Randomised complete blocks: what is measured next, decided from what has been measured."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from servemark.records import Board, Cell, Trial, TrialResult, Variant

MOST_FAILURES_IN_A_ROW = 2
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """The trials of a board. Pure: the same history gives the same next trial."""

    board: Board
    variants: tuple[Variant, ...]

    def trials(self) -> list[Trial]:
        """Every trial in its order, should none fail."""
        found: list[Trial] = []
        for block in range(self.board.blocks):
            for variant in shuffled(self.variants, self.board.seed, block):
                for cell in self._cells(block, variant):
                    found.append(Trial(number=len(found), block=block, variant=variant, cell=cell))
        return found

    def next(self, history: Sequence[TrialResult]) -> Trial | None:
        """The first trial that is not in the history, or ``None`` when the board is done.

        A variant that has failed twice in a row is given up.
        """
        done = {result.trial.number for result in history}
        lost = given_up(history)
        for trial in self.trials():
            if trial.number not in done and trial.variant.id not in lost:
                return trial
        return None

    def _cells(self, block: int, variant: Variant) -> list[Cell]:
        """The cells in random order, those of one stage together: a stage needs its own start."""
        cells = shuffled(self.board.all_cells(), self.board.seed, block, variant.id)
        stages = list(dict.fromkeys(cell.stage for cell in cells))
        return sorted(cells, key=lambda cell: stages.index(cell.stage))


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
