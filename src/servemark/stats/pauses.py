"""What a core's pauses make of times, for whoever begins something there at a random moment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from servemark.records.calibration import Pauses

SHARES = {"p50": 0.5, "p75": 0.25, "p90": 0.1, "p99": 0.01, "p999": 0.001}
"""Of the moments, those that wait for longer than each figure."""


def pauses_of(lengths_ns: NDArray[np.int64], duration_ns: int) -> Pauses:
    """Pauses of so many ns each, seen in ``duration_ns``, and the waits that follow from them.

    >>> import numpy as np
    >>> found = pauses_of(np.array([1_000_000]), 100_000_000)
    >>> found.share, found.waits_ns["p90"], found.waits_ns["mean"]
    (0.01, 0.0, 5000.0)
    """
    waits_ns = {name: wait_ns(lengths_ns, duration_ns, share) for name, share in SHARES.items()}
    waits_ns["mean"] = float(np.sum(lengths_ns.astype(float) ** 2) / (2 * duration_ns))
    return Pauses(
        duration_ns=duration_ns,
        count=len(lengths_ns),
        share=float(np.sum(lengths_ns) / duration_ns),
        longest_ns=int(max(lengths_ns, default=0)),
        waits_ns=waits_ns,
    )


def wait_ns(lengths_ns: NDArray[np.int64], duration_ns: int, share: float) -> float:
    """How long a random moment waits for its core at least, with probability ``share``, in ns.

    Whoever comes in a pause of length L waits for the rest of it, which is anything from 0 to L
    alike: P(wait > x) = Σ max(L − x, 0) ÷ ``duration_ns`` (the residual life of a renewal process:
    Cox, Renewal Theory, 1962, ch. 5). Solved for x: as each set of pauses gives a lower bound, the
    largest that the k longest give, over all k.

    >>> import numpy as np
    >>> wait_ns(np.array([80_000] * 250), 1_000_000_000, 0.001)
    76000.0
    """
    longest_first = np.sort(lengths_ns.astype(float))[::-1]
    bounds = (np.cumsum(longest_first) - share * duration_ns) / np.arange(1, len(longest_first) + 1)
    return float(max(bounds.max(initial=0.0), 0.0))
