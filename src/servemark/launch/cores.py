"""Which cores the server gets and which the load engine gets."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from servemark.records import Cores

TOPOLOGY = Path("/sys/devices/system/cpu")
HIGHEST_PRIORITY = -20
"""The least niceness that Linux knows."""


def available_cores() -> list[int]:
    """The cores that this process may use, hardware threads of one physical core side by side."""
    return sorted(os.sched_getaffinity(0), key=lambda cpu: (*_place(cpu), cpu))


def split_cores(available: Collection[int], server: int, engine: int) -> Cores:
    """``server`` cores from the front and ``engine`` cores from the back, as far as they go.

    >>> split_cores([0, 1, 2, 3], server=2, engine=1)
    Cores(server=(0, 1), engine=(3,), warning=None)
    """
    cores = list(available)
    if len(cores) == 1:
        warning = "There is only one core: server and load engine share it, so results are weak."
        return Cores(server=tuple(cores), engine=tuple(cores), warning=warning)
    engine_count = max(1, min(engine, len(cores) - server))
    server_count = min(server, len(cores) - engine_count)
    short = server_count < server
    return Cores(
        server=tuple(cores[:server_count]),
        engine=tuple(cores[-engine_count:]),
        warning=f"The server should get {server} cores but gets {server_count}." if short else None,
    )


def service_cores(
    available: Collection[int], started: int, running: Iterable[int], engine: int
) -> Cores:
    """Cores for services of the user's own: ``started`` for those that a command starts, or those
    on which the processes ``running`` may run already; ``engine`` beside them.

    What runs already is not put elsewhere. Where nothing is known of it, it has no cores.
    """
    allowed = set().union(*(_affinity(pid) for pid in running)) & set(available)
    if not allowed:
        split = split_cores(available, max(started, 1), engine)
        return split if started else split.model_copy(update={"server": (), "warning": None})
    free = [core for core in available if core not in allowed]
    beside = tuple((free or list(available))[-engine:])
    warning = None
    if not free:
        warning = (
            f"The service may also run on the load engine's core {beside[0]}, so that results are "
            "weak: start it on others (taskset), or give its command in a target file."
        )
    return Cores(server=tuple(sorted(allowed)), engine=beside, warning=warning)


def _affinity(pid: int) -> set[int]:
    try:
        return os.sched_getaffinity(pid)
    except ProcessLookupError:
        return set()


@contextmanager
def pinned(cores: tuple[int, ...]) -> Iterator[None]:
    """servemark itself stays on these cores meanwhile."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def favoured() -> Iterator[bool]:
    """This process, and what it starts, go before other work meanwhile, where that may be: yields
    whether it may (root, or a limit on niceness that allows it)."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, HIGHEST_PRIORITY)
    except PermissionError:
        yield False
        return
    try:
        yield True
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """The calling thread, and what it starts, goes before everything that is not of real-time
    priority meanwhile, the kernel's own workers among it, where that may be (as for ``favoured``).

    Only for what sleeps now and then: what never does would keep those workers from their core.
    """
    before, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, before, parameter)


def _place(cpu: int) -> tuple[int, int]:
    """Package and physical core, or the cpu itself where the kernel does not say."""
    folder = TOPOLOGY / f"cpu{cpu}" / "topology"
    try:
        package = int((folder / "physical_package_id").read_text())
        return package, int((folder / "core_id").read_text())
    except (OSError, ValueError):
        return 0, cpu
