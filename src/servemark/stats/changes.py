"""Changes of level in a figure's history from run to run, told from noise.

The history is cut into stretches of constant level on logarithms, so that changes are factors. The
cut is the one of least cost: squared residuals ÷ σ² + a penalty for each change, found exactly by
optimal partitioning (Jackson et al., "An algorithm for optimal partitioning of data on an
interval", 2005; PELT of Killick et al., 2012, is the same with pruning, which histories of some
thousand runs do not need). σ comes from the differences of successive runs, which a change of level
hardly enters. Then each change must stand the t-test of the levels before and after it, with the
noise of all stretches together, at 5 % ÷ number of runs; the weakest that does not is taken out and
the rest is judged anew, as Hunter does with its tests (Fleming et al., "Hunter: using change point
detection to hunt for performance regressions", 2023).

Successive runs must be independent: where a slow machine stays slow for some runs, its stretches
are reported as what they are, changes of level.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from servemark.stats import special

Floats = NDArray[np.float64]

LEAST_RUNS = 3
"""So many runs on either side make a change: one slow run is none."""
LEAST_CHANGE = 0.01
"""Relative; what is smaller is not worth a mark."""
FALSE_ALARMS = 0.05
"""Share of histories without any change in which one may be found."""
LEAST_NOISE = 0.002
"""Relative noise below which a history is not believed to be that quiet."""

NEIGHBOURS, ODD = 2, 2.0
"""A run is odd where it is so many σ from the median of it and of so many on either side."""


@dataclass(frozen=True, slots=True)
class LevelChange:
    """The level changes with the run at ``index``; levels are geometric means of the runs."""

    index: int
    before: float
    after: float
    p_value: float
    """Of "no change here", not adjusted."""

    @property
    def ratio(self) -> float:
        return self.after / self.before


def level_changes(values: ArrayLike) -> list[LevelChange]:
    """The changes of level in figures in the order of their runs, oldest first.

    ``values`` has one positive value a run; raises ``ValueError`` for others.

    >>> changes = level_changes([100, 101, 99, 100, 80, 81, 80])
    >>> [(each.index, round(each.ratio, 2)) for each in changes]
    [(4, 0.8)]
    """
    found = np.asarray(values, dtype=np.float64)
    if not np.all(found > 0) or not np.all(np.isfinite(found)):
        raise ValueError("a history of levels must have positive values alone")
    if len(found) < 2 * LEAST_RUNS:
        return []
    logs = np.log(found)
    noise = _noise(logs)
    logs = _tamed(logs, noise)
    starts = cheapest_cut(logs, noise)
    while True:
        changes = _tested(logs, starts)
        weakest = max(changes, key=lambda each: each.p_value, default=None)
        if weakest is None or weakest.p_value < FALSE_ALARMS / len(logs):
            break
        starts.remove(weakest.index)
    return [each for each in changes if abs(each.ratio - 1) >= LEAST_CHANGE]


def _noise(logs: Floats) -> float:
    """σ of one run: from the median size of successive differences, which are normal with √2 σ."""
    typical = float(np.median(np.abs(np.diff(logs))))
    return max(typical / (math.sqrt(2) * float(special.ndtri(0.75))), LEAST_NOISE)


def _tamed(logs: Floats, noise: float) -> Floats:
    """Odd runs brought in to 2 σ from the median of the five runs around them (Hampel); at the ends
    of the first and the last five, so that the newest two runs alone change no level."""
    windows = np.lib.stride_tricks.sliding_window_view(logs, 2 * NEIGHBOURS + 1)
    middle = np.pad(np.median(windows, axis=1), NEIGHBOURS, mode="edge")
    return np.clip(logs, middle - ODD * noise, middle + ODD * noise)


def penalty_of(count: int) -> float:
    """What one more change costs in a history of so many runs, in squared residuals ÷ σ²."""
    return 3 * math.log(count)


def cheapest_cut(logs: Floats, noise: float) -> list[int]:
    """Where the stretches of the cheapest cut begin, without the first; ``noise`` is σ of a run."""
    count = len(logs)
    penalty = penalty_of(count)
    sums = np.concatenate(([0.0], np.cumsum(logs - logs.mean())))
    squares = np.concatenate(([0.0], np.cumsum((logs - logs.mean()) ** 2)))
    best = np.full(count + 1, math.inf)
    best[0] = -penalty
    came_from = np.zeros(count + 1, dtype=np.int64)
    lengths = np.arange(count, 0, -1)
    for end in range(LEAST_RUNS, count + 1):
        before = slice(end - LEAST_RUNS + 1)  # where the last stretch may begin
        length = lengths[count - end : count - LEAST_RUNS + 1]
        residuals = squares[end] - squares[before] - (sums[end] - sums[before]) ** 2 / length
        costs = best[before] + residuals / noise**2 + penalty
        came_from[end] = int(np.argmin(costs))
        best[end] = costs[came_from[end]]
    starts: list[int] = []
    end = count
    while (end := int(came_from[end])) > 0:
        starts.append(end)
    return starts[::-1]


def _tested(logs: Floats, starts: list[int]) -> list[LevelChange]:
    """Each change with the t-test of its two levels, the noise being that of all stretches."""
    stretches = np.split(logs, starts)
    freedom = len(logs) - len(stretches)
    squares = sum(float(((each - each.mean()) ** 2).sum()) for each in stretches)
    noise = max(math.sqrt(squares / freedom), LEAST_NOISE)
    changes = []
    for index, before, after in zip(starts, stretches, stretches[1:], strict=False):
        difference = float(after.mean() - before.mean())
        error = noise * math.sqrt(1 / len(before) + 1 / len(after))
        p_value = 2 * float(special.stdtr(freedom, -abs(difference) / error))
        levels = math.exp(float(before.mean())), math.exp(float(after.mean()))
        changes.append(LevelChange(index, *levels, p_value))
    return changes
