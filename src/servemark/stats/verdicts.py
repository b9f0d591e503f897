"""Verdicts: which conditions a trial did not meet, why, and what to do about it."""

from __future__ import annotations

from servemark.records import (
    Cell,
    Closed,
    Counts,
    Distribution,
    Fault,
    Gate,
    LoadResult,
    Open,
    Verdict,
)
from servemark.units import format_ns

MOST_ERRORS = 0.001
MOST_ENGINE_SHARE = 0.70
MOST_STEAL = 0.02
LITTLE_TOLERANCE = 0.05
OFFERED_TOLERANCE = 0.02
MOST_LAG_SHARE = 0.10
LAG_ALWAYS_ALLOWED_NS = 100_000


def judge(
    cell: Cell, load: LoadResult | None, steal_share: float | None, failure: str | None
) -> Verdict:
    """The verdict on one trial from what was measured; a gate without a figure is left out."""
    if failure is not None or load is None:
        reason = failure or "nothing was measured"
        return Verdict(faults=(Fault(gate=Gate.COMPLETED, reason=reason, remedy=_SEE_LOG),))
    faults = [_answers(load.counts), _headroom(load), _quiet(steal_share), _order(load)]
    if isinstance(cell.load, Closed):
        faults.append(_little(cell.load, load))
    else:
        faults += [_offered(cell.load, load), _schedule_kept(load)]
    return Verdict(faults=tuple(fault for fault in faults if fault is not None))


_SEE_LOG = "see the end of its log below; servemark verify shows whether it serves rightly"


def _answers(counts: Counts) -> Fault | None:
    asked = counts.ok + counts.errors
    if asked == 0:
        return Fault(
            gate=Gate.ANSWERS,
            reason="no request was answered in the slice",
            remedy="a longer slice, if it is merely slow",
        )
    wrong = counts.wrong_answers or 0
    failed = counts.errors - counts.not_sent
    if failed <= MOST_ERRORS * asked and wrong == 0:
        return None
    kinds = {
        "wrong answers": wrong,
        "answers with an error status": counts.bad_status,
        "connections that failed": counts.connect_errors,
        "broken reads": counts.read_errors,
        "broken writes": counts.write_errors,
        "timeouts": counts.timeouts,
        "malformed answers": counts.malformed,
        "never answered": counts.unanswered,
    }
    detail = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
    return Fault(
        gate=Gate.ANSWERS,
        reason=f"{failed / asked:.1%} of {asked} requests failed: {detail}",
        remedy="servemark verify, and the end of its log",
    )


def _headroom(load: LoadResult) -> Fault | None:
    """Busy time ÷ slice, per thread; CPU time where the engine does not tell work from spinning."""
    if load.work is None:
        share = load.engine_cpu_ns / load.duration_ns
    else:
        share = load.work.busy_ns / (load.duration_ns * load.work.threads)
    if share < MOST_ENGINE_SHARE:
        return None
    return Fault(
        gate=Gate.ENGINE_HEADROOM,
        reason=f"{load.engine} was busy {share:.0%} of the time, so it may be what was measured",
        remedy="more cores or threads for the engine, or fewer cores for the server",
    )


def _quiet(steal_share: float | None) -> Fault | None:
    if steal_share is None or steal_share < MOST_STEAL:
        return None
    return Fault(
        gate=Gate.QUIET_MACHINE,
        reason=f"the hypervisor took {steal_share:.1%} of the machine's time",
        remedy="a quieter machine, or the same board at another time",
    )


def _little(asked: Closed, load: LoadResult) -> Fault | None:
    """Little's law: the mean number of requests under way is the number of connections."""
    if load.mean_outstanding is None:
        return None
    if abs(load.mean_outstanding - asked.connections) <= LITTLE_TOLERANCE * asked.connections:
        return None
    return Fault(
        gate=Gate.LITTLE,
        reason=f"on average {load.mean_outstanding:.2f} requests were under way, "
        f"not {asked.connections}",
        remedy="a server that closes connections leaves them idle; else the engine was held up",
    )


def _offered(asked: Open, load: LoadResult) -> Fault | None:
    scheduled = load.counts.ok + load.counts.errors
    if scheduled == 0 or load.counts.answered >= (1 - OFFERED_TOLERANCE) * scheduled:
        return None
    return Fault(
        gate=Gate.OFFERED,
        reason=f"{load.counts.answered} of {scheduled} requests at {asked.rate_per_s:g}/s "
        "were answered",
        remedy="a lower rate: this one is beyond the server's capacity",
    )


def _schedule_kept(load: LoadResult) -> Fault | None:
    """p99 lag ≤ 10 % of p99 response time, or ≤ 100 µs."""
    if load.latencies is None:
        return None
    lag, response = load.latencies.lag, load.latencies.response
    if lag is None or response is None or lag.p99_ns is None or response.p99_ns is None:
        return None
    if lag.p99_ns <= max(LAG_ALWAYS_ALLOWED_NS, MOST_LAG_SHARE * response.p99_ns):
        return None
    return Fault(
        gate=Gate.SCHEDULE_KEPT,
        reason=f"requests left up to {format_ns(lag.p99_ns)} (p99) after they were due",
        remedy="a core of its own for the engine, or a lower rate",
    )


def _order(load: LoadResult) -> Fault | None:
    if load.latencies is None:
        return None
    found = (load.latencies.service, load.latencies.response, load.latencies.lag)
    if all(each is None or is_ordered(each) for each in found):
        return None
    return Fault(
        gate=Gate.ORDER,
        reason="the percentiles of the samples contradict one another",
        remedy="report this as a bug, with the run folder",
    )


def is_ordered(found: Distribution) -> bool:
    """min ≤ p50 ≤ p75 ≤ p90 ≤ p99 ≤ p99.9 ≤ max, as far as they are there, and min ≤ mean ≤ max."""
    line = [
        found.min_ns,
        found.p50_ns,
        found.p75_ns,
        found.p90_ns,
        found.p99_ns,
        found.p999_ns,
        found.max_ns,
    ]
    known = [value for value in line if value is not None]
    return known == sorted(known) and found.min_ns <= found.mean_ns <= found.max_ns
