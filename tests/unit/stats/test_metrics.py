"""Metrics of a trial and their spread, from figures worked out by hand."""

from __future__ import annotations

import pytest

from servemark.records import (
    Cell,
    Circumstances,
    Closed,
    Counts,
    LoadResult,
    ServerUse,
    StartUp,
    Trial,
    TrialResult,
    Variant,
)
from servemark.stats import METRICS, Declared, block_values, judge, summarise

VARIANT = Variant(contestant="toy/good", server="builtin", runtime="numpy")


def trial(block: int, ok: int, failure: str | None = None) -> TrialResult:
    counts = Counts(
        ok=ok, bad_status=0, connect_errors=0, read_errors=0, write_errors=0, timeouts=0
    )
    load = LoadResult(
        engine="wrk",
        engine_version="4",
        duration_ns=2_000_000_000,
        counts=counts,
        bytes_read=1,
        engine_cpu_ns=1,
    )
    server = ServerUse(
        cpu_ns=1_000_000_000,
        peak_pss_bytes=50_000_000,
        processes=2,
        threads=5,
        voluntary_switches=1,
        involuntary_switches=1,
    )
    cell = Cell(workload="get", load=Closed(connections=16))
    return TrialResult(
        trial=Trial(number=block, block=block, variant=VARIANT, cell=cell),
        started_utc="2026-11-22T12:00:00Z",
        start=1,
        cores_server=(0,),
        cores_engine=(1,),
        warm_up_ns=1,
        load=load,
        server=server,
        start_up=StartUp(ready_ns=100, first_answer_ns=200),
        failure=failure,
        verdict=judge(cell, load, server, Circumstances(), Declared(), failure),
    )


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("throughput_per_s", 4_000 / 2),
        ("mean_service_ns", 16 / 2_000 * 1e9),  # Little: 16 connections at 2,000 a second
        ("server_cpu_ns", 1e9 / 4_000),
        ("peak_pss_bytes", 50e6),
        ("ready_ns", 100),
        ("first_answer_ns", 200),
        ("error_share", 0),
    ],
)
def test_each_metric_of_a_known_trial(metric: str, value: float) -> None:
    assert METRICS[metric].of(trial(0, ok=4_000)) == pytest.approx(value)


def test_what_was_not_measured_is_missing_and_not_zero() -> None:
    empty = trial(0, ok=1).model_copy(update={"load": None, "server": None, "start_up": None})
    assert {metric.of(empty) for metric in METRICS.values()} == {None}


def test_a_figure_is_the_mean_of_blocks_and_leaves_invalid_trials_out() -> None:
    trials = [trial(0, 2_000), trial(1, 4_000), trial(2, 6_000), trial(3, 90_000, "it died")]
    found = summarise(trials, "throughput_per_s")
    assert found is not None
    assert (found.centre, found.blocks) == (2_000, 3)
    assert block_values(trials, "throughput_per_s") == {0: 1_000, 1: 2_000, 2: 3_000}


def test_an_interval_of_what_cannot_be_negative_does_not_reach_below_0() -> None:
    found = summarise([trial(0, 10), trial(1, 4_000)], "throughput_per_s")
    assert found is not None
    assert found.low == 0


def test_nothing_valid_has_no_figure() -> None:
    assert summarise([trial(0, 1, "it died")], "throughput_per_s") is None
