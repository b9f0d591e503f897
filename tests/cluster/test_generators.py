"""One server and two generators on three hosts: placement, one trial from two, links, losses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from servemark.records import Gate, Open
from servemark.samples import ANSWERED
from servemark.stats import latencies
from tests.cluster.conftest import Cluster, RunSeen, wait_for_trials
from tests.conftest import ToyProject

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(600)]

BOTH = """
[[cells]]
workloads = ["multipart"]
connections = [4]
[[cells]]
workloads = ["multipart"]
rates_per_s = [150]
"""
ONE = '[[cells]]\nworkloads = ["multipart"]\nrates_per_s = [100]\n'
WHOLE = {"servemark_server": 1}
LOAD = {"servemark_load": 1}
MS = 1_000_000


@pytest.fixture(scope="module")
def cluster(make_cluster: Callable[..., AbstractContextManager[Cluster]]) -> Iterator[Cluster]:
    with make_cluster({"server": WHOLE, "left": LOAD, "right": LOAD}) as made:
        yield made


@pytest.fixture
def toys(tmp_path: Path) -> ToyProject:
    project = ToyProject(tmp_path / "project")
    project.add("good")
    return project


def test_two_generators_load_one_server_together(cluster: Cluster, toys: ToyProject) -> None:
    toys.board(tables=BOTH, engine='"native"', blocks=1, slice_s=1, warm_up_s=0.2)
    done = cluster.call(toys, "toys", "--generators", "2", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["finished"]
    seen = RunSeen(toys)
    (joined,) = seen.events
    assert (joined.what, joined.node, joined.generators) == ("joined", "server", ("left", "right"))
    assert {link.generator for link in joined.links} == {"left", "right"}
    assert all(link.round_trip_p50_ns < 20 * MS for link in joined.links)
    assert len(seen.trials) >= 2
    for result in seen.trials:
        assert result.placement is not None
        assert result.placement.server == "server"
        uses = {each.generator: each for each in result.placement.generators}
        assert uses.keys() == {"left", "right"}
        assert all(each.requests > 0 for each in uses.values())
        samples = seen.folder.samples(result)
        assert samples is not None
        assert result.load is not None
        assert sum(each.requests for each in uses.values()) == len(samples)
        assert (
            result.load.counts.ok
            == (samples.right == 1).sum()
            == (samples.ending == ANSWERED).sum()
        )
        assert result.load.latencies == latencies(samples)
    opened = [each for each in seen.trials if isinstance(each.trial.cell.load, Open)]
    assert any(Gate.GENERATORS not in {f.gate for f in each.verdict.faults} for each in opened)


def test_a_slow_link_is_measured_and_what_it_limits_is_not_ranked(
    cluster: Cluster, toys: ToyProject
) -> None:
    toys.board(tables=ONE, engine='"native"', blocks=1, slice_s=1, warm_up_s=0.2)
    cluster.hosts["left"].slow_down(megabits=1)
    try:
        done = cluster.call(toys, "toys", "--json")
    finally:
        cluster.hosts["left"].full_speed()
    assert done.returncode == 0, done.stderr
    seen = RunSeen(toys)
    (link,) = seen.events[0].links
    assert link.generator == "left"
    assert link.to_server_bytes_per_s * 8 < 2e6
    faults = [fault for result in seen.trials for fault in result.verdict.faults]
    assert Gate.NETWORK in {fault.gate for fault in faults}, faults
    assert all(each["rank"] is None for each in json.loads(done.stdout)["results"])


def test_two_generators_start_together_though_one_is_far_away_on_a_link_that_loses_frames(
    cluster: Cluster, toys: ToyProject
) -> None:
    toys.board(tables=ONE, engine='"native"', blocks=1, slice_s=2, warm_up_s=0.2)
    with cluster.hosts["left"].far_away(delay_ms=20, loss=0.005) as frames:
        done = cluster.call(toys, "toys", "--generators", "2", "--json")
    assert done.returncode == 0, done.stderr
    assert frames["lost"] > 0
    seen = RunSeen(toys)
    far = {link.generator: link.round_trip_p50_ns for link in seen.events[0].links}
    assert far["right"] < 20 * MS < 40 * MS <= far["left"]
    for result in seen.trials:
        assert result.placement is not None
        assert result.load is not None
        samples = seen.folder.samples(result)
        assert samples is not None
        assert sum(each.requests for each in result.placement.generators) == len(samples)
        assert result.load.counts.ok == (samples.right == 1).sum()
    # What the road takes is not the server's: such a figure is not ranked.
    faults = [fault for result in seen.trials for fault in result.verdict.faults]
    assert any(f.gate is Gate.NETWORK and "left" in f.reason for f in faults), faults
    assert any(
        result.placement.start_spread_ns < 10 * MS
        for result in seen.trials
        if result.placement is not None
    )


def test_a_generator_whose_host_dies_makes_the_trial_invalid_and_it_is_done_again(
    cluster: Cluster, toys: ToyProject
) -> None:
    toys.board(tables=ONE, engine='"native"', blocks=2, slice_s=5, warm_up_s=0.2)
    process = cluster.start(toys, "toys", "--generators", "2", "--json")
    wait_for_trials(toys, 1, process)
    cluster.hosts["right"].power_off()
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert json.loads(out)["finished"]
    first, *later = RunSeen(toys).trials
    assert first.placement is not None
    assert len(first.placement.generators) == 2
    (lost,) = [r for r in later if Gate.GENERATORS in {f.gate for f in r.verdict.faults}]
    assert "generator right was lost" in lost.verdict.faults[0].reason
    again = later[later.index(lost) + 1]
    assert again.trial.block == lost.trial.block
    assert again.trial.attempt == lost.trial.attempt + 1
    assert again.placement is not None
    assert [each.generator for each in again.placement.generators] == ["left"]
    assert again.load is not None
    assert again.load.counts.ok > 0


def test_a_cut_link_ends_the_run_with_one_sentence_and_what_was_measured_is_kept(
    cluster: Cluster, toys: ToyProject
) -> None:
    toys.board(tables=ONE, engine='"native"', blocks=2, slice_s=3, warm_up_s=0.2)
    process = cluster.start(toys, "toys")
    wait_for_trials(toys, 1, process)
    cluster.hosts["left"].cut()
    _, err = process.communicate(timeout=240)
    assert process.returncode == 1
    assert "No load generator is left for server" in err
    assert "--resume" in err
    assert "Traceback" not in err
    assert RunSeen(toys).trials[0].load is not None
