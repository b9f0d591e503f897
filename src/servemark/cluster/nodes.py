"""Which nodes serve and which generate load: resources in, stations out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from servemark.errors import ClusterError

SERVER = "servemark_server"
LOAD = "servemark_load"


@dataclass(frozen=True, slots=True)
class Node:
    """A living node of the cluster with the resources that the user gave it."""

    id: str
    name: str
    address: str
    servers: int = 0
    """``servemark_server``: 1 where contestants may run on it."""
    generators: int = 0
    """``servemark_load``: how many load generators it may host."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for one generator: the ``number``-th on its node."""

    node: Node
    number: int

    @property
    def name(self) -> str:
        return self.node.name if self.number == 0 else f"{self.node.name}-{self.number + 1}"


@dataclass(frozen=True, slots=True)
class Seat:
    """A node for the contestants, with the generators that load them."""

    node: Node
    generators: tuple[Slot, ...]


def seat(nodes: Sequence[Node], per_server: int) -> list[Seat]:
    """Every server's node with ``per_server`` generators of its own.

    Nodes that only generate load come first; a node with both resources loads itself where there
    are not enough of these. Servers that are left without are not used.

    Raises ``ClusterError`` where not one server has what it needs, and says which resource lacks.
    """
    servers = sorted((node for node in nodes if node.servers), key=lambda node: node.name)
    if not servers:
        raise ClusterError(
            f"No node of the cluster has the resource {SERVER}: start the machine for the "
            f"contestants with ray start --resources '{{\"{SERVER}\": 1}}'."
        )
    slots = [Slot(node, number) for node in nodes for number in range(node.generators)]
    # One a node before two on any; the same order whenever it is asked for.
    apart = sorted(
        (slot for slot in slots if not slot.node.servers),
        key=lambda slot: (slot.number, slot.node.name),
    )
    own = {node.id: [slot for slot in slots if slot.node.id == node.id] for node in servers}
    seats = []
    for number, node in enumerate(servers):
        # Those that are left are shared evenly by the servers that are left.
        fair = -(-len(apart) // (len(servers) - number))
        taken, apart = _take(apart, min(per_server, fair))
        taken += own[node.id][: per_server - len(taken)]
        if len(taken) == per_server:
            seats.append(Seat(node, tuple(taken)))
        else:
            apart = [*(slot for slot in taken if not slot.node.servers), *apart]
    if not seats:
        there = f"there {'is' if len(slots) == 1 else 'are'} {len(slots)}"
        raise ClusterError(
            f"No server has the {per_server} load generators that it is to have ({there}): start "
            f"further machines with ray start --resources '{{\"{LOAD}\": 1}}', or ask for fewer "
            "with --generators."
        )
    return seats


def _take(slots: list[Slot], count: int) -> tuple[list[Slot], list[Slot]]:
    return slots[:count], slots[count:]
