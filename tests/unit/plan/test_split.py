"""A load dealt out to several generators is the same load."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats as scipy_stats

from servemark.plan import schedule_of
from servemark.plan.split import Share, split
from servemark.records import Cell, Closed, Open
from servemark.units import NS_PER_S


def shares_of(cell: Cell, parts: int, duration_s: int = 4) -> list[Share]:
    return split(cell, schedule_of(cell, duration_s * NS_PER_S, 16, 7), parts, 7)


def times(share: Share) -> NDArray[np.int64]:
    assert share.schedule.intended_ns is not None
    return share.schedule.intended_ns


@given(
    rate=st.floats(1, 3000),
    parts=st.integers(1, 9),
    arrivals=st.sampled_from(["poisson", "constant"]),
)
def test_every_request_is_in_exactly_one_share_at_its_time(
    rate: float, parts: int, arrivals: str
) -> None:
    cell = Cell(workload="raw", load=Open(rate_per_s=rate, arrivals=arrivals))
    whole = schedule_of(cell, NS_PER_S, 16, 7)
    assert whole.intended_ns is not None
    shares = split(cell, whole, parts, 7)
    assert len(shares) == parts
    dealt = [
        pair
        for share in shares
        for pair in zip(times(share).tolist(), share.schedule.order.tolist(), strict=True)
    ]
    assert sorted(dealt) == sorted(
        zip(whole.intended_ns.tolist(), whole.order.tolist(), strict=True)
    )
    assert all((np.diff(times(share)) >= 0).all() for share in shares)
    assert sum(share.cell.load.connections for share in shares) == cell.load.connections


def test_the_same_seed_deals_the_same_and_another_deals_otherwise() -> None:
    cell = Cell(workload="raw", load=Open(rate_per_s=500))
    whole = schedule_of(cell, NS_PER_S, 16, 7)
    one, two, other = split(cell, whole, 2, 7), split(cell, whole, 2, 7), split(cell, whole, 2, 8)
    assert times(one[0]).tobytes() == times(two[0]).tobytes()
    assert times(one[0]).tobytes() != times(other[0]).tobytes()


def test_each_share_of_a_poisson_process_is_one_and_so_is_the_union_of_late_starts() -> None:
    """Kolmogorov's test of exponential gaps; the second generator starts 7 ms late."""
    cell = Cell(workload="raw", load=Open(rate_per_s=2000))
    first, second = shares_of(cell, 2, duration_s=10)
    for share in (first, second):
        gaps_s = np.diff(times(share)) / NS_PER_S
        assert gaps_s.mean() == pytest.approx(1 / 1000, rel=0.05)
        assert scipy_stats.kstest(gaps_s, "expon", args=(0, 1 / 1000)).pvalue > 0.01
    union = np.sort(np.concatenate([times(first), times(second) + 7_000_000]))
    gaps_s = np.diff(union) / NS_PER_S
    assert scipy_stats.kstest(gaps_s, "expon", args=(0, 1 / 2000)).pvalue > 0.01


def test_constant_arrivals_are_dealt_in_turn_so_that_each_share_is_constant() -> None:
    cell = Cell(workload="raw", load=Open(rate_per_s=1000, arrivals="constant"))
    for share in shares_of(cell, 4):
        assert set(np.diff(times(share)).tolist()) == {4_000_000}


def test_a_closed_loop_is_split_by_connections_and_its_order_is_dealt_in_turn() -> None:
    cell = Cell(workload="raw", load=Closed(connections=5, engine_threads=3))
    whole = schedule_of(cell, NS_PER_S, 16, 7)
    first, second = split(cell, whole, 2)
    assert [first.cell.load.connections, second.cell.load.connections] == [3, 2]
    assert [first.cell.load.engine_threads, second.cell.load.engine_threads] == [3, 2]
    assert first.schedule.order[:3].tolist() == whole.order[0:6:2].tolist()
    assert second.schedule.order[:3].tolist() == whole.order[1:6:2].tolist()
    assert first.schedule.intended_ns is None


def test_there_are_no_more_shares_than_connections_and_none_is_without_requests() -> None:
    cell = Cell(workload="get", load=Closed(connections=3))
    whole = schedule_of(cell, NS_PER_S, 1, 7)
    shares = split(cell, whole, 20)
    assert len(shares) == 3
    assert all(len(share.schedule.order) for share in shares)
    assert split(cell, whole, 1)[0].schedule is whole
