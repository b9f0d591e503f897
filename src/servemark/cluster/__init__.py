"""More than one machine: contestants on some, load from others, blocks spread over all."""

from servemark.cluster.actors import RayStation, joined, living_nodes, shared_bundle
from servemark.cluster.files import pack
from servemark.cluster.lead import ClusterListener, Leader, now_utc
from servemark.cluster.nodes import LOAD, SERVER, Node, Seat, seat
from servemark.cluster.station import Ready, Task

__all__ = [
    "LOAD",
    "SERVER",
    "ClusterListener",
    "Leader",
    "Node",
    "RayStation",
    "Ready",
    "Seat",
    "Task",
    "joined",
    "living_nodes",
    "now_utc",
    "pack",
    "seat",
    "shared_bundle",
]
