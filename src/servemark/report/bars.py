"""Bars with whiskers, for terminals."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rich.text import Text

from servemark.report.model import Figure

WIDEST_ARM = 1.5
"""An interval that reaches further than so many times its value is cut off by the scale."""
_EIGHTHS = " ▏▎▍▌▋▊▉"
BAR_STYLE, WHISKER_STYLE = "cyan", "bold"


def bar(share: float, cells: int) -> str:
    """A bar of that share of its cells, to an eighth of a cell; never empty for what is not 0.

    >>> bar(1, 4), bar(0.53, 4), bar(0.001, 4), bar(0, 4)
    ('████', '██▏', '▏', '')
    """
    eighths = round(max(0.0, min(share, 1.0)) * cells * 8)
    if share > 0:
        eighths = max(eighths, 1)
    whole, part = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[part] if part else "")


def end_of_scale(figures: Iterable[Figure]) -> float:
    """Where a scale that begins at 0 ends: at the highest end of an interval, but for intervals so
    wide that they would press all others together.

    >>> end_of_scale([Figure(value=2, low=1, high=9, blocks=2)])
    3.0
    """
    ends = (f.value if f.high is None else min(f.high, WIDEST_ARM * f.value) for f in figures)
    return max(ends, default=0.0) or 1.0


def whiskered(figure: Figure, end: float, cells: int) -> Text:
    """A bar up to the value on a scale from 0 to ``end``, and whiskers over the interval.

    The whiskers take the cells that the interval touches. One within a cell is not drawn: the end
    of the bar is as exact as the terminal can show.

    >>> whiskered(Figure(value=50, low=31, high=85, blocks=3), 100, 10).plain
    '███├┼───┤'
    >>> whiskered(Figure(value=50, low=42, high=300, blocks=3), 100, 8).plain
    '███┼───→'
    >>> whiskered(Figure(value=51, low=50.5, high=51.5, blocks=3), 100, 8).plain
    '████▏'
    """

    def cell(value: float) -> int:
        return min(max(math.ceil(value / end * cells) - 1, 0), cells - 1)

    low, high = figure.low, figure.high
    if low is None or high is None or cell(low) == cell(high):
        return Text(bar(figure.value / end, cells), BAR_STYLE)
    first, at, last = cell(low), cell(figure.value), cell(high)
    marks = dict.fromkeys(range(first, last), "─")
    marks |= {last: "→" if high > end * (1 + 1e-9) else "┤", first: "├", at: "┼"}
    whiskers = "".join(marks[place] for place in range(first, last + 1))
    return Text.assemble(("█" * first, BAR_STYLE), (whiskers, WHISKER_STYLE))
