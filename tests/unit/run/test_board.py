"""What variants are sent: the same where they are compared, something new where they are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from servemark.engines import Assignment, Loaded
from servemark.records import Cell, Open, Purpose, Trial
from servemark.run.board import Visitor
from servemark.store import RunFolder
from tests.unit.run.test_settling import BOARD, VARIANT, NotingEngine, Settling, Standing

CELL = Cell(workload="raw", load=Open(rate_per_s=500))


class Recording(NotingEngine):
    """Keeps when the requests of each slice are due."""

    def __init__(self) -> None:
        super().__init__()
        self.due_ns: list[NDArray[np.int64]] = []

    def run(self, assignment: Assignment) -> Loaded:
        if assignment.duration_s == BOARD.slice_s:
            assert assignment.schedule.intended_ns is not None
            self.due_ns.append(assignment.schedule.intended_ns)
        return super().run(assignment)


def due_in(folder: Path, purpose: Purpose, *numbers: int) -> list[list[int]]:
    """When the requests of trials of one cell are due, by their numbers in the run."""
    run = RunFolder(folder)
    run.logs.mkdir(parents=True)
    lineup = Settling(0.0)
    lineup.engine = engine = Recording()
    taking_part: Any = lineup
    with Visitor[Standing](taking_part, run, BOARD, 0) as visitor:
        for number in numbers:
            visitor.measure(
                Trial(
                    number=number,
                    block=0,
                    variant=VARIANT,
                    cell=CELL,
                    purpose=purpose,
                    step="confirm" if purpose == "capacity" else "",
                )
            )
    return [due_ns.tolist() for due_ns in engine.due_ns]


def test_a_cell_has_the_same_arrivals_whoever_is_measured_in_a_block(tmp_path: Path) -> None:
    first, later = due_in(tmp_path, "figure", 3, 8)
    assert first == later


def test_two_steps_of_a_search_at_the_same_rate_have_arrivals_of_their_own(tmp_path: Path) -> None:
    first, later = due_in(tmp_path / "one", "capacity", 3, 4)
    assert len(set(first) & set(later)) < 10
    assert due_in(tmp_path / "again", "capacity", 3, 4) == [first, later]
