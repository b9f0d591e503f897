"""Intervals: known answers, and the coverage that the module claims."""

from __future__ import annotations

import math

import numpy as np
import pytest

from servemark.stats.intervals import Interval, blocks_for, interval, t_quantile
from tests.unit.stats.simulation import Floats, blocks, line, wave

RUNS = 6_000
COUNTS = (3, 5, 10)


def coverage(runs: Floats, truth: Floats | float) -> float:
    """How often the interval of each row holds the truth."""
    found = [interval(run) for run in runs]
    truths = np.broadcast_to(truth, (len(found), 1)).ravel()
    return float(
        np.mean(
            [f is not None and f.low <= t <= f.high for f, t in zip(found, truths, strict=True)]
        )
    )


def test_the_interval_of_a_textbook() -> None:
    # Student's own data on sleep (1908), differences of 10 patients: mean 1.58, 0.70 to 2.46.
    found = interval([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])
    assert found is not None
    assert found.blocks == 10
    assert (found.centre, found.low, found.high) == pytest.approx((1.58, 0.70, 2.46), abs=0.005)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("cv", [0.01, 0.1])
@pytest.mark.parametrize("kind", ["normal", "lognormal", "heavy", "contaminated"])
def test_95_percent_intervals_cover_for_every_kind_of_noise(
    kind: str, cv: float, count: int
) -> None:
    random = np.random.default_rng([1, count])
    assert 0.93 <= coverage(blocks(random, kind, (RUNS, count), cv), 1.0) <= 0.97


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("kind", ["normal", "lognormal"])
def test_they_cover_the_mean_of_the_run_while_it_drifts_in_a_line(kind: str, count: int) -> None:
    # From the first block to the last by as much as the noise's deviation.
    random = np.random.default_rng([2, count])
    drift = line(random, RUNS, count, total=0.05)
    values = blocks(random, kind, (RUNS, count), 0.05) + drift
    assert 0.93 <= coverage(values, 1.0) <= 0.97


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("periods", [0.25, 0.5, 1, 2])
def test_they_cover_the_mean_of_the_run_while_it_goes_up_and_down(
    periods: float, count: int
) -> None:
    # From crest to trough by as much as the noise's deviation.
    random = np.random.default_rng([3, count])
    drift = wave(random, RUNS, count, periods, size=0.025)
    values = blocks(random, "normal", (RUNS, count), 0.05) + drift
    assert 0.93 <= coverage(values, 1 + drift.mean(axis=1, keepdims=True)) <= 0.97


@pytest.mark.parametrize("count", COUNTS)
def test_drift_beyond_the_noise_makes_intervals_wide_and_never_too_narrow(count: int) -> None:
    random = np.random.default_rng([4, count])
    drift = line(random, RUNS, count, total=0.2)
    assert coverage(blocks(random, "normal", (RUNS, count), 0.05) + drift, 1.0) > 0.97


def test_another_level_covers_as_often_as_it_says() -> None:
    random = np.random.default_rng(5)
    found = [interval(run, level=0.8) for run in blocks(random, "normal", (RUNS, 5), 0.05)]
    inside = np.mean([f is not None and f.low <= 1 <= f.high for f in found])
    assert 0.78 <= inside <= 0.82


def test_missing_blocks_do_not_count() -> None:
    assert interval([1.0, math.nan, 3.0]) == interval([1.0, 3.0])
    assert interval([]) is None
    assert interval([math.nan]) is None


def test_one_block_leaves_everything_open() -> None:
    assert interval([5.0]) == Interval(5.0, -math.inf, math.inf, 1)
    found = interval([5.0], least=0)
    assert found == Interval(5.0, 0, math.inf, 1)
    assert found is not None
    assert found.half_width == math.inf


def test_it_stops_at_the_least_that_a_quantity_can_be() -> None:
    found = interval([1.0, 2.0, 9.0], least=0)
    assert found is not None
    assert found.low == 0
    assert found.half_width == pytest.approx((found.high - 4) / 4)


def test_zeros_and_negative_values_are_values() -> None:
    nothing = interval([0.0, 0.0, 0.0])
    assert nothing == Interval(0.0, 0.0, 0.0, 3)
    assert nothing is not None
    assert nothing.half_width == 0
    around = interval([-1.0, 0.0, 1.0])
    assert around is not None
    assert around.half_width == math.inf
    below = interval([-98.0, -100.0, -102.0])
    assert below is not None
    assert 0.04 < below.half_width < 0.06


@pytest.mark.parametrize("noise", [0.001, 0.01, 0.031, 0.12, 0.4])
@pytest.mark.parametrize("half_width", [0.002, 0.03, 0.2])
def test_the_number_of_blocks_is_the_least_that_reaches_the_width(
    half_width: float, noise: float
) -> None:
    def reached(blocks: int) -> float:
        return t_quantile(0.95, blocks - 1) * noise / math.sqrt(blocks)

    found = blocks_for(half_width, noise)
    assert reached(found) <= half_width
    assert found == 2 or reached(found - 1) > half_width


def test_a_width_that_nobody_reaches_takes_no_time_to_find_out() -> None:
    assert blocks_for(1e-9, noise=0.1) == pytest.approx((1.959964 * 1e8) ** 2, rel=1e-6)
