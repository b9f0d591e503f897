"""Runs in a row: what changed, when, and what was new then."""

from __future__ import annotations

from pathlib import Path

import pytest

from servemark.report.site.digest import RunDigest, digest_of
from servemark.report.site.history import Event, Line, Track, make_track, track_slug
from tests.synthetic_runs import Change, variants, write_runs
from tests.unit.report.comparison_runs import FLASK, GO, MACHINE, make_run, steady

RUNS, WHEN, FACTOR = 16, 9, 0.8


@pytest.fixture(scope="module")
def digests(tmp_path_factory: pytest.TempPathFactory) -> list[RunDigest]:
    """Four variants; the second becomes slower by a fifth with the run of number 9."""
    root = tmp_path_factory.mktemp("runs")
    return [digest_of(run.path) for run in write_runs(root, RUNS, 4, [Change(1, WHEN, FACTOR)])]


@pytest.fixture(scope="module")
def track(digests: list[RunDigest]) -> Track:
    return make_track(digests)


def lines_of(track: Track, variant: str) -> dict[tuple[str, str], Line]:
    return {(line.cell, line.metric): line for line in track.of(variant)}


def test_a_known_change_is_the_only_one_and_comes_with_what_was_new(track: Track) -> None:
    slowed = variants(4)[1].id
    changed = {line.variant for line in track.lines if line.events}
    assert changed == {slowed}
    (event,) = lines_of(track, slowed)["multipart/c16", "throughput_per_s"].events
    assert (event.run, event.name) == (WHEN, track.runs[WHEN].run)
    assert event.after / event.before == pytest.approx(FACTOR, rel=0.04)
    assert not event.better
    assert event.new == ("onnxruntime 1.0 → 1.1",)


def test_what_should_be_low_is_better_when_it_falls(track: Track) -> None:
    lines = lines_of(track, variants(4)[1].id)
    (event,) = lines["multipart/c16", "p99_service_ns"].events
    assert event.after / event.before == pytest.approx(1 / FACTOR, rel=0.04)
    assert not event.better


def test_figures_are_those_of_the_runs(track: Track, digests: list[RunDigest]) -> None:
    line = lines_of(track, track.entries[0].variant)["multipart/c16", "throughput_per_s"]
    standings = [run.cells["multipart/c16"].standings for run in digests]
    kept = [
        each.figures["throughput_per_s"]
        for cell in standings
        for each in cell
        if each.variant == line.variant
    ]
    assert [point.run for point in line.points] == list(range(RUNS))
    assert [(p.value, p.low, p.high) for p in line.points] == [
        (k.value, k.low, k.high) for k in kept
    ]


def test_a_variant_that_was_away_has_gaps_and_no_news_of_its_absence(tmp_path: Path) -> None:
    without = {name: speeds for name, speeds in steady().items() if name != FLASK}
    runs = [
        make_run(tmp_path, speeds, minute=minute)
        for minute, speeds in enumerate([steady(), without, steady()])
    ]
    track = make_track(digest_of(run.path) for run in runs)
    line = lines_of(track, FLASK)["multipart/c16", "throughput_per_s"]
    assert [point.run for point in line.points] == [0, 2]
    assert {entry.variant for entry in track.entries} == set(steady())


def test_another_machine_is_another_track_and_another_kernel_is_news(tmp_path: Path) -> None:
    kernels = ["6.1.0-28-amd64"] * 4 + ["6.6.1-1-amd64"] * 4
    runs = [
        make_run(
            tmp_path,
            steady(net_http=1.0 if minute < 4 else 1.4),
            minute=minute,
            header={"machine": MACHINE.model_copy(update={"kernel": kernel})},
        )
        for minute, kernel in enumerate(kernels)
    ]
    other = make_run(
        tmp_path,
        steady(),
        minute=30,
        header={"machine": MACHINE.model_copy(update={"cpu_model": "Another"})},
    )
    digests = [digest_of(run.path) for run in runs]
    assert len({track_slug(each) for each in digests}) == 1
    assert track_slug(digest_of(other.path)) != track_slug(digests[0])
    (event,) = lines_of(make_track(digests), GO)["multipart/c16", "throughput_per_s"].events
    assert event.better
    assert event.new == ("kernel 6.1 → 6.6",)


def test_a_change_says_so_in_percent() -> None:
    event = Event(run=1, name="x", created_utc="", before=200, after=150, better=False, new=())
    assert event.percent == -25
