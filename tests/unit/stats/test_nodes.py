"""Effects of nodes, where they are known."""

from __future__ import annotations

import random

import pytest

from servemark.plan import Plan
from servemark.records import Placement, Trial, TrialResult
from servemark.stats.nodes import node_effects
from tests.unit.plan.test_plan import SPEEDS, VARIANTS, answered, board, carried_out


def trials(speeds: dict[str, float], blocks: int, sway: float, seed: int = 7) -> list[TrialResult]:
    """Blocks go to the nodes in turn; each node is so many times as fast, and sways by block."""
    chance = random.Random(seed)
    nodes = list(speeds)
    swayed = [1 + sway * chance.gauss(0, 1) for _ in range(blocks)]

    def outcome(trial: Trial) -> TrialResult:
        node = nodes[trial.block % len(nodes)]
        per_s = SPEEDS[trial.variant.id] * speeds[node] * swayed[trial.block]
        return answered(trial, per_s).model_copy(update={"placement": Placement(server=node)})

    return carried_out(Plan(board(blocks=blocks), VARIANTS), outcome)


def test_a_slower_node_is_found_with_its_size() -> None:
    slow, quick = node_effects(trials({"a": 0.9, "b": 1.1}, blocks=8, sway=0.005))
    assert (slow.node, quick.node) == ("a", "b")
    assert quick.ratio / slow.ratio == pytest.approx(1.1 / 0.9, rel=0.02)
    assert slow.high is not None
    assert quick.low is not None
    assert slow.high < 1 < quick.low
    assert (slow.blocks, quick.blocks) == (4, 4)


def test_intervals_of_equal_nodes_hold_1_about_as_often_as_they_say() -> None:
    """Of 60 runs 57 are expected; fewer than 51 come about once in 200 times."""
    hits = 0
    for seed in range(60):
        for each in node_effects(trials({"a": 1.0, "b": 1.0}, 6, 0.02, seed))[:1]:
            assert each.low is not None
            assert each.high is not None
            hits += each.low < 1 < each.high
    assert 51 <= hits < 60


def test_one_block_a_node_has_an_effect_but_no_interval() -> None:
    found = node_effects(trials({"a": 1.0, "b": 1.2}, blocks=2, sway=0))
    assert [(each.low, each.high) for each in found] == [(None, None), (None, None)]
    assert found[1].ratio / found[0].ratio == pytest.approx(1.2, rel=0.01)


def test_a_run_on_one_node_or_on_none_has_no_effects() -> None:
    assert node_effects(trials({"a": 1.0}, blocks=3, sway=0.01)) == []
    plain = carried_out(Plan(board(), VARIANTS), lambda trial: answered(trial, 1000))
    assert node_effects(plain) == []
