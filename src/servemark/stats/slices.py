"""From the samples of a slice to its result."""

from __future__ import annotations

import numpy as np

from servemark.records import LoadResult
from servemark.samples import Samples
from servemark.stats.latency import latencies, mean_outstanding


def complete(result: LoadResult, samples: Samples) -> LoadResult:
    """The engine's result with what follows from its samples, once their answers were checked."""
    right = samples.right == 1
    wrong = samples.right == 0
    in_slice = samples.done_ns <= result.duration_ns
    counts = result.counts.model_copy(
        update={"ok": int(right.sum()), "wrong_answers": int(wrong.sum())}
    )
    return result.model_copy(
        update={
            "counts": counts,
            "ok_in_slice": int(np.count_nonzero(right & in_slice)),
            "latencies": latencies(samples),
            "mean_outstanding": mean_outstanding(samples, result.duration_ns),
        }
    )
