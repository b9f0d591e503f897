"""From the samples of a slice to its result."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from servemark.records import Cell, Closed, DriftSeen, LoadResult, Objective, Slo
from servemark.samples import ANSWERED, MISSING, Samples
from servemark.stats.drift import find_drift
from servemark.stats.latency import latencies, mean_outstanding
from servemark.stats.slo import in_bound, judge_batches, recovery_ns


def complete(
    result: LoadResult, samples: Samples, cell: Cell, slo: Slo | None = None
) -> LoadResult:
    """The engine's result with what follows from its samples, once their answers were checked.

    ``slo`` is given where the slice is one of the search for the capacity.
    """
    right = samples.right == 1
    wrong = samples.right == 0
    in_slice = samples.done_ns <= result.duration_ns
    # A service of the user's own may be expected to answer with an error status.
    refused = (samples.ending == ANSWERED) & (samples.status >= 400) & ~right
    counts = result.counts.model_copy(
        update={
            "ok": int(right.sum()),
            "wrong_answers": int(wrong.sum()),
            "bad_status": int(refused.sum()),
        }
    )
    return result.model_copy(
        update={
            "counts": counts,
            "ok_in_slice": int(np.count_nonzero(right & in_slice)),
            "latencies": latencies(samples),
            "mean_outstanding": mean_outstanding(
                samples, result.duration_ns, 0 if result.work is None else result.work.unread_ns
            ),
            "drift": _drift(result, samples) if isinstance(cell.load, Closed) else None,
            "objective": None if slo is None else _objective(result, samples, slo),
        }
    )


def _drift(result: LoadResult, samples: Samples) -> DriftSeen | None:
    found = find_drift(samples.done_ns, result.duration_ns, samples.right == 1)
    return None if found is None else DriftSeen(**asdict(found))


def _objective(result: LoadResult, samples: Samples, slo: Slo) -> Objective:
    """Every request that was due counts, also one that was never sent."""
    in_time = in_bound(samples, slo.bound_ns)
    judged = judge_batches(in_time, slo.share)
    sent = samples.sent_ns != MISSING
    return Objective(
        requests=judged.requests,
        over=judged.over,
        batches=judged.answer,
        recovery_ns=recovery_ns(
            samples.intended_ns[sent], samples.done_ns[sent], result.duration_ns
        ),
    )
