"""From trials to one figure for each variant, cell and metric, with its interval over blocks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from servemark.records import TrialResult
from servemark.stats.intervals import Interval, interval
from servemark.stats.metrics import METRICS


def block_values(results: Sequence[TrialResult], metric: str) -> dict[int, float]:
    """The metric in each block, of valid trials alone; a block with several has their mean."""
    blocks: dict[int, list[float]] = {}
    for result in results:
        value = METRICS[metric].of(result) if result.verdict.valid else None
        if value is not None:
            blocks.setdefault(result.trial.block, []).append(value)
    return {block: float(np.mean(values)) for block, values in blocks.items()}


def summarise(results: Sequence[TrialResult], metric: str) -> Interval | None:
    """The mean of the blocks with its interval; invalid trials are left out."""
    return interval(list(block_values(results, metric).values()), least=0.0)
