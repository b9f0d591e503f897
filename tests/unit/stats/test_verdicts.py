"""Verdicts from known counts."""

from __future__ import annotations

from typing import Any

import pytest

from servemark.records import (
    Bystander,
    Cell,
    Circumstances,
    Closed,
    Counts,
    Distribution,
    DriftSeen,
    EngineWork,
    Gate,
    Latencies,
    LoadResult,
    Open,
    ServerUse,
    Verdict,
)
from servemark.stats import Declared, judge

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


def verdict(
    found: LoadResult | None,
    *,
    cell: Cell = CELL,
    seen: Circumstances | None = None,
    use: ServerUse | None = None,
    declared: Declared | None = None,
    failure: str | None = None,
    quiet: bool = True,
    searching: bool = False,
) -> Verdict:
    return judge(
        cell,
        found,
        use,
        seen or Circumstances(),
        declared or Declared(),
        failure,
        insists_on_quiet=quiet,
        searching=searching,
    )


def gates(found: LoadResult | None, **given: Any) -> list[Gate]:
    return [fault.gate for fault in verdict(found, **given).faults]


def test_a_clean_trial_is_valid() -> None:
    assert verdict(load()).valid


@pytest.mark.parametrize(
    "kind", ["bad_status", "connect_errors", "read_errors", "write_errors", "timeouts"]
)
def test_more_than_one_error_in_a_thousand_is_invalid(kind: str) -> None:
    assert gates(load(**{kind: 10})) == []
    assert gates(load(**{kind: 11})) == [Gate.ANSWERS]


def test_a_slice_without_an_answer_is_invalid() -> None:
    assert gates(load(ok=0)) == [Gate.ANSWERS]


def test_a_busy_engine_is_invalid() -> None:
    assert gates(load(cpu_share=0.69)) == []
    assert gates(load(cpu_share=0.70)) == [Gate.ENGINE_HEADROOM]


def test_stolen_time_is_invalid_and_unknown_steal_is_not() -> None:
    assert gates(load(), seen=Circumstances(steal_share=0.02)) == [Gate.QUIET_MACHINE]
    assert gates(load(), seen=Circumstances(steal_share=None)) == []


def test_a_failure_is_invalid_with_its_reason() -> None:
    (fault,) = verdict(None, failure="it died under load").faults
    assert (fault.gate, fault.reason) == (Gate.COMPLETED, "it died under load")


def test_every_fault_comes_with_a_remedy() -> None:
    faults = verdict(load(cpu_share=0.9, timeouts=500), seen=Circumstances(steal_share=0.5)).faults
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
    assert gates(load(wrong_answers=0)) == []
    assert gates(load(wrong_answers=1)) == [Gate.ANSWERS]


def test_spinning_is_not_work() -> None:
    def spinning(busy_ns: int) -> LoadResult:
        work = EngineWork(busy_ns=busy_ns, spin_ns=10**9, threads=1, reconnects=0, sent_bytes=0)
        return load(cpu_share=1.0).model_copy(update={"work": work})

    assert gates(spinning(1_300_000_000)) == []
    assert gates(spinning(1_400_000_000)) == [Gate.ENGINE_HEADROOM]


def test_waiting_for_a_core_is_no_headroom() -> None:
    work = EngineWork(
        busy_ns=10**9, spin_ns=0, waited_ns=4 * 10**8, threads=1, reconnects=0, sent_bytes=0
    )
    found = load().model_copy(update={"work": work})
    (fault,) = verdict(found).faults
    assert fault.gate == Gate.ENGINE_HEADROOM
    assert "busy 50% of the time and waited for its core 20% of it" in fault.reason


@pytest.mark.parametrize(("outstanding", "holds"), [(16.0, True), (15.3, True), (15.1, False)])
def test_closed_connections_must_be_kept_busy(outstanding: float, holds: bool) -> None:
    found = load().model_copy(update={"mean_outstanding": outstanding})
    assert gates(found) == ([] if holds else [Gate.LITTLE])


@pytest.mark.parametrize(("lag_ns", "holds"), [(100_000, True), (500_000, True), (500_001, False)])
def test_lag_may_be_a_tenth_of_the_response_time(lag_ns: int, holds: bool) -> None:
    """The response's p99 is 5 ms in ``distribution``."""
    faults = verdict(with_lag(lag_ns), cell=OPEN).faults
    assert [fault.gate for fault in faults] == ([] if holds else [Gate.SCHEDULE_KEPT])


def test_what_was_offered_must_be_achieved() -> None:
    fine = load(ok=9_800, not_sent=200)
    short = load(ok=9_799, not_sent=201)
    assert verdict(fine, cell=OPEN).valid
    assert [f.gate for f in verdict(short, cell=OPEN).faults] == [Gate.OFFERED]


@pytest.mark.parametrize("changes", [{"p50_ns": 4, "p75_ns": 3}, {"max_ns": 1_000}, {"min_ns": 4}])
def test_percentiles_out_of_order_are_caught(changes: dict[str, int]) -> None:
    broken = Latencies(service=distribution(**changes), response=None, lag=None)
    found = load().model_copy(update={"latencies": broken})
    assert Gate.ORDER in gates(found)


def used(busy_processes: int, cores: float = 0.9) -> ServerUse:
    return ServerUse(
        cpu_ns=round(cores * 2_000_000_000),
        peak_pss_bytes=1,
        processes=busy_processes + 1,
        threads=9,
        voluntary_switches=1,
        involuntary_switches=1,
        busy_processes=busy_processes,
    )


def test_more_processes_that_serve_than_were_declared_are_caught() -> None:
    assert gates(load(), use=used(1)) == []
    assert gates(load(), use=used(2)) == [Gate.PARITY]
    assert gates(load(), use=used(2), declared=Declared(workers=2)) == []


def test_workers_that_do_not_serve_are_caught_where_connections_suffice() -> None:
    two = Declared(workers=2)
    assert gates(load(), use=used(1), declared=two) == [Gate.PARITY]
    few = Cell(workload="get", load=Closed(connections=2))
    assert gates(load(), use=used(1), declared=two, cell=few) == []
    threads = Declared(workers=2, parallel="threads")
    assert gates(load(), use=used(1, cores=1.9), declared=threads) == []


def test_more_cores_than_were_declared_are_caught() -> None:
    assert gates(load(), use=used(1, cores=1.2)) == []
    assert gates(load(), use=used(1, cores=1.3)) == [Gate.PARITY]
    assert gates(load(), use=used(1, cores=1.3), declared=Declared(threads=2)) == []
    # It had 2.6 s for what 2 s of load had left it to do: one core.
    overloaded = load().model_copy(update={"lasted_ns": 2_600_000_000})
    assert gates(overloaded, use=used(1, cores=1.3)) == []


def closing(reconnects: int) -> LoadResult:
    work = EngineWork(busy_ns=1, spin_ns=0, threads=1, reconnects=reconnects, sent_bytes=0)
    return load().model_copy(update={"work": work})


def test_a_server_that_closes_connections_must_have_said_so() -> None:
    assert gates(closing(100)) == []
    assert gates(closing(101)) == [Gate.CONNECTIONS]
    assert gates(closing(10_000), declared=Declared(keeps_connections=False)) == []


def test_a_busy_neighbour_is_named_and_a_quiet_one_is_not() -> None:
    loud = Circumstances(bystanders=(Bystander(name="backup", share=0.11),))
    (fault,) = verdict(load(), seen=loud).faults
    assert fault.gate == Gate.QUIET_MACHINE
    assert "backup (11% of a core)" in fault.reason
    quiet = Circumstances(bystanders=(Bystander(name="backup", share=0.10),))
    assert verdict(load(), seen=quiet).valid


def test_a_machine_that_slept_is_not_quiet() -> None:
    assert gates(load(), seen=Circumstances(asleep_ns=3_000_000_000)) == [Gate.QUIET_MACHINE]


def test_a_board_may_take_noise_but_not_wrong_answers() -> None:
    loud = Circumstances(steal_share=0.5)
    found = verdict(load(), seen=loud, quiet=False)
    assert found.valid
    assert [each.gate for each in found.warnings] == [Gate.QUIET_MACHINE]
    assert gates(load(wrong_answers=1), seen=loud, quiet=False) == [Gate.ANSWERS]


def test_a_speed_that_changes_within_the_slice_is_said_with_its_size() -> None:
    drift = DriftSeen(kind="step", change=-0.4, p_value=1e-6, at_ns=1_000_000_000)
    (fault,) = verdict(load().model_copy(update={"drift": drift})).faults
    assert fault.gate == Gate.STEADY
    assert "40 % slower" in fault.reason


def test_a_search_goes_beyond_the_capacity_on_purpose_but_answers_stay_right() -> None:
    beyond = load(ok=5_000, not_sent=4_000, timeouts=1_000)
    assert gates(beyond, cell=OPEN) != []
    assert gates(beyond, cell=OPEN, searching=True) == []
    assert gates(load(wrong_answers=1), cell=OPEN, searching=True) == [Gate.ANSWERS]
