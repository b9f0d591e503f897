"""What is known of a trial on more than one machine: where it ran, and the network between."""

from __future__ import annotations

from typing import Literal

from pydantic import NonNegativeInt

from servemark.records.base import PositiveFloat, PositiveInt, Record
from servemark.records.run import Machine


class Link(Record):
    """The way between a generator and the server's machine, measured before the load."""

    generator: str
    round_trip_p50_ns: PositiveInt
    """Of a small message there and back over TCP, without the connecting."""
    round_trip_p99_ns: PositiveInt
    to_server_bytes_per_s: PositiveFloat
    """Bandwidth of one TCP stream."""
    from_server_bytes_per_s: PositiveFloat


class GeneratorUse(Record):
    """What one generator did in a slice."""

    generator: str
    requests: NonNegativeInt
    sent_bytes: NonNegativeInt
    read_bytes: NonNegativeInt
    busy_share: float
    """Of the slice, for each of its threads: work and waiting for a core."""
    start_offset_ns: int
    """Its start minus that of the first to start, by the server machine's clock."""


class Placement(Record):
    """Where a trial ran."""

    server: str
    """Name of the node of the contestant."""
    generators: tuple[GeneratorUse, ...] = ()
    links: tuple[Link, ...] = ()
    """One for each generator on another machine than the server."""
    piece: NonNegativeInt = 0
    """How often its block had gone on on another node, because one was lost."""

    @property
    def start_spread_ns(self) -> int:
        """How far apart the first and the last generator started."""
        return max((each.start_offset_ns for each in self.generators), default=0)


class NodeEvent(Record):
    """One line of ``nodes.jsonl``: what became of a server's node in a run."""

    at_utc: str
    node: str
    what: Literal["joined", "left out", "lost"]
    reason: str | None = None
    machine: Machine | None = None
    generators: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
