"""The search for the highest Poisson rate that a server takes within an SLO.

It has three parts, each a sequence of slices of load:

1. *Bracket and bisect*, from what the closed loop gave, with short slices judged by the
   early-stopping test, until a rate that meets the SLO and one that misses it are close.
2. *Confirm* with long slices judged by batch means: one that does not meet the SLO sends the search
   down; one that does sends it up, unless a rate just above has missed.
3. The *curve* at shares of the capacity, and *overload* beyond it.

Blocks after the first begin with the second part, at the rate found before. What comes next depends
on the probes alone, so a search that was cut off goes on as if it had not been.

The figures below were chosen by simulating queues of known capacity (p99 within 25 ms; 140 times
three blocks; the closed loop's throughput off by 1 % at random). Mean ± standard deviation of the
rate found ÷ the true capacity, how many of two runs of three blocks agree within 5 %, and seconds
of load in the first block and in a later one:

============================== ============ ============ ======= =======
server, at most                one block    median of 3  agree   load
============================== ============ ============ ======= =======
little variation (0.3), 5000/s 1.01 ± 0.014 1.01 ± 0.010   99 %   9, 6 s
constant, 3000/s               1.01 ± 0.015 1.01 ± 0.011  100 %   9, 6 s
exponential, 3000/s            1.01 ± 0.022 1.01 ± 0.016   97 %   9, 6 s
great variation (1.5), 3000/s  1.02 ± 0.039 1.01 ± 0.030   76 %   9, 6 s
stalls of 12 ms, 2000/s        1.00 ± 0.027 1.00 ± 0.016   94 %   9, 6 s
constant, 1000/s               1.01 ± 0.029 1.01 ± 0.021   93 %  10, 6 s
exponential, 1000/s            1.02 ± 0.041 1.01 ± 0.034   70 %  11, 7 s
constant, 500/s                1.00 ± 0.047 0.99 ± 0.033   76 %  12, 7 s
constant, 300/s                1.03 ± 0.066 1.01 ± 0.050   51 %  15, 7 s
exponential, 300/s             1.13 ± 0.249 1.07 ± 0.224   14 %  21, 8 s
============================== ============ ============ ======= =======

The queue sets these limits, not the test. At its capacity, a server of 1,000/s with constant times
comes into a stretch of late answers every five seconds, 0.07 s long, so that many slices see none.
And the slower the server, the less its share of late answers tells of the rate: near the capacity,
1 % of rate changes that share by 13 % at 300/s, by 60 % at 1,000/s, twelvefold at 5,000/s.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from statistics import median
from typing import Literal

from servemark.records import Slo
from servemark.stats.slo import BATCH_CONFIDENCE, Answer, judge_counts, queries_needed
from servemark.units import NS_PER_S, format_rate

Purpose = Literal["bracket", "bisect", "confirm", "curve", "overload"]

FIRST = 0.9
"""Of the closed loop's throughput: the first rate tried. With random arrivals, 25 ms hold up to
0.7 (300/s) or 0.98 (5,000/s) of what a server with little variation can do at most."""
RISE = 1.1
HIGHEST = 1.2
"""Of the closed loop's throughput: few connections may leave a server idle at times, but a server
that takes more was not measured by them."""
LOWEST = 0.02
WIDTH = 0.05
"""Relative width at which bisecting with short slices is over."""
STRIDE = 0.03
"""From one long slice to the next. Strides that grow on the way down find servers that were far off
sooner, and were less accurate for all others."""
CLOSE = 0.045
"""The search is over where a rate this little above one that was met has missed. It is more than a
stride, so that no rate is tried beyond one that has missed."""
MOST_LONG_FIRST = 4
MOST_LONG_LATER = 3
CURVE = (0.1, 0.3, 0.5, 0.7, 0.85, 0.95)
OVERLOAD = (1.2, 1.5)
"""Both in shares of the capacity."""

SHORT_BOUNDS = 40
LONG_BOUNDS = 100
OVERLOAD_BOUNDS = 40
"""Least lengths of slices in bounds of the SLO: 1, 2.5 and 1 s for 25 ms. At a share x beyond what
a server can do, its queue needs bound ÷ x until the first answer is late: a long slice shows x of
1 % at best."""
LONG_REQUESTS = 10
"""In the least number that could confirm a rate: 2,290 for p99."""
LONGEST_SHORT_S = 1.5
LONGEST_LONG_S = 3.0
LONGEST_S = 6.0
"""Where fewer requests could not confirm anything: from 46/s to 92/s for p99."""
LEAST_DUE = 5
"""Requests that a slice is to see on average, even where that takes ``LONGEST_S``; 7 slices in
1,000 are empty then. Below the first rate, none so low that it would see fewer is bracketed."""
CURVE_S = (0.5, 0.8)
CURVE_REQUESTS = 1100
"""Enough for p99 with 10 requests above it, where that fits into the time."""


@dataclass(frozen=True, slots=True)
class Step:
    """A slice of Poisson arrivals to be put on the server."""

    rate_per_s: float
    duration_s: float
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of a step.

    ``requests`` were due in the slice, and ``over`` of them not answered rightly in the bound; a
    slice without any says nothing and has a fault. ``batches`` is the answer of
    :func:`servemark.stats.slo.judge_batches`. ``fault`` says why the slice does not count; a rate
    beyond the server's capacity is no fault here. The figures below it are for the curve; the
    search does not look at them.
    """

    step: Step
    requests: int = 0
    over: int = 0
    batches: Answer = "undecided"
    fault: str | None = None
    p50_ns: float | None = None
    p90_ns: float | None = None
    p99_ns: float | None = None
    goodput_per_s: float | None = None
    """Right answers within the bound for each second of load."""
    cpu_ns: float | None = None
    """CPU time of the server for each answer."""
    recovery_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Capacity:
    """The outcome of one search, in one block."""

    closed_per_s: float
    rate_per_s: float | None
    """The highest rate that met the SLO in a long slice; where none did, the best guess."""
    low_per_s: float | None
    """The highest rate that met it in a long slice."""
    high_per_s: float | None
    """The lowest above it that missed it."""
    confirmed: bool
    """Whether ``rate_per_s`` passed the test by batch means."""
    reason: str | None
    """Why there is no rate, why it is not confirmed, or why the true one may be higher."""
    load_s: float
    """Seconds of load of all slices, the curve and those that did not count included."""
    curve: tuple[Probe, ...]
    """Every slice that counts, by rate."""
    over: bool = True
    """Whether the search came to its end; the curve that follows it may be missing."""


@dataclass(frozen=True, slots=True)
class Search:
    """One search, for one variant in one block. Pure: the same history gives the same next step.

    ``closed_per_s`` is the throughput of the closed loop in the same block; ``previous`` are the
    outcomes of the blocks before. The curve is measured where ``curve`` says so, and by default
    where no block before has it; never where there is no rate or the search was given up. Its
    points go by the rate found, or the best guess.

    ``history`` holds the probes of this search in their order; a step whose probe has a fault comes
    once more. Steps at the same rate need arrivals of their own, so the seed of a schedule must
    differ from step to step.
    """

    slo: Slo
    closed_per_s: float
    previous: Sequence[Capacity] = ()
    curve: bool | None = None

    def __post_init__(self) -> None:
        if not 0 < self.closed_per_s < inf:
            raise ValueError(f"a search needs a closed-loop throughput, not {self.closed_per_s}")

    def next(self, history: Sequence[Probe]) -> Step | None:
        """The step after those of the history, or ``None`` when the search is over."""
        return self._replay(history)[0]

    def result(self, history: Sequence[Probe]) -> Capacity:
        """What the history says; also that of a search that is not over."""
        step, walk = self._replay(history)
        searching = step is not None and step.purpose in ("bracket", "bisect", "confirm")
        counted = (probe for probe in history if probe.fault is None)
        return Capacity(
            closed_per_s=self.closed_per_s,
            rate_per_s=walk.rate,
            low_per_s=walk.low,
            high_per_s=walk.above if walk.above < inf else None,
            confirmed=walk.confirmed and not searching,
            reason="the search is not over" if searching else walk.reason,
            load_s=sum(probe.step.duration_s for probe in history),
            curve=tuple(sorted(counted, key=lambda probe: probe.step.rate_per_s)),
            over=not searching,
        )

    def _replay(self, history: Sequence[Probe]) -> tuple[Step | None, _Walk]:
        walk = _Walk(self)
        steps = walk.steps()
        step = next(steps, None)
        for probe in history:
            try:
                step = steps.send(probe)
            except StopIteration:
                return None, walk
        return step, walk


Steps = Generator[Step, Probe, None]


class _GivenUp(Exception):  # noqa: N818
    """Twice in a row, a slice at the same rate did not count."""


class _Walk:
    """The steps of a search, and what is known as it goes."""

    def __init__(self, search: Search) -> None:
        self.low: float | None = None
        self.confirmed = False
        self.guess: float | None = None
        """Where the search would go on, had it not found a rate when it ended."""
        self.reason: str | None = None
        self._high = inf
        """The lowest rate that a long slice missed."""
        self._short_high = inf
        """The lowest rate that a short slice missed; long ones stay below it."""
        self._slo = search.slo
        self._closed = search.closed_per_s
        self._top = _neat(HIGHEST * search.closed_per_s)
        self._anchor = _anchor(search)
        has_curve = any(p.step.purpose == "curve" for each in search.previous for p in each.curve)
        self._curve = not has_curve if search.curve is None else search.curve

    @property
    def rate(self) -> float | None:
        """The highest rate that a long slice met, or else the best guess."""
        return self.guess if self.low is None else self.low

    @property
    def above(self) -> float:
        """The lowest rate known to miss; infinite where none is."""
        return min(self._high, self._short_high)

    def steps(self) -> Steps:
        """The whole search. Each step yielded is answered with its probe."""
        try:
            start = self._anchor
            if start is None:
                start = yield from self._bracket()
            if start is not None:
                yield from self._confirm(start)
        except _GivenUp as given_up:
            self.reason = str(given_up)
            return
        if self._curve and self.rate is not None:
            yield from self._shares(self.rate)

    def _measured(self, step: Step) -> Generator[Step, Probe, Probe]:
        """The probe of a step that counts; one more try where the first does not."""
        for _ in range(2):
            probe = yield step
            if probe.fault is None:
                return probe
        rate = format_rate(step.rate_per_s)
        raise _GivenUp(f"given up at {rate}/s, where two slices did not count: {probe.fault}")

    def _bracket(self) -> Generator[Step, Probe, float | None]:
        """The highest rate that a short slice met, or ``None`` where even the lowest missed."""
        low, high = 0.0, inf
        rate = _neat(FIRST * self._closed)
        lowest = min(rate, max(LOWEST * self._closed, self._lowest_seen))
        while rate >= lowest:
            purpose: Purpose = "bisect" if low and high < inf else "bracket"
            probe = yield from self._measured(Step(rate, self._short_s(rate), purpose))
            if self._met_short(probe):
                low = self.guess = rate
            else:
                high = self._short_high = rate
            if low >= self._top or (low and high <= low * (1 + WIDTH)):
                return low
            rate = self._between(low, high)
        self.reason = f"it does not meet the SLO even at {format_rate(high)}/s"
        return None

    def _between(self, low: float, high: float) -> float:
        """The next rate for a short slice; ``low`` is 0 and ``high`` infinite while unknown."""
        if high == inf:
            return min(_neat(low * RISE), self._top)
        if low:
            return _neat(sqrt(low * high))
        share = high / self._closed
        return _neat(high * (0.85 if share > 0.8 else 0.75 if share > 0.7 else 0.5))

    def _met_short(self, probe: Probe) -> bool:
        """The early-stopping test; where it leaves it open, the share that was seen decides."""
        answer = judge_counts(probe.requests, probe.over, self._slo.share).answer
        return self._seen_to_meet(probe) if answer == "undecided" else answer == "meets"

    def _seen_to_meet(self, probe: Probe) -> bool:
        return probe.requests > 0 and probe.over <= probe.requests * (1 - self._slo.share)

    def _confirm(self, start: float) -> Steps:
        """Up and down with long slices from ``start``: to a rate that meets, close below a miss."""
        rate = min(_neat(start), self._top)
        most = MOST_LONG_FIRST if self._anchor is None else MOST_LONG_LATER
        for _ in range(most):
            probe = yield from self._measured(Step(rate, self._long_s(rate), "confirm"))
            self._note(rate, probe)
            if self._settled():
                return
            rate = self._onward()
        if self.low is None:
            self.guess = rate
            self.reason = f"no long slice met the SLO, the last one at {format_rate(self._high)}/s"
        else:
            self.reason = "it may be higher: the search ended before a rate close above it missed"

    def _note(self, rate: float, probe: Probe) -> None:
        few = probe.requests < self._least_requests
        if probe.batches == "meets" or (few and self._seen_to_meet(probe)):
            self.low = rate
            self.confirmed = not few
            self.reason = f"{probe.requests} requests are too few to confirm it" if few else None
        else:
            self._high = rate

    def _settled(self) -> bool:
        if self.low is None:
            return False
        if self.low >= self._top:
            self.reason = f"the search ends at {HIGHEST:g} times the closed loop's throughput"
            return True
        return self.above <= self.low * (1 + CLOSE)

    def _onward(self) -> float:
        """The next rate for a long slice."""
        if self.low is None:
            return _neat(self._high / (1 + STRIDE))
        return min(_neat(self.low * (1 + STRIDE)), self._top)

    def _shares(self, capacity: float) -> Steps:
        for share in CURVE + OVERLOAD:
            rate = _neat(share * capacity)
            purpose: Purpose = "curve" if share < 1 else "overload"
            try:
                yield from self._measured(Step(rate, self._curve_s(rate, purpose), purpose))
            except _GivenUp:
                continue  # the curve has a point less

    def _short_s(self, rate: float) -> float:
        """Long enough for the early-stopping test with two requests over, if that does not take
        too long; always long enough for some requests."""
        least_s = self._bounds_s(SHORT_BOUNDS)
        wanted_s = queries_needed(2, self._slo.share) / rate
        return max(_clamp(wanted_s, least_s, max(LONGEST_SHORT_S, least_s)), _due_s(rate))

    def _long_s(self, rate: float) -> float:
        least_s = self._bounds_s(LONG_BOUNDS)
        wanted_s = _clamp(LONG_REQUESTS * self._least_requests / rate, least_s, LONGEST_LONG_S)
        needed_s = 1.2 * self._least_requests / rate
        return max(least_s, wanted_s, needed_s if needed_s <= LONGEST_S else 0.0, _due_s(rate))

    def _curve_s(self, rate: float, purpose: Purpose) -> float:
        least_s, most_s = CURVE_S
        if purpose == "overload":
            least_s = most_s = self._bounds_s(OVERLOAD_BOUNDS)
        return _clamp(CURVE_REQUESTS / rate, least_s, most_s)

    def _bounds_s(self, bounds: int) -> float:
        return bounds * self._slo.bound_ns / NS_PER_S

    @property
    def _lowest_seen(self) -> float:
        """The lowest rate at which a short slice sees ``LEAST_DUE`` requests."""
        return LEAST_DUE / max(LONGEST_S, self._bounds_s(SHORT_BOUNDS))

    @property
    def _least_requests(self) -> int:
        """With fewer, batch means do not confirm a rate even where none is over."""
        return queries_needed(0, self._slo.share, confidence=BATCH_CONFIDENCE)


def _anchor(search: Search) -> float | None:
    """Where later blocks begin: the capacity's share of the closed loop's throughput, as found."""
    shares = [
        each.rate_per_s / each.closed_per_s
        for each in search.previous
        if each.rate_per_s is not None
    ]
    return median(shares) * search.closed_per_s if shares else None


def _due_s(rate: float) -> float:
    """How long it takes until ``LEAST_DUE`` requests are due, but ``LONGEST_S`` at most."""
    return min(LEAST_DUE / rate, LONGEST_S)


def _clamp(value: float, least: float, most: float) -> float:
    return min(max(value, least), most)


def _neat(rate_per_s: float) -> float:
    """Four digits, so that a rate reads the same wherever it is written."""
    return float(f"{rate_per_s:.4g}")
