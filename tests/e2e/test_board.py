"""The main job, short: every contestant that can run here, under real load."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from servemark.catalog import load_board


@pytest.mark.slow
@pytest.mark.load
@pytest.mark.timeout(900)
def test_the_quick_board_measures_every_contestant(root: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "servemark", "--root", str(root), "--runs", str(tmp_path)),
            *("run", "quick", "--json"),
        ],
        capture_output=True,
        text=True,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["finished"]
    assert {each["variant"]: each["state"] for each in report["competitors"]} == {
        each["variant"]: "measured" for each in report["competitors"]
    }
    entered = {each["contestant"] for each in report["competitors"]}
    excluded = {each["name"].partition("@")[0] for each in report["excluded"]}
    board = load_board(root / "boards", "quick")
    assert entered | excluded == {each.partition("@")[0] for each in board.contestants}
    # A contestant may only be missing because of a tool that cannot be had, with a remedy.
    assert all(each["remedy"] for each in report["excluded"])
    for result in report["results"]:
        assert result["figures"]["throughput_per_s"]["value"] > 0
        assert result["figures"]["server_cpu_ns"]["value"] > 0
        assert result["figures"]["peak_pss_bytes"]["value"] > 1_000_000
