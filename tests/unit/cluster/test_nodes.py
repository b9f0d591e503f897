"""Which node serves, and which generators load it."""

from __future__ import annotations

import pytest

from servemark.cluster import Node, seat
from servemark.errors import ClusterError


def node(name: str, servers: int = 0, generators: int = 0) -> Node:
    return Node(name, name, f"10.0.0.{ord(name[0])}", servers, generators)


def seated(nodes: list[Node], per_server: int) -> dict[str, list[str]]:
    return {
        each.node.name: [slot.name for slot in each.generators] for each in seat(nodes, per_server)
    }


def test_the_contestant_and_its_load_are_on_the_nodes_that_have_the_resources() -> None:
    nodes = [node("a", servers=1), node("b", generators=1), node("c", generators=1), node("d")]
    assert seated(nodes, 2) == {"a": ["b", "c"]}
    assert seated(nodes, 1) == {"a": ["b"]}


def test_every_server_gets_generators_of_its_own() -> None:
    nodes = [node(name, servers=1) for name in "ab"]
    nodes += [node(name, generators=2) for name in "xy"]
    assert seated(nodes, 2) == {"a": ["x", "y"], "b": ["x-2", "y-2"]}


def test_a_node_with_both_resources_loads_itself_where_there_is_no_other() -> None:
    nodes = [node(name, servers=1, generators=1) for name in "abc"]
    assert seated(nodes, 1) == {"a": ["a"], "b": ["b"], "c": ["c"]}
    assert seated([*nodes[:1], node("x", generators=1)], 1) == {"a": ["x"]}


def test_a_server_without_enough_generators_is_not_used() -> None:
    nodes = [node("a", servers=1), node("b", servers=1), node("x", generators=1)]
    assert seated(nodes, 1) == {"a": ["x"]}


def test_what_lacks_is_said_with_the_command_that_brings_it() -> None:
    with pytest.raises(ClusterError, match="servemark_server") as none_serves:
        seat([node("x", generators=1)], 1)
    assert "ray start --resources" in str(none_serves.value)
    with pytest.raises(ClusterError, match="servemark_load") as none_loads:
        seat([node("a", servers=1), node("x", generators=1)], 2)
    assert "there is 1" in str(none_loads.value)
