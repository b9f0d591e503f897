"""Commands whose whole process tree ends with us.

A guarded command runs below a small keeper process (``guard_child.py``). The keeper adopts every
descendant that its parent leaves behind, and holds a pipe from us: when the pipe closes, because we
asked for it or because we were killed, it ends the whole tree. No orphan survives either way.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from servemark.errors import LaunchError

KEEPER = Path(__file__).with_name("guard_child.py")
DEFAULT_GRACE_S = 5.0


@dataclass(frozen=True, slots=True)
class Command:
    """What to run. ``cores`` empty means that it is not pinned."""

    argv: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    log: Path
    cores: tuple[int, ...] = ()
    stdout: Path | None = None
    """Where stdout goes; with stderr into ``log`` where it is ``None``."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How a guarded command ended."""

    status: int
    """Exit status, or minus the signal that ended it."""
    cpu_ns: int
    """CPU time of the process and of its descendants that it waited for."""
    killed: bool
    """Whether it had to be killed after the grace."""
    orphans: int
    """Descendants that were still alive after it had ended, and were killed."""


class Guarded:
    """A running guarded command."""

    def __init__(self, command: Command, grace_s: float = DEFAULT_GRACE_S) -> None:
        self._command = command
        self._grace_s = grace_s
        self._exit: Exit | None = None
        self._buffer = b""
        specification = {
            "argv": list(command.argv),
            "folder": str(command.folder),
            "environment": dict(command.environment),
            "log": str(command.log),
            "stdout": None if command.stdout is None else str(command.stdout),
            "cores": list(command.cores),
            "grace_s": grace_s,
        }
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", str(KEEPER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        self._to_keeper = self._keeper.stdin
        self._from_keeper = self._keeper.stdout
        self._tell(json.dumps(specification))
        started = self._next_report(timeout_s=30)
        if started is None or "error" in started:
            self._keeper.kill()
            self._close()
            detail = "its keeper did not answer" if started is None else started["error"]
            raise LaunchError(f"cannot start {command.argv[0]!r}: {detail}")
        self.pid: int = started["pid"]
        """Process id of the command itself."""
        self.spawned_ns: int = started["spawned_ns"]
        """When it was spawned, on the monotonic clock."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def keeper_pid(self) -> int:
        """The keeper: ancestor of every process of the tree."""
        return self._keeper.pid

    def poll(self) -> Exit | None:
        """How it ended, or ``None`` while it runs."""
        return self.wait(timeout_s=0)

    def wait(self, timeout_s: float) -> Exit | None:
        """Wait for the command to end by itself."""
        if self._exit is None:
            self._take_exit(self._next_report(timeout_s))
        return self._exit

    def stop(self) -> Exit:
        """SIGTERM to the command, SIGKILL to its whole tree after the grace; returns at the end."""
        if self._exit is None:
            self._tell("stop")
            self._take_exit(self._next_report(timeout_s=self._grace_s + 10))
        if self._exit is None:
            self._keeper.kill()
            self._close()
            raise LaunchError(f"the keeper of {self._command.argv[0]!r} did not answer")
        return self._exit

    def log_tail(self, lines: int = 12) -> str:
        """The last lines that the command wrote."""
        return log_tail(self._command.log, lines)

    def _tell(self, line: str) -> None:
        try:
            self._to_keeper.write(line.encode() + b"\n")
            self._to_keeper.flush()
        except BrokenPipeError:
            return  # it has ended; what it reported last says how

    def _next_report(self, timeout_s: float) -> dict[str, Any] | None:
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self._buffer:
            left_s = max(0.0, deadline - time.monotonic())
            if not select.select([self._from_keeper], [], [], left_s)[0]:
                return None
            chunk = os.read(self._from_keeper.fileno(), 65536)
            if not chunk:
                return None
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        report: dict[str, Any] = json.loads(line)
        return report

    def _take_exit(self, report: dict[str, Any] | None) -> None:
        if report is None:
            if self._keeper.poll() is not None:
                raise LaunchError(f"the keeper of {self._command.argv[0]!r} was ended from outside")
            return
        self._exit = Exit(
            status=report["status"],
            cpu_ns=report["cpu_ns"],
            killed=report["killed"],
            orphans=report["orphans"],
        )
        self._close()

    def _close(self) -> None:
        self._keeper.wait()
        with suppress(BrokenPipeError):  # closing flushes what the keeper no longer reads
            self._to_keeper.close()
        self._from_keeper.close()


def log_tail(log: Path, lines: int) -> str:
    """The last ``lines`` lines of a log file; empty where there is none."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
