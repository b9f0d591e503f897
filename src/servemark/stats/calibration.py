"""Calibration as arithmetic: truths, errors, ratios, and whether the bars are reached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from servemark.records import Distribution
from servemark.records.calibration import (
    Bar,
    Comparison,
    Conservation,
    Deviation,
    Pauses,
    SpeedRatio,
    SpeedRun,
)
from servemark.units import NS_PER_US, format_ns

T = TypeVar("T")
FIGURES = ("p50", "p75", "p90", "p99", "p999", "mean")
OWN = "servemark"
REFERENCE = "wrk"
REFERENCE_FORMATTING = "wrk, formatting"
"""wrk with a script that puts each upload together when it is sent, as those that come with it
do; ``REFERENCE`` has put them all together before."""
LEAST_ALLOWED_NS = 50 * NS_PER_US
ALLOWED_SHARE = 0.01
ALLOWED_SHARE_P999 = 0.03
STALL_SHARE = 0.01
MOST_LAG_NS = 100 * NS_PER_US
MULTIPART_BAR = 1.5
BAR_CONNECTIONS = (16, 64)


def stalled_response_ns(
    intended_ns: NDArray[np.int64],
    delay_ns: NDArray[np.int64],
    stall_start_ns: int,
    stall_end_ns: int,
) -> NDArray[np.int64]:
    """Response times that a schedule must give when the server stalls once, in ns.

    A request due at t with delay d is answered at t + d, or at the stall's end where t + d falls
    into the stall. ``intended_ns`` and ``delay_ns`` have one entry a request, in the same order.

    >>> import numpy as np
    >>> stalled_response_ns(np.array([0, 95, 150, 200]), np.array([10, 10, 10, 10]), 100, 200)
    array([ 10, 105,  50,  10])
    """
    due_ns = intended_ns + delay_ns
    held = (due_ns >= stall_start_ns) & (due_ns < stall_end_ns)
    return np.where(held, stall_end_ns, due_ns) - intended_ns


def figures_of(found: Distribution | None) -> dict[str, float]:
    """The figures that are compared, in ns; those with too few samples are left out."""
    if found is None:
        return {}
    named = {name: getattr(found, f"{name}_ns") for name in FIGURES}
    return {name: float(value) for name, value in named.items() if value is not None}


def allowed_ns(figure: str, truth_ns: float) -> float:
    """The largest error that is allowed: 1 % or 50 µs, whichever is larger; 3 % for p99.9."""
    share = ALLOWED_SHARE_P999 if figure == "p999" else ALLOWED_SHARE
    return max(share * truth_ns, LEAST_ALLOWED_NS)


def compare(
    truth: Mapping[str, float],
    found: Mapping[str, float],
    fixed_ns: float,
    pauses: Pauses | None = None,
) -> tuple[Deviation, ...]:
    """Each figure beside the truth; ``fixed_ns`` is added to what the server recorded. ``pauses``
    of the generator's core, where requests are due at random moments."""
    waits_ns = {} if pauses is None else pauses.waits_ns
    deviations = []
    for figure in FIGURES:
        recorded, seen = truth.get(figure), found.get(figure)
        true_ns = None if recorded is None else recorded + fixed_ns
        deviations.append(
            Deviation(
                figure=figure,
                truth_ns=true_ns,
                found_ns=seen,
                error_ns=None if true_ns is None or seen is None else seen - true_ns,
                allowed_ns=None if true_ns is None else allowed_ns(figure, true_ns),
                pauses_ns=waits_ns.get(figure),
            )
        )
    return tuple(deviations)


def over_rounds(rounds: Sequence[Comparison]) -> Comparison:
    """Several comparisons of one generator under one distribution as one: of each figure, the
    load with the median error (the lower of two in the middle), and the range of the errors."""
    if len(rounds) == 1:
        return rounds[0]
    found = []
    for of_figure in zip(*(each.deviations for each in rounds), strict=True):
        known = [(each.error_ns, each) for each in of_figure if each.error_ns is not None]
        if not known:
            found.append(of_figure[0])
            continue
        errors_ns = [error_ns for error_ns, _ in known]
        ends = {"lowest_ns": min(errors_ns), "highest_ns": max(errors_ns)}
        found.append(_middle(known).model_copy(update=ends))
    return rounds[0].model_copy(
        update={
            "requests": sum(each.requests for each in rounds),
            "recorded": sum(each.recorded for each in rounds),
            "rounds": len(rounds),
            "deviations": tuple(found),
        }
    )


def finest(single: Comparison, together: Comparison) -> Comparison:
    """Two comparisons of the same requests as one: each figure of single loads, or where those had
    too few requests for it, of several taken together."""
    pairs = zip(single.deviations, together.deviations, strict=True)
    deviations = tuple(fine if fine.error_ns is not None else coarse for fine, coarse in pairs)
    return together.model_copy(update={"deviations": deviations})


def middle_lag(rounds: Sequence[Distribution]) -> Distribution | None:
    """The load with the median p99 (the lower of two in the middle); without one, the first."""
    known = [(each.p99_ns, each) for each in rounds if each.p99_ns is not None]
    return _middle(known) if known else next(iter(rounds), None)


def _middle(keyed: Sequence[tuple[float, T]]) -> T:
    """What has the median key; the lower of two in the middle. Equal keys count each."""
    ordered = sorted(keyed, key=lambda each: each[0])
    return ordered[(len(ordered) - 1) // 2][1]


def ratios(runs: Sequence[SpeedRun]) -> list[SpeedRatio]:
    """servemark ÷ each other generator, cell by cell, from runs of the same round."""
    found = []
    own = {(run.workload, run.connections, run.round): run for run in runs if run.generator == OWN}
    for workload, connections in dict.fromkeys((run.workload, run.connections) for run in runs):
        for name in dict.fromkeys(run.generator for run in runs if run.generator != OWN):
            pairs = [
                (own[key], run)
                for run in runs
                if (run.workload, run.connections, run.generator) == (workload, connections, name)
                and (key := (workload, connections, run.round)) in own
            ]
            if pairs:
                found.append(_ratio(pairs))
    return found


def _ratio(pairs: Sequence[tuple[SpeedRun, SpeedRun]]) -> SpeedRatio:
    other = pairs[0][1]
    throughput = [mine.requests_per_s / its.requests_per_s for mine, its in pairs]
    return SpeedRatio(
        workload=other.workload,
        connections=other.connections,
        generator=other.generator,
        pairs=len(pairs),
        throughput=median(throughput),
        throughput_low=min(throughput),
        throughput_high=max(throughput),
        cpu=median(mine.cpu_ns / its.cpu_ns for mine, its in pairs),
        busy=median(mine.busy_ns / its.cpu_ns for mine, its in pairs),
    )


def bars(
    comparisons: Iterable[Comparison],
    lag: Distribution | None,
    conservation: Conservation,
    speed: Sequence[SpeedRatio],
    pauses: Sequence[Pauses] = (),
) -> list[Bar]:
    """What the engine is to reach, beside what was found."""
    own = [each for each in comparisons if each.generator == OWN]
    return [
        _error_bar(own, "percentiles and mean", [f for f in FIGURES if f != "p999"], "1 %"),
        _error_bar(own, "p99.9", ["p999"], "3 %"),
        _stall_bar(own),
        _lag_bar(lag, pauses),
        *(_throughput_bar(speed, "get", n, 1.0) for n in BAR_CONNECTIONS),
        *(_cpu_bar(speed, n) for n in BAR_CONNECTIONS),
        _throughput_bar(speed, "multipart", None, MULTIPART_BAR, REFERENCE_FORMATTING),
        Bar(
            what=f"no sample lost, {conservation.connections} connections",
            bar="scheduled = answered + each kind of failure",
            found=_counted(conservation),
            holds=conservation.holds,
        ),
    ]


def _error_bar(own: Sequence[Comparison], what: str, names: Sequence[str], share: str) -> Bar:
    """All distributions, closed and open; ``found`` names the worst, as a share of its bar."""
    judged = [
        (abs(each.error_ns) / each.allowed_ns, each, comparison)
        for comparison in own
        for each in comparison.deviations
        if each.figure in names and each.error_ns is not None and each.allowed_ns
    ]
    bar = f"≤ {share} or 50 µs"
    if not judged:
        return Bar(what=f"error of {what}", bar=bar, found="too few samples", holds=None)
    outside = sum(each.holds is False for _, each, _ in judged)
    untold = sum(each.holds is None for _, each, _ in judged)
    _, worst, where = max(judged, key=lambda item: item[0])
    found = (
        f"{len(judged) - outside - untold} of {len(judged)} within; largest: "
        f"{spelt(worst.figure)} of {where.distribution}, {where.loop}: {signed_ns(worst.error_ns)}"
    )
    if untold:
        found += f"; {untold} beyond by no more than the core's own pauses"
    holds = False if outside else None if untold else True
    return Bar(what=f"error of {what}", bar=bar, found=found, holds=holds)


def _stall_bar(own: Sequence[Comparison]) -> Bar:
    what, bar = "p99 of an open loop with a stall of 1 s", "within 1 % of the computed truth"
    for each in own:
        if (each.distribution, each.loop) == ("stall", "open"):
            p99 = next(d for d in each.deviations if d.figure == "p99")
            if p99.error_ns is not None and p99.truth_ns:
                share = p99.error_ns / p99.truth_ns
                holds = abs(share) <= STALL_SHARE
                return Bar(what=what, bar=bar, found=f"{share:+.3%}", holds=holds)
    return Bar(what=what, bar=bar, found="too few samples", holds=None)


def _lag_bar(lag: Distribution | None, pauses: Sequence[Pauses]) -> Bar:
    p99_ns = None if lag is None else lag.p99_ns
    found, holds = format_ns(p99_ns), None if p99_ns is None else p99_ns <= MOST_LAG_NS
    own_ns = median([each.waits_ns["p99"] for each in pauses] or [0.0])
    if holds is False and p99_ns is not None and p99_ns <= MOST_LAG_NS + own_ns:
        found, holds = f"{found}; {format_ns(own_ns)} by the core's own pauses", None
    return Bar(what="p99 lag", bar="≤ 100 µs", found=found, holds=holds)


def _of(
    speed: Sequence[SpeedRatio], workload: str, connections: int | None, generator: str
) -> SpeedRatio | None:
    for each in speed:
        same = each.workload == workload and connections in (None, each.connections)
        if same and each.generator == generator:
            return each
    return None


def _throughput_bar(
    speed: Sequence[SpeedRatio],
    workload: str,
    connections: int | None,
    least: float,
    generator: str = REFERENCE,
) -> Bar:
    found = _of(speed, workload, connections, generator)
    cell = workload if connections is None else f"{workload}, {connections} connections"
    return Bar(
        what=f"requests per second, servemark ÷ {generator}, {cell}",
        bar=f"≥ {least:g}",
        found="–" if found is None else _beside(found.throughput, least),
        holds=None if found is None else found.throughput >= least,
    )


def _beside(ratio: float, least: float) -> str:
    """Two places, or as many more as say on which side of the bar it is."""
    for places in (2, 3, 4):
        text = f"{ratio:.{places}f}"
        if (float(text) >= least) == (ratio >= least):
            return text
    return repr(ratio)


def _cpu_bar(speed: Sequence[SpeedRatio], connections: int) -> Bar:
    found = _of(speed, "get", connections, REFERENCE)
    return Bar(
        what=f"CPU per request, servemark ÷ wrk, get, {connections} connections",
        bar="≤ 1",
        found="–" if found is None else f"{found.cpu:.2f}; {found.busy:.2f} without polling",
        holds=None if found is None else found.cpu <= 1,
    )


def _counted(conservation: Conservation) -> str:
    kinds = ", ".join(f"{count:,} {name}" for name, count in conservation.endings.items())
    return (
        f"{conservation.scheduled:,} scheduled = {kinds}; "
        f"the server answered {conservation.server_answered:,}"
    )


def spelt(figure: str) -> str:
    """A figure's name for people.

    >>> spelt("p999"), spelt("p50")
    ('p99.9', 'p50')
    """
    return "p99.9" if figure == "p999" else figure


def signed_ns(error_ns: float | None) -> str:
    """An error with its sign and a unit that suits it.

    >>> signed_ns(12_000), signed_ns(-1_500_000), signed_ns(None)
    ('+12.0 µs', '−1.50 ms', '–')
    """
    if error_ns is None:
        return "–"
    return ("−" if error_ns < 0 else "+") + format_ns(abs(error_ns))
