"""Verdicts from known counts."""

from __future__ import annotations

import pytest

from servemark.records import (
    Cell,
    Closed,
    Counts,
    Distribution,
    EngineWork,
    Gate,
    Latencies,
    LoadResult,
    Open,
)
from servemark.stats import judge

CELL = Cell(workload="get", load=Closed(connections=16))


def load(cpu_share: float = 0.1, **counts: int) -> LoadResult:
    whole = dict.fromkeys(Counts.model_fields, 0) | {"ok": 10_000} | counts
    return LoadResult(
        engine="wrk",
        engine_version="4.1.0",
        duration_ns=2_000_000_000,
        counts=Counts(**whole),
        bytes_read=1,
        engine_cpu_ns=round(cpu_share * 2_000_000_000),
    )


def gates(*arguments: object) -> list[Gate]:
    return [fault.gate for fault in judge(CELL, *arguments).faults]  # type: ignore[arg-type]


def test_a_clean_trial_is_valid() -> None:
    assert judge(CELL, load(), 0.0, None).valid


@pytest.mark.parametrize(
    "kind", ["bad_status", "connect_errors", "read_errors", "write_errors", "timeouts"]
)
def test_more_than_one_error_in_a_thousand_is_invalid(kind: str) -> None:
    assert gates(load(**{kind: 10}), 0.0, None) == []
    assert gates(load(**{kind: 11}), 0.0, None) == [Gate.ANSWERS]


def test_a_slice_without_an_answer_is_invalid() -> None:
    assert gates(load(ok=0), 0.0, None) == [Gate.ANSWERS]


def test_a_busy_engine_is_invalid() -> None:
    assert gates(load(cpu_share=0.69), 0.0, None) == []
    assert gates(load(cpu_share=0.70), 0.0, None) == [Gate.ENGINE_HEADROOM]


def test_stolen_time_is_invalid_and_unknown_steal_is_not() -> None:
    assert gates(load(), 0.02, None) == [Gate.QUIET_MACHINE]
    assert gates(load(), None, None) == []


def test_a_failure_is_invalid_with_its_reason() -> None:
    (fault,) = judge(CELL, None, None, "it died under load").faults
    assert (fault.gate, fault.reason) == (Gate.COMPLETED, "it died under load")


def test_every_fault_comes_with_a_remedy() -> None:
    faults = judge(CELL, load(cpu_share=0.9, timeouts=500), 0.5, None).faults
    assert len(faults) == 3
    assert all(fault.remedy for fault in faults)


OPEN = Cell(workload="get", load=Open(rate_per_s=1_000))


def distribution(**changes: int | None) -> Distribution:
    values: dict[str, int | None] = {
        "min_ns": 1,
        "p50_ns": 2,
        "p75_ns": 3,
        "p90_ns": 4,
        "p99_ns": 5_000_000,
        "p999_ns": None,
        "max_ns": 9_000_000,
    }
    return Distribution.model_validate({"count": 10_000, "mean_ns": 3.0, **values, **changes})


def with_lag(p99_ns: int) -> LoadResult:
    lag = distribution(p99_ns=p99_ns)
    return load().model_copy(
        update={"latencies": Latencies(service=None, response=distribution(), lag=lag)}
    )


def test_one_wrong_answer_is_one_too_many() -> None:
    assert gates(load(wrong_answers=0), 0.0, None) == []
    assert gates(load(wrong_answers=1), 0.0, None) == [Gate.ANSWERS]


def test_spinning_is_not_work() -> None:
    def spinning(busy_ns: int) -> LoadResult:
        work = EngineWork(busy_ns=busy_ns, spin_ns=10**9, threads=1, reconnects=0, sent_bytes=0)
        return load(cpu_share=1.0).model_copy(update={"work": work})

    assert gates(spinning(1_300_000_000), 0.0, None) == []
    assert gates(spinning(1_400_000_000), 0.0, None) == [Gate.ENGINE_HEADROOM]


@pytest.mark.parametrize(("outstanding", "holds"), [(16.0, True), (15.3, True), (15.1, False)])
def test_closed_connections_must_be_kept_busy(outstanding: float, holds: bool) -> None:
    found = load().model_copy(update={"mean_outstanding": outstanding})
    assert gates(found, 0.0, None) == ([] if holds else [Gate.LITTLE])


@pytest.mark.parametrize(("lag_ns", "holds"), [(100_000, True), (500_000, True), (500_001, False)])
def test_lag_may_be_a_tenth_of_the_response_time(lag_ns: int, holds: bool) -> None:
    """The response's p99 is 5 ms in ``distribution``."""
    faults = judge(OPEN, with_lag(lag_ns), 0.0, None).faults
    assert [fault.gate for fault in faults] == ([] if holds else [Gate.SCHEDULE_KEPT])


def test_what_was_offered_must_be_achieved() -> None:
    fine = load(ok=9_800, not_sent=200)
    short = load(ok=9_799, not_sent=201)
    assert judge(OPEN, fine, 0.0, None).valid
    assert [f.gate for f in judge(OPEN, short, 0.0, None).faults] == [Gate.OFFERED]


@pytest.mark.parametrize("changes", [{"p50_ns": 4, "p75_ns": 3}, {"max_ns": 1_000}, {"min_ns": 4}])
def test_percentiles_out_of_order_are_caught(changes: dict[str, int]) -> None:
    broken = Latencies(service=distribution(**changes), response=None, lag=None)
    found = load().model_copy(update={"latencies": broken})
    assert Gate.ORDER in gates(found, 0.0, None)
