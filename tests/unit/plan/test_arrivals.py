"""Arrival schedules: repeatable, of the right rate, and distributed as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from servemark.plan.arrivals import ARRIVALS, closed_schedule, generator, open_schedule
from servemark.units import NS_PER_S


@pytest.mark.parametrize("arrivals", sorted(ARRIVALS))
def test_the_same_seed_gives_the_same_bytes(arrivals: str) -> None:
    one = open_schedule(arrivals, 500, 2 * NS_PER_S, 512, 7, "get")
    two = open_schedule(arrivals, 500, 2 * NS_PER_S, 512, 7, "get")
    assert one.intended_ns is not None
    assert two.intended_ns is not None
    assert one.intended_ns.tobytes() == two.intended_ns.tobytes()
    assert one.order.tobytes() == two.order.tobytes()


def test_another_seed_gives_another_schedule() -> None:
    one = open_schedule("poisson", 500, 2 * NS_PER_S, 512, 7)
    two = open_schedule("poisson", 500, 2 * NS_PER_S, 512, 8)
    assert one.intended_ns is not None
    assert two.intended_ns is not None
    assert one.intended_ns.tobytes() != two.intended_ns.tobytes()


def test_a_schedule_does_not_change_between_releases() -> None:
    """Runs are compared across versions: these figures must stay."""
    schedule = open_schedule("poisson", 5, NS_PER_S, 4, 2026)
    assert schedule.intended_ns is not None
    assert schedule.intended_ns.tolist() == [576854800, 744817801, 877058148]
    assert schedule.order.tolist() == [3, 0, 2]


@pytest.mark.parametrize("arrivals", sorted(ARRIVALS))
def test_times_never_decrease_and_stay_within_the_slice(arrivals: str) -> None:
    times = ARRIVALS[arrivals](2_000, 3 * NS_PER_S, generator(1))
    assert (np.diff(times) >= 0).all()
    assert times.min() >= 0
    assert times.max() < 3 * NS_PER_S
    assert times.dtype == np.int64


def test_constant_arrivals_have_equal_gaps() -> None:
    times = ARRIVALS["constant"](1_000, NS_PER_S, generator(1))
    assert times.tolist() == [k * 1_000_000 for k in range(1_000)]


def test_poisson_gaps_are_exponential() -> None:
    times = ARRIVALS["poisson"](1_000, 20 * NS_PER_S, generator(3))
    gaps_s = np.diff(times) / NS_PER_S
    assert scipy_stats.kstest(gaps_s, "expon", args=(0, 1 / 1_000)).pvalue > 0.01


def test_poisson_counts_vary_as_they_should() -> None:
    """Mean and variance of a Poisson count are both rate · duration."""
    counts = [len(ARRIVALS["poisson"](400, NS_PER_S // 4, generator(k))) for k in range(2_000)]
    assert np.mean(counts) == pytest.approx(100, rel=0.02)
    assert np.var(counts) == pytest.approx(100, rel=0.15)


def test_every_image_comes_equally_often() -> None:
    schedule = closed_schedule(512, 1)
    assert np.bincount(schedule.order).tolist() == [8] * 512
    assert sorted(schedule.order[:512].tolist()) == list(range(512))
    assert schedule.intended_ns is None


def test_nothing_is_due_at_the_end_of_the_slice() -> None:
    """15 s at 16,666.67/s: rounding must not add a request at the end."""
    times = ARRIVALS["constant"](16_666.67, 15 * NS_PER_S, generator(1))
    assert times.max() < 15 * NS_PER_S
