"""Each gate provoked for real: what must not be ranked is not, and the report says why."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from servemark.catalog import Model, requests_of
from servemark.engines import Assignment
from servemark.engines.native import NativeEngine
from servemark.plan import schedule_of
from servemark.records import Cell, Circumstances, Closed, Gate
from servemark.run.truth import LIGHT, TruthServer
from servemark.stats import Declared, complete, judge
from servemark.units import seconds_to_ns
from tests.conftest import ToyProject

pytestmark = [pytest.mark.slow, pytest.mark.load, pytest.mark.timeout(300)]

MANY = '[[cells]]\nworkloads = ["multipart"]\nconnections = [16]\n'


def measured(toys: ToyProject, mode: str, **changes: Any) -> dict[str, Any]:
    """The report of a short board with that contestant alone, under the native engine."""
    toys.add(mode)
    toys.board(tables=MANY, engine='"native"', slice_s=0.5, warm_up_s=0.2, **changes)
    done = toys.call("run", "toys", "--json")
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def gates(report: dict[str, Any]) -> set[str]:
    return {problem["gate"] for problem in report["problems"]}


def is_ranked(report: dict[str, Any]) -> bool:
    return any(result["rank"] is not None for result in report["results"])


def test_a_good_server_is_ranked(toys: ToyProject) -> None:
    assert is_ranked(measured(toys, "good"))


def test_wrong_answers_are_never_ranked(toys: ToyProject) -> None:
    report = measured(toys, "wrong")
    assert not is_ranked(report)
    assert {each["state"] for each in report["competitors"]} == {"not verified"}


def test_a_server_that_closes_connections_without_saying_so_is_not_ranked(
    toys: ToyProject,
) -> None:
    report = measured(toys, "closes")
    assert Gate.CONNECTIONS in gates(report)
    assert not is_ranked(report)


def test_more_workers_than_declared_are_not_ranked(toys: ToyProject) -> None:
    report = measured(toys, "forks")
    assert Gate.PARITY in gates(report)
    assert not is_ranked(report)
    # Each was measured once more before it was left out.
    assert any("second attempt" in problem["where"] for problem in report["problems"])


def test_a_busy_neighbour_is_named_and_nothing_is_ranked(toys: ToyProject) -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as neighbour:
        try:
            report = measured(toys, "good", quiet="true")
        finally:
            neighbour.kill()
    assert not is_ranked(report)
    disturbed = [p for p in report["problems"] if p["gate"] == Gate.QUIET_MACHINE]
    assert any("python" in problem["reason"] for problem in disturbed)
    assert all(problem["remedy"] for problem in disturbed)


def test_a_server_that_caches_answers_is_found_out_and_not_ranked(toys: ToyProject) -> None:
    report = measured(toys, "caches", caching="true", blocks=3)
    (found,) = report["caching"]
    assert found["caches"]
    assert found["ratio"]["value"] > 1.5
    assert not is_ranked(report)
    assert any(problem["where"] == "caching" for problem in report["problems"])


def test_a_server_that_remembers_every_image_is_found_out(toys: ToyProject) -> None:
    report = measured(toys, "remembers", caching="true", blocks=3)
    (found,) = report["caching"]
    assert found["caches"]
    assert found["over_renewed"]["value"] > 1.5
    assert not is_ranked(report)


def test_an_honest_server_is_not_taken_for_a_cache(toys: ToyProject) -> None:
    report = measured(toys, "good", caching="true", blocks=3)
    (found,) = report["caching"]
    assert not found["caches"]
    assert is_ranked(report)


def test_a_saturated_engine_is_not_taken_for_a_slow_server(mnist: Model, tmp_path: Path) -> None:
    """The truth server answers at once, faster than one engine thread can ask."""
    with TruthServer(LIGHT, tmp_path, 0, {}) as server:
        # Where something else has the engine's core for a while, the engine is less busy.
        found = [gates_under_load(server, mnist, tmp_path) for _ in range(5)]
    assert any(Gate.ENGINE_HEADROOM in gates for gates in found)


def gates_under_load(server: TruthServer, model: Model, scratch: Path) -> set[Gate]:
    duration_s = 0.4
    cell = Cell(workload="get", load=Closed(connections=64))
    assignment = Assignment(
        endpoint=server.endpoint,
        cell=cell,
        requests=requests_of("get", model.pictures()[:1]),
        schedule=schedule_of(cell, seconds_to_ns(duration_s), 1, 1),
        duration_s=duration_s,
        cores=(1,),
        scratch=scratch,
        environment={},
    )
    loaded = NativeEngine().run(assignment)
    assert loaded.samples is not None
    # The truth server's answers are no predictions: they are counted as the engine counts them.
    load = complete(loaded.result, loaded.samples, cell)
    load = load.model_copy(update={"counts": loaded.result.counts})
    faults = judge(cell, load, None, Circumstances(), Declared(), None).faults
    return {fault.gate for fault in faults}
