"""Latencies of one slice, from its raw columns. Times in integer nanoseconds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from servemark.records import Distribution, Latencies
from servemark.samples import ANSWERED, MISSING, Samples

LEAST_ABOVE = 10
"""A percentile above the median is reported only with that many samples above it (method,
"enough")."""


def latencies(samples: Samples) -> Latencies:
    """Service time and response time of complete responses, and lag of everything that was sent."""
    return Latencies(
        service=describe(service_ns(samples)),
        response=describe(response_ns(samples)),
        lag=describe(lag_ns(samples)),
    )


def service_ns(samples: Samples) -> NDArray[np.int64]:
    """done − sent, one entry a complete response."""
    taken_ns: NDArray[np.int64] = (samples.done_ns - samples.sent_ns)[samples.ending == ANSWERED]
    return taken_ns


def response_ns(samples: Samples) -> NDArray[np.int64]:
    """done − intended, one entry a complete response."""
    answered = samples.ending == ANSWERED
    taken_ns: NDArray[np.int64] = (samples.done_ns - samples.intended_ns)[answered]
    return taken_ns


def lag_ns(samples: Samples) -> NDArray[np.int64]:
    """sent − intended, one entry a request that was sent."""
    sent = samples.sent_ns != MISSING
    late_ns: NDArray[np.int64] = (samples.sent_ns - samples.intended_ns)[sent]
    return late_ns


def mean_outstanding(samples: Samples, duration_ns: int, unread_ns: int = 0) -> float:
    """Requests that a connection was taken by, averaged over the slice: Σ (min(done, end) − sent)
    ÷ end, and the time for which answers that had come were not read yet, ``unread_ns``.

    This is Little's law, L = λ·W, in the form that holds exactly on a finite window (Stidham, "A
    last word on L = λW", Operations Research 22, 1974).
    """
    sent = (samples.sent_ns != MISSING) & (samples.sent_ns < duration_ns)
    done_ns = np.where(samples.done_ns == MISSING, duration_ns, samples.done_ns)
    under_way_ns = np.minimum(done_ns, duration_ns)[sent] - samples.sent_ns[sent]
    return float((under_way_ns.sum() + unread_ns) / duration_ns)


def describe(values_ns: NDArray[np.int64]) -> Distribution | None:
    """Mean, extremes and percentiles by nearest rank; ``None`` for no values.

    The q-quantile by nearest rank is the ⌈q·n⌉-th smallest value (Hyndman and Fan, 1996, type 1).
    """
    count = len(values_ns)
    if count == 0:
        return None
    ordered = np.sort(values_ns)
    return Distribution(
        count=count,
        mean_ns=float(np.mean(ordered)),
        min_ns=int(ordered[0]),
        p50_ns=quantile(ordered, 0.5),
        p75_ns=quantile(ordered, 0.75),
        p90_ns=quantile(ordered, 0.9),
        p99_ns=quantile(ordered, 0.99),
        p999_ns=quantile(ordered, 0.999),
        max_ns=int(ordered[-1]),
    )


def quantile(ordered_ns: NDArray[np.int64], share: float) -> int | None:
    """The quantile of sorted values by nearest rank; above the median ``None`` with too few values
    above it."""
    count = len(ordered_ns)
    # Rounded, because 0.99 · 1000 is a little more than 990 in binary.
    rank = int(np.ceil(np.round(share * count, 9)))
    if count - rank < LEAST_ABOVE and share > 0.5:
        return None
    return int(ordered_ns[max(rank, 1) - 1])
