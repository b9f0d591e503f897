"""What a process tree uses, and what the machine loses, read from the kernel."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from servemark.records import Bystander, Circumstances, ServerUse, TreeUse

PROC = Path("/proc")
NS_PER_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
BUSY_SHARE = 0.05
"""Of the tree's CPU time: a process that used more of it takes part in serving."""
BYSTANDERS = 3
"""How many of the busiest processes beside the trial are kept."""
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
    """Resource use of everything below ``ancestor``, since each process was spawned."""
    return use_of(tree_below(ancestor))


def use_of(pids: Iterable[int]) -> TreeUse:
    """Resource use of those processes, since each was spawned.

    CPU time of living processes is exact to the nanosecond; that of descendants that have ended
    and were waited for comes in clock ticks.
    """
    pss_bytes = processes = threads = voluntary = involuntary = 0
    cpu_ns: dict[int, int] = {}
    for pid in pids:
        fields = _stat(pid)
        if fields is None:
            continue
        try:
            used_ns = time.clock_gettime_ns(((~pid) << 3) | _CPUCLOCK_SCHED)
            pss_bytes += _pss_bytes(pid)
            threads_of_it = [_switches(task) for task in (PROC / str(pid) / "task").iterdir()]
        except (OSError, ValueError):
            continue  # it ended while it was looked at
        switches = [each for each in threads_of_it if each is not None]
        cpu_ns[pid] = used_ns + (int(fields[13]) + int(fields[14])) * NS_PER_TICK
        processes += 1
        threads += len(switches)
        voluntary += sum(pair[0] for pair in switches)
        involuntary += sum(pair[1] for pair in switches)
    return TreeUse(
        cpu_ns=sum(cpu_ns.values()),
        cpu_ns_by_process=cpu_ns,
        pss_bytes=pss_bytes,
        processes=processes,
        threads=threads,
        voluntary_switches=voluntary,
        involuntary_switches=involuntary,
    )


def use_between(before: TreeUse, after: TreeUse) -> ServerUse:
    """What was used between two moments; memory is the larger of the two."""
    used_ns = after.cpu_ns - before.cpu_ns
    by_process = [
        cpu_ns - before.cpu_ns_by_process.get(pid, 0)
        for pid, cpu_ns in after.cpu_ns_by_process.items()
    ]
    return ServerUse(
        cpu_ns=used_ns,
        peak_pss_bytes=max(before.pss_bytes, after.pss_bytes),
        processes=after.processes,
        threads=after.threads,
        voluntary_switches=after.voluntary_switches - before.voluntary_switches,
        involuntary_switches=after.involuntary_switches - before.involuntary_switches,
        busy_processes=sum(each > BUSY_SHARE * used_ns for each in by_process),
    )


@dataclass(frozen=True, slots=True)
class Moment:
    """The machine at one moment: its clock ticks, and those of each process beside the trial."""

    at_ns: int
    asleep_ns: int
    stolen_ticks: int
    all_ticks: int
    others: Mapping[tuple[int, str], tuple[str, int]]
    """Name and ticks by process id and start time: an id alone may be given again."""


def this_moment(apart: Collection[int] = ()) -> Moment:
    """The machine now. This process and all below it belong to the trial, and those ``apart``."""
    own = {os.getpid(), *tree_below(os.getpid()), *apart}
    others = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and int(entry.name) not in own:
            found = _process(int(entry.name))
            if found is not None:
                name, fields = found
                others[int(entry.name), fields[19]] = (name, int(fields[11]) + int(fields[12]))
    stolen, ticks = machine_ticks()
    asleep_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
    return Moment(time.monotonic_ns(), asleep_ns, stolen, ticks, others)


def circumstances(before: Moment, after: Moment) -> Circumstances:
    """What the machine did between two moments beside the trial.

    A process that came and went between them is not seen.
    """
    ticks = after.all_ticks - before.all_ticks
    elapsed_ns = max(after.at_ns - before.at_ns, 1)
    shares = []
    for key, (name, used) in after.others.items():
        spent = used - before.others.get(key, ("", 0))[1]
        shares.append(Bystander(name=name, share=spent * NS_PER_TICK / elapsed_ns))
    busiest = sorted(shares, key=lambda each: each.share, reverse=True)[:BYSTANDERS]
    return Circumstances(
        steal_share=(after.stolen_ticks - before.stolen_ticks) / ticks if ticks else None,
        bystanders=tuple(each for each in busiest if each.share > 0),
        asleep_ns=max(after.asleep_ns - before.asleep_ns, 0),
    )


def machine_ticks() -> tuple[int, int]:
    """(stolen, all) clock ticks of the whole machine since it was booted."""
    fields = (PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]
    ticks = [int(field) for field in fields]  # user nice system idle iowait irq softirq steal
    return ticks[7], sum(ticks)


def stolen_ns(cores: Collection[int]) -> int:
    """What the hypervisor has taken of these cores since the machine was booted, in clock ticks."""
    names = {f"cpu{core}" for core in cores}
    lines = [line.split() for line in (PROC / "stat").read_text().splitlines()]
    return sum(int(line[8]) for line in lines if line[0] in names) * NS_PER_TICK


def _stat(pid: int) -> list[str] | None:
    """The fields of ``/proc/<pid>/stat`` behind the name: state, parent, …"""
    found = _process(pid)
    return None if found is None else found[1]


def _process(pid: int) -> tuple[str, list[str]] | None:
    """Name and fields of a process, ``None`` where it has ended."""
    try:
        before, _, after = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return before.partition("(")[2], after.split()


def _pss_bytes(pid: int) -> int:
    match = re.search(r"^Pss:\s+(\d+) kB", (PROC / str(pid) / "smaps_rollup").read_text(), re.M)
    return 0 if match is None else int(match[1]) * 1024


def _switches(task: Path) -> tuple[int, int] | None:
    """Voluntary and involuntary ones of a thread, ``None`` where that has ended."""
    try:
        found = re.findall(r"ctxt_switches:\s+(\d+)", (task / "status").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(found[0]), int(found[1])
