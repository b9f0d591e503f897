"""What the nodes of a run on a cluster make of the same work."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from servemark.records import Closed, TrialResult
from servemark.stats.intervals import t_quantile
from servemark.stats.metrics import METRICS


@dataclass(frozen=True, slots=True)
class NodeEffect:
    """How fast a node is beside the mean of all: 1.02 is 2 % faster."""

    node: str
    ratio: float
    low: float | None
    """The 95 % interval; ``None`` where no node has two blocks."""
    high: float | None
    blocks: int


def node_effects(trials: Sequence[TrialResult], level: float = 0.95) -> list[NodeEffect]:
    """The effect of each node on throughput, over all variants and closed loops together.

    log y = (variant and cell) + node + block: the score of a block is the mean of its logarithms
    minus those of the same variants and cells over all blocks, the effect of a node the mean of its
    blocks' scores minus the mean over nodes. Blocks are the replicates; their variance within nodes
    is pooled (the one-way layout, Scheffé, "The Analysis of Variance", 1959, ch. 3). Nothing for a
    run on fewer than two nodes.
    """
    scores = _block_scores(trials)
    nodes = sorted(scores)
    if len(nodes) < 2:
        return []
    means = np.array([np.mean(scores[node]) for node in nodes])
    counts = np.array([len(scores[node]) for node in nodes])
    freedom = int(counts.sum()) - len(nodes)
    within = sum(
        float(np.sum((np.array(scores[n]) - m) ** 2)) for n, m in zip(nodes, means, strict=True)
    )
    found = []
    for place, node in enumerate(nodes):
        effect = float(means[place] - means.mean())
        low = high = None
        if freedom > 0:
            weights = np.full(len(nodes), -1 / len(nodes))
            weights[place] += 1
            error = math.sqrt(within / freedom * float(np.sum(weights**2 / counts)))
            half = t_quantile(level, freedom) * error
            low, high = math.exp(effect - half), math.exp(effect + half)
        found.append(NodeEffect(node, math.exp(effect), low, high, int(counts[place])))
    return found


def _block_scores(trials: Sequence[TrialResult]) -> Mapping[str, list[float]]:
    """The score of each block, by node."""
    logs: dict[tuple[str, str], dict[int, float]] = {}
    node_of: dict[int, str] = {}
    for result in trials:
        if result.placement is None or not _counts(result):
            continue
        value = METRICS["throughput_per_s"].of(result)
        if value:
            key = (result.trial.variant.id, result.trial.cell.id)
            logs.setdefault(key, {})[result.replicate] = math.log(value)
            node_of[result.replicate] = result.placement.server
    deviations: dict[int, list[float]] = {}
    for by_block in logs.values():
        usual = float(np.mean(list(by_block.values())))
        for block, value in by_block.items():
            deviations.setdefault(block, []).append(value - usual)
    scores: dict[str, list[float]] = {}
    for block, found in deviations.items():
        scores.setdefault(node_of[block], []).append(float(np.mean(found)))
    return scores


def _counts(result: TrialResult) -> bool:
    trial = result.trial
    is_figure = trial.purpose == "figure" and isinstance(trial.cell.load, Closed)
    return is_figure and result.verdict.valid
