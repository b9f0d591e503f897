"""The truth server: what is known of it when it is no longer there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from servemark.errors import LaunchError
from servemark.run.truth import LIGHT, TruthServer, _ran_and_waited_ns


def test_a_truth_server_that_was_killed_is_an_error_in_one_sentence(tmp_path: Path) -> None:
    with TruthServer(LIGHT, tmp_path, min(os.sched_getaffinity(0)), {}) as server:
        process = server._process
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(timeout_s=10) is not None
        with pytest.raises(LaunchError, match=r"^The truth server ended with "):
            server.finish()


def test_of_a_process_that_has_ended_no_time_is_known() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert _ran_and_waited_ns(ended.pid) == (None, None)
    ran_ns, waited_ns = _ran_and_waited_ns(os.getpid())
    assert ran_ns is not None
    assert waited_ns is not None
