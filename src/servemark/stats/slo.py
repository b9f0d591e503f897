"""Does a slice meet a service level objective: so many of its requests right and in time?

Two tests, both from one row of booleans, a request each, in the order in which they were due:

- :func:`judge_slice` takes the requests as independent, and stops as early as that allows. It is
  quick, and right where the rate is well below or beyond the capacity.
- :func:`judge_batches` lets the slice itself say how far its requests hang together, as those in a
  queue do. It is what confirms a capacity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from servemark.samples import MISSING, Samples
from servemark.stats import special

Answer = Literal["meets", "misses", "undecided"]

CONFIDENCE = 0.99
"""Of the early-stopping test, as in MLPerf."""
BATCHES = 20
BATCH_CONFIDENCE = 0.90
"""Of each side of the interval of batch means. A higher one makes the search slower and its result
lower without making it more certain: see :func:`judge_batches`."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a test says of one slice: ``over`` of its ``requests`` were not right in the bound."""

    answer: Answer
    requests: int
    over: int

    @property
    def over_share(self) -> float | None:
        """``over`` as a share of the requests; ``None`` without any."""
        return self.over / self.requests if self.requests else None


@dataclass(frozen=True, slots=True)
class BatchJudged(Judged):
    """The same with the interval of the share that was over, and what it was taken from."""

    low: float
    high: float
    effective_requests: float
    """So many independent requests would tell as much."""


def in_bound(samples: Samples, bound_ns: int) -> NDArray[np.bool_]:
    """For each request, in the order due: answered rightly at most ``bound_ns`` after it was due.

    What failed, was wrong, was never answered or never sent was not.
    """
    response_ns = samples.done_ns - samples.intended_ns
    found: NDArray[np.bool_] = (samples.right == 1) & (response_ns <= bound_ns)
    return found[np.argsort(samples.intended_ns, kind="stable")]


@lru_cache(maxsize=4096)
def queries_needed(
    over: int, share: float = 0.99, tolerance: float = 0.0, confidence: float = CONFIDENCE
) -> int:
    """How many requests show that ``share`` is met although ``over`` of them were over.

    The smallest n with P(X ≤ over) ≤ 1 − confidence for X ~ Binomial(n, 1 − share + tolerance):
    were the rate one that just misses, so few over would be that rare. This is the early-stopping
    test of MLPerf Inference (mlcommons/inference, ``loadgen/early_stopping.cc``), which counts
    n − over instead of n.

    >>> [queries_needed(over) for over in (0, 1, 5, 10, 50)]
    [459, 662, 1307, 2010, 6898]
    """
    chance = 1 - share + tolerance
    low, high = over, over + 1
    while special.bdtr(over, high, chance) > 1 - confidence:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if special.bdtr(over, middle, chance) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


@lru_cache(maxsize=4096)
def over_needed(
    requests: int, share: float = 0.99, tolerance: float = 0.0, confidence: float = CONFIDENCE
) -> int:
    """How many of ``requests`` must be over to show that ``share`` is missed.

    The mirror of :func:`queries_needed`: the smallest k with P(X ≥ k) ≤ 1 − confidence for
    X ~ Binomial(requests, 1 − share − tolerance). With few requests it can be more than there are.

    >>> over_needed(1000), over_needed(100), over_needed(2)
    (19, 5, 2)
    """
    chance = max(1 - share - tolerance, 0.0)
    if special.bdtr(0, requests, chance) >= confidence:
        return 1
    # The smallest k with P(X ≤ k) ≥ confidence, so P(X ≥ k + 1) is at most the rest. bdtrik is that
    # k as a real number, of which rounding may leave the next one.
    found: int = max(math.ceil(special.bdtrik(confidence, requests, chance)), 0)
    if found and special.bdtr(found - 1, requests, chance) >= confidence:
        found -= 1
    return found + 1


def judge_slice(good: NDArray[np.bool_], share: float = 0.99) -> Judged:
    """The early-stopping test: are there enough requests for so many over, or too many over?

    It takes requests as independent. Near the capacity they are not (whoever comes into a long
    queue is late with all the others in it), so there it errs more often than 1 in 100.
    """
    requests = len(good)
    return judge_counts(requests, requests - int(np.count_nonzero(good)), share)


def judge_counts(requests: int, over: int, share: float = 0.99) -> Judged:
    """:func:`judge_slice` from the counts alone."""
    answer: Answer = "undecided"
    if over >= over_needed(requests, share):
        answer = "misses"
    elif requests >= queries_needed(over, share):
        answer = "meets"
    return Judged(answer, requests, over)


def judge_batches(
    good: NDArray[np.bool_],
    share: float = 0.99,
    batches: int = BATCHES,
    confidence: float = BATCH_CONFIDENCE,
) -> BatchJudged:
    """The test by batch means: is all of an interval for the share over on one side of 1 − share?

    The slice is cut into ``batches`` of equal numbers of requests in the order due. How much more
    the batches differ than independent requests would (but never less) is the design effect; the
    interval is the exact binomial one of Clopper and Pearson (1934) for as many requests as are
    left when divided by it, with Student's t for the few batches (Korn and Graubard, Survey
    Methodology 24, 1998). Unlike mean ± t · s, it has a width also where no request was over.
    ``confidence`` is that of each side.

    In slices as short as ours it is not the chance of being right: a queue at its capacity is late
    in a few long stretches, and a slice that saw none of them cannot know. How often simulated
    queues were found to meet p99 within 25 ms (400 slices each, one server, constant times):

    ============= ===== ==== ==== ======== ==== ====
    at most       slice rate ÷ capacity
    ------------- ----- ----------------------------
    ..                  0.95 0.97     1.00 1.03 1.05
    ============= ===== ==== ==== ======== ==== ====
    3,000/s       2.5 s 1.00 1.00     0.94 0.33 0.04
    3,000/s       5 s   1.00 1.00     0.83 0.11 0.00
    1,000/s       2.5 s 0.96 0.91     0.70 0.46 0.26
    1,000/s       5 s   0.91 0.82     0.57 0.23 0.07
    1,000/s       10 s  0.87 0.77     0.40 0.08 0.01
    300/s         5 s   0.56 0.50     0.39 0.26 0.20
    ============= ===== ==== ==== ======== ==== ====

    Only the length of the slice helps. A confidence of 95 % lowers these by at most 0.02 beyond the
    capacity, and by up to 0.05 below it.
    """
    over = ~good
    requests, count = len(over), int(np.count_nonzero(over))
    if requests == 0:
        return BatchJudged("undecided", 0, 0, 0.0, 1.0, 0.0)
    effective = requests / _design_effect(over, batches, confidence)
    seen = count * effective / requests
    rest = effective - seen
    low = float(special.betaincinv(seen, rest + 1, 1 - confidence)) if count else 0.0
    high = float(special.betaincinv(seen + 1, rest, confidence)) if count < requests else 1.0
    answer: Answer = "undecided"
    if high <= 1 - share:
        answer = "meets"
    elif low > 1 - share:
        answer = "misses"
    return BatchJudged(answer, requests, count, low, high, effective)


def _design_effect(over: NDArray[np.bool_], batches: int, confidence: float) -> float:
    """Variance of the mean seen between batches ÷ that of independent requests, at least 1."""
    parts = np.array_split(over, min(batches, len(over)))
    mean = float(over.mean())
    if len(parts) < 2 or mean in (0.0, 1.0):
        return 1.0
    sizes = np.array([len(part) for part in parts])
    deviations = np.array([part.sum() for part in parts]) - sizes * mean
    between = float((deviations**2).sum()) / (len(parts) - 1) * len(parts)
    effect = between / (len(over) * mean * (1 - mean))
    if effect <= 1:
        return 1.0
    few = special.stdtrit(len(parts) - 1, confidence) / special.ndtri(confidence)
    return float(effect * few**2)


def recovery_ns(
    intended_ns: NDArray[np.int64], done_ns: NDArray[np.int64], end_ns: int
) -> int | None:
    """How long after ``end_ns``, when the load stopped, the last request due before it was done.

    0 where nothing was left to do. ``None`` where a request was never done (``MISSING``): it did
    not recover while anyone looked. Leave out what was never sent; the server had no part in it.
    """
    done_ns = done_ns[intended_ns < end_ns]
    if (done_ns == MISSING).any():
        return None
    return max(int(done_ns.max(initial=end_ns)) - end_ns, 0)
