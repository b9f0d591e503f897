"""Verdicts on trials whose load came from other machines."""

from __future__ import annotations

import pytest

from servemark.records import (
    Cell,
    Circumstances,
    Distribution,
    Fault,
    Gate,
    GeneratorUse,
    Latencies,
    Link,
    LoadResult,
    Open,
    Placement,
)
from servemark.stats import Declared, judge
from tests.unit.stats.test_verdicts import load

MS = 1_000_000
CELL = Cell(workload="raw", load=Open(rate_per_s=5000))


def use(name: str, **changes: int | float) -> GeneratorUse:
    """Of a slice of 2 s: 1 MB sent and 0.5 MB read."""
    values: dict[str, object] = {
        "generator": name,
        "requests": 5000,
        "sent_bytes": 1_000_000,
        "read_bytes": 500_000,
        "busy_share": 0.2,
        "start_offset_ns": 0,
    }
    return GeneratorUse.model_validate(values | changes)


def link(name: str, megabits: float = 1000, back: float = 1000, trip_ns: int = MS) -> Link:
    return Link(
        generator=name,
        round_trip_p50_ns=trip_ns,
        round_trip_p99_ns=2 * trip_ns,
        to_server_bytes_per_s=megabits * 1e6 / 8,
        from_server_bytes_per_s=back * 1e6 / 8,
    )


def served_in(p50_ns: int) -> LoadResult:
    found = Distribution(
        count=100,
        mean_ns=p50_ns,
        min_ns=1,
        p50_ns=p50_ns,
        p75_ns=p50_ns,
        p90_ns=p50_ns,
        p99_ns=p50_ns,
        p999_ns=p50_ns,
        max_ns=2 * p50_ns,
    )
    latencies = Latencies(service=found, response=found, lag=None)
    return load().model_copy(update={"latencies": latencies})


def faults(placement: Placement, found: LoadResult | None = None) -> list[Fault]:
    found = found or served_in(10 * MS)
    return list(
        judge(CELL, found, None, Circumstances(), Declared(), None, placement=placement).faults
    )


def test_a_wide_near_link_and_a_common_start_are_no_fault() -> None:
    uses = (use("a"), use("b", start_offset_ns=9 * MS))
    placement = Placement(server="s", generators=uses, links=(link("a"), link("b")))
    assert faults(placement) == []


@pytest.mark.parametrize(
    ("slow", "said"),
    [
        (link("b", megabits=5), "80% of the 5 Mbit/s to s, measured from b"),
        (link("b", back=2.5), "80% of the 2 Mbit/s from s, measured from b"),
    ],
)
def test_a_link_that_is_nearly_full_is_named_with_its_direction(slow: Link, said: str) -> None:
    placement = Placement(server="s", generators=(use("a"), use("b")), links=(link("a"), slow))
    (fault,) = faults(placement)
    assert fault.gate == Gate.NETWORK
    assert said in fault.reason


def test_a_round_trip_of_half_the_service_time_is_a_fault_and_less_is_none() -> None:
    far = Placement(server="s", generators=(use("a"),), links=(link("a", trip_ns=5 * MS),))
    (fault,) = faults(far, served_in(10 * MS))
    assert fault.gate == Gate.NETWORK
    assert "5.00 ms" in fault.reason
    assert faults(far, served_in(11 * MS)) == []


def test_generators_that_start_apart_spoil_the_trial() -> None:
    placement = Placement(server="s", generators=(use("a"), use("b", start_offset_ns=11 * MS)))
    (fault,) = faults(placement)
    assert fault.gate == Gate.GENERATORS
    assert "11.0 ms apart" in fault.reason


def test_one_busy_generator_is_not_hidden_by_an_idle_one() -> None:
    placement = Placement(
        server="s", generators=(use("a", busy_share=0.05), use("b", busy_share=0.9))
    )
    (fault,) = faults(placement)
    assert fault.gate == Gate.ENGINE_HEADROOM
    assert "generator b was busy 90%" in fault.reason


def test_a_lost_generator_is_the_only_fault_and_no_failure_of_the_contestant() -> None:
    found = judge(CELL, None, None, Circumstances(), Declared(), None, lost="b was lost")
    (fault,) = found.faults
    assert (fault.gate, fault.reason) == (Gate.GENERATORS, "b was lost")
