"""Latencies by percentile of a run whose raw samples are known."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from servemark.report import build_report
from servemark.store import RunFolder

FLASK = "python/flask@gunicorn+onnxruntime"


def test_the_samples_of_all_blocks_make_one_curve(raw_run: RunFolder) -> None:
    report = build_report(raw_run, samples=True)
    curves = {(each.variant, each.cell): each for each in report.latencies}
    assert len(curves) == 3 * 5
    flask = curves[FLASK, "multipart/c16"]  # 1,000 a second: the k-th of a thousand took k µs
    assert flask.count == 3 * 2_000
    assert flask.response_ns is None
    at = dict(zip(report.latency_shares, flask.service_ns, strict=False))
    assert {share: at[share] for share in (0.5, 0.9, 0.99)} == pytest.approx(
        {0.5: 500_000, 0.9: 900_000, 0.99: 990_000}, rel=1 / 1024
    )
    assert max(at) <= 1 - 10 / 6_000  # at least 10 samples lie above


def test_without_samples_there_are_no_curves_and_nothing_is_missed(raw_run: RunFolder) -> None:
    report = build_report(raw_run)
    assert report.latencies == ()
    assert report.problems == ()


def test_samples_that_cannot_be_read_are_told_and_the_rest_stands(
    raw_run: RunFolder, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "run")
    shutil.copytree(raw_run.path, folder.path)
    lost = [
        folder.path / (result.samples or "")
        for result in folder.trials()
        if (result.trial.variant.id, result.trial.cell.id) == (FLASK, "get/c16")
    ]
    lost[0].unlink()
    lost[1].write_bytes(lost[1].read_bytes()[:500])
    report = build_report(folder, samples=True)
    (problem,) = report.problems
    assert lost[0].name in problem.reason or lost[1].name in problem.reason
    assert problem.reason.endswith("And 1 more.")
    curves = {(each.variant, each.cell): each.count for each in report.latencies}
    assert curves[FLASK, "get/c16"] == 2_000
    assert curves[FLASK, "raw/c16"] == 6_000
