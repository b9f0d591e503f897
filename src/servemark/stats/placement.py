"""Verdicts on a trial whose load came from other machines: the network and the generators."""

from __future__ import annotations

from servemark.records import Fault, Gate, Link, LoadResult, Placement
from servemark.units import format_ns

MOST_START_SPREAD_NS = 10_000_000
"""Between the starts of the generators of one trial."""
MOST_NETWORK_SHARE = 0.70
"""Of a link's bandwidth: with more, it may be the link that was measured."""
MOST_ROUND_TRIP_SHARE = 0.50
"""Of the median service time: with more, it is mostly the way that was measured."""
MOST_BUSY_SHARE = 0.70
"""Of any one generator's time, as of a single engine's."""


def placement_faults(placement: Placement, load: LoadResult) -> list[Fault | None]:
    """What the network, a generator or the common start spoil."""
    return [
        _together(placement),
        _headroom(placement),
        _bandwidth(placement, load),
        _round_trip(placement, load),
    ]


def _together(placement: Placement) -> Fault | None:
    if placement.start_spread_ns <= MOST_START_SPREAD_NS:
        return None
    return Fault(
        gate=Gate.GENERATORS,
        reason=f"the generators started {format_ns(placement.start_spread_ns)} apart",
        remedy="generators that are less busy and nearer to one another, or fewer of them",
    )


def _headroom(placement: Placement) -> Fault | None:
    """A mean over generators would hide the one that cannot keep up."""
    busiest = max(placement.generators, key=lambda each: each.busy_share, default=None)
    if busiest is None or busiest.busy_share < MOST_BUSY_SHARE:
        return None
    return Fault(
        gate=Gate.ENGINE_HEADROOM,
        reason=f"the generator {busiest.generator} was busy {busiest.busy_share:.0%} of the time",
        remedy="more generators: --generators, or more engine_threads in the board",
    )


def _bandwidth(placement: Placement, load: LoadResult) -> Fault | None:
    """Each generator's bytes against its own link; the fullest one is named."""
    seconds = load.duration_ns / 1e9
    used = {each.generator: each for each in placement.generators}
    fullest: tuple[float, Link, str] | None = None
    for link in placement.links:
        use = used.get(link.generator)
        if use is None:
            continue
        there = use.sent_bytes / seconds / link.to_server_bytes_per_s
        back = use.read_bytes / seconds / link.from_server_bytes_per_s
        share, way = max((there, "to"), (back, "from"))
        if fullest is None or share > fullest[0]:
            fullest = (share, link, way)
    if fullest is None or fullest[0] < MOST_NETWORK_SHARE:
        return None
    share, link, way = fullest
    speed = link.to_server_bytes_per_s if way == "to" else link.from_server_bytes_per_s
    return Fault(
        gate=Gate.NETWORK,
        reason=f"the load took {share:.0%} of the {speed * 8 / 1e6:,.0f} Mbit/s {way} "
        f"{placement.server}, measured from {link.generator}",
        remedy="a faster network between the two, generators on more links, or a lower load",
    )


def _round_trip(placement: Placement, load: LoadResult) -> Fault | None:
    if not placement.links or load.latencies is None or load.latencies.service is None:
        return None
    service_ns = load.latencies.service.p50_ns
    slowest = max(placement.links, key=lambda link: link.round_trip_p50_ns)
    if service_ns is None or slowest.round_trip_p50_ns < MOST_ROUND_TRIP_SHARE * service_ns:
        return None
    return Fault(
        gate=Gate.NETWORK,
        reason=f"a round trip from {slowest.generator} takes "
        f"{format_ns(slowest.round_trip_p50_ns)} of a median service time of "
        f"{format_ns(service_ns)}",
        remedy="generators nearer to the server, or more connections",
    )
