"""From trials to one figure for each variant, cell and metric, with its spread over blocks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from servemark.records import TrialResult
from servemark.stats.metrics import METRICS


@dataclass(frozen=True, slots=True)
class Spread:
    """Median of the block means with the lowest and highest of them; ``blocks`` is their number."""

    median: float
    low: float
    high: float
    blocks: int


def spread(values_by_block: Iterable[Sequence[float]]) -> Spread | None:
    """The spread over blocks. Each item holds one block's values; blocks without any are left out.

    >>> spread([[10.0, 12.0], [9.0], []])
    Spread(median=10.0, low=9.0, high=11.0, blocks=2)
    """
    means = np.array([np.mean(values) for values in values_by_block if len(values)])
    if means.size == 0:
        return None
    return Spread(float(np.median(means)), float(means.min()), float(means.max()), int(means.size))


def summarise(results: Sequence[TrialResult], metric: str) -> Spread | None:
    """The spread of a metric over the blocks of the given trials; invalid trials are left out."""
    blocks: dict[int, list[float]] = {}
    for result in results:
        value = METRICS[metric].of(result) if result.verdict.valid else None
        if value is not None:
            blocks.setdefault(result.trial.block, []).append(value)
    return spread(blocks.values())
