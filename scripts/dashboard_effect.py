"""What it does to a run that the dashboard watches it.

    .venv/bin/python scripts/dashboard_effect.py [BLOCKS]

Two contestants are measured in one run. In every second block `servemark ui` is started, with two
streams of the run's page open; in the others there is none (ABBA: without, with, with, without).
Whatever differs between the two is paired, block by block.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from servemark.stats import METRICS, compare_paired
from servemark.store import RunFolder, list_runs

SERVEMARK = [str(Path(sys.executable).parent / "servemark")]
BOARD = """
title = "With and without the dashboard"
engine = "native"
seed = 1
blocks = {blocks}
quiet = false
warm_up_s = 0.5
slice_s = 2
golden_images = 8
contestants = ["python/aiohttp@builtin", "go/net-http"]
runtimes = ["onnxruntime"]
[[cells]]
workloads = ["multipart"]
connections = [16]
"""
WITH = (1, 2)
"""Blocks modulo 4 that are watched."""
SHOWN = ("throughput_per_s", "p50_service_ns", "p99_service_ns", "server_cpu_ns")
LOOK_S = 0.02


class Watching:
    """A dashboard and two that read the run's stream, while it is there."""

    def __init__(self, folder: RunFolder) -> None:
        log = Path(tempfile.mkstemp(suffix=".log")[1])
        with log.open("wb") as file:
            self._dashboard = subprocess.Popen(
                [*SERVEMARK, "--runs", str(folder.path.parent), "ui", "--port=0", "--no-open"],
                stderr=file,
            )
        while not (found := re.search(r"http://\S+", log.read_text())):
            time.sleep(LOOK_S)
        log.unlink()
        address = f"{found[0]}runs/{folder.path.name}/events"
        # A browser is elsewhere: what reads here stays out of the way.
        core = ",".join(str(core) for core in folder.header().cores.engine)
        reader = ["nice", "-n19", "taskset", "-c", core, "curl", "--silent", "--no-buffer", address]
        self._readers = [subprocess.Popen(reader, stdout=subprocess.DEVNULL) for _ in range(2)]
        self._began = time.monotonic()

    def end(self) -> float:
        """Take it all away; the share of a core that the dashboard took, with its start."""
        lasted = time.monotonic() - self._began
        for process in (*self._readers, self._dashboard):
            process.kill()
        for process in self._readers:
            process.wait()
        _, _, used = os.wait4(self._dashboard.pid, 0)
        return (used.ru_utime + used.ru_stime) / lasted


def measure(runs: Path, blocks: int) -> tuple[RunFolder, list[float]]:
    board = runs / "board.toml"
    board.write_text(BOARD.format(blocks=blocks))
    run = subprocess.Popen(
        [*SERVEMARK, "--runs", str(runs), "run", str(board), "--quiet"], stdout=subprocess.DEVNULL
    )
    while not (found := list_runs(runs)):
        assert run.poll() is None
        time.sleep(LOOK_S)
    folder, watching, shares = found[0], None, list[float]()
    while run.poll() is None:
        seen = folder.progress()
        wanted = seen is not None and seen.block is not None and seen.block % 4 in WITH
        if wanted and watching is None:
            watching = Watching(folder)
        if not wanted and watching is not None:
            shares.append(watching.end())
            watching = None
        time.sleep(LOOK_S)
    if watching is not None:
        shares.append(watching.end())
    return folder, shares


def main() -> None:
    blocks = int(sys.argv[1]) if len(sys.argv) > 1 else 24
    with tempfile.TemporaryDirectory() as runs:
        folder, shares = measure(Path(runs), blocks)
        trials = [result for result in folder.trials() if result.verdict.valid]
    print(f"The dashboard took {sum(shares) / len(shares):.1%} of a core, with its start.")
    for variant in sorted({result.trial.variant.id for result in trials}):
        for name in SHOWN:
            values = {
                result.trial.block: METRICS[name].of(result) or float("nan")
                for result in trials
                if result.trial.variant.id == variant
            }
            pairs = [
                (4 * n + k, 4 * n + j) for n in range(blocks // 4) for k, j in ((1, 0), (2, 3))
            ]
            pairs = [pair for pair in pairs if values.keys() >= set(pair)]
            found = compare_paired([values[a] for a, _ in pairs], [values[b] for _, b in pairs])
            if found is not None:
                print(
                    f"{variant} {name}: with ÷ without {found.ratio:.3f} "
                    f"({found.low:.3f} to {found.high:.3f}), {found.blocks} pairs"
                )


if __name__ == "__main__":
    main()
