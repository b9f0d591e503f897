"""A load generator: takes its share of a slice, starts when all start, and says what it saw."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from servemark.catalog import RequestParts
from servemark.cluster.link import clock_offset, measure_link
from servemark.engines import ENGINES, GRACE_S, TIMEOUT_S, Assignment, Loaded
from servemark.launch import available_cores
from servemark.plan.split import Share
from servemark.records import Endpoint, Link


@dataclass(frozen=True, slots=True)
class Part:
    """One generator's part of a slice."""

    endpoint: Endpoint
    share: Share
    duration_s: float
    reflector: Endpoint
    """Where the clock of the server's machine is told."""
    start_ns: int
    """When all begin, by that clock."""
    shares_core: bool = False
    timeout_s: float = TIMEOUT_S
    grace_s: float = GRACE_S


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a part."""

    loaded: Loaded
    started_ns: int
    """When it began, by the clock of the server's machine."""


class Generator:
    """Lives in a process of its own on the generator's machine."""

    def __init__(
        self, name: str, engine: str, number: int, threads: int, cores: tuple[int, ...] | None
    ) -> None:
        """``number`` counts the generators of this machine; without ``cores`` each takes as many as
        it has threads, from the back."""
        self._name = name
        self._engine = ENGINES[engine]()
        self._cores = own_cores(available_cores(), number, threads) if cores is None else cores
        self._scratch = tempfile.TemporaryDirectory(prefix="servemark-")

    def obstacle(self) -> str | None:
        """Why its engine cannot run on this machine, or ``None``."""
        return self._engine.obstacle()

    def measure(self, reflector: Endpoint) -> Link:
        """The way to the server's machine. Raises ``ClusterError``."""
        return measure_link(self._name, reflector)

    def load(self, part: Part, requests: Sequence[RequestParts]) -> Seen:
        """Carry out a part. Raises ``ClusterError`` and ``EngineError``."""
        offset_ns = clock_offset(part.reflector).offset_ns
        loaded = self._engine.run(
            Assignment(
                endpoint=part.endpoint,
                cell=part.share.cell,
                requests=requests,
                schedule=part.share.schedule,
                duration_s=part.duration_s,
                cores=self._cores,
                scratch=Path(self._scratch.name),
                environment={},
                timeout_s=part.timeout_s,
                grace_s=part.grace_s,
                shares_core=part.shares_core,
                start_at_ns=part.start_ns - offset_ns,
            )
        )
        started_ns = part.start_ns if loaded.started_ns is None else loaded.started_ns + offset_ns
        return Seen(replace(loaded, started_ns=None), started_ns)


def own_cores(available: Sequence[int], number: int, threads: int) -> tuple[int, ...]:
    """The cores of the ``number``-th generator of a machine; round again where they run out.

    >>> own_cores([0, 1, 2, 3], 0, 1), own_cores([0, 1, 2, 3], 1, 2), own_cores([0, 1], 2, 1)
    ((3,), (0, 1), (1,))
    """
    places = range(number * threads, number * threads + min(threads, len(available)))
    return tuple(sorted(available[-1 - place % len(available)] for place in places))
