"""The search for a capacity, on simulated queues whose capacity is known."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize

from servemark.plan.capacity import (
    CURVE,
    HIGHEST,
    OVERLOAD,
    STRIDE,
    Capacity,
    Probe,
    Search,
    Step,
)
from servemark.records import Slo
from servemark.stats.slo import judge_batches

Floats = NDArray[np.float64]
Server = Callable[[Floats, np.random.Generator], Floats]
"""From arrivals in seconds to response times in seconds."""
SLO = Slo(percentile=99, bound_ms=25)
BOUND_S = 0.025


def one_server(service: Callable[[int, np.random.Generator], Floats]) -> Server:
    """First come, first served, by Lindley's recursion."""

    def respond(arrivals: Floats, random: np.random.Generator) -> Floats:
        times = service(len(arrivals), random)
        work = np.concatenate([[0.0], np.cumsum(times[:-1] - np.diff(arrivals))])
        found: Floats = work - np.minimum.accumulate(work) + times
        return found[: len(arrivals)]

    return respond


def exponential(per_s: float) -> Server:
    return one_server(lambda count, random: random.exponential(1 / per_s, count))


def constant(per_s: float) -> Server:
    return one_server(lambda count, _: np.full(count, 1 / per_s))


def varied(per_s: float, variation: float = 0.3) -> Server:
    """Lognormal with this coefficient of variation."""
    sigma = np.sqrt(np.log1p(variation**2))
    return one_server(
        lambda count, random: random.lognormal(-np.log(per_s) - sigma**2 / 2, sigma, count)
    )


def stalling(per_s: float, every_s: float = 0.5, stall_s: float = 0.012) -> Server:
    """Every half second the next request waits for a collection of garbage first."""

    def respond(arrivals: Floats, random: np.random.Generator) -> Floats:
        end_s = arrivals[-1] if len(arrivals) else 0.0
        stalls = np.searchsorted(arrivals, np.arange(random.uniform(0, every_s), end_s, every_s))

        def service(count: int, random: np.random.Generator) -> Floats:
            times = random.lognormal(-np.log(per_s), 0.3, count) / np.exp(0.3**2 / 2)
            times[stalls[stalls < count]] += stall_s
            found: Floats = times
            return found

        return one_server(service)(arrivals, random)

    return respond


def servers(count: int, per_s: float) -> Server:
    """``count`` servers with one queue and exponential service times, each of ``per_s``."""

    def respond(arrivals: Floats, random: np.random.Generator) -> Floats:
        free = [0.0] * count
        found = np.empty(len(arrivals))
        for k, service in enumerate(random.exponential(1 / per_s, len(arrivals))):
            end = max(heapq.heappop(free), arrivals[k]) + service
            heapq.heappush(free, end)
            found[k] = end - arrivals[k]
        return found

    return respond


def fixed(response_s: float) -> Server:
    """As many servers as there are requests."""
    return lambda arrivals, _: np.full(len(arrivals), response_s)


def capacity_of_servers(count: int, per_s: float) -> float:
    """M/M/c: P(T > t) = e^(−μt) · (1 + C · (1 − e^(−μt(c − 1 − a))) ÷ (c − 1 − a)), a = λ ÷ μ, with
    Erlang's C (Kleinrock, Queueing Systems I, 1975)."""

    def over(rate: float) -> float:
        load = rate / per_s
        blocked = 1.0  # Erlang B by its recursion, then C
        for k in range(1, count + 1):
            blocked = load * blocked / (k + load * blocked)
        waiting = count * blocked / (count - load * (1 - blocked))
        rest = count - 1 - load
        growth = (1 - np.exp(-per_s * BOUND_S * rest)) / rest
        return float(np.exp(-per_s * BOUND_S) * (1 + waiting * growth)) - 0.01

    return float(optimize.brentq(over, 0.01 * count * per_s, 0.9999 * count * per_s))


def capacity_by_simulation(server: Server, closed_per_s: float) -> float:
    """From 500,000 requests at each rate, with the same random numbers for all."""
    low, high = 0.3 * closed_per_s, closed_per_s
    while high / low > 1.002:
        rate = np.sqrt(low * high)
        random = np.random.default_rng(99)
        arrivals = np.cumsum(random.exponential(1 / rate, 500_000))
        if np.mean(server(arrivals, random) > BOUND_S) > 0.01:
            high = rate
        else:
            low = rate
    return float(low)


@dataclass(frozen=True)
class Known:
    server: Server
    closed_per_s: float
    capacity_per_s: float


@lru_cache
def known(name: str) -> Known:
    """Servers by name: the kind, and what all its servers do at most in a second."""
    kind, speed = name.split()
    per_s = float(speed)
    if kind == "M/M/1":
        return Known(exponential(per_s), per_s, per_s - np.log(100) / BOUND_S)
    if kind == "M/M/4":
        return Known(servers(4, per_s / 4), per_s, capacity_of_servers(4, per_s / 4))
    server, closed = {
        "M/D/1": (constant(per_s), per_s),
        "M/G/1": (varied(per_s), per_s),
        "stalls": (stalling(per_s), per_s * (1 - 0.012 / 0.5)),
    }[kind]
    return Known(server, closed, capacity_by_simulation(server, closed))


def probe_of(step: Step, server: Server, random: np.random.Generator) -> Probe:
    """A slice of Poisson arrivals on the server."""
    count = random.poisson(step.rate_per_s * step.duration_s)
    arrivals = np.sort(random.uniform(0, step.duration_s, count))
    good = server(arrivals, random) <= BOUND_S if count else np.empty(0, bool)
    over = count - int(np.count_nonzero(good))
    return Probe(step, requests=count, over=over, batches=judge_batches(good).answer)


def drive(search: Search, server: Server, seed: int = 1) -> list[Probe]:
    """The whole history of a search."""
    random = np.random.default_rng(seed)
    history: list[Probe] = []
    while (step := search.next(history)) is not None:
        history.append(probe_of(step, server, random))
        assert len(history) < 100
    return history


def found(server: Server, closed_per_s: float, seed: int, blocks: int = 1) -> list[Capacity]:
    """Searches of several blocks without curves; the closed loop is off by 1 % at random."""
    noise = np.random.default_rng(1000 + seed).normal(1, 0.01, blocks)
    outcomes: list[Capacity] = []
    for block in range(blocks):
        search = Search(SLO, closed_per_s * noise[block], tuple(outcomes), curve=False)
        outcomes.append(search.result(drive(search, server, 100 * seed + block)))
    return outcomes


def rate_of(outcomes: Sequence[Capacity]) -> float:
    rates = [each.rate_per_s for each in outcomes if each.rate_per_s is not None]
    return float(np.median(rates))


def test_the_capacity_of_several_servers_with_one_is_the_well_known() -> None:
    assert capacity_of_servers(1, 1000) == pytest.approx(1000 - np.log(100) / BOUND_S)


@pytest.mark.parametrize(
    "name", ["M/D/1 3000", "M/D/1 5000", "M/G/1 5000", "M/M/1 5000", "M/M/4 4000", "stalls 3000"]
)
def test_one_block_finds_the_capacity_of_a_fast_server(name: str) -> None:
    """Within 5 % in nine of ten searches, in 12 s of load on average."""
    truth = known(name)
    all_found = [found(truth.server, truth.closed_per_s, seed)[0] for seed in range(40)]
    errors = [abs(rate_of([each]) / truth.capacity_per_s - 1) for each in all_found]
    assert np.mean(np.array(errors) <= 0.05) >= 0.9
    assert np.mean([each.confirmed for each in all_found]) >= 0.9
    assert np.mean([each.load_s for each in all_found]) <= 12


@pytest.mark.parametrize("name", ["M/D/1 1000", "M/G/1 1000", "stalls 2000", "M/M/1 3000"])
def test_three_blocks_find_the_capacity_of_a_slower_one(name: str) -> None:
    """Within 5 % in nine of ten, two runs within 5 % of one another in three of four."""
    truth = known(name)
    runs = [found(truth.server, truth.closed_per_s, seed, blocks=3) for seed in range(40)]
    rates = np.array([rate_of(run) for run in runs])
    assert np.mean(abs(rates / truth.capacity_per_s - 1) <= 0.05) >= 0.9
    assert np.mean(abs(np.log(rates[:20] / rates[20:])) <= 0.05) >= 0.75
    assert max(each.load_s for run in runs for each in run[1:]) <= 9


def test_a_slow_server_is_found_roughly() -> None:
    """At 300/s, three short searches cannot do better than the docstring of the module says."""
    truth = known("M/D/1 300")
    rates = [rate_of(found(truth.server, 300, seed, blocks=3)) for seed in range(30)]
    assert np.mean(abs(np.array(rates) / truth.capacity_per_s - 1) <= 0.12) >= 0.9
    assert np.mean(rates) == pytest.approx(truth.capacity_per_s, rel=0.04)


def test_a_rate_beyond_the_capacity_is_seldom_confirmed() -> None:
    truth = known("M/D/1 3000")
    outcomes = [found(truth.server, truth.closed_per_s, seed)[0] for seed in range(60)]
    beyond = [each.confirmed and rate_of([each]) > 1.04 * truth.capacity_per_s for each in outcomes]
    assert np.mean(beyond) <= 0.05


def test_the_curve_goes_from_light_load_to_overload() -> None:
    search = Search(SLO, 3000)
    history = drive(search, varied(3000))
    capacity = search.result(history)
    assert capacity.rate_per_s is not None
    after = [p.step for p in history if p.step.purpose in ("curve", "overload")]
    shares = [step.rate_per_s / capacity.rate_per_s for step in after]
    assert shares == pytest.approx(CURVE + OVERLOAD, rel=1e-3)
    assert [step.purpose for step in after] == ["curve"] * 6 + ["overload"] * 2
    assert history[-8:] == [p for p in history if p.step in after]
    rates = [p.step.rate_per_s for p in capacity.curve]
    assert rates == sorted(rates)
    assert len(rates) == len(history)
    assert capacity.load_s == pytest.approx(sum(p.step.duration_s for p in history))
    assert capacity.load_s <= 20


def test_the_curve_is_measured_once() -> None:
    first = Search(SLO, 3000)
    one = first.result(drive(first, varied(3000)))
    second = Search(SLO, 3000, (one,))
    assert {p.step.purpose for p in drive(second, varied(3000))} == {"confirm"}
    asked = Search(SLO, 3000, (one,), curve=True)
    assert {p.step.purpose for p in drive(asked, varied(3000))} == {"confirm", "curve", "overload"}


def test_later_blocks_start_at_the_share_of_the_closed_loop_found_before() -> None:
    """A machine that is a tenth slower in this block is searched a tenth lower."""
    before = [Capacity(3000, rate, rate, None, True, None, 9.0, ()) for rate in (2700, 2880, 2910)]
    step = Search(SLO, 2700, before).next([])
    assert step is not None
    assert step.purpose == "confirm"
    assert step.rate_per_s == pytest.approx(0.96 * 2700, rel=1e-3)


def test_later_blocks_take_two_to_four_slices() -> None:
    truth = known("M/D/1 3000")
    for seed in range(20):
        before = Capacity(3000, 2900, 2900, 3000, True, None, 9.0, ())
        search = Search(SLO, 3000, (before,), curve=False)
        history = drive(search, truth.server, seed)
        assert 1 <= len(history) <= 4
        assert search.result(history).load_s <= 8


def test_a_block_after_ones_without_a_rate_searches_from_the_start() -> None:
    before = Capacity(3000, None, None, 60, False, "it broke", 9.0, ())
    step = Search(SLO, 3000, (before,)).next([])
    assert step is not None
    assert (step.purpose, step.rate_per_s) == ("bracket", 2700)


def test_a_server_that_never_meets_the_slo_has_no_capacity_and_a_reason() -> None:
    search = Search(SLO, 1000)
    history = drive(search, fixed(0.030))
    capacity = search.result(history)
    assert (capacity.rate_per_s, capacity.low_per_s, capacity.confirmed) == (None, None, False)
    lowest = min(p.step.rate_per_s for p in history)
    assert capacity.reason == f"it does not meet the SLO even at {lowest:.1f}/s"
    assert capacity.high_per_s == lowest < 50
    assert len(history) <= 8
    assert capacity.load_s <= 12


def test_a_server_that_always_meets_it_is_taken_to_the_end_of_the_search() -> None:
    search = Search(SLO, 1000)
    capacity = search.result(drive(search, fixed(0.001)))
    assert capacity.rate_per_s == pytest.approx(HIGHEST * 1000)
    assert (capacity.confirmed, capacity.high_per_s) == (True, None)
    assert capacity.reason == "the search ends at 1.2 times the closed loop's throughput"


def test_no_slice_on_the_way_down_expects_fewer_than_five_requests() -> None:
    for closed_per_s in (3, 5, 10, 30):
        search = Search(SLO, closed_per_s)
        history: list[Probe] = []
        while (step := search.next(history)) is not None:
            history.append(Probe(step, requests=5, over=5))
        expected = [p.step.rate_per_s * p.step.duration_s for p in history]
        assert min(expected) >= 5 - 1e-9
        assert search.result(history).reason == (
            f"it does not meet the SLO even at {history[-1].step.rate_per_s:.2f}/s"
        )
        assert search.result(history).load_s <= 20


def test_a_search_that_sees_no_request_is_given_up_and_says_so() -> None:
    search = Search(SLO, 0.3)
    empty = "no request was due in the slice"
    history: list[Probe] = []
    while (step := search.next(history)) is not None:
        history.append(Probe(step, fault=empty))
    capacity = search.result(history)
    assert (len(history), capacity.rate_per_s) == (2, None)
    assert capacity.reason == f"given up at 0.27/s, where two slices did not count: {empty}"


def test_a_slow_server_does_not_cost_a_minute() -> None:
    for seed in range(5):
        for server in (exponential(50), constant(50), varied(50), fixed(0.002)):
            search = Search(SLO, 50)
            assert search.result(drive(search, server, seed)).load_s <= 45


def test_slices_of_a_slow_server_are_as_long_as_it_takes_to_confirm_a_rate() -> None:
    """230 requests without one over: 5 s at 48/s."""
    search = Search(SLO, 40, curve=False)
    history = drive(search, fixed(0.002))
    assert search.result(history).confirmed
    assert history[-1].step.duration_s == pytest.approx(1.2 * 230 / 48)


def test_too_few_requests_do_not_confirm_a_rate() -> None:
    search = Search(SLO, 20, curve=False)
    capacity = search.result(drive(search, fixed(0.002)))
    assert capacity.rate_per_s == pytest.approx(24)
    assert not capacity.confirmed


def test_a_rate_that_no_long_slice_meets_is_a_guess_and_says_so() -> None:
    search = Search(SLO, 1000, curve=False)
    history: list[Probe] = []
    while (step := search.next(history)) is not None:
        answer = Probe(step, requests=3000, over=3000 if step.rate_per_s > 950 else 0)
        history.append(answer)  # batch means stay undecided
    capacity = search.result(history)
    tried = [p.step.rate_per_s for p in history if p.step.purpose == "confirm"]
    assert all(b == pytest.approx(a / (1 + STRIDE), rel=1e-3) for a, b in pairwise(tried))
    assert capacity.rate_per_s == pytest.approx(tried[-1] / (1 + STRIDE), rel=1e-3)
    assert (capacity.confirmed, capacity.low_per_s) == (False, None)
    assert capacity.reason is not None
    assert capacity.reason.startswith("no long slice met the SLO")
    first_of_curve = Search(SLO, 1000).next(history)
    assert first_of_curve is not None
    assert capacity.rate_per_s is not None
    assert first_of_curve.rate_per_s == pytest.approx(CURVE[0] * capacity.rate_per_s, rel=1e-3)


def test_a_confirmed_rate_has_a_miss_close_above_it_or_the_search_was_at_its_end() -> None:
    truth = known("M/D/1 3000")
    for seed in range(20):
        search = Search(SLO, truth.closed_per_s, curve=False)
        capacity = search.result(history := drive(search, truth.server, seed))
        assert capacity.low_per_s == capacity.rate_per_s
        assert capacity.high_per_s is not None
        assert capacity.rate_per_s is not None
        longs = [p for p in history if p.step.purpose == "confirm"]
        width = capacity.high_per_s / capacity.rate_per_s - 1
        assert 0 < width <= 0.045 or (len(longs) == 4 and capacity.reason is not None)


def test_long_slices_stay_below_what_short_ones_missed() -> None:
    """Every short slice above 957/s misses, every long one meets."""
    search = Search(SLO, 1000, curve=False)
    history: list[Probe] = []
    while (step := search.next(history)) is not None:
        missed = step.purpose != "confirm" and step.rate_per_s > 957
        over = 1000 if missed else 0
        history.append(Probe(step, requests=1000, over=over, batches="meets"))
    misses = [p.step.rate_per_s for p in history if p.over]
    longs = [p.step.rate_per_s for p in history if p.step.purpose == "confirm"]
    assert longs == sorted(longs)
    assert max(longs) < min(misses)
    assert min(misses) <= max(longs) * 1.05


def test_a_rate_found_on_the_way_up_may_be_higher_and_says_so() -> None:
    """A server that has become a quarter faster than the closed loop knows."""
    before = Capacity(3000, 2400, 2400, 2500, True, None, 9.0, ())
    search = Search(SLO, 3000, (before,), curve=False)
    capacity = search.result(drive(search, constant(3000)))
    assert capacity.rate_per_s == pytest.approx(2400 * (1 + STRIDE) ** 2, rel=1e-3)
    assert (capacity.confirmed, capacity.high_per_s) == (True, None)
    assert capacity.reason is not None
    assert capacity.reason.startswith("it may be higher")


@pytest.mark.parametrize("name", ["M/D/1 3000", "M/M/1 300"])
def test_a_search_cut_off_anywhere_goes_on_as_if_it_had_not_been(name: str) -> None:
    server, closed = {
        "M/D/1 3000": (constant(3000), 3000.0),
        "M/M/1 300": (exponential(300), 300.0),
    }[name]
    history = drive(Search(SLO, closed), server, 3)
    for cut, probe in enumerate(history):
        assert Search(SLO, closed).next(history[:cut]) == probe.step
    assert Search(SLO, closed).next(history) is None
    assert Search(SLO, closed).next([*history, history[-1]]) is None


def test_the_same_history_gives_the_same_outcome() -> None:
    history = drive(Search(SLO, 3000), varied(3000))
    assert drive(Search(SLO, 3000), varied(3000)) == history
    assert Search(SLO, 3000).result(history) == Search(SLO, 3000).result(tuple(history))


def test_a_search_that_is_not_over_confirms_nothing() -> None:
    search = Search(SLO, 3000)
    history = drive(search, varied(3000))
    for cut in range(len(history) - len(CURVE + OVERLOAD)):
        capacity = search.result(history[:cut])
        assert (capacity.confirmed, capacity.reason) == (False, "the search is not over")
    assert search.result(history[: -len(OVERLOAD)]).confirmed


def test_a_slice_that_does_not_count_is_put_on_once_more() -> None:
    search = Search(SLO, 3000)
    history = drive(search, varied(3000))
    for place, probe in enumerate(history):
        broken = replace(probe, fault="the hypervisor took 5 % of the time", over=10**6)
        assert search.next([*history[:place], broken]) == probe.step
        mended = [*history[:place], broken, *history[place:]]
        assert search.next(mended) is None
        assert search.result(mended).rate_per_s == search.result(history).rate_per_s
        assert broken not in search.result(mended).curve


def test_a_rate_that_does_not_count_twice_ends_the_search_with_the_reason() -> None:
    search = Search(SLO, 3000)
    first = search.next([])
    assert first is not None
    died = Probe(first, fault="it died under load")
    assert search.next([died, died]) is None
    capacity = search.result([died, died])
    assert (capacity.rate_per_s, capacity.confirmed, capacity.curve) == (None, False, ())
    assert capacity.reason == (
        "given up at 2,700/s, where two slices did not count: it died under load"
    )


def test_what_was_confirmed_before_the_search_was_given_up_stays() -> None:
    before = (Capacity(3000, 2700, 2700, None, True, None, 9.0, ()),)
    search = Search(SLO, 3000, before, curve=False)
    one = search.next([])
    assert one is not None
    history = [Probe(one, requests=6000, over=0, batches="meets")]
    two = search.next(history)
    assert two is not None
    assert two.rate_per_s == pytest.approx(2700 * (1 + STRIDE), rel=1e-3)
    history += [Probe(two, fault="the engine was busy 80% of the time")] * 2
    assert search.next(history) is None
    capacity = search.result(history)
    assert (capacity.rate_per_s, capacity.confirmed) == (2700, True)
    assert capacity.reason is not None
    assert "the engine was busy" in capacity.reason
    assert Search(SLO, 3000, before, curve=True).next(history) is None


def test_a_point_of_the_curve_that_does_not_count_twice_is_left_out() -> None:
    search = Search(SLO, 3000)
    history = drive(search, varied(3000))
    place = len(history) - len(OVERLOAD)
    broken = replace(history[place], fault="it died under load")
    mended = [*history[:place], broken, broken, history[-1]]
    assert search.next(mended[:-1]) == history[-1].step
    assert search.next(mended) is None
    assert len(search.result(mended).curve) == len(history) - 1


@pytest.mark.parametrize("closed_per_s", [0.0, -1.0, float("nan"), float("inf")])
def test_a_search_without_a_throughput_is_refused(closed_per_s: float) -> None:
    with pytest.raises(ValueError, match="needs a closed-loop throughput"):
        Search(SLO, closed_per_s)


def test_slices_are_longer_for_a_wider_bound() -> None:
    narrow, wide = (Search(Slo(bound_ms=bound), 3000).next([]) for bound in (25, 100))
    assert narrow is not None
    assert wide is not None
    assert (narrow.duration_s, wide.duration_s) == (1.0, 4.0)


@pytest.mark.parametrize("over", [0, 10**6])
@pytest.mark.parametrize("requests", [0, 1, 10**6])
@pytest.mark.parametrize("batches", ["meets", "misses", "undecided"])
@pytest.mark.parametrize("closed_per_s", [0.5, 50.0, 1e6])
def test_every_search_ends(over: int, requests: int, batches: str, closed_per_s: float) -> None:
    """Whatever the probes say, and although the two tests may contradict one another."""
    search = Search(SLO, closed_per_s)
    history: list[Probe] = []
    while (step := search.next(history)) is not None:
        assert step.rate_per_s > 0
        assert 0 < step.duration_s <= 6
        history.append(Probe(step, requests, min(over, requests), batches))  # type: ignore[arg-type]
        assert len(history) <= 24
    search.result(history)
