"""From trials to the probes of the search for a capacity, and back to its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast, get_args

from servemark.plan.capacity import Capacity, Probe, Purpose, Search, Step
from servemark.records import Cell, Open, Slo, TrialResult
from servemark.stats import METRICS


def closed_throughput(results: Sequence[TrialResult], start: Cell) -> float | None:
    """The throughput that a visit's search begins from: of the last valid trial of that cell."""
    found = None
    for result in results:
        trial = result.trial
        if trial.purpose == "figure" and trial.cell.id == start.id and result.verdict.valid:
            found = METRICS["throughput_per_s"].of(result)
    return found or None


def search_of(slo: Slo, start: Cell, closed_per_s: float, before: Sequence[TrialResult]) -> Search:
    """The search of one visit; ``before`` are the variant's trials of the blocks before."""
    previous = tuple(capacities(before, slo, start).values())
    return Search(slo=slo, closed_per_s=closed_per_s, previous=previous)


def capacities(results: Sequence[TrialResult], slo: Slo, start: Cell) -> dict[int, Capacity]:
    """The outcome of the search in each block that had one, of the trials of one variant."""
    found: dict[int, Capacity] = {}
    for block in sorted({result.trial.block for result in results}):
        mine = [result for result in results if result.trial.block == block]
        closed_per_s = closed_throughput(mine, start)
        probes = [probe_of(each) for each in mine if each.trial.purpose == "capacity"]
        if closed_per_s is not None and probes:
            search = Search(slo=slo, closed_per_s=closed_per_s, previous=tuple(found.values()))
            found[block] = search.result(probes)
    return found


def probe_of(result: TrialResult) -> Probe:
    """A trial as the search sees it."""
    trial = result.trial
    assert isinstance(trial.cell.load, Open)
    assert trial.step in get_args(Purpose)
    step = Step(
        rate_per_s=trial.cell.load.rate_per_s,
        duration_s=trial.duration_s or 0.0,
        purpose=cast(Purpose, trial.step),
    )
    faults = result.verdict.faults
    if result.load is None or result.load.objective is None or faults:
        reason = faults[0].reason if faults else "nothing was measured"
        return Probe(step=step, fault=reason)
    seen = result.load.objective
    if seen.requests == 0:
        return Probe(step=step, fault="no request was due in the slice")
    response = None if result.load.latencies is None else result.load.latencies.response
    return Probe(
        step=step,
        requests=seen.requests,
        over=seen.over,
        batches=seen.batches,
        p50_ns=None if response is None else response.p50_ns,
        p90_ns=None if response is None else response.p90_ns,
        p99_ns=None if response is None else response.p99_ns,
        goodput_per_s=(seen.requests - seen.over) / step.duration_s if step.duration_s else None,
        cpu_ns=METRICS["server_cpu_ns"].of(result),
        recovery_ns=seen.recovery_ns,
    )
