"""Starting a variant, waiting until it is ready, and stopping it with its whole tree."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import signal
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from servemark.catalog import Contestant, Model
from servemark.errors import LaunchError
from servemark.guard import Command, Exit, Guarded
from servemark.launch.usage import tree_use
from servemark.records import Endpoint, Stage, TreeUse, Variant
from servemark.units import NS_PER_S

HOST = "127.0.0.1"
READY_TIMEOUT_S = 90.0
POLL_S = 0.005
MAX_BODY_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class Launch:
    """Everything that is needed to start one variant."""

    contestant: Contestant
    variant: Variant
    environment_folder: Path
    model: Model
    log: Path
    base_environment: Mapping[str, str]
    """What a server may see of the user's environment: the search path and the like."""
    cores: tuple[int, ...] = ()
    stage: Stage = "full"
    changes: Mapping[str, str | None] = field(default_factory=dict)
    """Variables of the contract to be given another value, or to be left out (``None``)."""
    host: str = HOST
    """The address to listen on."""

    def command(self, endpoint: Endpoint) -> Command:
        """The command line, folder and environment of the contract for this variant."""
        server = self.contestant.server(self.variant.server)
        app = self.contestant.manifest.apps.get(server.interface or "", "")
        at = {"host": endpoint.host, "port": str(endpoint.port)}
        return self.command_of(server.command, endpoint, app=app, **at)

    def command_of(self, template: str, endpoint: Endpoint, **more: str) -> Command:
        """A command of the language's manifest, run as its servers are.

        ``more`` are the placeholders that only this kind of command has.
        """
        contestant, settings = self.contestant, self.variant.settings
        start = contestant.language.manifest.start
        values = {
            "env": str(self.environment_folder),
            "language": str(contestant.language.folder),
            "workers": str(settings.workers),
            "threads": str(settings.threads),
            "runtime": self.variant.runtime,
        }
        contract: dict[str, str | None] = {
            "HOST": endpoint.host,
            "PORT": str(endpoint.port),
            "WORKERS": str(settings.workers),
            "THREADS": str(settings.threads),
            "MODEL_DIR": str(self.model.export_folder),
            "TEST_IMAGE": str(self.model.test_image),
            "RUNTIME": self.variant.runtime,
            "STAGE": self.stage,
            "MAX_BODY_BYTES": str(MAX_BODY_BYTES),
            **self.changes,
        }
        own = {name: text.format(**values) for name, text in start.environment.items()}
        given = {name: value for name, value in contract.items() if value is not None}
        return Command(
            argv=[part.format(**values, **more) for part in shlex.split(template)],
            folder=contestant.folder / start.folder.format(**values),
            environment={**self.base_environment, **own, **given},
            log=self.log,
            cores=self.cores,
        )


class Server:
    """A started variant. Leaving the context stops it."""

    def __init__(self, launch: Launch, endpoint: Endpoint | None = None) -> None:
        self.endpoint = endpoint or Endpoint(host=launch.host, port=free_port(launch.host))
        self.launch = launch
        launch.log.parent.mkdir(parents=True, exist_ok=True)
        launch.log.unlink(missing_ok=True)
        self._guarded = Guarded(launch.command(self.endpoint))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def spawned_ns(self) -> int:
        """When its process was spawned, on the monotonic clock."""
        return self._guarded.spawned_ns

    @property
    def pid(self) -> int:
        """Process id of what was started first."""
        return self._guarded.pid

    def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> int:
        """Returns the ns from spawn to the first 200 of ``/healthz``.

        Raises ``LaunchError`` when the server ends before that, or takes longer than the timeout.
        """
        return wait_until_up(
            self._guarded, lambda: is_healthy(self.endpoint, timeout_s=0.25), timeout_s
        )

    @property
    def apart(self) -> tuple[int, ...]:
        """Its processes that are not below this one: none."""
        return ()

    def exited(self) -> Exit | None:
        """How it ended, or ``None`` while it runs."""
        return self._guarded.poll()

    def wait_exit(self, timeout_s: float) -> Exit | None:
        """Wait for it to end by itself."""
        return self._guarded.wait(timeout_s)

    def terminate(self) -> None:
        """SIGTERM to what was started first, without waiting; nothing where it has ended."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)

    def stop(self) -> Exit:
        """SIGTERM, SIGKILL after 5 s; nothing of its tree is left when this returns."""
        return self._guarded.stop()

    def use(self) -> TreeUse:
        """What its whole process tree has used so far."""
        return tree_use(self._guarded.keeper_pid)

    def log_tail(self, lines: int = 12) -> str:
        """The last lines that it wrote to stdout and stderr."""
        return self._guarded.log_tail(lines)


def wait_until_up(
    guarded: Guarded, is_up: Callable[[], bool], timeout_s: float, where: str = ""
) -> int:
    """Returns the ns from spawn until ``is_up``, which is asked again and again.

    Raises ``LaunchError`` when the command ends before that, or takes longer than the timeout.
    """
    deadline = guarded.spawned_ns + round(timeout_s * NS_PER_S)
    while time.monotonic_ns() < deadline:
        if is_up() and guarded.poll() is None:
            return time.monotonic_ns() - guarded.spawned_ns
        ended = guarded.poll()
        if ended is not None:
            raise LaunchError(f"it ended at its start {describe_exit(ended.status)}")
        time.sleep(POLL_S)
    raise LaunchError(f"it was not ready within {timeout_s:.0f} s{where}")


def is_healthy(endpoint: Endpoint, timeout_s: float) -> bool:
    """Whether ``/healthz`` answers as the contract says."""
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=timeout_s)
    try:
        connection.request("GET", "/healthz")
        response = connection.getresponse()
        body = response.read()
        return response.status == 200 and json.loads(body) == {"status": "ok"}
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


def free_port(host: str) -> int:
    """A TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def describe_exit(status: int) -> str:
    """An exit status in words, for the end of a sentence.

    >>> describe_exit(3), describe_exit(-9)
    ('with exit status 3', 'by signal 9 (Killed)')
    """
    if status >= 0:
        return f"with exit status {status}"
    return f"by signal {-status} ({signal.strsignal(-status)})"


def server_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The little of a user's environment that a server sees."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")
    return {name: environment[name] for name in kept if name in environment} or {"PATH": os.defpath}
