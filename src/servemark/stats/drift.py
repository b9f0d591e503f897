"""Whether the speed of a server changed within one slice, which an average would hide.

The slice is cut into windows of equal length and the right answers in each are counted. Two tests
that go by order alone, so that a pause or two cannot trip them: Mann and Kendall's for a trend, and
Pettitt's for one step. Neighbouring windows resemble one another (collections of garbage, queues),
which makes such tests see too much; so each is weakened by the autocorrelation that is left when
the trend or the step is taken out (the effective number of windows of a first-order process,
Bayley and Hammersley, 1946). Of what is significant, only what matters is reported.

Simulated in ``tests/unit/stats/test_drift.py`` on slices of 1.5 s at 3,000 answers a second. Of
1,500 steady slices with pauses of up to 20 ms none is flagged; of those whose speed also wanders by
5 % within 0.1 s, 0.1 to 0.5 %. A change of a third is found in 9 of 10 slices, one of a fifth in a
third of them. Speed that wanders by 10 % within 0.1 s is flagged in 1 %: that can hardly be told
from drift in a slice so short.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from servemark.stats import special
from servemark.units import NS_PER_S

SIGNIFICANT = 0.001
LEAST_CHANGE = 0.10
MOST_WINDOWS = 32
LEAST_WINDOWS = 12
LEAST_IN_WINDOW = 10
"""Answers per window on average; with fewer, the windows are made longer."""
LEAST_IN_PART = 3
"""Windows on either side of a step."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drift:
    """A change of speed within a slice: ``change`` is relative, +0.2 for 20 % faster at the end,
    infinite where nothing was answered before."""

    kind: Literal["trend", "step"]
    change: float
    p_value: float
    at_ns: int | None
    """When the step was, after the slice's start; ``None`` for a trend."""

    def sentence(self) -> str:
        """What happened, in words.

        >>> Drift("trend", 0.234, 1e-6, None).sentence()
        'it became 23 % faster in the course of the slice'
        >>> Drift("step", -0.4, 1e-6, 812_000_000).sentence()
        'it became 40 % slower 0.81 s into the slice'
        >>> Drift("step", math.inf, 1e-6, 812_000_000).sentence()
        'it answered nothing in the first 0.81 s of the slice'
        """
        if math.isinf(self.change):
            silent = "third" if self.at_ns is None else f"{self.at_ns / NS_PER_S:.2f} s"
            return f"it answered nothing in the first {silent} of the slice"
        much = f"it became {abs(self.change):.0%}".replace("%", " %")
        way = "faster" if self.change > 0 else "slower"
        if self.at_ns is None:
            return f"{much} {way} in the course of the slice"
        return f"{much} {way} {self.at_ns / NS_PER_S:.2f} s into the slice"


def find_drift(done_ns: ArrayLike, duration_ns: int, ok: ArrayLike) -> Drift | None:
    """The change of speed within one closed-loop slice; ``None`` for none to speak of.

    ``done_ns`` is when each request was complete, after the slice's start, and ``ok`` whether it
    was answered rightly; in any order. With fewer answers than ``LEAST_WINDOWS * LEAST_IN_WINDOW``
    nothing can be told: ``None``, too.

    A change is reported with p < ``SIGNIFICANT`` and more than ``LEAST_CHANGE`` between the first
    and the last third (trend) or across the step, whichever of the two fits the windows better.
    """
    done = np.asarray(done_ns, dtype=np.int64)
    counted = done[np.asarray(ok, dtype=np.bool_) & (done >= 0) & (done < duration_ns)]
    windows = min(MOST_WINDOWS, len(counted) // LEAST_IN_WINDOW)
    if windows < LEAST_WINDOWS:
        return None
    counts = np.histogram(counted, bins=windows, range=(0, duration_ns))[0].astype(np.float64)
    if counts.min() == counts.max():
        return None
    found = [each for each in (_trend(counts), _step(counts, duration_ns)) if each is not None]
    _, drift = min(found, key=lambda each: each[0])
    big = abs(drift.change) > LEAST_CHANGE
    return drift if big and drift.p_value < SIGNIFICANT else None


def _trend(counts: Floats) -> tuple[float, Drift] | None:
    """The squares that a straight line leaves, and the trend.

    Mann and Kendall's S is the number of pairs that rise less those that fall; its variance is
    n (n − 1) (2n + 5) ÷ 18, less as much for each group of equal counts.
    """
    size = len(counts)
    third = size // 3
    before, after = counts[:third].mean(), counts[-third:].mean()
    if before == after == 0:
        return None
    equal = np.unique(counts, return_counts=True)[1]
    ties = float((equal * (equal - 1) * (2 * equal + 5)).sum())
    variance = (size * (size - 1) * (2 * size + 5) - ties) / 18
    residuals = _beside(counts, 1)
    score = abs(float(np.triu(_signs(counts)).sum()))
    score = max(score - 1, 0.0) / math.sqrt(variance * _inflation(counts, residuals))
    p_value = float(2 * special.ndtr(-score))
    drift = Drift("trend", _change(before, after), p_value, None)
    return float((residuals**2).sum()), drift


def _step(counts: Floats, duration_ns: int) -> tuple[float, Drift]:
    """The squares that one step leaves, and the step where Pettitt's statistic is largest.

    p = 2 · exp(−6 K² ÷ (n³ + n²)): Pettitt, "A non-parametric approach to the change-point
    problem", Applied Statistics 28, 1979.
    """
    size = len(counts)
    signs = _signs(counts)
    splits = np.arange(LEAST_IN_PART, size - LEAST_IN_PART + 1)
    statistic = [abs(float(signs[:split, split:].sum())) for split in splits]
    split = int(splits[int(np.argmax(statistic))])
    before, later = counts[:split].mean(), counts[split:].mean()
    residuals = counts - np.where(np.arange(size) < split, before, later)
    exponent = 6 * max(statistic) ** 2 / (size**3 + size**2) / _inflation(counts, residuals)
    p_value = min(1.0, 2 * math.exp(-exponent))
    drift = Drift("step", _change(before, later), p_value, split * duration_ns // size)
    return float((residuals**2).sum()), drift


def _change(before: float, later: float) -> float:
    """Relative, of means that are not both 0."""
    return float(later / before - 1) if before else math.inf


def _signs(counts: Floats) -> Floats:
    """For all pairs of windows, 1 where the second has more, −1 where it has fewer, else 0."""
    return np.sign(counts[None, :] - counts[:, None])


def _beside(counts: Floats, degree: int) -> Floats:
    """What a polynomial of that degree leaves of the counts."""
    at = np.linspace(-1, 1, len(counts))
    return counts - np.polynomial.Polynomial.fit(at, counts, degree)(at)


def _inflation(counts: Floats, residuals: Floats) -> float:
    """How many windows count as one, by the residuals or by those of a parabola: the smaller.

    A server that warms up along a curve leaves a line or a step residuals that look correlated.
    """
    return min(_correlated(residuals, fitted=2), _correlated(_beside(counts, 2), fitted=3))


def _correlated(residuals: Floats, fitted: int) -> float:
    """(1 + r) ÷ (1 − r) for the lag-1 autocorrelation r where it is positive; else 1.

    Each fitted parameter pulls r down by about 1 ÷ n, which is given back.
    """
    total = float((residuals**2).sum())
    if total == 0:
        return 1.0
    lagged = float((residuals[1:] * residuals[:-1]).sum()) / total + fitted / len(residuals)
    lagged = min(max(lagged, 0.0), 0.95)
    return (1 + lagged) / (1 - lagged)
