"""Comparisons and rankings: known answers, false differences, and differences found."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
from scipy import stats

from servemark.stats.comparison import (
    Comparison,
    Standing,
    adjust,
    compare_paired,
    compare_unpaired,
    rank,
)
from tests.unit.stats.simulation import Floats, blocks

RUNS = 3_000
Compare = Callable[[list[float], list[float]], Comparison | None]
KINDS = ("normal", "lognormal", "heavy", "contaminated")


def ranked(table: Floats, better: Literal["higher", "lower"] = "higher") -> dict[str, Standing]:
    """The ranking of rows named 0, 1, 2 …; a missing block is NaN."""
    return rank(
        {str(row): dict(enumerate(values.tolist())) for row, values in enumerate(table)}, better
    )


def share_different(found: list[Comparison | None]) -> float:
    """How many of the comparisons call a difference, at 5 %."""
    return float(np.mean([each is not None and each.p_value < 0.05 for each in found]))


# Two


def test_a_ratio_within_blocks_is_that_of_the_pairs() -> None:
    # Logarithms of the ratios are ln 2 − 0.1, ln 2 and ln 2 + 0.1: a standard error of 0.1 / √3.
    b = np.array([100.0, 50.0, 200.0])
    found = compare_paired(2 * b * np.exp([-0.1, 0, 0.1]), b)
    assert found is not None
    arm = 4.302653 * 0.1 / math.sqrt(3)
    assert found.ratio == pytest.approx(2)
    assert (found.low, found.high) == pytest.approx((2 * math.exp(-arm), 2 * math.exp(arm)))
    t = math.log(2) / (0.1 / math.sqrt(3))
    assert found.p_value == pytest.approx(1 - t / math.sqrt(2 + t**2))  # 2 degrees of freedom
    assert found.blocks == 3


def test_independent_runs_are_compared_as_welch_did() -> None:
    first, second = [1.0, 2.0, 3.0, 4.0, 5.0], [3.0, 6.0, 7.0]
    found = compare_unpaired(np.exp(first), np.exp(second))
    known = stats.ttest_ind(first, second, equal_var=False)
    bounds = known.confidence_interval(0.95)
    assert found is not None
    assert found.ratio == pytest.approx(math.exp(3 - 16 / 3))
    assert found.p_value == pytest.approx(known.pvalue)
    assert (found.low, found.high) == pytest.approx((math.exp(bounds.low), math.exp(bounds.high)))
    assert found.blocks == 3


def test_turning_a_comparison_round_inverts_it() -> None:
    a, b = [90.0, 110.0, 104.0], [120.0, 130.0, 111.0]
    for compare in (compare_paired, compare_unpaired):
        there, back = compare(a, b), compare(b, a)
        assert there is not None
        assert back is not None
        assert there.ratio == pytest.approx(1 / back.ratio)
        assert there.low == pytest.approx(1 / back.high)
        assert there.p_value == pytest.approx(back.p_value)


def test_blocks_that_lack_one_of_the_two_are_left_out() -> None:
    whole = compare_paired([1.0, 2.0, 3.0], [2.0, 3.0, 5.0])
    holed = compare_paired([1.0, 7.0, 2.0, 3.0], [2.0, math.nan, 3.0, 5.0])
    assert holed == whole
    assert compare_paired([1.0, math.nan], [math.nan, 1.0]) is None
    assert compare_unpaired([math.nan], [1.0]) is None


@pytest.mark.parametrize("compare", [compare_paired, compare_unpaired])
def test_one_block_tells_nothing_but_the_ratio(compare: Compare) -> None:
    found = compare([3.0], [2.0])
    assert found is not None
    assert found.ratio == pytest.approx(1.5)
    assert (found.low, found.high, found.p_value, found.blocks) == (0, math.inf, 1, 1)


@pytest.mark.parametrize("paired", [True, False])
def test_zeros_are_compared_by_their_means(paired: bool) -> None:
    compare = compare_paired if paired else compare_unpaired
    assert compare([0.0, 0.0], [0.0, 0.0]) == Comparison(1.0, 1.0, 1.0, 1.0, 2)
    some = compare([0.0, 2.0, 1.0, 1.0], [20.0, 22.0, 19.0, 19.0])
    assert some is not None
    assert some.ratio == pytest.approx(4 / 80)
    assert 0 <= some.low < 0.05 < some.high < 0.15
    assert some.p_value < 0.001
    from_none = compare([5.0, 5.1, 4.9], [0.0, 0.0, 0.0])
    assert from_none is not None
    assert from_none.ratio == math.inf
    assert from_none.p_value < 0.001


def test_the_same_in_every_block_is_the_same_beyond_doubt() -> None:
    same = compare_paired([5.0, 6.0], [5.0, 6.0])
    assert same == Comparison(1.0, 1.0, 1.0, 1.0, 2)
    double = compare_paired([10.0, 12.0], [5.0, 6.0])
    assert double is not None
    assert (double.low, double.high) == pytest.approx((2, 2))
    assert double.p_value < 1e-6


@pytest.mark.parametrize("count", [3, 5, 10])
@pytest.mark.parametrize("kind", KINDS)
def test_equals_are_called_different_in_5_percent_at_most(kind: str, count: int) -> None:
    random = np.random.default_rng([10, count])
    shared = 1 + 0.1 * random.standard_normal((RUNS, count))
    a, b = blocks(random, kind, (2, RUNS, count), 0.05)
    paired = share_different(
        [compare_paired(*pair) for pair in zip(a * shared, b * shared, strict=True)]
    )
    unpaired = share_different([compare_unpaired(*pair) for pair in zip(a, b, strict=True)])
    # Two standard errors of a share of 5 % in 3,000 are 0.8 %.
    assert paired <= 0.058
    assert unpaired <= 0.058


@pytest.mark.parametrize("count", [3, 5, 10])
@pytest.mark.parametrize("kind", KINDS)
def test_intervals_of_ratios_hold_the_ratio(kind: str, count: int) -> None:
    random = np.random.default_rng([11, count])
    a, b = blocks(random, kind, (2, RUNS, count), 0.05)
    for compare in (compare_paired, compare_unpaired):
        found = [compare(1.25 * x, y) for x, y in zip(a, b, strict=True)]
        assert 0.93 <= np.mean([f is not None and f.low <= 1.25 <= f.high for f in found]) <= 0.98


@pytest.mark.parametrize("shared", [0.0, 0.05, 0.2])
def test_a_tenth_more_is_found_in_ten_blocks(shared: float) -> None:
    # Each with noise of 5 % of its own; what happens to a whole block comes on top.
    random = np.random.default_rng(12)
    a, b = blocks(random, "normal", (2, RUNS, 10), 0.05)
    common = np.exp(shared * random.standard_normal((RUNS, 10)))
    found = [compare_paired(1.1 * x, y) for x, y in zip(a * common, b * common, strict=True)]
    assert share_different(found) >= 0.9


# Many


def test_p_values_are_adjusted_as_holm_did() -> None:
    # 4 × 0.005, then 3 × 0.01; 2 × 0.03; 0.04 is not below the one before it.
    assert adjust([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert adjust([0.9, 0.8]).tolist() == [1.0, 1.0]
    assert adjust([]).tolist() == []


def test_those_far_apart_are_ranked_and_those_alike_are_tied() -> None:
    found = rank(
        {
            "slow": {0: 10.0, 1: 10.1, 2: 9.9, 3: 10.05},
            "fast": {0: 40.0, 1: 40.4, 2: 39.5, 3: 40.3},
            "alike": {0: 40.1, 1: 40.3, 2: 39.7, 3: 40.0},
        },
        "higher",
    )
    assert list(found) == ["fast", "alike", "slow"] or list(found) == ["alike", "fast", "slow"]
    assert found["fast"] == Standing(1, 2, ("alike",))
    assert found["alike"] == Standing(1, 2, ("fast",))
    assert found["slow"] == Standing(3, 3, ())


def test_lower_is_better_turns_the_order_round() -> None:
    table = np.array([[10.0, 10.1, 9.9], [20.0, 20.3, 19.8], [40.0, 40.2, 39.5]])
    assert list(ranked(table, "higher")) == ["2", "1", "0"]
    assert list(ranked(table, "lower")) == ["0", "1", "2"]
    assert [each.rank for each in ranked(table, "lower").values()] == [1, 2, 3]


def test_a_tie_that_is_not_transitive_shows() -> None:
    # First and last are told apart; the middle one varies too much to be told from either.
    jitter = np.array([-0.3, 0.2, 0.1, -0.1, 0.3, -0.2])
    table = np.array(
        [110 + jitter, 105 + 40 * jitter[[2, 4, 0, 5, 1, 3]], 100 + jitter[[3, 0, 4, 1, 5, 2]]]
    )
    found = ranked(table)
    assert found["0"] == Standing(1, 2, ("1",))
    assert found["1"] == Standing(1, 3, ("0", "2"))
    assert found["2"] == Standing(2, 3, ("1",))


def test_what_is_below_the_second_is_below_the_first_too() -> None:
    # First and last share no block, so only the one between them tells that they differ.
    jitter = 1 + 0.01 * np.array([0.3, -0.5, 0.2, 0.1, -0.4, 0.3, -0.2, 0.5])
    table = np.outer([140, 120, 100], np.ones(8)) * [np.roll(jitter, k) for k in range(3)]
    table[0, 4:] = np.nan
    table[2, :4] = np.nan
    found = ranked(table)
    assert [found[name].rank for name in "012"] == [1, 2, 3]
    assert [found[name].last for name in "012"] == [1, 2, 3]
    assert found["0"].tied_with == ("2",)
    assert found["1"].tied_with == ()


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_no_two_that_are_told_apart_stand_reversed(missing: float) -> None:
    random = np.random.default_rng(13)
    for _ in range(200):
        noise = random.uniform(0.005, 0.1, size=(12, 1))
        means = np.exp(random.uniform(0, 0.3, size=(12, 1)))
        table = means * (1 + noise * random.standard_normal((12, 5)))
        table[random.random(table.shape) < missing] = np.nan
        found = ranked(table)
        assert next(iter(found.values())).rank == 1
        order = list(found)
        for place, name in enumerate(order):
            for later in order[place + 1 :]:
                tied = later in found[name].tied_with
                assert tied == (name in found[later].tied_with)
                assert found[name].rank < found[later].rank or tied


@pytest.mark.parametrize("noise", [0.01, 0.03, 0.1])
def test_the_places_hold_the_true_ones_of_all_at_once(noise: float) -> None:
    random = np.random.default_rng(15)
    means = np.exp(np.linspace(0.5, 0, 10))[:, None]
    missed, widths = 0, []
    for _ in range(300):
        found = ranked(means * np.exp(noise * random.standard_normal((10, 5))))
        places = [found[str(true)] for true in range(10)]
        missed += any(not each.rank <= true + 1 <= each.last for true, each in enumerate(places))
        widths += [each.last - each.rank for each in places]
    assert missed / 300 <= 0.05
    assert np.mean(widths) < 6


@pytest.mark.parametrize("count", [3, 5, 10])
@pytest.mark.parametrize("kind", KINDS)
def test_a_ranking_of_equals_is_one_tie(kind: str, count: int) -> None:
    random = np.random.default_rng([14, count])
    shared = np.exp(0.05 * random.standard_normal((500, 1, count)))
    runs = blocks(random, kind, (500, 10, count), 0.05) * shared
    broken = np.mean([any(each.rank > 1 for each in ranked(run).values()) for run in runs])
    assert broken <= 0.05


@pytest.mark.parametrize("count", [3, 5, 10])
def test_equals_of_unequal_noise_are_one_tie_too(count: int) -> None:
    random = np.random.default_rng([15, count])
    runs = 1 + np.geomspace(0.01, 0.1, 10)[:, None] * random.standard_normal((1_000, 10, count))
    broken = np.mean([any(each.rank > 1 for each in ranked(run).values()) for run in runs])
    # 4.5 % of 3,000 with 3 blocks; two standard errors are 1.4 %.
    assert broken <= 0.06


def test_three_blocks_tell_steps_of_5_percent_apart_under_noise_of_1_percent() -> None:
    random = np.random.default_rng(16)
    means = 1.05 ** np.arange(10)
    whole = [
        [each.rank for each in ranked(means[:, None] * run).values()] == list(range(1, 11))
        for run in blocks(random, "normal", (200, 10, 3), 0.01)
    ]
    assert np.mean(whole) >= 0.9


def test_a_name_with_one_block_is_judged_by_the_noise_of_the_others() -> None:
    random = np.random.default_rng(17)
    table = np.array([[100.0], [70.0], [50.0], [20.0]]) * (
        1 + 0.01 * random.standard_normal((4, 5))
    )
    table[3, 1:] = np.nan
    found = ranked(table)
    assert found["3"] == Standing(4, 4, ())


def test_names_without_values_are_left_out_and_a_lone_one_is_first() -> None:
    assert rank({}, "higher") == {}
    assert rank({"none": {}, "nan": {0: math.nan}}, "higher") == {}
    assert rank({"a": {0: 1.0}, "none": {}}, "lower") == {"a": Standing(1, 1, ())}
    apart = rank({"a": {0: 1.0, 1: 2.0}, "b": {2: 3.0, 3: 4.0}}, "higher")
    assert {name: each.rank for name, each in apart.items()} == {"a": 1, "b": 1}


def test_zeros_rank_without_logarithms() -> None:
    found = rank(
        {
            "clean": {0: 0.0, 1: 0.0, 2: 0.0, 3: 0.0},
            "clean too": {0: 0.0, 1: 0.0, 2: 0.0, 3: 0.0},
            "failing": {0: 0.5, 1: 0.52, 2: 0.49, 3: 0.5},
        },
        "lower",
    )
    assert found["clean"] == Standing(1, 2, ("clean too",))
    assert found["failing"] == Standing(3, 3, ())
