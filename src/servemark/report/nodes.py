"""The nodes of a run on a cluster: where blocks were measured, over which network, and what a node
makes of the same work."""

from __future__ import annotations

from collections.abc import Sequence

from servemark.records import NodeEvent, TrialResult
from servemark.report.model import Ratio, ReportedNode
from servemark.report.wording import number, ratio_text
from servemark.stats.nodes import node_effects

HEADS = ("node", "blocks", "speed ÷ mean of nodes", "loaded by", "round trip", "slowest way")


def nodes_found(
    events: Sequence[NodeEvent], trials: Sequence[TrialResult]
) -> tuple[ReportedNode, ...]:
    """Every node that took part or was left out, by name; none for a run on one machine."""
    effects = {each.node: each for each in node_effects(trials)}
    blocks: dict[str, set[int]] = {}
    for result in trials:
        if result.placement is not None:
            blocks.setdefault(result.placement.server, set()).add(result.trial.block)
    found = []
    for name in sorted({event.node for event in events}):
        last = next(event for event in reversed(events) if event.node == name)
        joined = next((e for e in reversed(events) if e.node == name and e.what == "joined"), None)
        links = () if joined is None else joined.links
        effect = effects.get(name)
        found.append(
            ReportedNode(
                node=name,
                blocks=len(blocks.get(name, ())),
                effect=None
                if effect is None
                else Ratio(
                    value=effect.ratio, low=effect.low, high=effect.high, blocks=effect.blocks
                ),
                generators=() if joined is None else joined.generators,
                round_trip_ns=max((link.round_trip_p50_ns for link in links), default=None),
                least_bytes_per_s=min(
                    (
                        min(link.to_server_bytes_per_s, link.from_server_bytes_per_s)
                        for link in links
                    ),
                    default=None,
                ),
                trouble=None if last.what == "joined" else f"{last.what}: {last.reason}",
            )
        )
    return tuple(found)


def nodes_lines(nodes: Sequence[ReportedNode]) -> list[list[str]]:
    """The table below ``HEADS``, a line for each node."""
    return [
        [
            each.node,
            str(each.blocks) + (f" ({each.trouble})" if each.trouble else ""),
            "–" if each.effect is None else ratio_text(each.effect),
            ", ".join(each.generators) or "–",
            "the same machine"
            if each.round_trip_ns is None and each.generators
            else number(each.round_trip_ns, "ns"),
            "–"
            if each.least_bytes_per_s is None
            else f"{each.least_bytes_per_s * 8 / 1e6:,.0f} Mbit/s",
        ]
        for each in nodes
    ]
