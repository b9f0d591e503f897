"""Serving the dashboard: out of the way of what is measured."""

from __future__ import annotations

import os
import socket
import threading
import webbrowser
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress

import uvicorn

from servemark.errors import UsageError
from servemark.launch import available_cores, split_cores
from servemark.records import Cores
from servemark.ui.application import make_application
from servemark.ui.checkout import Checkout
from servemark.ui.guard import access_for
from servemark.ui.kitchen import Kitchen
from servemark.ui.runs import Runs

LOWEST_PRIORITY = 19
STOP_TIMEOUT_S = 3


def serve(
    checkout: Checkout, host: str, port: int, open_browser: bool, say: Callable[[str], None]
) -> None:
    """Serve until Ctrl-C. Runs that were started go on; servers of the playground end.

    ``say`` is given the address. Raises ``UsageError`` where it cannot be listened on.
    """
    access = access_for(host, [socket.gethostname(), socket.getfqdn()])
    listener = _listen(host, port)
    cores = available_cores()
    with _starter() as starter:
        _stand_back(cores)
        runs = Runs(checkout, starter)
        kitchen = Kitchen(checkout, split_cores(cores, 1, 1), starter, runs.going_on)
        application = make_application(checkout, runs, kitchen, access)
        address = address_of(host, listener.getsockname()[1], access.token)
        say(address)
        if open_browser:
            threading.Timer(0.5, webbrowser.open, [address]).start()
        with suppress(KeyboardInterrupt):  # it is how a dashboard ends
            uvicorn.Server(
                uvicorn.Config(
                    application,
                    log_level="warning",
                    access_log=False,
                    server_header=False,
                    proxy_headers=False,
                    timeout_graceful_shutdown=STOP_TIMEOUT_S,
                )
            ).run([listener])


def address_of(host: str, port: int, token: str | None) -> str:
    """What is to be opened in a browser.

    >>> address_of("::1", 80, None), address_of("0.0.0.0", 80, "x")
    ('http://[::1]:80/', 'http://0.0.0.0:80/?token=x')
    """
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")


def own_core(cores: Sequence[int], split: Cores) -> tuple[int, ...]:
    """The core for the dashboard: one that no run uses, or else the load engine's, whose work does
    not wait for it at the lowest priority.

    >>> own_core([0, 1, 2, 3], Cores(server=(0,), engine=(3,)))
    (2,)
    >>> own_core([0, 1], Cores(server=(0,), engine=(1,)))
    (1,)
    """
    free = [core for core in cores if core not in (*split.server, *split.engine)]
    return (free[-1],) if free else split.engine


def _starter() -> Executor:
    """A thread that starts programs: it has the cores and the priority that this process had before
    it stood back, and so have they. Linux keeps both for each thread."""
    starter = ThreadPoolExecutor(1, "starter")
    starter.submit(int).result()
    return starter


def _stand_back(cores: Sequence[int]) -> None:
    """From here on, this thread and all that it begins are no burden on what is measured."""
    os.sched_setaffinity(0, own_core(cores, split_cores(cores, 1, 1)))
    os.setpriority(os.PRIO_PROCESS, 0, LOWEST_PRIORITY)


def _listen(host: str, port: int) -> socket.socket:
    try:
        kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=kind)
    except OSError as error:
        raise UsageError(
            f"The dashboard cannot listen on {host}:{port} ({error.strerror or error}): "
            "give another --port or --host."
        ) from error
