"""Tests of an SLO: known counts, error rates, and queues whose capacity is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats as scipy_stats

from servemark.samples import ANSWERED, MISSING, NOT_SENT, Samples
from servemark.stats.slo import (
    in_bound,
    judge_batches,
    judge_counts,
    judge_slice,
    over_needed,
    queries_needed,
    recovery_ns,
)

BOUND_S = 0.025


def slice_of(requests: int, *over: int) -> NDArray[np.bool_]:
    """All in the bound but those at the given places."""
    good = np.ones(requests, bool)
    good[list(over)] = False
    return good


def queue(
    rate_per_s: float, service_per_s: float, duration_s: float, seed: int
) -> NDArray[np.bool_]:
    """One server, random arrivals, exponential service times: whose answers came in the bound."""
    random = np.random.default_rng(seed)
    count = random.poisson(rate_per_s * duration_s)
    arrivals = np.sort(random.uniform(0, duration_s, count))
    service = random.exponential(1 / service_per_s, count)
    # Lindley: the wait is what the sum of service − gap has risen above its lowest point so far.
    work = np.concatenate([[0.0], np.cumsum(service[:-1] - np.diff(arrivals))])
    response = work - np.minimum.accumulate(work) + service
    found: NDArray[np.bool_] = response <= BOUND_S
    return found


@pytest.mark.parametrize(
    ("over", "needed"), [(0, 459), (1, 662), (5, 1307), (10, 2010), (50, 6898)]
)
def test_the_counts_of_mlperf_for_p99(over: int, needed: int) -> None:
    assert queries_needed(over) == needed
    assert judge_counts(needed, over).answer == "meets"
    assert judge_counts(needed - 1, over).answer != "meets"


def test_the_count_of_mlperf_for_p90() -> None:
    """64 queries at least, one of them over: from the summary that its load generator writes."""
    assert queries_needed(1, share=0.9) == 64


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("over", [0, 3, 40])
def test_one_request_less_would_not_be_enough(share: float, over: int) -> None:
    needed = queries_needed(over, share)
    assert scipy_stats.binom.cdf(over, needed, 1 - share) <= 0.01 + 1e-12
    assert scipy_stats.binom.cdf(over, needed - 1, 1 - share) > 0.01


def test_a_tolerance_needs_fewer_requests() -> None:
    assert queries_needed(5, tolerance=0.002) < queries_needed(5)
    assert over_needed(1000, tolerance=0.002) < over_needed(1000)


@pytest.mark.parametrize("requests", [20, 459, 2010, 20_000])
def test_one_over_less_would_not_be_too_many(requests: int) -> None:
    """Against the exact test of scipy."""
    over = over_needed(requests)

    def chance(count: int) -> float:
        found = scipy_stats.binomtest(count, requests, 0.01, alternative="greater")
        return float(found.pvalue)

    assert chance(over) <= 0.01
    assert chance(over - 1) > 0.01
    assert judge_counts(requests, over).answer == "misses"
    assert judge_counts(requests, over - 1).answer != "misses"


def test_counts_between_are_undecided() -> None:
    assert judge_slice(slice_of(1000, *range(10))).answer == "undecided"
    assert judge_slice(slice_of(458)).answer == "undecided"
    assert judge_slice(slice_of(0)).answer == "undecided"
    assert judge_slice(slice_of(0)).over_share is None


@given(requests=st.integers(1, 5000), over=st.integers(0, 5000))
def test_no_counts_both_meet_and_miss(requests: int, over: int) -> None:
    over = min(over, requests)
    assert not (requests >= queries_needed(over) and over >= over_needed(requests))


def test_of_independent_requests_early_stopping_errs_in_1_of_100() -> None:
    over = np.random.default_rng(1).binomial(3000, 0.01, 4000)
    answers = [judge_counts(3000, int(count)).answer for count in over]
    assert answers.count("meets") <= 0.015 * len(answers)
    assert answers.count("misses") <= 0.015 * len(answers)


def test_batches_know_requests_that_are_late_together() -> None:
    """The same 10 of 4,000: spread over the slice, and one after the other."""
    spread = judge_batches(slice_of(4000, *range(0, 4000, 400)))
    burst = judge_batches(slice_of(4000, *range(1000, 1010)))
    assert (spread.over, burst.over) == (10, 10)
    assert spread.effective_requests == pytest.approx(4000)
    assert spread.answer == "meets"
    assert burst.effective_requests < 1000
    assert burst.high > 2 * spread.high
    assert burst.answer == "undecided"


def test_no_request_over_says_only_as_much_as_there_are_requests() -> None:
    """1 − 0.1^(1/n) is the highest share at which n rightly answered have a chance of 10 %."""
    assert judge_batches(slice_of(500)).high == pytest.approx(1 - 0.1 ** (1 / 500))
    assert judge_batches(slice_of(229)).answer == "undecided"
    assert judge_batches(slice_of(230)).answer == "meets"
    assert judge_batches(slice_of(0)).answer == "undecided"


def test_all_over_misses() -> None:
    found = judge_batches(np.zeros(300, bool))
    assert (found.answer, found.high) == ("misses", 1.0)
    assert found.low == pytest.approx(0.1 ** (1 / 300))


@given(st.lists(st.booleans(), min_size=1, max_size=300), st.integers(1, 40))
def test_the_interval_holds_the_share_that_was_seen(good: list[bool], batches: int) -> None:
    found = judge_batches(np.array(good), batches=batches)
    assert found.over_share is not None
    assert 0 <= found.low <= found.over_share <= found.high <= 1
    assert 0 < found.effective_requests <= len(good)


def test_intervals_of_independent_requests_hold_the_truth() -> None:
    """At least 90 % on each side; more, because counts are whole numbers."""
    random = np.random.default_rng(2)
    found = [judge_batches(random.random(3000) >= 0.01) for _ in range(1000)]
    assert np.mean([each.high >= 0.01 for each in found]) >= 0.88
    assert np.mean([each.low <= 0.01 for each in found]) >= 0.88


def test_intervals_of_bursts_hold_the_truth_where_early_stopping_does_not() -> None:
    """Bursts of 20 requests, one in 2,000 requests: 1 % are over, in 30 bursts a slice."""
    random = np.random.default_rng(3)
    batches = counts = 0
    for _ in range(300):
        good = np.repeat(random.random(3000) >= 0.01, 20)
        batches += judge_batches(good).answer == "meets"
        counts += judge_slice(good).answer == "meets"
    assert batches <= 0.15 * 300
    assert counts >= 0.25 * 300


CAPACITY_PER_S = 3000 - np.log(100) / BOUND_S
"""Of one server with exponential service times of 3,000/s: P(T > t) = e^(−(μ − λ)·t)."""


@pytest.mark.parametrize(
    ("share_of_capacity", "duration_s", "least", "most"),
    [(0.95, 2.5, 0.9, 1.0), (0.97, 5.0, 0.8, 1.0), (1.04, 5.0, 0.0, 0.25), (1.06, 5.0, 0.0, 0.05)],
)
def test_a_queue_is_confirmed_below_its_capacity_and_not_beyond(
    share_of_capacity: float, duration_s: float, least: float, most: float
) -> None:
    rate = share_of_capacity * CAPACITY_PER_S
    found = [judge_batches(queue(rate, 3000, duration_s, seed)).answer for seed in range(100)]
    assert least <= found.count("meets") / 100 <= most


def samples(rows: list[tuple[int, int, int]]) -> Samples:
    """Rows of intended, done and right."""
    intended, done, right = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    count = len(rows)
    return Samples(
        request=np.zeros(count, np.uint32),
        intended_ns=intended,
        sent_ns=np.where(done == MISSING, MISSING, intended),
        first_byte_ns=done,
        done_ns=done,
        status=np.full(count, 200, np.int16),
        ending=np.where(done == MISSING, NOT_SENT, ANSWERED).astype(np.uint8),
        body=np.zeros(count, np.int32),
        right=right.astype(np.int8),
        bodies=[],
    )


def test_only_right_answers_in_the_bound_count_in_the_order_due() -> None:
    found = in_bound(
        samples(
            [
                (30, 40, 0),  # wrong
                (10, 35, 1),  # exactly in the bound
                (40, MISSING, MISSING),  # never sent
                (20, 46, 1),  # late by 1 ns
                (50, 51, 1),
                (60, 61, 1),
            ]
        ),
        bound_ns=25,
    )
    assert found.tolist() == [True, False, False, False, True, True]


def test_recovery_ends_with_the_last_answer_to_what_was_due() -> None:
    intended_ns = np.array([0, 50, 99, 130])
    assert recovery_ns(intended_ns, np.array([10, 400, 250, 900]), end_ns=100) == 300
    assert recovery_ns(intended_ns, np.array([10, 60, 100, 900]), end_ns=100) == 0
    assert recovery_ns(intended_ns, np.array([10, MISSING, 100, 900]), end_ns=100) is None
    assert recovery_ns(np.array([], np.int64), np.array([], np.int64), end_ns=100) == 0
