"""Starting, waiting, measuring and stopping, on servers that behave and servers that do not."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from servemark.errors import LaunchError
from servemark.launch import Server, split_cores
from servemark.launch.usage import use_between
from servemark.records import Endpoint
from servemark.verify import ask
from tests.conftest import ToyProject


def start(toys: ToyProject, mode: str, tmp_path: Path) -> Server:
    toys.add(mode)
    return Server(toys.launch(mode, tmp_path / "log"))


def test_a_good_server_becomes_ready_and_stops_by_itself(toys: ToyProject, tmp_path: Path) -> None:
    with start(toys, "good", tmp_path) as server:
        ready_ns = server.wait_ready()
        assert 0 < ready_ns < time.monotonic_ns() - server.spawned_ns
        assert ask(server.endpoint, "GET", "/").status == 200
        ended = server.stop()
    assert (ended.status, ended.killed, ended.orphans) == (0, False, 0)


def test_a_server_that_exits_at_its_start_says_how(toys: ToyProject, tmp_path: Path) -> None:
    with start(toys, "exits", tmp_path) as server:
        with pytest.raises(LaunchError, match="it ended at its start with exit status 1"):
            server.wait_ready()
        assert server.log_tail() == "nothing to serve today"


def test_a_server_that_hangs_at_its_start_runs_into_the_deadline(
    toys: ToyProject, tmp_path: Path
) -> None:
    with start(toys, "hangs", tmp_path) as server:  # noqa: SIM117
        with pytest.raises(LaunchError, match="it was not ready within 1 s"):
            server.wait_ready(timeout_s=1)


def test_a_port_that_is_taken_is_not_taken_for_a_ready_server(
    toys: ToyProject, tmp_path: Path
) -> None:
    toys.add("good")
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        endpoint = Endpoint(host="127.0.0.1", port=holder.getsockname()[1])
        with Server(toys.launch("good", tmp_path / "log"), endpoint) as server:
            with pytest.raises(LaunchError, match="it ended at its start with exit status 1"):
                server.wait_ready()
            assert "Address already in use" in server.log_tail()


def test_another_servers_health_is_not_taken_for_ours(toys: ToyProject, tmp_path: Path) -> None:
    toys.add("good")
    with Server(toys.launch("good", tmp_path / "one")) as first:
        first.wait_ready()
        with Server(toys.launch("good", tmp_path / "two"), first.endpoint) as second:
            assert second.wait_exit(timeout_s=60)
            with pytest.raises(LaunchError, match="it ended at its start"):
                second.wait_ready()


def test_a_server_that_ignores_sigterm_is_killed(toys: ToyProject, tmp_path: Path) -> None:
    with start(toys, "stubborn", tmp_path) as server:
        server.wait_ready()
        assert server.stop().killed


def test_what_a_server_leaves_behind_is_counted_and_removed(
    toys: ToyProject, tmp_path: Path, marked_processes: Callable[[str], list[int]]
) -> None:
    with start(toys, "litters", tmp_path) as server:
        server.wait_ready()
        assert server.use().processes == 2
        assert len(marked_processes(str(tmp_path))) >= 2
        assert server.stop().orphans == 1
    assert marked_processes(str(tmp_path)) == []


def test_the_use_of_the_whole_tree_grows_with_its_work(toys: ToyProject, tmp_path: Path) -> None:
    with start(toys, "good", tmp_path) as server:
        server.wait_ready()
        before = server.use()
        for _ in range(50):
            ask(server.endpoint, "GET", "/")
        use = use_between(before, server.use())
    assert use.cpu_ns > 1_000_000
    assert use.processes == 1
    assert use.threads >= 1
    assert use.voluntary_switches >= 50
    assert use.peak_pss_bytes > 10_000_000


def test_server_and_engine_get_disjoint_cores() -> None:
    assert split_cores([0, 1], server=1, engine=1).server == (0,)
    assert split_cores([0, 1], server=1, engine=1).engine == (1,)
    assert split_cores(range(8), server=4, engine=2).engine == (6, 7)


def test_one_core_alone_is_shared_with_a_warning() -> None:
    cores = split_cores([5], server=1, engine=1)
    assert cores.server == cores.engine == (5,)
    assert cores.warning is not None
    assert "results are weak" in cores.warning


def test_too_few_cores_for_the_server_are_said() -> None:
    cores = split_cores([0, 1], server=4, engine=1)
    assert (cores.server, cores.engine) == ((0,), (1,))
    assert re.search("should get 4 cores but gets 1", cores.warning or "")
