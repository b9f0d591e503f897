"""Truths, errors, ratios and bars from known answers."""

from __future__ import annotations

import numpy as np
import pytest

from servemark.records.calibration import Bar, Comparison, Conservation, Pauses, SpeedRun
from servemark.stats import describe
from servemark.stats.calibration import (
    allowed_ns,
    bars,
    compare,
    figures_of,
    finest,
    middle_lag,
    over_rounds,
    ratios,
    stalled_response_ns,
)
from servemark.units import NS_PER_MS, NS_PER_S

KEPT = Conservation(
    connections=10, duration_s=1, scheduled=5, endings={"answered": 5}, server_answered=5
)


def speed(generator: str, number: int, rate: float, cpu: float, busy: float) -> SpeedRun:
    return SpeedRun(
        workload="get",
        connections=16,
        round=number,
        generator=generator,
        requests=1000,
        requests_per_s=rate,
        cpu_ns=cpu,
        busy_ns=busy,
        images=1,
    )


def paused(p99_ns: float) -> Pauses:
    waits_ns = {"p50": 0.0, "p99": p99_ns}
    return Pauses(duration_ns=1, count=1, share=0.1, longest_ns=1, waits_ns=waits_ns)


def comparison(
    found: dict[str, float], distribution: str = "constant", pauses: Pauses | None = None
) -> Comparison:
    truth = {"p50": 1_000_000.0, "p99": 2_000_000.0}
    return Comparison(
        distribution=distribution,
        title="1 ms",
        loop="open",
        generator="servemark",
        requests=5,
        recorded=5,
        deviations=compare(truth, found, 0, pauses),
    )


def bar(found: list[Bar], what: str) -> Bar:
    return next(each for each in found if each.what == what)


def test_a_request_that_falls_due_in_the_stall_waits_for_its_end() -> None:
    intended_ns = np.array([0, 989, 990, 1500, 1989, 1990]) * NS_PER_MS
    delay_ns = np.full(6, 10 * NS_PER_MS)
    found = stalled_response_ns(intended_ns, delay_ns, NS_PER_S, 2 * NS_PER_S)
    assert (found // NS_PER_MS).tolist() == [10, 10, 1010, 500, 11, 10]


def test_the_mean_wait_of_a_schedule_is_half_the_stall_in_it() -> None:
    intended_ns = np.arange(0, 10 * NS_PER_S, NS_PER_MS)
    found = stalled_response_ns(intended_ns, np.zeros_like(intended_ns), NS_PER_S, 2 * NS_PER_S)
    # 1,000 of 10,000 requests wait for (1 + … + 1000) ms.
    assert found.sum() == 500_500 * NS_PER_MS
    assert (found > 0).sum() == 1000


def test_figures_without_enough_samples_are_left_out() -> None:
    found = figures_of(describe(np.arange(1, 1001)))
    assert found == {"p50": 500, "p75": 750, "p90": 900, "p99": 990, "mean": 500.5}
    assert figures_of(None) == {}


@pytest.mark.parametrize(
    ("figure", "truth_ns", "allowed"),
    [
        ("p50", 1_000_000, 50_000),
        ("p99", 100_000_000, 1_000_000),
        ("mean", 100_000_000, 1_000_000),
        ("p999", 100_000_000, 3_000_000),
        ("p999", 1_000_000, 50_000),
    ],
)
def test_an_error_may_be_a_share_of_the_truth_or_50_us(
    figure: str, truth_ns: int, allowed: int
) -> None:
    assert allowed_ns(figure, truth_ns) == pytest.approx(allowed)


def test_the_fixed_cost_belongs_to_the_truth() -> None:
    p50, _, _, p99, *_ = compare({"p50": 1_000_000}, {"p50": 1_080_000, "p99": 5}, fixed_ns=20_000)
    assert (p50.truth_ns, p50.error_ns, p50.holds) == (1_020_000, 60_000, False)
    assert (p99.truth_ns, p99.error_ns, p99.holds) == (None, None, None)


def test_ratios_are_medians_over_pairs_of_the_same_round() -> None:
    runs = []
    for number, (mine, its) in enumerate([(300, 100), (100, 100), (220, 110)]):
        runs.append(speed("servemark", number, mine, cpu=20, busy=10))
        runs.append(speed("wrk", number, its, cpu=40, busy=40))
    runs.append(speed("wrk", 9, 1, cpu=1, busy=1))  # its partner is missing
    (found,) = ratios(runs)
    assert (found.generator, found.pairs) == ("wrk", 3)
    assert (found.throughput, found.throughput_low, found.throughput_high) == (2, 1, 3)
    assert (found.cpu, found.busy) == (0.5, 0.25)


def test_bars_say_what_was_reached() -> None:
    runs = [speed("servemark", 0, 120, 8, 8), speed("wrk", 0, 100, 10, 10)]
    lag = describe(np.arange(2000))
    found = bars([comparison({"p50": 1_010_000, "p99": 2_000_000})], lag, KEPT, ratios(runs))
    assert bar(found, "error of percentiles and mean").holds is True
    assert bar(found, "error of p99.9").holds is None
    assert bar(found, "p99 lag").holds is True
    ratio = bar(found, "requests per second, servemark ÷ wrk, get, 16 connections")
    assert (ratio.found, ratio.holds) == ("1.20", True)
    assert bar(found, "CPU per request, servemark ÷ wrk, get, 16 connections").holds is True
    assert bar(found, "requests per second, servemark ÷ wrk, formatting, multipart").holds is None


def test_a_restless_round_does_not_decide_the_lag() -> None:
    rounds = [describe(np.arange(2000) * scale) for scale in (300, 1, 40, 70, 30)]
    known = [each for each in rounds if each is not None]
    assert middle_lag(known) == rounds[2]
    assert middle_lag([]) is None


def test_rounds_with_equal_errors_count_each() -> None:
    rounds = [
        comparison({"p50": 1_000_000.0 + error_ns, "p99": 2_000_000.0})
        for error_ns in (1_000, 90_000, 90_000)
    ]
    assert over_rounds(rounds).deviations[0].error_ns == 90_000
    lags = [describe(np.arange(2000) * scale) for scale in (1, 7, 7)]
    assert middle_lag([each for each in lags if each is not None]) == lags[1]


def test_a_figure_is_of_single_loads_where_they_have_enough_requests_for_it() -> None:
    single = over_rounds(
        [comparison({"p50": 1_000_000.0 + error_ns}) for error_ns in (900, -70, 10)]
    )
    together = over_rounds([comparison({"p50": 1_000_300.0, "p99": 2_000_005.0})])
    found = finest(single, together)
    errors = {each.figure: each.error_ns for each in found.deviations}
    assert (errors["p50"], errors["p99"], errors["p75"]) == (10, 5, None)
    assert found.deviations[0].highest_ns == 900
    assert (found.requests, found.rounds) == (together.requests, together.rounds)


def test_one_error_outside_its_bar_is_enough() -> None:
    right = comparison({"p50": 1_010_000, "p99": 2_000_000})
    wrong = comparison({"p50": 1_060_000, "p99": 2_000_000}, "lognormal")
    found = bar(bars([right, wrong], None, KEPT, []), "error of percentiles and mean")
    assert found.holds is False
    assert found.found == "3 of 4 within; largest: p50 of lognormal, open: +60.0 µs"


@pytest.mark.parametrize(
    ("p50", "p99", "holds", "said"),
    [
        (1_010_000, 2_010_000, True, "2 of 2 within; largest: p50 of constant, open: +10.0 µs"),
        # The core's pauses make up to 60 µs at p99, and nothing at p50.
        (
            1_010_000,
            2_110_000,
            None,
            "1 of 2 within; largest: p99 of constant, open: +110 µs; "
            "1 beyond by no more than the core's own pauses",
        ),
        (1_010_000, 2_111_000, False, "1 of 2 within; largest: p99 of constant, open: +111 µs"),
        (1_051_000, 2_010_000, False, "1 of 2 within; largest: p50 of constant, open: +51.0 µs"),
        # Nobody is early because a core stood still.
        (1_010_000, 1_940_000, False, "1 of 2 within; largest: p99 of constant, open: −60.0 µs"),
    ],
)
def test_what_the_cores_pauses_make_cannot_be_told_from_the_engines_errors(
    p50: float, p99: float, holds: bool | None, said: str
) -> None:
    own = comparison({"p50": p50, "p99": p99}, pauses=paused(60_000))
    found = bar(bars([own], None, KEPT, []), "error of percentiles and mean")
    assert (found.holds, found.found) == (holds, said)


@pytest.mark.parametrize(
    ("scale", "holds", "said"),
    [
        (50, True, "99.0 µs"),
        (75, None, "148 µs; 60.0 µs by the core's own pauses"),
        (90, False, "178 µs"),
    ],
)
def test_a_lag_by_the_cores_pauses_is_not_the_engines(
    scale: int, holds: bool | None, said: str
) -> None:
    pauses = [paused(p99_ns) for p99_ns in (10_000, 60_000, 900_000)]
    lag = describe(np.arange(2000) * scale)
    found = bar(bars([], lag, KEPT, [], pauses), "p99 lag")
    assert (found.holds, found.found) == (holds, said)


@pytest.mark.parametrize(
    ("rate", "holds", "said"),
    [
        (1_260.0, True, "1.26"),
        (1_000.0, True, "1.00"),
        (998.4, False, "0.998"),
        (900, False, "0.90"),
    ],
)
def test_a_ratio_is_given_as_finely_as_its_bar_needs(rate: float, holds: bool, said: str) -> None:
    runs = [speed("servemark", 0, rate, 1, 1), speed("wrk", 0, 1_000, 1, 1)]
    found = bars([], None, KEPT, ratios(runs))
    ratio = bar(found, "requests per second, servemark ÷ wrk, get, 16 connections")
    assert (ratio.found, ratio.holds) == (said, holds)


def test_the_stall_is_judged_by_its_share_alone() -> None:
    found = bars([comparison({"p99": 2_030_000}, "stall")], None, KEPT, [])
    stall = bar(found, "p99 of an open loop with a stall of 1 s")
    assert (stall.found, stall.holds) == ("+1.500%", False)


@pytest.mark.parametrize(
    ("endings", "answered", "holds"),
    [
        ({"answered": 3, "timed_out": 2}, 3, True),
        ({"answered": 3, "timed_out": 1}, 3, False),
        ({"answered": 5}, 4, False),
    ],
)
def test_no_request_may_be_unaccounted_for(
    endings: dict[str, int], answered: int, holds: bool
) -> None:
    kept = KEPT.model_copy(update={"endings": endings, "server_answered": answered})
    assert kept.holds is holds


def test_over_rounds_the_median_error_counts_and_the_range_is_kept() -> None:
    rounds = [
        comparison({"p50": 1_000_000.0 + 10, "p99": 2_000_000.0 + 900_000}),
        comparison({"p50": 1_000_000.0 - 30, "p99": 2_000_000.0 + 7}),
        comparison({"p50": 1_000_000.0 + 20, "p99": 2_000_000.0 - 5}),
    ]
    found = over_rounds(rounds)
    p50, p75, _, p99, *_ = found.deviations
    assert (p50.error_ns, p50.lowest_ns, p50.highest_ns) == (10, -30, 20)
    assert (p99.error_ns, p99.lowest_ns, p99.highest_ns) == (7, -5, 900_000)
    assert p99.found_ns == 2_000_007
    assert (p75.error_ns, p75.lowest_ns) == (None, None)
    assert (found.rounds, found.requests, found.recorded) == (3, 15, 15)
    assert over_rounds(rounds[:1]) == rounds[0]
