"""A wire between network namespaces that delays and loses frames, as netem would.

    python -m tests.cluster.wire --host PID --inside eth0 --outside NAME --delay-ms 20 --loss 0.01

Makes a TAP device on either side, says so in a line, carries frames from one to the other until its
stdin is closed, and then prints how many it carried and lost."""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import heapq
import json
import os
import random
import selectors
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
MOST_BYTES = 65_536


@contextmanager
def network_of(pid: int) -> Iterator[None]:
    """This thread in the network namespace of another process, for as long as it lasts."""
    libc = ctypes.CDLL(None, use_errno=True)
    spaces = [Path(f"/proc/{process}/ns/net") for process in ("self", pid)]
    with spaces[0].open("rb") as ours, spaces[1].open("rb") as theirs:
        if libc.setns(theirs.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            libc.setns(ours.fileno(), CLONE_NEWNET)


def tap(name: str) -> int:
    """A new TAP device of that name; returns the file descriptor of its frames."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return descriptor


def carry(inside: int, outside: int, delay_ns: int, loss: float) -> dict[str, int]:
    """Until stdin is closed: each frame goes to the other side after the delay, or is lost."""
    draw = random.Random(1)
    numbers = count()
    waiting: list[tuple[int, int, int, bytes]] = []
    counts = {"carried": 0, "lost": 0}
    other = {inside: outside, outside: inside}
    with selectors.DefaultSelector() as selector:
        for descriptor in (*other, sys.stdin.fileno()):
            selector.register(descriptor, selectors.EVENT_READ)
        while True:
            left_ns = waiting[0][0] - time.monotonic_ns() if waiting else None
            for key, _ in selector.select(None if left_ns is None else max(left_ns, 0) / 1e9):
                if key.fd not in other:
                    return counts
                frame = os.read(key.fd, MOST_BYTES)
                if draw.random() < loss:
                    counts["lost"] += 1
                else:
                    due_ns = time.monotonic_ns() + delay_ns
                    heapq.heappush(waiting, (due_ns, next(numbers), other[key.fd], frame))
            while waiting and waiting[0][0] <= time.monotonic_ns():
                *_, descriptor, frame = heapq.heappop(waiting)
                try:
                    os.write(descriptor, frame)
                except OSError:  # the device is down, or has no room: the frame is lost
                    counts["lost"] += 1
                else:
                    counts["carried"] += 1


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", type=int, required=True)
    parser.add_argument("--inside", required=True)
    parser.add_argument("--outside", required=True)
    parser.add_argument("--delay-ms", type=float, required=True)
    parser.add_argument("--loss", type=float, required=True)
    given = parser.parse_args()
    outside = tap(given.outside)
    with network_of(given.host):
        inside = tap(given.inside)
    print("ready", flush=True)
    print(json.dumps(carry(inside, outside, round(given.delay_ms * 1e6), given.loss)))


if __name__ == "__main__":
    main()
