"""The keeper of a guarded command: run as a script by ``guard.py``, standard library only.

Reads one JSON line (what to run), then the word ``stop`` or the end of the file, from stdin; writes
one JSON line when the command was spawned and one when its whole tree has ended.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys
import time
from typing import Any

# Constants of prctl(2), from <sys/prctl.h>.
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True)


def report(**facts: object) -> None:
    """One line to whoever started us; that it has gone is no reason to stop clearing up."""
    try:
        os.write(1, json.dumps(facts).encode() + b"\n")
    except BrokenPipeError:
        return


def spawn(what: dict[str, Any]) -> int:
    """Fork and exec the command in a session of its own. Returns its process id."""
    error_read, error_write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(error_write)
        error = os.read(error_read, 4096)
        os.close(error_read)
        if error:
            os.waitpid(pid, 0)
            report(error=error.decode())
            sys.exit(1)
        return pid
    try:
        os.close(error_read)
        os.setsid()
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if what["cores"]:
            os.sched_setaffinity(0, what["cores"])
        log = os.open(what["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        out = log
        if what["stdout"] is not None:
            out = os.open(what["stdout"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(log, 2)
        os.chdir(what["folder"])
        for number in (signal.SIGPIPE, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        os.execvpe(what["argv"][0], what["argv"], what["environment"])
    except OSError as error:
        os.write(error_write, (error.strerror or str(error)).encode())
    os._exit(127)


def descendants() -> list[int]:
    """Every living process below us: as a subreaper we are an ancestor of all that is left."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", "rb") as stat:
                state, parent = stat.read().rpartition(b")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != b"Z":
            children.setdefault(int(parent), []).append(int(entry))
    found: list[int] = []
    waiting = [os.getpid()]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


class Keeper:
    """Waits for the command and for its owner, and leaves nothing behind."""

    def __init__(self, pid: int, grace_s: float) -> None:
        self.pid = pid
        self.grace_s = grace_s
        self.status: int | None = None
        self.cpu_ns = 0

    def reap(self) -> None:
        """Collect whatever has ended, without waiting."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.pid:
                self.status = os.waitstatus_to_exitcode(status)
                self.cpu_ns = round((usage.ru_utime + usage.ru_stime) * 1e9)

    def until_ended_or_asked(self, wakeup: int) -> None:
        """Returns when the command has ended, or when we are asked to end it."""
        while True:
            self.reap()
            if self.status is not None:
                return
            ready, _, _ = select.select([0, wakeup], [], [])
            if wakeup in ready:
                os.read(wakeup, 4096)
            if 0 in ready:
                return

    def terminate(self) -> bool:
        """SIGTERM and the grace. Returns whether the grace was not enough."""
        if self.status is not None:
            return False
        os.kill(self.pid, signal.SIGTERM)
        deadline = time.monotonic() + self.grace_s
        while self.status is None and time.monotonic() < deadline:
            time.sleep(0.01)
            self.reap()
        return self.status is None

    def sweep(self) -> int:
        """Kill whatever is still there. Returns how many processes that were."""
        # Children of a server that has just ended may be on their way out themselves.
        for _ in range(20):
            self.reap()
            if not descendants():
                return 0
            time.sleep(0.01)
        killed: set[int] = set()
        while left := descendants():
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                killed.add(pid)
            time.sleep(0.01)
            self.reap()
        return len(killed - {self.pid})


def main() -> None:
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):  # who wanted something kept has ended
        return
    what = json.loads(line)
    # The line above may have been buffered together with nothing else: the next comes on request.
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    wakeup, wakeup_write = os.pipe()
    os.set_blocking(wakeup_write, False)
    signal.set_wakeup_fd(wakeup_write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    spawned_ns = time.monotonic_ns()
    keeper = Keeper(spawn(what), what["grace_s"])
    report(pid=keeper.pid, spawned_ns=spawned_ns)
    keeper.until_ended_or_asked(wakeup)
    killed = keeper.terminate()
    orphans = keeper.sweep()
    report(status=keeper.status, cpu_ns=keeper.cpu_ns, killed=killed, orphans=orphans)


if __name__ == "__main__":
    main()
