"""python -m predictor.hosts.waitress APP: Waitress, whose own command drops requests when it stops.

It listens on the socket that `python -m predictor.processes --socket` passes on.
"""

import signal
import socket
import sys
import time
from functools import partial
from typing import Any

from waitress import wasyncore
from waitress.server import create_server

from ..processes import SOCKET
from . import import_app

GRACE_S = 4.0


def main(app: str) -> None:
    sockets: dict[int, Any] = {}
    server = create_server(
        import_app(app),
        map=sockets,
        sockets=[socket.socket(fileno=SOCKET)],
        threads=8,  # as gunicorn's; a slow sender occupies none of them
        channel_timeout=75,  # seconds without a request
        connection_limit=4096,
        asyncore_use_poll=True,  # select knows no file descriptor above 1023
    )
    step = partial(wasyncore.loop, timeout=1.0, use_poll=True, map=sockets, count=1)
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True
        server.pull_trigger()  # ends the wait for a socket

    signal.signal(signal.SIGTERM, stop)
    while not stopping:
        step()
    server.del_channel()
    server.socket.close()
    deadline = time.monotonic() + GRACE_S
    while any(map(is_busy, server.active_channels.values())) and time.monotonic() < deadline:
        step(timeout=0.05)
    server.task_dispatcher.shutdown()


def is_busy(channel: Any) -> bool:
    """Whether a request is being received, worked on or answered."""
    return bool(channel.request or channel.requests or channel.total_outbufs_len)


if __name__ == "__main__":
    main(sys.argv[1])
