"""A command that is ended from outside leaves everything in order."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PROGRAM = """
import fcntl, os, signal, sys, termios, threading, time
from pathlib import Path
from servemark.cli.ending import ended_in_order

def work():
    try:
        print("at work", flush=True)
        for _ in range(300):
            time.sleep(0.1)
    finally:
        os.kill(os.getpid(), signal.SIGHUP)
        print("the report", file=sys.stderr, flush=True)
        Path(sys.argv[1]).touch()
"""


def start(body: str, report: Path, terminal: int | None = None) -> subprocess.Popen[str]:
    """The program, with the terminal for all that it reads and writes where one is given."""
    stream = subprocess.PIPE if terminal is None else terminal
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM + textwrap.dedent(body), str(report)],
        text=True,
        stdin=terminal,
        stdout=stream,
        stderr=stream,
        start_new_session=True,
    )


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_as_ctrl_c_does(tmp_path: Path, ending: signal.Signals) -> None:
    report = tmp_path / "report"
    process = start("with ended_in_order(): work()", report)
    assert process.stdout is not None
    assert process.stdout.readline() == "at work\n"
    process.send_signal(ending)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (128 + ending, "the report\n")
    assert report.exists()


def test_a_terminal_that_is_closed_ends_it(tmp_path: Path) -> None:
    report = tmp_path / "report"
    ours, its = pty.openpty()
    body = """
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    with ended_in_order(): work()
    """
    process = start(body, report, its)
    os.close(its)
    assert os.read(ours, 100).startswith(b"at work")
    os.close(ours)
    assert process.wait(timeout=30) == 128 + signal.SIGHUP
    assert report.exists()


@pytest.mark.parametrize("at_ctrl_c", ["signal.SIG_IGN", "lambda *_: ends.append(1)"])
def test_whatever_ctrl_c_does_it_is_told_to_end(tmp_path: Path, at_ctrl_c: str) -> None:
    """A server has its own way to end; in the background Ctrl-C is ignored, and a kill is not."""
    body = f"""
    ends = []
    signal.signal(signal.SIGINT, {at_ctrl_c})
    with ended_in_order():
        os.kill(os.getpid(), signal.SIGTERM)
        assert ends
    """
    process = start(body, tmp_path / "report")
    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 128 + signal.SIGTERM


def test_what_nohup_ignores_stays_ignored(tmp_path: Path) -> None:
    body = """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with ended_in_order():
        os.kill(os.getpid(), signal.SIGHUP)
        print("goes on")
    """
    process = start(body, tmp_path / "report")
    said, _ = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, "goes on\n")


@pytest.mark.parametrize(
    ("at_ctrl_c", "ending", "status"),
    [
        ("signal.default_int_handler", signal.SIGINT, -signal.SIGINT),
        ("signal.default_int_handler", signal.SIGTERM, 128 + signal.SIGTERM),
        ("signal.SIG_IGN", signal.SIGTERM, 128 + signal.SIGTERM),
    ],
)
def test_a_signal_that_a_finalizer_loses_comes_again(
    tmp_path: Path, at_ctrl_c: str, ending: signal.Signals, status: int
) -> None:
    report = tmp_path / "report"
    body = f"""
    class Untidy:
        def __del__(self):
            os.kill(os.getpid(), {ending})
            print("not reached")

    signal.signal(signal.SIGINT, {at_ctrl_c})
    with ended_in_order():
        try:
            Untidy()
            print("goes on", flush=True)
            for _ in range(300):
                time.sleep(0.1)
        finally:
            Path(sys.argv[1]).touch()
    """
    process = start(body, report)
    said, _ = process.communicate(timeout=30)
    assert (process.returncode, said) == (status, "goes on\n")
    assert report.exists()


def test_what_else_goes_wrong_in_a_finalizer_is_told(tmp_path: Path) -> None:
    body = """
    class Untidy:
        def __del__(self):
            raise ValueError("left lying about")

    with ended_in_order():
        Untidy()
    """
    process = start(body, tmp_path / "report")
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "ValueError: left lying about" in said


def test_in_another_thread_signals_are_left_alone(tmp_path: Path) -> None:
    body = """
    def elsewhere():
        with ended_in_order():
            print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    """
    said, _ = start(body, tmp_path / "report").communicate(timeout=30)
    assert said == "True\n"
