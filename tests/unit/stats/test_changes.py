"""Changes of level in a history: those that are there are found, and noise is left alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
import ruptures

from servemark.stats.changes import LEAST_RUNS, cheapest_cut, level_changes, penalty_of
from tests.unit.stats.simulation import Floats

NOISE = 0.05


def history(seed: int, *stretches: tuple[int, float], noise: float = NOISE) -> Floats:
    """Stretches of so many runs of a level each, with lognormal noise."""
    random = np.random.default_rng(seed)
    levels = np.concatenate([np.full(runs, level) for runs, level in stretches])
    return levels * np.exp(noise * random.standard_normal(len(levels)))


def found(values: Floats) -> list[int]:
    return [change.index for change in level_changes(values)]


def test_a_change_is_found_where_it_is_and_with_its_size() -> None:
    (change,) = level_changes(history(1, (20, 1000), (20, 700)))
    assert change.index == 20
    assert change.ratio == pytest.approx(0.7, rel=0.05)
    assert change.before == pytest.approx(1000, rel=0.03)
    assert change.p_value < 1e-6


def test_several_changes_are_told_apart() -> None:
    values = history(2, (30, 1000), (12, 1400), (40, 1000), (25, 850))
    assert found(values) == [30, 42, 82]


def test_three_runs_after_a_change_are_enough_and_two_are_not() -> None:
    assert found(history(3, (30, 1000), (3, 500))) == [30]
    assert found(history(3, (30, 1000), (2, 500))) == []


def test_one_odd_run_is_no_change() -> None:
    values = history(4, (40, 1000))
    values[17] /= 3
    assert found(values) == []


def test_a_change_too_small_to_matter_is_not_reported() -> None:
    assert found(history(5, (200, 1000), (200, 1007), noise=0.001)) == []
    assert found(history(5, (200, 1000), (200, 1030), noise=0.001)) == [200]


def test_the_unit_does_not_matter() -> None:
    values = history(6, (15, 1000), (15, 1300))
    assert found(values) == found(values * 1e9) == [15]
    assert found(1 / values) == [15]


def test_figures_that_never_vary_have_no_changes_and_one_step_is_found() -> None:
    assert found(np.full(50, 64.0)) == []
    assert found(np.repeat([64.0, 80.0], 10)) == [10]


@pytest.mark.parametrize("count", range(2 * LEAST_RUNS))
def test_so_few_runs_tell_nothing(count: int) -> None:
    assert found(np.geomspace(1, 1000, count)) == []


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_values_that_are_no_levels_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        level_changes([1, 2, 3, 4, 5, bad, 6])


@pytest.mark.parametrize("runs", [6, 12, 30, 100])
def test_white_noise_has_a_change_in_one_of_twenty_histories_at_most(runs: int) -> None:
    alarms = [bool(found(history(seed, (runs, 1000)))) for seed in range(400)]
    assert np.mean(alarms) <= 0.05


@pytest.mark.parametrize(("sigmas", "least"), [(3, 0.8), (4, 0.92), (6, 0.95)])
def test_changes_beyond_the_noise_are_found(sigmas: float, least: float) -> None:
    after = 1000 * math.exp(sigmas * NOISE)
    near = [
        len(changes := found(history(seed, (15, 1000), (15, after)))) == 1
        and abs(changes[0] - 15) <= 1
        for seed in range(200)
    ]
    assert np.mean(near) >= least


@pytest.mark.parametrize("seed", range(25))
def test_the_cut_is_the_cheapest_as_another_library_finds_it(seed: int) -> None:
    random = np.random.default_rng(seed)
    stretches = [
        (int(random.integers(6, 25)), float(random.lognormal(0, 0.1)))
        for _ in range(random.integers(1, 6))
    ]
    logs = np.log(history(seed, *stretches))
    penalty = penalty_of(len(logs)) * NOISE**2
    other = ruptures.KernelCPD(kernel="linear", min_size=LEAST_RUNS).fit(logs.reshape(-1, 1))
    assert cheapest_cut(logs, NOISE) == other.predict(pen=penalty)[:-1]
