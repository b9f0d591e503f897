"""From the statistics of blocks to the figures that reports carry."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from servemark.records import Gate, TrialResult
from servemark.report.model import Figure, Ratio
from servemark.stats import Comparison, Interval, block_values, compare_paired, interval

ERRORS = "error_share"
"""The metric that trials tell, too, which are invalid for their errors."""

ByCell = Mapping[tuple[str, str], Sequence[TrialResult]]
"""Trials by ids of variant and cell."""


def by_cell(trials: Sequence[TrialResult]) -> ByCell:
    """The trials of the board's own cells, by ids of variant and cell."""
    grouped: dict[tuple[str, str], list[TrialResult]] = {}
    for result in trials:
        if result.trial.purpose == "figure":
            key = (result.trial.variant.id, result.trial.cell.id)
            grouped.setdefault(key, []).append(result)
    return grouped


def error_shares(trials: Sequence[TrialResult]) -> dict[int, float]:
    """The share of failed requests in each block, of trials that are valid or invalid by the gate
    ``answers``: that of valid ones alone is next to nothing by definition."""

    def counts(result: TrialResult) -> bool:
        failed = any(fault.gate == Gate.ANSWERS for fault in result.verdict.faults)
        return result.verdict.valid or failed

    return block_values(trials, ERRORS, counts)


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


def figure_over(blocks: Mapping[int, float], least: float = 0.0) -> Figure | None:
    """The figure of values by block; ``least`` is the least that it can be.

    >>> figure_over({0: 193.0, 1: 125.0}).low
    0.0
    """
    return figure_of(interval(list(blocks.values()), least=least))


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


def quotient(value: float, base: float) -> float | None:
    """``value`` ÷ ``base``; ``None`` where the base is 0."""
    return value / base if base else None
