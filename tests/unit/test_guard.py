"""Guarded commands: how they end, and that nothing of them is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from servemark.errors import LaunchError
from servemark.guard import KEEPER, Command, Guarded

PATH = {"PATH": os.environ["PATH"]}


def command(folder: Path, *argv: str, **changes: object) -> Command:
    return Command(argv=argv, folder=folder, environment=PATH, log=folder / "log", **changes)  # type: ignore[arg-type]


def wait_until(condition: Callable[[], bool], timeout_s: float = 60) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_the_exit_status_and_cpu_time_of_a_command_come_back(tmp_path: Path) -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass\nraise SystemExit(7)"
    with Guarded(command(tmp_path, sys.executable, "-c", burn)) as process:
        ended = process.wait(timeout_s=30)
    assert ended is not None
    assert ended.status == 7
    assert ended.cpu_ns >= 300_000_000
    assert not ended.killed
    assert ended.orphans == 0


def test_stdout_and_stderr_go_where_they_should(tmp_path: Path) -> None:
    out = tmp_path / "out"
    script = "echo result; echo trouble >&2"
    with Guarded(command(tmp_path, "sh", "-c", script, stdout=out)) as process:
        process.wait(timeout_s=60)
    assert out.read_text() == "result\n"
    assert process.log_tail() == "trouble"


def test_a_command_runs_on_the_cores_it_was_given(tmp_path: Path) -> None:
    core = max(os.sched_getaffinity(0))
    show = "import os; print(os.sched_getaffinity(0))"
    with Guarded(command(tmp_path, sys.executable, "-c", show, cores=(core,))) as process:
        process.wait(timeout_s=60)
    assert process.log_tail() == f"{{{core}}}"


def test_a_command_that_does_not_exist_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="cannot start 'no-such-program': No such file"):
        Guarded(command(tmp_path, "no-such-program"))


def test_a_command_that_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    script = "trap '' TERM; echo up; while :; do sleep 0.1; done"
    process = Guarded(command(tmp_path, "sh", "-c", script), grace_s=0.3)
    assert wait_until(lambda: process.log_tail() == "up")
    ended = process.stop()
    assert ended.killed
    assert ended.status == -signal.SIGKILL


@pytest.mark.parametrize("said", ["", '{"argv": ["tou'])
def test_a_keeper_whose_owner_ends_before_it_has_said_what_to_keep_just_ends(said: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-I", "-S", str(KEEPER)],
        input=said,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_children_that_left_their_session_are_killed_and_counted(
    tmp_path: Path, marked_processes: Callable[[str], list[int]]
) -> None:
    mark = f"{tmp_path}/orphan"
    stray = f"import os,time\nif os.fork()==0:\n os.setsid()\n time.sleep(600)\n# {mark}"
    with Guarded(command(tmp_path, sys.executable, "-c", stray)) as process:
        ended = process.wait(timeout_s=60)
    assert ended is not None
    assert ended.orphans == 1
    assert marked_processes(mark) == []


def test_nothing_is_left_when_the_owner_is_killed(
    tmp_path: Path, marked_processes: Callable[[str], list[int]]
) -> None:
    mark = f"{tmp_path}/tree"
    forks = "for _ in range(2):\n  if os.fork()==0: os.setsid()"
    tree = f"import os,time\n{forks}\ntime.sleep(600)\n# {mark}"
    owner = (
        "import sys,time;from pathlib import Path;from servemark.guard import *\n"
        f"g=Guarded(Command([sys.executable,'-c',{tree!r}],Path({str(tmp_path)!r}),"
        f"{PATH!r},Path({str(tmp_path / 'log')!r})), grace_s=0.5)\ntime.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", owner])
    try:
        # Four processes of the tree, and the owner that has the mark on its command line too.
        assert wait_until(lambda: len(marked_processes(mark)) == 5)
    finally:
        process.kill()
        process.wait()
    assert wait_until(lambda: marked_processes(mark) == [])
