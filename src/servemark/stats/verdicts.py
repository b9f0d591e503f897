"""Verdicts: which conditions a trial did not meet, why, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from servemark.records import (
    Cell,
    Circumstances,
    Closed,
    Counts,
    Distribution,
    Fault,
    Gate,
    LoadResult,
    Open,
    Placement,
    ServerUse,
    Verdict,
)
from servemark.stats.drift import Drift
from servemark.stats.placement import placement_faults
from servemark.units import format_ns

MOST_ERRORS = 0.001
MOST_ENGINE_SHARE = 0.70
MOST_STEAL = 0.02
MOST_BYSTANDER = 0.10
"""Of one core: what another process may use."""
MOST_ASLEEP_NS = 100_000_000
MOST_EXTRA_CORES = 0.25
"""Beyond what was declared: the kernel's and a runtime's own threads take some."""
MOST_RECONNECTS = 0.01
FEW_RECONNECTS = 10
ENOUGH_PER_WORKER = 100
CONNECTIONS_PER_WORKER = 8
"""With fewer it is chance which worker gets them."""
LITTLE_TOLERANCE = 0.05
OFFERED_TOLERANCE = 0.02
MOST_LAG_SHARE = 0.10
LAG_ALWAYS_ALLOWED_NS = 100_000


@dataclass(frozen=True, slots=True)
class Declared:
    """What a variant says of itself, as far as a trial can be held to it."""

    workers: int | None = 1
    """``None``: it says nothing of its workers, and is not held to a number."""
    threads: int = 1
    parallel: Literal["processes", "threads"] = "processes"
    """What ``workers`` are."""
    helpers: int = 0
    """Processes beside the workers that take part in serving."""
    keeps_connections: bool = True
    own_service: bool = False
    """Whether it is a service of the user's own, whose remedies are others than a contestant's."""


def judge(
    cell: Cell,
    load: LoadResult | None,
    use: ServerUse | None,
    seen: Circumstances,
    declared: Declared,
    failure: str | None,
    *,
    insists_on_quiet: bool = True,
    searching: bool = False,
    placement: Placement | None = None,
    lost: str | None = None,
) -> Verdict:
    """The verdict on one trial from what was measured; a gate without a figure is left out.

    ``searching``: the slice is one of the search for the capacity, which goes beyond it on purpose.
    What is late or unanswered there is over the objective, and no fault of the trial. ``lost`` is
    what became of a load generator that did not see the slice through.
    """
    if lost is not None:
        fault = Fault(gate=Gate.GENERATORS, reason=lost, remedy=_LOST)
        return Verdict(faults=(fault,))
    if failure is not None or load is None:
        reason = failure or "nothing was measured"
        fault = Fault(gate=Gate.COMPLETED, reason=reason, remedy=_SEE_LOG)
        return Verdict(faults=_with_remedies([fault], declared))
    faults = [_headroom(load), _order(load), _parity(cell, load, use, declared)]
    if searching:
        faults.append(_wrong(load.counts))
    elif isinstance(cell.load, Closed):
        faults += [_answers(load.counts), _steady(load), _little(cell.load, load)]
        faults.append(_connections(load, declared))
    else:
        faults += [_answers(load.counts), _offered(cell.load, load), _schedule_kept(load)]
    if placement is not None:
        faults += placement_faults(placement, load)
    found = _with_remedies([fault for fault in faults if fault is not None], declared)
    noise = [fault for fault in _quiet(seen) if fault is not None]
    if insists_on_quiet:
        return Verdict(faults=(*found, *noise))
    return Verdict(faults=found, warnings=tuple(noise))


_LOST = "it is measured again with the generators that are left; look at that machine"
_SEE_LOG = "see the end of its log below; servemark verify shows whether it serves rightly"
_OF_OWN_SERVICES = {
    Gate.COMPLETED: "see the end of its log, and whether it starts and is reached as described",
    Gate.ANSWERS: "see its log; or less load, or another status or value under expect",
    Gate.PARITY: "workers, threads and helpers of the service as they are, or no workers at all",
    Gate.CONNECTIONS: "keep connections alive, or leave keeps_connections out",
}


def _with_remedies(faults: Sequence[Fault], declared: Declared) -> tuple[Fault, ...]:
    """The faults, for a service of the user's own with remedies that it has."""
    if not declared.own_service:
        return tuple(faults)
    return tuple(
        fault.model_copy(update={"remedy": _OF_OWN_SERVICES.get(fault.gate, fault.remedy)})
        for fault in faults
    )


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


def _wrong(counts: Counts) -> Fault | None:
    if not counts.wrong_answers:
        return None
    return Fault(
        gate=Gate.ANSWERS,
        reason=f"{counts.wrong_answers} answers were wrong",
        remedy="servemark verify, and the end of its log",
    )


def _headroom(load: LoadResult) -> Fault | None:
    """(Busy time + time waiting for a core) ÷ time under load, per thread.

    A thread that is ready to run while something else has its core has no headroom either. CPU time
    stands for both where the engine does not tell work from spinning.
    """
    waited = 0.0
    if load.work is None:
        busy = load.engine_cpu_ns / load.loaded_ns
    else:
        whole_ns = load.loaded_ns * load.work.threads
        busy = load.work.busy_ns / whole_ns
        waited = (load.work.waited_ns or 0) / whole_ns
    if busy + waited < MOST_ENGINE_SHARE:
        return None
    also = f" and waited for its core {waited:.0%} of it" if waited >= 0.01 else ""
    return Fault(
        gate=Gate.ENGINE_HEADROOM,
        reason=f"{load.engine} was busy {busy:.0%} of the time{also}, so it may be what was "
        "measured",
        remedy="more cores or threads for the engine, or fewer cores for the server",
    )


def _quiet(seen: Circumstances) -> list[Fault | None]:
    remedy = "a quieter machine, or the same board at another time"
    faults: list[Fault | None] = []
    if seen.steal_share is not None and seen.steal_share >= MOST_STEAL:
        reason = f"the hypervisor took {seen.steal_share:.1%} of the machine's time"
        faults.append(Fault(gate=Gate.QUIET_MACHINE, reason=reason, remedy=remedy))
    loud = [each for each in seen.bystanders if each.share > MOST_BYSTANDER]
    if loud:
        names = ", ".join(f"{each.name} ({each.share:.0%} of a core)" for each in loud)
        reason = f"other processes were busy meanwhile: {names}"
        faults.append(
            Fault(gate=Gate.QUIET_MACHINE, reason=reason, remedy=f"end them, or {remedy}")
        )
    if seen.asleep_ns > MOST_ASLEEP_NS:
        reason = f"the machine was suspended for {format_ns(seen.asleep_ns)} meanwhile"
        faults.append(Fault(gate=Gate.QUIET_MACHINE, reason=reason, remedy="keep it awake"))
    return faults


def _parity(
    cell: Cell, load: LoadResult, use: ServerUse | None, declared: Declared
) -> Fault | None:
    """Processes that served = workers, and no more cores used than workers and threads can."""
    if use is None or declared.workers is None:
        return None
    workers = declared.workers if declared.parallel == "processes" else 1
    most = workers + declared.helpers
    busy = use.busy_processes
    if busy is not None and busy > most:
        return Fault(
            gate=Gate.PARITY,
            reason=f"{busy} of its processes served, where {most} was declared"
            if most == 1
            else f"{busy} of its processes served, where {most} were declared",
            remedy="the contestant must start as many workers as WORKERS says",
        )
    enough = load.counts.answered >= ENOUGH_PER_WORKER * workers
    idle = busy is not None and busy < workers and enough
    if idle and cell.load.connections >= CONNECTIONS_PER_WORKER * workers:
        return Fault(
            gate=Gate.PARITY,
            reason=f"only {busy} of its {workers} workers served",
            remedy="the contestant must start as many workers as WORKERS says, and share the load",
        )
    cores = use.cpu_ns / load.loaded_ns
    allowed = declared.workers * declared.threads
    if cores > allowed + MOST_EXTRA_CORES:
        return Fault(
            gate=Gate.PARITY,
            reason=f"it used {cores:.2f} cores, where {allowed} could be kept busy as declared",
            remedy="the contestant must use as many workers and threads as WORKERS and THREADS say",
        )
    return None


def _connections(load: LoadResult, declared: Declared) -> Fault | None:
    """A server that closes connections costs a handshake a request, which must be said."""
    if load.work is None or not declared.keeps_connections:
        return None
    if load.work.reconnects <= max(MOST_RECONNECTS * load.counts.answered, FEW_RECONNECTS):
        return None
    return Fault(
        gate=Gate.CONNECTIONS,
        reason=f"{load.work.reconnects} connections had to be opened anew for "
        f"{load.counts.answered} answers",
        remedy="keep connections alive, or declare under limits in its manifest that it cannot",
    )


def _steady(load: LoadResult) -> Fault | None:
    if load.drift is None:
        return None
    return Fault(
        gate=Gate.STEADY,
        reason=Drift(**load.drift.model_dump()).sentence(),
        remedy="a longer warm-up if it becomes faster; look for a leak or a cache if slower; where "
        "several show it, it is the machine whose speed changes",
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
