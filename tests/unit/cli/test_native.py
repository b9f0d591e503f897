"""Runs on the native engine, with real load on toys: samples kept, answers checked, open loops."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from servemark.store import RunFolder
from tests.conftest import ToyProject

OPEN_CELLS = '[[cells]]\nworkloads = ["raw"]\nrates_per_s = [40]\n'


def open_board(toys: ToyProject, cells: str = OPEN_CELLS, engine: str = "native") -> None:
    toys.board(engine=f'"{engine}"', blocks=1, slice_s=1.0)
    path = toys.folder / "boards" / "toys.toml"
    head = path.read_text().partition("[[cells]]")[0]
    path.write_text(head + cells)


def test_every_request_of_a_slice_is_kept_and_its_answer_checked(toys: ToyProject) -> None:
    toys.add("good")
    toys.board(engine='"native"', blocks=1)
    done = toys.call("run", "toys", "--json")
    assert done.returncode == 0, done.stderr
    (path,) = toys.runs()
    folder = RunFolder(path)
    for result in folder.trials():
        assert result.load is not None
        samples = folder.samples(result)
        assert samples is not None
        counts = result.load.counts
        assert len(samples) == counts.ok + counts.errors
        assert counts.wrong_answers == 0
        assert counts.ok == int((samples.right == 1).sum()) > 0
        table = pq.read_table(path / (result.samples or ""))
        assert {"intended_ns", "sent_ns", "first_byte_ns", "done_ns"} <= set(table.column_names)


def test_an_open_loop_offers_its_rate_and_reports_response_times(toys: ToyProject) -> None:
    toys.add("good")
    open_board(toys)
    done = toys.call("run", "toys", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    (cell,) = report["cells"]
    assert (cell["id"], cell["rate_per_s"]) == ("raw/r40", 40)
    # A busy machine may have had it measured again.
    result = RunFolder(toys.runs()[0]).trials()[-1]
    assert result.load is not None
    counts = result.load.counts
    # Poisson with a mean of 40: beyond 15 and 80 lies less than one in a million.
    assert 15 <= counts.ok + counts.errors <= 80
    assert result.load.latencies is not None
    assert result.load.latencies.response is not None
    assert result.load.latencies.service is not None
    assert result.load.latencies.response.mean_ns >= result.load.latencies.service.mean_ns


@pytest.mark.slow
@pytest.mark.load
def test_a_slow_server_cannot_achieve_what_is_offered(toys: ToyProject) -> None:
    """One answer takes 50 ms and there are two connections: 40/s at most, of 400/s offered."""
    toys.add("slow")
    open_board(toys, '[[cells]]\nworkloads = ["raw"]\nrates_per_s = [4000]\n')
    toys.call("run", "toys", "--json")
    result, again = RunFolder(toys.runs()[0]).trials()
    assert (result.trial.attempt, again.trial.attempt) == (1, 2)
    gates = {fault.gate.value for fault in result.verdict.faults}
    assert gates & {"offered = achieved", "answers", "schedule kept"}
    assert not result.verdict.valid


@pytest.mark.parametrize(
    ("cells", "engine", "sentence"),
    [
        (OPEN_CELLS, "wrk", "'wrk' cannot do the open loop of raw/r40"),
        (
            OPEN_CELLS + 'arrivals = "poison"\n',
            "native",
            "There is no arrival process 'poison': did you mean 'poisson'?",
        ),
        (
            OPEN_CELLS + "connections = [2]\n",
            "native",
            "expected either connections or rates_per_s",
        ),
    ],
)
def test_a_load_that_cannot_be_is_refused_before_anything_starts(
    toys: ToyProject, cells: str, engine: str, sentence: str
) -> None:
    toys.add("good")
    open_board(toys, cells, engine)
    done = toys.call("run", "toys")
    assert (done.returncode, toys.runs()) == (2, [])
    assert sentence in done.stderr
