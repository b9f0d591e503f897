"""A board with the battery: in the run folder, in every report, and not done twice."""

from __future__ import annotations

import json

import pytest

from servemark.store import RunFolder
from tests.conftest import ToyProject

TABLES = """
[battery]
bad_requests = 200
idle_connections = 20
slow_senders = 3
hold_s = 2.5

[[cells]]
workloads = ["get"]
connections = [2]
"""


@pytest.mark.slow
@pytest.mark.load
def test_a_board_puts_each_variant_to_the_battery_once(toys: ToyProject) -> None:
    toys.add("good")
    toys.board("bad", TABLES, blocks=1)
    done = toys.call("run", "bad", "--json")
    assert done.returncode == 0, done.stderr
    run = toys.runs()[-1]
    (found,) = RunFolder(run).batteries()
    assert found.passed, [case.fault() for case in found.cases if not case.stood]
    assert found.growth is not None
    assert found.growth.requests == 200
    report = json.loads(done.stdout)
    assert len(report["battery"][0]["cases"]) == len(found.cases) == 40
    for name in ("report.md", "report.html"):
        assert "Bad inputs" in (run / name).read_text()
    assert toys.call("run", "--resume", run.name).returncode == 0
    assert len(RunFolder(run).batteries()) == 1
