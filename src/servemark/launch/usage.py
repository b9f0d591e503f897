"""What a process tree uses, and what the machine loses, read from the kernel."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from servemark.records import ServerUse, TreeUse

PROC = Path("/proc")
NS_PER_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_CPUCLOCK_SCHED = 2  # <linux/posix-timers.h>: the clock that counts scheduled time, in ns


def tree_below(ancestor: int) -> list[int]:
    """Every living process below ``ancestor``, itself left out."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields is not None and fields[0] != "Z":
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: list[int] = []
    waiting = [ancestor]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def tree_use(ancestor: int) -> TreeUse:
    """Resource use of everything below ``ancestor``, since each process was spawned.

    CPU time of living processes is exact to the nanosecond; that of descendants that have ended
    and were waited for comes in clock ticks.
    """
    cpu_ns = pss_bytes = processes = threads = voluntary = involuntary = 0
    for pid in tree_below(ancestor):
        fields = _stat(pid)
        if fields is None:
            continue
        try:
            cpu_ns += time.clock_gettime_ns(((~pid) << 3) | _CPUCLOCK_SCHED)
            pss_bytes += _pss_bytes(pid)
            switches = [_switches(task) for task in (PROC / str(pid) / "task").iterdir()]
        except (OSError, ValueError):
            continue  # it ended while it was looked at
        cpu_ns += (int(fields[13]) + int(fields[14])) * NS_PER_TICK
        processes += 1
        threads += len(switches)
        voluntary += sum(pair[0] for pair in switches)
        involuntary += sum(pair[1] for pair in switches)
    return TreeUse(
        cpu_ns=cpu_ns,
        pss_bytes=pss_bytes,
        processes=processes,
        threads=threads,
        voluntary_switches=voluntary,
        involuntary_switches=involuntary,
    )


def use_between(before: TreeUse, after: TreeUse) -> ServerUse:
    """What was used between two moments; memory is the larger of the two."""
    return ServerUse(
        cpu_ns=after.cpu_ns - before.cpu_ns,
        peak_pss_bytes=max(before.pss_bytes, after.pss_bytes),
        processes=after.processes,
        threads=after.threads,
        voluntary_switches=after.voluntary_switches - before.voluntary_switches,
        involuntary_switches=after.involuntary_switches - before.involuntary_switches,
    )


def machine_ticks() -> tuple[int, int]:
    """(stolen, all) clock ticks of the whole machine since it was booted."""
    fields = (PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]
    ticks = [int(field) for field in fields]  # user nice system idle iowait irq softirq steal
    return ticks[7], sum(ticks)


def _stat(pid: int) -> list[str] | None:
    """The fields of ``/proc/<pid>/stat`` behind the name: state, parent, …"""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _pss_bytes(pid: int) -> int:
    match = re.search(r"^Pss:\s+(\d+) kB", (PROC / str(pid) / "smaps_rollup").read_text(), re.M)
    return 0 if match is None else int(match[1]) * 1024


def _switches(task: Path) -> tuple[int, int]:
    found = re.findall(r"ctxt_switches:\s+(\d+)", (task / "status").read_text())
    return int(found[0]), int(found[1])
