"""The network between two machines, measured with plain TCP before any load: round trips, the
offset of the two clocks, and the bandwidth each way."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from servemark.errors import ClusterError
from servemark.records import Endpoint, Link

TIMEOUT_S = 25.0
"""A peer that is silent for longer is not reached: what a socket buffers takes 20 s at 1 Mbit/s."""
PINGS = 200
CLOCK_PINGS = 20
STREAM_S = 0.5
"""How long each direction is filled."""
CHUNK = bytes(256 * 1024)
PING, UP, DOWN = b"P", b"U", b"D"
CLOCK = struct.Struct("<q")
COUNT = struct.Struct("<qq")


class Reflector:
    """Listens on the server's machine and answers the measurements of generators.

    ``P`` is answered with its clock; after ``U`` it takes in all that comes and says how much in
    how long; after ``D`` it sends for ``STREAM_S``.
    """

    def __init__(self, host: str) -> None:
        self._server = _Reflecting((host, 0), _Answer)
        address = self._server.server_address
        self.endpoint = Endpoint(host=str(address[0]), port=int(address[1]))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class _Reflecting(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A generator that goes away in the middle is noticed where it is waited for."""


class _Answer(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        peer: socket.socket = self.request
        peer.settimeout(TIMEOUT_S)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while wish := peer.recv(1):
            if wish == PING:
                peer.sendall(CLOCK.pack(time.monotonic_ns()))
            elif wish == UP:
                peer.sendall(COUNT.pack(*_take_in(peer)))
                return
            else:
                _fill(peer)
                return


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """What to add to this machine's monotonic clock for that of the other, in ns."""

    offset_ns: int
    error_ns: int
    """It is at most this wrong, either way: half of the fastest round trip."""


def clock_offset(there: Endpoint) -> ClockOffset:
    """The offset, from the fastest of some round trips: the other clock was read somewhere within
    it (Cristian, "Probabilistic clock synchronization", Distributed Computing 3, 1989).

    Raises ``ClusterError`` where the other side is not reached.
    """
    taken = _pings(there, CLOCK_PINGS)
    sent_ns, clock_ns, got_ns = min(taken, key=lambda each: each[2] - each[0])
    half_ns = (got_ns - sent_ns) // 2
    return ClockOffset(clock_ns - sent_ns - half_ns, half_ns + 1)


def measure_link(generator: str, there: Endpoint) -> Link:
    """Round trips and bandwidth from here to a reflector. Raises ``ClusterError``."""
    taken = _pings(there, PINGS)
    trips = np.sort([got_ns - sent_ns for sent_ns, _, got_ns in taken])
    with _reached(there) as peer:
        peer.sendall(UP)
        _fill(peer)
        up_bytes, up_ns = COUNT.unpack(_exactly(peer, COUNT.size))
    with _reached(there) as peer:
        peer.sendall(DOWN)
        down_bytes, down_ns = _take_in(peer)
    return Link(
        generator=generator,
        round_trip_p50_ns=int(trips[len(trips) // 2]),
        round_trip_p99_ns=int(trips[int(0.99 * len(trips))]),
        to_server_bytes_per_s=up_bytes * 1e9 / max(up_ns, 1),
        from_server_bytes_per_s=down_bytes * 1e9 / max(down_ns, 1),
    )


def _pings(there: Endpoint, count: int) -> list[tuple[int, int, int]]:
    """(sent, the other clock, got) of each of ``count`` round trips, in ns."""
    found = []
    with _reached(there) as peer:
        for _ in range(count):
            sent_ns = time.monotonic_ns()
            peer.sendall(PING)
            (clock_ns,) = CLOCK.unpack(_exactly(peer, CLOCK.size))
            found.append((sent_ns, clock_ns, time.monotonic_ns()))
    return found


@contextlib.contextmanager
def _reached(there: Endpoint) -> Iterator[socket.socket]:
    try:
        with socket.create_connection((there.host, there.port), timeout=TIMEOUT_S) as peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield peer
    except OSError as error:
        raise ClusterError(
            f"The server's machine is not reached at {there.host}:{there.port} ({error}): let the "
            "nodes reach one another on all ports."
        ) from error


def _exactly(peer: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        more = peer.recv(count - len(got))
        if not more:
            raise ConnectionResetError("it closed the connection")
        got += more
    return got


def _fill(peer: socket.socket) -> None:
    """Send for ``STREAM_S``, and say that this is the end."""
    until_ns = time.monotonic_ns() + round(STREAM_S * 1e9)
    while time.monotonic_ns() < until_ns:
        peer.sendall(CHUNK)
    peer.shutdown(socket.SHUT_WR)


def _take_in(peer: socket.socket) -> tuple[int, int]:
    """Bytes that came after the first piece until the end, and the ns that they took."""
    buffer = bytearray(len(CHUNK))
    peer.recv_into(buffer)
    started_ns = ended_ns = time.monotonic_ns()
    total = 0
    while count := peer.recv_into(buffer):
        total += count
        ended_ns = time.monotonic_ns()
    return total, ended_ns - started_ns
