"""Who answers a repeated image from a cache, and who only decodes it a little faster."""

from __future__ import annotations

import numpy as np
import pytest

from servemark.stats import find_caching

BLOCKS = range(3)
SPEED_PER_S = 1_000.0


def over_blocks(gain: float, noise: float = 0.001) -> dict[int, float]:
    return {block: SPEED_PER_S / gain * (1 + noise * (block - 1)) for block in BLOCKS}


REPEATED = over_blocks(1.0, noise=0.0)


@pytest.mark.parametrize(
    ("over_many", "over_renewed", "caches"),
    [
        (1.00, 1.00, False),
        (1.12, 1.01, False),  # a branch predictor that knows the image
        (1.12, None, True),
        (1.08, None, False),
        (1.00, 1.08, True),  # all of the corpus is remembered, and it saves little
        (3.00, 3.00, True),
        (1.40, 1.00, True),  # answers are kept by the pixels
        (0.80, 0.90, False),
    ],
)
def test_gains_that_are_caches(over_many: float, over_renewed: float | None, caches: bool) -> None:
    renewed = None if over_renewed is None else {"a": over_blocks(over_renewed)}
    (found,) = find_caching({"a": REPEATED}, {"a": over_blocks(over_many)}, renewed).values()
    assert found.caches is caches
    assert found.over_many.ratio == pytest.approx(over_many, rel=0.01)


@pytest.mark.parametrize("blocks", [0, 1])
@pytest.mark.parametrize(("over_many", "caches"), [(1.12, False), (1.40, True)])
def test_where_the_rewritten_slices_were_invalid_the_gain_over_many_must_be_as_great_as_ever(
    over_many: float, caches: bool, blocks: int
) -> None:
    renewed = dict(list(over_blocks(1.0).items())[:blocks])
    (found,) = find_caching({"a": REPEATED}, {"a": over_blocks(over_many)}, {"a": renewed}).values()
    assert (found.over_renewed, found.caches) == (None, caches)


def test_a_gain_within_the_noise_is_none() -> None:
    noisy = {0: SPEED_PER_S / 0.7, 1: SPEED_PER_S / 1.1, 2: SPEED_PER_S / 2.0}
    (found,) = find_caching({"a": REPEATED}, {"a": noisy}, {"a": noisy}).values()
    assert found.over_many.ratio > 1.05
    assert not found.caches


def test_one_block_says_nothing() -> None:
    assert find_caching({"a": {0: 1.0}}, {"a": {0: 0.1, 1: 0.1}}, {"a": {0: 0.1}}) == {}


def test_of_many_equals_none_is_a_cache_and_a_cache_among_them_is_found() -> None:
    random = np.random.default_rng(1)
    flagged = 0
    for _ in range(200):
        speeds = {
            corpus: {
                str(name): dict(enumerate(SPEED_PER_S * np.exp(0.08 * random.standard_normal(3))))
                for name in range(70)
            }
            for corpus in ("one", "alike", "renewed")
        }
        for block, speed in speeds["one"]["0"].items():
            speeds["one"]["0"][block] = 2 * speed
        found = find_caching(speeds["one"], speeds["alike"], speeds["renewed"])
        assert found["0"].caches
        flagged += any(seen.caches for name, seen in found.items() if name != "0")
    assert flagged <= 16  # one ratio in twenty, and two of them
