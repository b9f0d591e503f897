"""The battery of bad inputs on a variant, from its start to its stop."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servemark.errors import LaunchError, UsageError
from servemark.launch import Server
from servemark.records import BadInput, Battery, BatteryResult, Variant
from servemark.run.verification import make_subject, pick_images
from servemark.run.workbench import Workbench, log_name
from servemark.verify import CASES, Scene, put, put_many

PICTURES = 8
SPARE_FILES = 256
"""Open files beside the connections: what a server has of its own, and other clients."""


def put_to_battery(
    bench: Workbench, variant: Variant, battery: Battery, logs: Path
) -> BatteryResult:
    """Every bad input in turn. A server that does not live on is started anew for the next."""
    cases: list[BadInput] = []
    growth = failure = None
    with _room_for(battery.idle_connections), _Runs(bench, variant, battery, logs) as runs:
        try:
            for case in CASES:
                cases.append(put(runs.scene(), case))
                runs.renew_unless(cases[-1].alive)
            found, growth = put_many(runs.scene())
            cases.append(found)
            runs.renew_unless(found.alive)
        except LaunchError as error:
            failure = str(error)
            runs.renew_unless(False)
    limits = bench.contestants[variant.contestant].server(variant.server).limits
    return BatteryResult(
        variant=variant,
        cases=tuple(case.model_copy(update={"limit": limits.get(case.name)}) for case in cases),
        growth=growth,
        failure=failure,
        log_tail=runs.log_tail,
    )


class _Runs:
    """The server that is running, until it has to be another one."""

    def __init__(self, bench: Workbench, variant: Variant, battery: Battery, logs: Path) -> None:
        self._bench = bench
        self._variant = variant
        self._battery = battery
        self._log = logs / f"{log_name(variant)}-battery.log"
        self._server: Server | None = None
        self.log_tail: str | None = None
        """The end of the log of the server that died last."""

    def __enter__(self) -> _Runs:
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.stop()

    def scene(self) -> Scene:
        """The running server, started if there is none. Raises ``LaunchError``."""
        if self._server is None:
            self._server = Server(self._bench.launch(self._variant, self._log))
            self._server.wait_ready()
        server = self._server
        images = pick_images(self._bench.model_of(self._variant).golden.images, PICTURES)
        return Scene(
            subject=make_subject(self._bench, server, images),
            battery=self._battery,
            processes=lambda: frozenset(server.use().cpu_ns_by_process),
            memory_bytes=lambda: server.use().pss_bytes,
        )

    def renew_unless(self, alive: bool) -> None:
        """Stop a server that does not live on; ``scene`` starts the next."""
        if not alive and self._server is not None:
            self.log_tail = self._server.log_tail()
            self._server.stop()
            self._server = None


@contextmanager
def _room_for(connections: int) -> Iterator[None]:
    """So many connections may be open here, and in the servers that are started meanwhile.

    Raises ``UsageError`` where this user may not have so many.
    """
    least = connections + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < least:
        raise UsageError(
            f"The battery holds {connections:,} idle connections, and you may have {hard:,} files "
            f"open: raise that (ulimit -Hn {least}), or lower 'idle_connections' on the board."
        )
    wanted = soft if soft == resource.RLIM_INFINITY else max(soft, least)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
