"""A load engine whose load comes from generators on other machines."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from typing import Protocol

from servemark.catalog import RequestParts
from servemark.catalog.manifests import Need
from servemark.cluster.generator import Part, Seen
from servemark.engines import Assignment, Loaded
from servemark.errors import ClusterError, GeneratorLostError
from servemark.plan.split import Share, split
from servemark.records import (
    Closed,
    Endpoint,
    GeneratorUse,
    Link,
    LoadResult,
    Open,
    Placement,
)
from servemark.stats.merge import merge_results, merge_samples
from servemark.units import NS_PER_S, seconds_to_ns

LEAD_NS = seconds_to_ns(0.2)
"""From giving out the parts to the common start, on a near network …"""
LEAD_ROUND_TRIPS = 60
"""… and so many round trips more: clocks are held against each other and connections opened."""
LEAD_EACH_NS = seconds_to_ns(0.002)
"""… and so long for each generator: its part is sent after those of the others."""
LEAD_CONNECTION_NS = seconds_to_ns(0.0003)
LEAD_CONNECTIONS_NS = seconds_to_ns(1)
"""… and so long for each connection of the one that has most, and for all of them at most: the
engine opens them one after another (``engine/core/src/crew.rs``)."""
MEASURE_TIMEOUT_S = 60.0
MARGIN_S = 15.0
"""What a generator may take beyond the slice and its last answer: 5 s for connecting, the rest for
the way back of its samples."""


class Hand(Protocol):
    """A generator as the machine of the server sees it. Futures raise ``GeneratorLostError``."""

    name: str
    is_near: bool
    """Whether it is on the server's own machine."""

    def measure(self, reflector: Endpoint) -> Future[Link]:
        """The way between the two machines."""
        ...

    def load(self, part: Part, requests: Sequence[RequestParts]) -> Future[Seen]:
        """Carry out a part."""
        ...

    def end(self) -> None:
        """Let it go."""
        ...


def lead_of(shares: Sequence[Share], way_ns: int) -> int:
    """How long before the common start the shares are given out, in ns; ``way_ns`` is the longest
    round trip to a generator."""
    most = max(share.cell.load.connections for share in shares)
    connecting_ns = min(LEAD_CONNECTION_NS * most, LEAD_CONNECTIONS_NS)
    return LEAD_NS + LEAD_ROUND_TRIPS * way_ns + LEAD_EACH_NS * len(shares) + connecting_ns


class SpreadEngine:
    """Splits each slice over generators and puts together what they saw."""

    name = "native"
    needs: Mapping[str, Need] = {}

    def __init__(
        self,
        server: str,
        reflector: Endpoint,
        hands: Sequence[Hand],
        replace: Callable[[Sequence[Hand]], Sequence[Hand]],
    ) -> None:
        """``server`` names the machine; ``replace`` makes new hands for those that were lost, as
        far as there are any, from those that are left."""
        self._server = server
        self._reflector = reflector
        self._hands = list(hands)
        self._replace = replace
        self._wanted = len(hands)
        self._links: dict[str, Link] = {}

    def obstacle(self) -> str | None:
        return None

    def can(self, load: Closed | Open) -> bool:
        return isinstance(load, Closed | Open)

    def links(self) -> tuple[Link, ...]:
        """The ways to the generators on other machines, each measured once and alone."""
        for hand in list(self._hands):
            if hand.is_near or hand.name in self._links:
                continue
            try:
                link = hand.measure(self._reflector).result(timeout=MEASURE_TIMEOUT_S)
            except (TimeoutError, ClusterError) as error:
                raise self._lost(hand, "while the network was measured", error) from error
            self._links[hand.name] = link
        return tuple(self._links[hand.name] for hand in self._hands if hand.name in self._links)

    def run(self, assignment: Assignment) -> Loaded:
        """Raises ``GeneratorLostError`` where one did not see it through, ``ClusterError`` where
        none is left."""
        self._fill_up()
        links = self.links()
        cell, schedule = assignment.cell, assignment.schedule
        times = b"" if schedule.intended_ns is None else schedule.intended_ns.tobytes()
        shares = split(cell, schedule, len(self._hands), zlib.crc32(times))
        way_ns = max((link.round_trip_p50_ns for link in links), default=0)
        lead_ns = lead_of(shares, way_ns)
        start_ns = time.monotonic_ns() + lead_ns
        under_way = [
            (hand, hand.load(self._part(assignment, share, start_ns), assignment.requests))
            for hand, share in zip(self._hands, shares, strict=False)
        ]
        timeout_s = assignment.duration_s + assignment.timeout_s + lead_ns / NS_PER_S + MARGIN_S
        seen = self._awaited(under_way, timeout_s)
        return self._together(seen, links)

    def end(self) -> None:
        """Let the generators go."""
        for hand in self._hands:
            hand.end()

    def _part(self, assignment: Assignment, share: Share, start_ns: int) -> Part:
        return Part(
            endpoint=assignment.endpoint,
            share=share,
            duration_s=assignment.duration_s,
            reflector=self._reflector,
            start_ns=start_ns,
            shares_core=assignment.shares_core,
            timeout_s=assignment.timeout_s,
            grace_s=assignment.grace_s,
        )

    def _fill_up(self) -> None:
        reason = "there is no other"
        if len(self._hands) < self._wanted:
            try:
                self._hands += self._replace(self._hands)
            except ClusterError as error:
                reason = str(error)
        if not self._hands:
            raise ClusterError(f"No load generator is left for {self._server}: {reason}")

    def _awaited(
        self, under_way: Sequence[tuple[Hand, Future[Seen]]], timeout_s: float
    ) -> dict[str, Seen]:
        """What each saw. One that is lost does not keep the others from ending first."""
        wait([future for _, future in under_way], timeout=timeout_s)
        seen: dict[str, Seen] = {}
        lost: GeneratorLostError | None = None
        for hand, future in under_way:
            try:
                seen[hand.name] = future.result(timeout=0)
            except (TimeoutError, ClusterError) as error:
                lost = self._lost(hand, "in the middle of the slice", error)
        if lost is not None:
            raise lost
        return seen

    def _lost(self, hand: Hand, when: str, error: Exception) -> GeneratorLostError:
        self._hands.remove(hand)
        self._links.pop(hand.name, None)
        hand.end()
        why = "it did not answer in time" if isinstance(error, TimeoutError) else str(error)
        return GeneratorLostError(f"the generator {hand.name} was lost {when}: {why.rstrip('.')}")

    def _together(self, seen: Mapping[str, Seen], links: Sequence[Link]) -> Loaded:
        first_ns = min(each.started_ns for each in seen.values())
        samples = [each.loaded.samples for each in seen.values() if each.loaded.samples is not None]
        uses = tuple(
            _use(name, each.loaded.result, each.started_ns - first_ns)
            for name, each in seen.items()
        )
        return Loaded(
            result=merge_results([each.loaded.result for each in seen.values()]),
            samples=merge_samples(samples) if len(samples) == len(seen) else None,
            started_ns=first_ns,
            placement=Placement(
                server=self._server,
                generators=uses,
                links=tuple(link for link in links if link.generator in seen),
            ),
        )


def _use(name: str, result: LoadResult, offset_ns: int) -> GeneratorUse:
    work = result.work
    if work is None:
        busy, sent_bytes = result.engine_cpu_ns / result.loaded_ns, 0
    else:
        spent_ns = work.busy_ns + (work.waited_ns or 0)
        busy, sent_bytes = spent_ns / (result.loaded_ns * work.threads), work.sent_bytes
    return GeneratorUse(
        generator=name,
        requests=result.counts.ok + result.counts.errors,
        sent_bytes=sent_bytes,
        read_bytes=result.bytes_read,
        busy_share=round(busy, 4),
        start_offset_ns=offset_ns,
    )
