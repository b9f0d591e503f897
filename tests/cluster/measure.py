"""The figures on a cluster that docs/cluster.md gives, measured on hosts made of namespaces.

    python -m tests.cluster.measure

Two generators beside one at the same total rate, and a board over two nodes beside one. The servers
are toys that sleep: on one machine the hosts share its cores, so that only what is not bound by
them tells anything of two machines. For the percentiles they sleep long, and evenly over a range,
so that neither what the cores do nor which answers fell into a slice weighs much."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import numpy as np

from servemark.store import RunFolder
from tests.cluster.conftest import Cluster, cluster_of, installed_ray
from tests.cluster.hosts import obstacle
from tests.conftest import ToyProject

LONG = ("slow", "spread")
SHARES = (0.5, 0.9, 0.99)
GENERATORS = (1, 2, 2, 1)
LOADS = '[[cells]]\nworkloads = ["multipart"]\nrates_per_s = [100]\n'
CELLS = '[[cells]]\nworkloads = ["get", "multipart"]\nconnections = [2]\n'
WHOLE, LOAD, BOTH, NONE = (
    {"servemark_server": 1},
    {"servemark_load": 1},
    {"servemark_server": 1, "servemark_load": 1},
    dict[str, int](),
)


def figures(folder: RunFolder, variant: str) -> list[float]:
    """Answers per second, and service time in ms at each of ``SHARES``, over all blocks."""
    rates, times = [], []
    for result in folder.trials():
        if result.trial.variant.contestant == variant and result.load is not None:
            samples = folder.samples(result)
            assert samples is not None
            right = samples.right == 1
            rates.append(right.sum() / result.load.duration_ns * 1e9)
            times.append((samples.done_ns - samples.sent_ns)[right])
    return [float(np.mean(rates)), *(np.quantile(np.concatenate(times), SHARES) / 1e6)]


def compare_generators(cluster: Cluster, folder: Path) -> None:
    toys = ToyProject(folder / "generators")
    toys.add(*LONG)
    toys.board(tables=LOADS, engine='"native"', blocks=3, slice_s=10, warm_up_s=1)
    found: dict[int, dict[str, list[list[float]]]] = {1: {}, 2: {}}
    for count in GENERATORS:
        done = cluster.call(toys, "toys", "--generators", str(count))
        assert done.returncode == 0, done.stderr
        for name in (f"toy/{mode}" for mode in LONG):
            row = figures(RunFolder(toys.runs()[-1]), name)
            found[count].setdefault(name, []).append(row)
            print(f"{count} generators, {name}: {np.round(row, 3).tolist()}", flush=True)
    for name in (f"toy/{mode}" for mode in LONG):
        one, two = (np.asarray(found[count][name]) for count in (1, 2))
        ratios = np.exp(np.log(two).mean(axis=0) - np.log(one).mean(axis=0))
        print(f"{name}, two ÷ one (1/s, p50, p90, p99): {np.round(ratios, 4).tolist()}")


def spread(resources: Mapping[str, Mapping[str, int]], folder: Path, ray: str) -> None:
    with cluster_of(resources, folder, ray) as cluster:
        toys = ToyProject(folder / "board")
        toys.add("good", "slow")
        toys.board(tables=CELLS, engine='"native"', blocks=10, slice_s=3, warm_up_s=0.5)
        done = cluster.call(toys, "toys", "--json")
        assert done.returncode == 0, done.stderr
        (run,) = toys.runs()
        first, *_ = RunFolder(run).trials()
        began_s = datetime.fromisoformat(first.started_utc).timestamp()
        measured_s = (run / "trials.jsonl").stat().st_mtime - began_s
        order = [figures(RunFolder(run), name)[0] for name in ("toy/good", "toy/slow")]
        print(f"{len(resources) - 1} nodes: {measured_s:.0f} s from the first trial; 1/s: {order}")


def main() -> None:
    reason = obstacle()
    if reason is not None:
        raise SystemExit(reason)
    ray = installed_ray()
    with tempfile.TemporaryDirectory(prefix="servemark-") as name:
        folder = Path(name)
        three = {"server": WHOLE, "left": LOAD, "right": LOAD}
        # The server is to have a core that no generator takes.
        cores = {"server": 0, "left": 1, "right": 1}
        with cluster_of(three, folder / "three", ray, cores) as cluster:
            compare_generators(cluster, folder)
        spread({"lead": NONE, "one": BOTH}, folder / "alone", ray)
        spread({"lead": NONE, "one": BOTH, "two": BOTH}, folder / "both", ray)


if __name__ == "__main__":
    main()
