"""The truth server as a guarded process, its record, and the cost of the way there and back."""

from __future__ import annotations

import json
import socket
import struct
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from servemark.errors import LaunchError
from servemark.guard import Command, Guarded
from servemark.records import Endpoint
from servemark.units import NS_PER_MS, NS_PER_S

START_TIMEOUT_S = 10.0
STALL_NS = 1_000 * NS_PER_MS
"""Length of the stall: one second."""
LIGHT = "none"
"""The delay of the light server, which answers at once and keeps no record."""
SO_TIMESTAMPNS = 35
"""Of Linux, as asm-generic/socket.h has it; Python's ``socket`` does not name it."""
STAMP = struct.Struct("@ll")
"""A ``struct timespec``."""


@dataclass(frozen=True, slots=True)
class TruthRecord:
    """What the truth server wrote down, one entry a request in the order of sending.

    Times in ns on CLOCK_MONOTONIC; the arrays are empty for the light server.
    """

    arrival_ns: NDArray[np.int64]
    delay_ns: NDArray[np.int64]
    due_ns: NDArray[np.int64]
    sent_ns: NDArray[np.int64]
    answered: int
    ran_ns: int | None
    """CPU time of the server's thread, which never sleeps; ``None`` where the kernel does not tell,
    like ``waited_ns``."""
    waited_ns: int | None
    """How long that thread was ready to run while something else had its core."""

    def by_arrival(self) -> NDArray[np.intp]:
        """The order of arrival, by the kernel's stamps."""
        return np.argsort(self.arrival_ns, kind="stable")


class TruthServer(AbstractContextManager["TruthServer"]):
    """``servemark-truth``, started at once and ended with the context."""

    def __init__(
        self,
        delay: str,
        scratch: Path,
        core: int,
        environment: Mapping[str, str],
        stall_after_ns: int | None = None,
        seed: int = 0,
    ) -> None:
        self._said = scratch / "truth.json"
        self._record = None if delay == LIGHT else scratch / "truth.bin"
        self._said.unlink(missing_ok=True)
        argv = [sys.executable, "-m", "servemark_engine.truth", "--delay", delay]
        argv += ["--seed", str(seed), "--core", str(core), "--die-with-parent"]
        if self._record is not None:
            argv += ["--record", str(self._record), "--busy-poll"]
        if stall_after_ns is not None:
            argv += ["--stall-after", _ms(stall_after_ns), "--stall-for", _ms(STALL_NS)]
        self._process = Guarded(
            Command(
                argv=argv,
                folder=scratch,
                environment=environment,
                log=scratch / "truth.log",
                stdout=self._said,
            )
        )
        try:
            host, _, port = str(self._next_line(0)["address"]).rpartition(":")
        except BaseException:
            self._process.stop()
            raise
        self.endpoint = Endpoint(host=host, port=int(port))

    def __exit__(self, *_: object) -> None:
        self._process.stop()

    def finish(self) -> TruthRecord:
        """End it and read its record. Raises ``LaunchError`` where it did not end rightly."""
        ran_ns, waited_ns = _ran_and_waited_ns(self._process.pid)
        ended = self._process.stop()
        if ended.status != 0 or ended.killed:
            raise LaunchError(f"The truth server ended with {ended.status}: {self._tail()}.")
        answered = int(self._next_line(1)["answered"])
        if self._record is None:
            none = np.empty(0, dtype=np.int64)
            return TruthRecord(none, none, none, none, answered, ran_ns, waited_ns)
        arrival_ns, delay_ns, due_ns, sent_ns = read_record(self._record)
        return TruthRecord(arrival_ns, delay_ns, due_ns, sent_ns, answered, ran_ns, waited_ns)

    def _next_line(self, number: int) -> dict[str, Any]:
        """Line ``number`` of what it prints."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            text = self._said.read_text() if self._said.exists() else ""
            lines = text.splitlines(keepends=True)
            if len(lines) > number and lines[number].endswith("\n"):
                said: dict[str, Any] = json.loads(lines[number])
                return said
            if number == 0 and self._process.poll() is not None:
                break
            time.sleep(0.01)
        raise LaunchError(f"The truth server did not start: {self._tail()}.")

    def _tail(self) -> str:
        return self._process.log_tail(1) or "it wrote nothing"


def _ran_and_waited_ns(pid: int) -> tuple[int, int] | tuple[None, None]:
    """CPU time and waiting time of a process's first thread: the kernel's ``schedstat``. ``None``
    where the process has ended, or the kernel was built without it."""
    try:
        ran_ns, waited_ns, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    except OSError:
        return None, None
    return int(ran_ns), int(waited_ns)


def read_record(path: Path) -> tuple[NDArray[np.int64], ...]:
    """Arrival, delay, due and sent: four little-endian 64-bit integers for each request."""
    table = np.fromfile(path, dtype="<i8").astype(np.int64).reshape(-1, 4)
    return tuple(table[:, place].copy() for place in range(4))


@dataclass(frozen=True, slots=True)
class Way:
    """What the way there and back takes at least, in ns: what a client sees beyond the server's
    own time."""

    arrived_ns: int
    """Up to the answer's arrival, by the kernel's stamp."""
    read_ns: int
    """Up to when a client that was asleep until then has read it."""


def round_trips_ns(endpoint: Endpoint, count: int) -> NDArray[np.int64]:
    """How long each of ``count`` requests took a plain blocking client, one after another: until
    the answer arrived, and until it had been read, shape (count, 2).

    Nothing of the load engine takes part: this is what the kernel alone lets a client see.
    """
    request = f"GET / HTTP/1.1\r\nHost: {endpoint.host}:{endpoint.port}\r\n\r\n".encode()
    taken = np.empty((count, 2), dtype=np.int64)
    with socket.create_connection((endpoint.host, endpoint.port), timeout=10) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        room = socket.CMSG_SPACE(STAMP.size)
        for number in range(count):
            started_ns = time.monotonic_ns()
            client.sendall(request)
            # The server writes an answer in one piece.
            answer, stamps, _, _ = client.recvmsg(65536, room)
            now_ns, read_ns = time.time_ns(), time.monotonic_ns()
            seconds, rest_ns = STAMP.unpack(stamps[0][2]) if stamps else divmod(now_ns, NS_PER_S)
            waited_ns = now_ns - (seconds * NS_PER_S + rest_ns)
            taken[number] = read_ns - waited_ns - started_ns, read_ns - started_ns
            if not answer.startswith(b"HTTP/1.1 200"):
                raise LaunchError("The truth server answered a plain request with something else.")
    return taken


def shortest_way(taken_ns: NDArray[np.int64], record: TruthRecord) -> Way:
    """The least of client's time − server's time (sent − arrival), request by request."""
    order = record.by_arrival()
    server_ns = (record.sent_ns - record.arrival_ns)[order]
    arrived_ns, read_ns = np.min(taken_ns - server_ns[:, None], axis=0)
    return Way(int(arrived_ns), int(read_ns))


def _ms(duration_ns: int) -> str:
    return f"{duration_ns // NS_PER_MS}ms"
