"""A board over two nodes that serve and load themselves, led from a third host."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.cluster.conftest import Cluster, RunSeen, wait_for_trials
from tests.conftest import ToyProject

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(600)]

CELLS = '[[cells]]\nworkloads = ["get", "multipart"]\nconnections = [2]\n'
BOTH = {"servemark_server": 1, "servemark_load": 1}


@pytest.fixture(scope="module")
def cluster(make_cluster: Callable[..., AbstractContextManager[Cluster]]) -> Iterator[Cluster]:
    with make_cluster({"lead": {}, "one": BOTH, "two": BOTH}) as made:
        yield made


@pytest.fixture
def toys(tmp_path: Path) -> ToyProject:
    project = ToyProject(tmp_path / "project")
    project.add("good", "slow")
    project.board(tables=CELLS, engine='"native"', blocks=4, slice_s=0.5, warm_up_s=0.2)
    return project


def nodes_of_blocks(seen: RunSeen) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for each in seen.trials:
        assert each.placement is not None
        found.setdefault(each.trial.block, set()).add(each.placement.server)
    return found


def test_whole_blocks_go_to_both_nodes_and_the_ranking_is_as_it_should_be(
    cluster: Cluster, toys: ToyProject
) -> None:
    done = cluster.call(toys, "toys", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["finished"]
    seen = RunSeen(toys)
    assert [(each.what, each.generators) for each in seen.events] == [
        ("joined", ("one",)),
        ("joined", ("two",)),
    ]
    blocks = nodes_of_blocks(seen)
    assert blocks.keys() == {0, 1, 2, 3}
    assert all(len(nodes) == 1 for nodes in blocks.values())
    assert set.union(*blocks.values()) == {"one", "two"}
    order = [each["variant"] for each in report["results"] if each["cell"] == "multipart/c2"]
    assert order == ["toy/good@builtin+numpy", "toy/slow@builtin+numpy"]


def test_a_run_survives_the_loss_of_a_node_and_of_its_leader(
    cluster: Cluster, toys: ToyProject
) -> None:
    """The leader is killed first; what went on is led anew, and then a node dies under it."""
    toys.board(tables=CELLS, engine='"native"', blocks=10, slice_s=1, warm_up_s=0.2)
    process = cluster.start(toys, "toys")
    wait_for_trials(toys, 3, process)
    cluster.hosts["lead"].kill(process)
    before = {each.trial.number: each for each in RunSeen(toys).trials}
    resumed = cluster.start(toys, "--resume", "latest", "--json")
    wait_for_trials(toys, len(before) + 2, resumed)
    cluster.hosts["two"].power_off()
    out, err = resumed.communicate(timeout=240)
    assert resumed.returncode == 0, err
    assert json.loads(out)["finished"]
    assert "lost two" in err
    seen = RunSeen(toys)
    after = {each.trial.number: each for each in seen.trials}
    assert before.items() <= after.items()
    assert [each.node for each in seen.events if each.what == "lost"] == ["two"]
    cells = Counter(
        (each.trial.block, each.trial.variant.id, each.trial.cell.id)
        for each in seen.trials
        if each.verdict.valid
    )
    assert len(cells) == 10 * 2 * 2
    assert set(cells.values()) == {1}


def test_what_lacks_is_said_in_one_sentence(cluster: Cluster, toys: ToyProject) -> None:
    done = cluster.call(toys, "toys", "--generators", "3")
    assert done.returncode == 1
    assert "No server has the 3 load generators" in done.stderr
    assert "Traceback" not in done.stderr
