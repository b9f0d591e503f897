"""From the statistics of blocks to the figures that reports carry."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from servemark.records import TrialResult
from servemark.report.model import Figure, Ratio
from servemark.stats import Comparison, Interval, compare_paired, interval


def by_cell(trials: Sequence[TrialResult]) -> dict[tuple[str, str], list[TrialResult]]:
    """The trials of the board's own cells, by ids of variant and cell."""
    grouped: dict[tuple[str, str], list[TrialResult]] = {}
    for result in trials:
        if result.trial.purpose == "figure":
            key = (result.trial.variant.id, result.trial.cell.id)
            grouped.setdefault(key, []).append(result)
    return grouped


def figure_of(found: Interval | None) -> Figure | None:
    """An interval as a figure; bounds that are not known are left out."""
    if found is None:
        return None
    return Figure(
        value=found.centre,
        low=found.low if found.blocks > 1 else None,
        high=found.high if found.blocks > 1 else None,
        blocks=found.blocks,
    )


def figure_over(blocks: Mapping[int, float]) -> Figure | None:
    """The figure of values by block."""
    return figure_of(interval(list(blocks.values())))


def ratio_of(found: Comparison) -> Ratio:
    """A comparison as a ratio; bounds that are not known are left out."""
    return Ratio(
        value=found.ratio,
        low=found.low if math.isfinite(found.low) and found.blocks > 1 else None,
        high=found.high if math.isfinite(found.high) and found.blocks > 1 else None,
        blocks=found.blocks,
    )


def ratio_between(a: Mapping[int, float], b: Mapping[int, float]) -> Ratio | None:
    """a ÷ b from the blocks that have both."""
    blocks = sorted(a.keys() & b.keys())
    found = compare_paired([a[block] for block in blocks], [b[block] for block in blocks])
    return None if found is None else ratio_of(found)
