"""Where the marks of the live table stand: shares of the width of its chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from servemark.report.bars import end_of_scale
from servemark.report.model import Figure
from servemark.report.sofar import Known

FADED = 3
"""So many of the intervals before are shown, the older the fainter."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A figure with its interval, as percentages of the chart's width."""

    at: str
    low: str | None
    high: str | None


@dataclass(frozen=True, slots=True)
class Drawn:
    """A row of the table with its marks."""

    known: Known
    mark: Mark | None
    faded: tuple[Mark, ...]
    """The intervals of the blocks before, the newest first."""
    width: str | None
    """Of the interval."""
    half_width: str | None
    is_close: bool
    """Whether the figure is known as closely as the board asks."""


def draw(rows: Sequence[Known], half_width: float) -> list[Drawn]:
    """Every row on one scale, from 0 to a little more than the highest value."""
    end = end_of_scale(row.figure for row in rows if row.figure is not None)
    return [_drawn(row, end * 1.04, half_width) for row in rows]


def _drawn(row: Known, most: float, wanted: float) -> Drawn:
    if row.figure is None:
        return Drawn(row, None, (), None, None, is_close=False)
    found = row.figure.half_width
    shown = None if found is None else f"± {found:.0%}" if found >= 0.1 else f"± {found:.1%}"
    faded = tuple(_mark(figure, most) for figure in row.earlier[::-1] if figure.low is not None)
    is_close = found is not None and found <= wanted
    low, high = row.figure.low, row.figure.high
    width = None if low is None or high is None else _at(min(high, most) - low, most)
    return Drawn(row, _mark(row.figure, most), faded[:FADED], width, shown, is_close)


def _mark(figure: Figure, most: float) -> Mark:
    low = None if figure.low is None else _at(figure.low, most)
    high = None if figure.high is None else _at(figure.high, most)
    return Mark(_at(figure.value, most), low, high)


def _at(value: float, most: float) -> str:
    """The share of the width.

    >>> _at(50, 200), _at(300, 200), _at(-1, 200)
    ('25.00%', '100.00%', '0.00%')
    """
    return f"{min(max(value / most, 0.0), 1.0):.2%}"
