"""A calibration's bookkeeping, with load generators that send nothing."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from servemark.catalog import Picture
from servemark.catalog.manifests import Need
from servemark.engines import Assignment
from servemark.plan.calibration import QUICK, SPEED_CELLS
from servemark.records import Cores
from servemark.run.calibration import CalibrationBench, stand
from servemark.run.calibration.speed import speeds_of
from servemark.run.generators.base import Seen


class Saying:
    """Says that it sent a thousand requests."""

    need: Need | None = None

    def __init__(self, name: str, uploads_only: bool = False) -> None:
        self.name = name
        self.uploads_only = uploads_only

    def load(self, assignment: Assignment) -> Seen:
        assert assignment.cell.workload != "get" or not self.uploads_only
        return Seen(1_000, 10**9, 1, 1, {}, 1)


class Counting:
    """Counts the steps that were announced, and those that were taken."""

    def __init__(self) -> None:
        self.announced = self.taken = 0

    def begin(self, title: str, total: int) -> None:
        assert title == "Speed"
        self.announced += total

    def doing(self, what: str) -> None:
        assert what
        self.taken += 1


def test_as_many_steps_are_announced_as_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = (min(os.sched_getaffinity(0)),)
    monkeypatch.setattr(stand, "Native", lambda: Saying("servemark"))
    bench = CalibrationBench(
        others=(Saying("wrk"), Saying("wrk, formatting", uploads_only=True), Saying("hey")),
        versions={},
        absent=(),
        pictures=(Picture("one", b"x", "image/png"),),
        cores=Cores(server=core, engine=core),
        environment={},
        command="servemark calibrate",
    )
    watcher = Counting()
    extent = replace(QUICK, rounds=3, other_rounds=1)
    found = speeds_of(stand.Stand(bench, extent, watcher, tmp_path))
    uploads = sum(workload != "get" for workload, _ in SPEED_CELLS)
    assert len(found) == 3 * (2 * len(SPEED_CELLS) + uploads) + len(SPEED_CELLS)
    assert watcher.announced == watcher.taken == len(found)
