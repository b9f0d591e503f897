"""Verdicts from known counts."""

from __future__ import annotations

import pytest

from servemark.records import Counts, Gate, LoadResult
from servemark.stats import judge


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
    return [fault.gate for fault in judge(*arguments).faults]  # type: ignore[arg-type]


def test_a_clean_trial_is_valid() -> None:
    assert judge(load(), 0.0, None).valid


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
    (fault,) = judge(None, None, "it died under load").faults
    assert (fault.gate, fault.reason) == (Gate.COMPLETED, "it died under load")


def test_every_fault_comes_with_a_remedy() -> None:
    faults = judge(load(cpu_share=0.9, timeouts=500), 0.5, None).faults
    assert len(faults) == 3
    assert all(fault.remedy for fault in faults)
