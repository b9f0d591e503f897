"""Waits that pauses make, against moments drawn at random over the same pauses."""

from __future__ import annotations

import numpy as np
import pytest

from servemark.stats.pauses import SHARES, pauses_of, wait_ns


def test_without_pauses_nobody_waits() -> None:
    found = pauses_of(np.array([], dtype=np.int64), 10**9)
    assert (found.count, found.share, found.longest_ns) == (0, 0, 0)
    assert set(found.waits_ns.values()) == {0}


def test_a_tick_of_80_us_every_4_ms_is_seen_by_the_slowest_thousandth() -> None:
    """2 % of all moments lie in a tick, and 0.1 % at its beginning, with 76 to 80 µs to wait."""
    found = pauses_of(np.full(2_500, 80_000), 10**10)
    assert found.share == pytest.approx(0.02)
    assert found.waits_ns["p90"] == 0
    assert found.waits_ns["p99"] == pytest.approx(40_000)
    assert found.waits_ns["p999"] == pytest.approx(76_000)


@pytest.mark.parametrize("mean_ns", [20_000, 500_000, 4_000_000])
def test_waits_are_those_of_moments_drawn_at_random(mean_ns: int) -> None:
    random = np.random.default_rng(5)
    lengths = random.exponential(mean_ns, 3_000).astype(np.int64)
    between = random.exponential(10_000_000, 3_000).astype(np.int64)
    ends = np.cumsum(between + lengths)
    duration_ns = int(ends[-1])
    moments = random.integers(0, duration_ns, 2_000_000)
    which = np.searchsorted(ends, moments, side="right")
    waits = np.where(moments >= ends[which] - lengths[which], ends[which] - moments, 0)
    found = pauses_of(lengths, duration_ns)
    for name, share in SHARES.items():
        assert np.mean(waits > found.waits_ns[name]) == pytest.approx(
            min(share, float(np.mean(waits > 0))), rel=0.05
        )
    assert found.waits_ns["mean"] == pytest.approx(waits.mean(), rel=0.02)


def test_the_order_of_the_pauses_does_not_matter() -> None:
    lengths = np.array([5, 900, 40, 300])
    assert wait_ns(lengths, 10_000, 0.01) == wait_ns(np.sort(lengths), 10_000, 0.01) == 800
