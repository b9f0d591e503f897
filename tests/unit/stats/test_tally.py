"""Tallies of latencies against the sorted values, and against HdrHistogram's own library."""

from __future__ import annotations

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from servemark.stats import middles_ns, nines, percentiles_ns, tally

SHARES = (0.0, 0.25, 0.5, 0.9, 0.99, 0.999)


@pytest.fixture
def values_ns() -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.random.default_rng(3).lognormal(15, 1.5, 50_000).astype(np.int64)


def test_quantiles_are_those_of_the_sorted_values_to_1_part_in_1024(values_ns: np.ndarray) -> None:
    ordered = np.sort(values_ns)
    exact = [ordered[max(int(np.ceil(round(share * 50_000, 6))), 1) - 1] for share in SHARES]
    assert percentiles_ns(tally(values_ns), SHARES) == pytest.approx(exact, rel=1 / 1024)


def test_the_buckets_are_those_of_hdrhistogram(values_ns: np.ndarray) -> None:
    histogram = HdrHistogram(1, 3_600_000_000_000, 3)
    for value in values_ns:
        histogram.record_value(int(value))
    counts = tally(values_ns)
    buckets = np.flatnonzero(counts)
    assert [histogram.get_count_at_index(int(bucket)) for bucket in buckets] == list(
        counts[buckets]
    )


def test_tallies_of_slices_are_added_up(values_ns: np.ndarray) -> None:
    parts = tally(values_ns[:20_000]) + tally(values_ns[20_000:])
    assert np.array_equal(parts, tally(values_ns))


@given(st.integers(0, 2**44 - 1))
def test_every_value_is_in_a_bucket_near_it(value: int) -> None:
    (bucket,) = np.flatnonzero(tally(np.array([value], np.int64)))
    assert middles_ns()[bucket] == pytest.approx(value, rel=1 / 1024)


def test_a_curve_ends_where_fewer_than_ten_samples_lie_above() -> None:
    counts = tally(np.arange(1, 1001, dtype=np.int64))
    assert percentiles_ns(counts, (0.5, 0.9, 0.99, 0.999)) == (500, 900, 990)
    assert percentiles_ns(tally(np.array([7], np.int64)), (0.0, 0.5, 0.9)) == (7, 7)
    assert percentiles_ns(tally(np.array([], np.int64)), SHARES) == ()


def test_every_nine_is_among_the_shares_of_a_curve() -> None:
    shares = nines()
    assert list(shares) == sorted(set(shares))
    assert {0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999} <= set(shares)
