"""What a load engine is: one call that loads an endpoint for a while and says what it saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from servemark.catalog import RequestParts
from servemark.catalog.manifests import Need
from servemark.records import Cell, Closed, Endpoint, LoadResult, Open, Placement
from servemark.samples import Samples, Schedule

TIMEOUT_S = 10.0
GRACE_S = 2.0


@dataclass(frozen=True, slots=True)
class Assignment:
    """What an engine is asked to do once."""

    endpoint: Endpoint
    cell: Cell
    requests: Sequence[RequestParts]
    """The corpus."""
    schedule: Schedule
    """Which request goes when. An engine that cannot follow a schedule sends them in turn."""
    duration_s: float
    cores: tuple[int, ...]
    scratch: Path
    """A folder for files that the engine needs meanwhile."""
    environment: Mapping[str, str]
    """Environment for programs that the engine starts."""
    timeout_s: float = TIMEOUT_S
    """A request that takes longer has timed out."""
    grace_s: float = GRACE_S
    """How long answers to requests that were sent before the end of the slice are awaited."""
    shares_core: bool = False
    """Whether the server has to do with the same cores, so that waiting must not use them."""
    start_at_ns: int | None = None
    """When the load is to begin, on this machine's monotonic clock: for several engines together.
    An engine that cannot wait for it begins at once."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of an assignment; ``samples`` where the engine keeps every request."""

    result: LoadResult
    samples: Samples | None = None
    started_ns: int | None = None
    """When the load began, on this machine's monotonic clock, where the engine tells."""
    placement: Placement | None = None
    """Of an engine whose load comes from other machines."""


class LoadEngine(Protocol):
    """Puts one cell's load on an endpoint."""

    name: str
    needs: Mapping[str, Need]
    """Programs that must be on the machine, as for a language."""

    def obstacle(self) -> str | None:
        """Why this engine cannot be used here and what to do about it, besides its ``needs``."""
        ...

    def can(self, load: Closed | Open) -> bool:
        """Whether it can put that kind of load on a server."""
        ...

    def run(self, assignment: Assignment) -> Loaded:
        """Load the endpoint for the assignment's duration.

        A request that fails is counted, not raised. Raises ``EngineError`` when the engine itself
        cannot do its work.
        """
        ...
