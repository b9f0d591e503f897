"""What a fresh server is sent before anything is measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from servemark.catalog import RequestParts
from servemark.engines import Assignment, Loaded
from servemark.records import (
    Board,
    CellGroup,
    Closed,
    Cores,
    Counts,
    Endpoint,
    LoadResult,
    Trial,
    Variant,
)
from servemark.run.board import Visitor
from servemark.stats import Declared
from servemark.store import RunFolder

VARIANT = Variant(contestant="toy/good", server="builtin", runtime="numpy")
BOARD = Board(
    name="mine",
    title="Mine",
    description="Mine.",
    engine="noting",
    seed=1,
    blocks=1,
    warm_up_s=0.25,
    slice_s=2.0,
    cells=(
        CellGroup(workloads=("get", "multipart"), connections=(4,)),
        CellGroup(workloads=("raw",), connections=(4,), stages=("decode",)),
        CellGroup(workloads=("raw",), rates_per_s=(10.0,)),
    ),
)
COUNTS = Counts(**dict.fromkeys(Counts.model_fields, 0))
CELLS = {cell.id: cell for cell in BOARD.all_cells()}


class NotingEngine:
    """Sends nothing, and keeps what it was asked to send."""

    name = "noting"

    def __init__(self) -> None:
        self.asked: list[tuple[str, float]] = []

    def run(self, assignment: Assignment) -> Loaded:
        self.asked.append((assignment.cell.id, assignment.duration_s))
        result = LoadResult(
            engine=self.name,
            engine_version="0",
            duration_ns=1,
            counts=COUNTS,
            bytes_read=0,
            engine_cpu_ns=0,
        )
        return Loaded(result, None, 0)


class Standing:
    """A server that is always there."""

    endpoint = Endpoint(host="127.0.0.1", port=1)
    apart = ()

    def use(self) -> None:
        return None

    def exited(self) -> None:
        return None

    def log_tail(self) -> None:
        return None

    def stop(self) -> None:
        return None


class Settling:
    """A lineup of one that takes ``settle_s`` to become as fast as it will be."""

    cores = Cores(server=(0,), engine=(1,))
    engine_environment: dict[str, str] = {}
    timeout_s = grace_s = 1.0

    def __init__(self, settle_s: float) -> None:
        self.engine = NotingEngine()
        self._settle_s = settle_s

    def settle_s(self, variant: Variant) -> float:
        assert variant == VARIANT
        return self._settle_s

    def start(self, *_: object) -> Standing:
        return Standing()

    def greet(self, *_: object) -> None:
        return None

    def requests(self, *_: object) -> list[RequestParts]:
        return [RequestParts("GET", "/", None, b"")]

    def declared(self, *_: object) -> Declared:
        return Declared(workers=1, threads=1)


def asked_for(lineup: Settling, folder: Path, *cells: str) -> list[tuple[str, float]]:
    run = RunFolder(folder)
    run.logs.mkdir(parents=True)
    taking_part: Any = lineup
    with Visitor[Standing](taking_part, run, BOARD, 0) as visitor:
        for number, cell in enumerate(cells):
            trial = Trial(number=number, block=0, variant=VARIANT, cell=CELLS[cell])
            result = visitor.measure(trial)
            assert result.settle_ns == lineup.settle_s(VARIANT) * 1e9
    return lineup.engine.asked


def test_a_fresh_server_meets_every_closed_loop_of_the_stage_before_its_first_warm_up(
    tmp_path: Path,
) -> None:
    lineup = Settling(3.0)
    asked = asked_for(lineup, tmp_path, "get/c4", "multipart/c4")
    assert asked == [
        *[("get/c4", 0.75), ("multipart/c4", 0.75)] * 2,
        *[("get/c4", 0.25), ("get/c4", 2.0)],
        *[("multipart/c4", 0.25), ("multipart/c4", 2.0)],
    ]


def test_another_stage_is_another_start_and_settles_anew(tmp_path: Path) -> None:
    asked = asked_for(Settling(1.0), tmp_path, "raw/c4/decode", "get/c4")
    assert asked[:2] == [("raw/c4/decode", 0.5)] * 2
    assert asked[4:8] == [("get/c4", 0.25), ("multipart/c4", 0.25)] * 2


def test_what_is_fast_at_once_is_only_warmed_up(tmp_path: Path) -> None:
    asked = asked_for(Settling(0.0), tmp_path, "get/c4")
    assert asked == [("get/c4", 0.25), ("get/c4", 2.0)]


def test_it_settles_under_closed_loops_whatever_comes_first(tmp_path: Path) -> None:
    assert not isinstance(CELLS["raw/r10"].load, Closed)
    asked = asked_for(Settling(1.0), tmp_path, "raw/r10")
    assert {cell for cell, _ in asked[:4]} == {"get/c4", "multipart/c4"}
