"""Verdicts: which conditions a trial did not meet, why, and what to do about it."""

from __future__ import annotations

from servemark.records import Counts, Fault, Gate, LoadResult, Verdict

MOST_ERRORS = 0.001
MOST_ENGINE_SHARE = 0.70
MOST_STEAL = 0.02


def judge(load: LoadResult | None, steal_share: float | None, failure: str | None) -> Verdict:
    """The verdict on one trial from what was measured.

    Engine headroom is CPU time ÷ slice: wrk does not spin, so that its CPU time is work.
    """
    if failure is not None or load is None:
        reason = failure or "nothing was measured"
        return Verdict(faults=(Fault(gate=Gate.COMPLETED, reason=reason, remedy=_SEE_LOG),))
    faults = (_answers(load.counts), _headroom(load), _quiet(steal_share))
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
    if counts.errors <= MOST_ERRORS * asked:
        return None
    kinds = {
        "answers with an error status": counts.bad_status,
        "connections that failed": counts.connect_errors,
        "broken reads": counts.read_errors,
        "broken writes": counts.write_errors,
        "timeouts": counts.timeouts,
    }
    detail = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
    return Fault(
        gate=Gate.ANSWERS,
        reason=f"{counts.errors / asked:.1%} of {asked} requests failed: {detail}",
        remedy="servemark verify, and the end of its log",
    )


def _headroom(load: LoadResult) -> Fault | None:
    share = load.engine_cpu_ns / load.duration_ns
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
