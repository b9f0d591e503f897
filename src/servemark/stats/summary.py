"""From trials to one figure for each variant, cell and metric, with its interval over blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from servemark.records import TrialResult
from servemark.stats.intervals import Interval, interval
from servemark.stats.metrics import METRICS


def _is_valid(result: TrialResult) -> bool:
    return result.verdict.valid


def block_values(
    results: Sequence[TrialResult],
    metric: str,
    counts: Callable[[TrialResult], bool] = _is_valid,
) -> dict[int, float]:
    """The metric in each block, of those trials that count: by default the valid ones. A block with
    several has their mean.

    Blocks are told apart by ``TrialResult.replicate``.
    """
    return values_by_block(results, (metric,), counts)[metric]


def values_by_block(
    results: Sequence[TrialResult],
    metrics: Iterable[str],
    counts: Callable[[TrialResult], bool] = _is_valid,
) -> dict[str, dict[int, float]]:
    """``block_values`` of several metrics."""
    counted = [(result.replicate, result) for result in results if counts(result)]
    return {metric: _means(counted, METRICS[metric].of) for metric in metrics}


def _means(
    counted: Sequence[tuple[int, TrialResult]], of: Callable[[TrialResult], float | None]
) -> dict[int, float]:
    blocks: dict[int, list[float]] = {}
    for block, result in counted:
        value = of(result)
        if value is not None:
            blocks.setdefault(block, []).append(value)
    return {
        block: values[0] if len(values) == 1 else float(np.mean(values))
        for block, values in blocks.items()
    }


def summarise(results: Sequence[TrialResult], metric: str) -> Interval | None:
    """The mean of the blocks with its interval; invalid trials are left out."""
    return interval(list(block_values(results, metric).values()), least=0.0)
