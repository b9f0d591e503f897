"""Many latencies in little room: counts by value, as exact as three significant digits.

The buckets are those of HdrHistogram with 3 significant digits (2,048 below 2,048 ns, then 1,024 to
each doubling), so a value is known to 1 part in 1,024. Tallies of several slices are added up.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from servemark.stats.latency import LEAST_ABOVE

DIGITS_BITS = 11
"""2,048 buckets tell three significant digits apart."""
MOST_BITS = 44
"""Of a value: 17,592 s. Longer ones count as that."""
SIZE = (MOST_BITS - DIGITS_BITS + 2) << (DIGITS_BITS - 1)

Counts = NDArray[np.int64]


def nines(most: int = 5, steps: int = 8) -> tuple[float, ...]:
    """Shares at which a curve is told: evenly below the median, then by the logarithm of 1 − share.

    From 0.5 on there are ``steps`` to each further nine: 0.9, 0.99, 0.999 and so on are among them.

    >>> [share for share in nines(most=2, steps=1)][-4:]
    [0.45, 0.5, 0.9, 0.99]
    """
    below = [0.0, 0.01, 0.025, *(number / 20 for number in range(1, 11))]
    first = int(np.ceil(np.log10(2) * steps + 1e-9))
    above = [round(1 - 10 ** (-step / steps), 7) for step in range(first, most * steps + 1)]
    return tuple(below + above)


def tally(values_ns: NDArray[np.int64]) -> Counts:
    """How many values there are in each bucket: int64, of length ``SIZE``."""
    values = np.clip(values_ns, 0, (1 << MOST_BITS) - 1)
    _, bits = np.frexp(values.astype(np.float64))  # exact: far below 2 ** 53
    shift = np.maximum(bits.astype(np.int64) - DIGITS_BITS, 0)
    buckets = (shift << (DIGITS_BITS - 1)) + (values >> shift)
    return np.bincount(buckets, minlength=SIZE)


def middles_ns() -> NDArray[np.int64]:
    """The value in the middle of each bucket."""
    buckets = np.arange(SIZE)
    half = 1 << (DIGITS_BITS - 1)
    shift = np.maximum(buckets // half - 1, 0)
    middles: NDArray[np.int64] = ((buckets - shift * half) << shift) + ((1 << shift) >> 1)
    return middles


def percentiles_ns(counts: Counts, shares: Sequence[float]) -> tuple[int, ...]:
    """The quantiles at ascending shares, by nearest rank; the list ends where fewer than 10 values
    would lie above (method, "enough")."""
    total = int(counts.sum())
    if total == 0:
        return ()
    ranks = np.maximum(np.ceil(np.round(np.asarray(shares) * total, 6)).astype(np.int64), 1)
    known = ranks[(total - ranks >= LEAST_ABOVE) | (np.asarray(shares) <= 0.5)]
    found = middles_ns()[np.searchsorted(np.cumsum(counts), known)]
    return tuple(int(value) for value in found)
