"""Latencies and outstanding requests from columns whose figures are known."""

from __future__ import annotations

import numpy as np
import pytest

from servemark.records import Cell, Closed
from servemark.samples import ENDINGS, MISSING, NOT_SENT, Samples
from servemark.stats import complete, describe, latencies, mean_outstanding
from tests.unit.stats.test_verdicts import load

MS = 1_000_000


def samples(
    intended: list[int],
    sent: list[int],
    done: list[int],
    ending: list[int] | None = None,
    right: list[int] | None = None,
) -> Samples:
    count = len(sent)
    return Samples(
        request=np.zeros(count, np.uint32),
        intended_ns=np.array(intended, np.int64),
        sent_ns=np.array(sent, np.int64),
        first_byte_ns=np.array(done, np.int64),
        done_ns=np.array(done, np.int64),
        status=np.full(count, 200, np.int16),
        ending=np.array(ending or [0] * count, np.uint8),
        body=np.zeros(count, np.int32),
        right=np.array(right or [1] * count, np.int8),
        bodies=[b""],
    )


def test_service_response_and_lag_are_told_apart() -> None:
    found = latencies(samples([0, 10], [2, 15], [5, 30]))
    assert found.service is not None
    assert found.response is not None
    assert found.lag is not None
    assert (found.service.min_ns, found.service.max_ns, found.service.mean_ns) == (3, 15, 9)
    assert (found.response.min_ns, found.response.max_ns) == (5, 20)
    assert (found.lag.min_ns, found.lag.max_ns) == (2, 5)


def test_requests_that_were_not_answered_have_no_latency_but_a_lag() -> None:
    timed_out = ENDINGS.index("timed_out")
    found = latencies(
        samples([0, 0, 0], [1, 9, MISSING], [4, 99, MISSING], [0, timed_out, NOT_SENT])
    )
    assert found.service is not None
    assert found.lag is not None
    assert found.service.count == 1
    assert found.lag.count == 2
    assert found.lag.max_ns == 9


def test_percentiles_are_nearest_rank() -> None:
    found = describe(np.arange(1, 10_001, dtype=np.int64))
    assert found is not None
    assert (found.p50_ns, found.p75_ns, found.p90_ns) == (5_000, 7_500, 9_000)
    assert (found.p99_ns, found.p999_ns) == (9_900, 9_990)


def test_a_percentile_needs_ten_samples_above_it() -> None:
    enough = describe(np.arange(1_000, dtype=np.int64))
    few = describe(np.arange(999, dtype=np.int64))
    assert enough is not None
    assert few is not None
    assert enough.p99_ns == 989
    assert few.p99_ns is None
    assert few.p90_ns is not None


def test_nothing_has_no_distribution() -> None:
    assert describe(np.array([], np.int64)) is None


def test_two_connections_always_busy_have_two_requests_under_way() -> None:
    sent = [0, 0, 40 * MS, 70 * MS]
    done = [40 * MS, 70 * MS, 100 * MS, 130 * MS]  # the last one ends after the slice
    assert mean_outstanding(samples(sent, sent, done), 100 * MS) == pytest.approx(2.0)


def test_a_connection_that_idles_half_the_time_counts_half() -> None:
    assert mean_outstanding(samples([0], [0], [50 * MS]), 100 * MS) == pytest.approx(0.5)


def test_an_answer_that_lies_unread_still_takes_its_connection() -> None:
    found = mean_outstanding(samples([0], [0], [50 * MS]), 100 * MS, unread_ns=25 * MS)
    assert found == pytest.approx(0.75)


def test_only_right_answers_within_the_slice_count_as_throughput() -> None:
    """A slice of 2 s: one right in it, one right after it, one wrong."""
    second = 1_000_000_000
    found = complete(
        load(ok=3),
        samples([0] * 3, [0] * 3, [second, 3 * second, second], right=[1, 1, 0]),
        Cell(workload="get", load=Closed(connections=1)),
    )
    assert found.ok_in_slice == 1
    assert (found.counts.ok, found.counts.wrong_answers) == (2, 1)
    assert found.counts.answered == 3
