"""Precision on demand: which variants need a further block, and in which cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from servemark.records import Board, Cell, Closed, TrialResult, Variant
from servemark.stats import METRICS, THROUGHPUT
from servemark.stats.comparison import compare_paired, rank
from servemark.stats.intervals import interval
from servemark.stats.summary import block_values


def needed(
    board: Board, variants: Sequence[Variant], history: Sequence[TrialResult]
) -> dict[str, frozenset[str]]:
    """Ids of the cells that each variant still needs, by its id.

    It needs a cell whose throughput is not known to within ``board.half_width``, or where it is not
    told apart from its neighbour in the ranking, unless the ratio of the two is known to that
    width: then they are equal for the board's purpose. Only closed loops count; the throughput of
    an open loop is given.
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
    values = values_in(cell, variants, history)
    found = set()
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


def values_in(
    cell: Cell, variants: Sequence[Variant], history: Sequence[TrialResult]
) -> dict[str, dict[int, float]]:
    """Throughput by block of each variant that has any in that cell."""
    results: dict[str, list[TrialResult]] = {}
    for result in history:
        if result.trial.purpose == "figure" and result.trial.cell.id == cell.id:
            results.setdefault(result.trial.variant.id, []).append(result)
    found = {
        variant.id: block_values(results.get(variant.id, []), THROUGHPUT) for variant in variants
    }
    return {name: blocks for name, blocks in found.items() if blocks}


def _is_equal(a: Mapping[int, float], b: Mapping[int, float], width: float) -> bool:
    """Whether the ratio is known to lie within 1 ± width."""
    blocks = sorted(a.keys() & b.keys())
    ratio = compare_paired([a[block] for block in blocks], [b[block] for block in blocks])
    return ratio is not None and ratio.low >= 1 - width and ratio.high <= 1 + width
