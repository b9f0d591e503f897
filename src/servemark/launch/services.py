"""Services of the user's own: started by their command, or found running."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from servemark.errors import LaunchError
from servemark.guard import Command, Exit, Guarded
from servemark.launch.addresses import accepts
from servemark.launch.listeners import listening_processes
from servemark.launch.server import HOST, free_port, wait_until_up
from servemark.launch.usage import tree_use, use_of
from servemark.records import Endpoint, Service, TreeUse


class Started:
    """A service that its command has started, with its whole process tree."""

    def __init__(
        self,
        service: Service,
        folder: Path,
        environment: Mapping[str, str],
        log: Path,
        cores: tuple[int, ...],
        endpoints: Sequence[Endpoint] = (),
    ) -> None:
        """``endpoints`` are those of the service's URL, of which it will listen at one; without
        them a free port is taken, and the command is told."""
        assert service.command is not None
        self._candidates = list(endpoints) or [Endpoint(host=HOST, port=free_port(HOST))]
        self.endpoint = self._candidates[0]
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        at = {"host": self.endpoint.host, "port": str(self.endpoint.port)}
        self._guarded = Guarded(
            Command(
                argv=[part.format(**at) for part in shlex.split(service.command)],
                folder=folder / service.folder,
                environment={**environment, **service.environment},
                log=log,
                cores=cores,
            )
        )

    @property
    def spawned_ns(self) -> int:
        """When its process was spawned, on the monotonic clock."""
        return self._guarded.spawned_ns

    @property
    def apart(self) -> tuple[int, ...]:
        """Its processes that are not below this one: none."""
        return ()

    def wait_ready(self, is_ready: Callable[[Endpoint], bool], timeout_s: float) -> int:
        """Returns the ns from spawn until ``is_ready``, which is asked again and again.

        Raises ``LaunchError`` when it ends before that, or takes longer.
        """

        def is_up() -> bool:
            up = next((each for each in self._candidates if is_ready(each)), None)
            self.endpoint = up or self.endpoint
            return up is not None

        return wait_until_up(self._guarded, is_up, timeout_s, f" at {self.endpoint.url}")

    def exited(self) -> Exit | None:
        """How it ended, or ``None`` while it runs."""
        return self._guarded.poll()

    def stop(self) -> None:
        """SIGTERM, SIGKILL after 5 s; nothing of its tree is left when this returns."""
        self._guarded.stop()

    def use(self) -> TreeUse:
        """What its whole process tree has used so far."""
        return tree_use(self._guarded.keeper_pid)

    def log_tail(self, lines: int = 12) -> str:
        """The last lines that it wrote to stdout and stderr."""
        return self._guarded.log_tail(lines)


class Attached:
    """A service that runs already: it is neither started nor stopped, nor put on other cores."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        """Raises ``LaunchError`` where none of the addresses accepts connections."""
        found = next((each for each in endpoints if accepts(each)), None)
        if found is None:
            raise LaunchError(f"nothing accepts connections at {endpoints[0].url}")
        self.endpoint = found
        self._processes = listening_processes(found)

    @property
    def apart(self) -> Sequence[int]:
        """Its processes as far as they are known."""
        return self._processes

    def exited(self) -> None:
        """It is not ours to know; connections that fail are counted."""

    def stop(self) -> None:
        """It goes on."""

    def use(self) -> TreeUse | None:
        """What its processes have used so far; ``None`` where they are not known."""
        self._processes = listening_processes(self.endpoint)
        return use_of(self._processes) if self._processes else None

    def log_tail(self) -> None:
        """Its log is not known."""
