"""A short calibration with the real engine, the real truth server, and wrk where it is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.load
@pytest.mark.timeout(600)
def test_a_quick_calibration_accounts_for_every_request(root: Path, tmp_path: Path) -> None:
    plot, page = tmp_path / "calibration.svg", tmp_path / "calibration.md"
    page.write_text("# Ours\n<!-- results -->\nold\n<!-- /results -->\nours too\n")
    command = [sys.executable, "-m", "servemark", "--root", str(root), "calibrate", "--quick"]
    done = subprocess.run(
        [*command, "--json", "--plot", str(plot), "--output", str(page)],
        capture_output=True,
        text=True,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    own = [each for each in found["comparisons"] if each["generator"] == "servemark"]
    names = {each["distribution"] for each in own}
    assert names == {"constant", "two-point", "exponential", "lognormal", "stall"}
    assert len(own) == 2 * len(names)
    for each in own:
        # Every request that the truth server answered is in the engine's account, and no other.
        assert each["requests"] == each["recorded"] > 0
    (pauses,) = found["pauses"]
    assert pauses["duration_ns"] == 10**9
    assert (pauses["count"] > 0) == (pauses["longest_ns"] >= 2_000)
    assert pauses["longest_ns"] <= round(pauses["share"] * 10**9) < 10**9
    by_pauses = {each["deviations"][0]["pauses_ns"] for each in own if each["loop"] == "open"}
    assert by_pauses == {pauses["waits_ns"]["p50"]}
    kept = found["conservation"]
    assert sum(kept["endings"].values()) == kept["scheduled"]
    assert kept["endings"]["answered"] == kept["server_answered"]
    cells = {(each["workload"], each["connections"]) for each in found["speeds"]}
    assert cells == {("get", 1), ("get", 16), ("get", 64), ("get", 256), ("multipart", 16)}
    taking_part = set(found["generators"])
    for absent in found["absent"]:
        assert absent["name"] not in taking_part
        assert absent["remedy"]
    assert plot.read_text().startswith("<svg")
    text = page.read_text()
    assert text.startswith("# Ours\n")
    assert text.endswith("ours too\n")
    assert "old" not in text.split("## Bars")[0]
