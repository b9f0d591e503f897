"""Precision on demand: which variants need a further block, and in which cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from servemark.records import Board, Cell, Closed, Gate, TrialResult, Variant
from servemark.stats import METRICS, THROUGHPUT
from servemark.stats.comparison import compare_paired, rank
from servemark.stats.intervals import interval
from servemark.stats.summary import block_values

NOT_ITS_OWN = frozenset({Gate.QUIET_MACHINE, Gate.GENERATORS})
"""Gates that the machine or a load generator did not hold, whatever the server did."""


def needed(
    board: Board, variants: Sequence[Variant], history: Sequence[TrialResult]
) -> dict[str, frozenset[str]]:
    """Ids of the cells that each variant still needs, by its id.

    It needs a cell whose throughput is not known to within ``board.half_width``, or where it is not
    told apart from its neighbour in the ranking, unless the ratio of the two is known to that
    width: then they are equal for the board's purpose. So it does where every trial was invalid, if
    one of them through no fault of its own. Only closed loops count; the throughput of an open loop
    is given.
    """
    found: dict[str, set[str]] = {}
    for cell in board.all_cells():
        if not isinstance(cell.load, Closed):
            continue
        for variant in _needing(board, cell, variants, history):
            found.setdefault(variant, set()).add(cell.id)
    return {variant: frozenset(cells) for variant, cells in found.items()}


def _needing(
    board: Board, cell: Cell, variants: Sequence[Variant], history: Sequence[TrialResult]
) -> set[str]:
    results = _of_cell(cell, history)
    values = _throughputs(results, variants)
    found = {
        variant.id
        for variant in variants
        if variant.id not in values and _was_disturbed(results.get(variant.id, []))
    }
    centres = {}
    for name, blocks in values.items():
        known = interval(list(blocks.values()))
        if known is None:
            continue
        centres[name] = known.centre
        if known.half_width > board.half_width:
            found.add(name)
    # The second of an A/A pair takes no place in the ranking.
    ranked = {name: values[name] for name in centres if "#" not in name}
    standings = rank(ranked, METRICS[THROUGHPUT].better)
    order = sorted(ranked, key=lambda name: centres[name], reverse=True)
    for name, following in pairwise(order):
        tied = following in standings[name].tied_with
        if tied and not _is_equal(values[name], values[following], board.half_width):
            found |= {name, following}
    return found


def _of_cell(cell: Cell, history: Sequence[TrialResult]) -> dict[str, list[TrialResult]]:
    """The trials of that cell by variant."""
    found: dict[str, list[TrialResult]] = {}
    for result in history:
        if result.trial.purpose == "figure" and result.trial.cell.id == cell.id:
            found.setdefault(result.trial.variant.id, []).append(result)
    return found


def _was_disturbed(results: Sequence[TrialResult]) -> bool:
    """Whether a trial was invalid through no fault of the server."""
    return any(
        not result.verdict.valid and {fault.gate for fault in result.verdict.faults} <= NOT_ITS_OWN
        for result in results
    )


def _throughputs(
    results: Mapping[str, Sequence[TrialResult]], variants: Sequence[Variant]
) -> dict[str, dict[int, float]]:
    """Throughput by block of each variant that has any."""
    found = {
        variant.id: block_values(results.get(variant.id, []), THROUGHPUT) for variant in variants
    }
    return {name: blocks for name, blocks in found.items() if blocks}


def _is_equal(a: Mapping[int, float], b: Mapping[int, float], width: float) -> bool:
    """Whether the ratio is known to lie within 1 ± width."""
    blocks = sorted(a.keys() & b.keys())
    ratio = compare_paired([a[block] for block in blocks], [b[block] for block in blocks])
    return ratio is not None and ratio.low >= 1 - width and ratio.high <= 1 + width
