"""Real Ray on hosts made of namespaces. Ray gets a folder of its own below .servemark, as servemark
does without it on one machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from servemark.records import NodeEvent, TrialResult
from servemark.store import RunFolder
from tests.cluster.hosts import Host, hosts, obstacle
from tests.conftest import ROOT, ToyProject

REQUIREMENTS = ROOT / "requirements-cluster.txt"
RAY = ROOT / ".servemark" / "ray"


class NoRayError(Exception):
    """Ray cannot be had, with the reason."""


def installed_ray() -> str:
    """What PYTHONPATH must hold for Ray to be found, which is installed if need be."""
    if find_spec("ray") is not None:
        return ""
    stamp = RAY / "requirements.txt"
    if not stamp.is_file() or stamp.read_bytes() != REQUIREMENTS.read_bytes():
        made = subprocess.run(
            [
                *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--require-hashes"),
                *("--python", sys.executable, "--target", str(RAY), "--upgrade"),
                *("--requirement", str(REQUIREMENTS)),
            ],
            capture_output=True,
            text=True,
        )
        if made.returncode != 0:
            raise NoRayError(
                f"Ray cannot be installed, see requirements-cluster.txt: {made.stderr}"
            )
        stamp.write_bytes(REQUIREMENTS.read_bytes())
    return str(RAY)


@pytest.fixture(scope="session")
def ray_path() -> str:
    """What PYTHONPATH must hold for Ray to be found."""
    try:
        return installed_ray()
    except NoRayError as error:
        pytest.skip(str(error))


class Cluster:
    """Ray on some hosts; the first one is its head, and leads runs."""

    def __init__(self, machines: list[Host], ray_path: str, cores: Mapping[str, int]) -> None:
        self.hosts = {host.name: host for host in machines}
        self._cores = cores
        self._ray_path = ray_path
        self._head = machines[0]

    def environment(self, host: Host) -> dict[str, str]:
        return {
            **os.environ,
            # What Ray keeps for the user of this machine is nothing to these hosts.
            "HOME": str(host.folder),
            "PYTHONPATH": self._ray_path,
            "SERVEMARK_HOME": str(host.folder / "home"),
            "COLUMNS": "200",
        }

    def join(self, host: Host, resources: Mapping[str, int]) -> None:
        """``ray start`` on that host, which keeps to its core if it has one."""
        head = self._head.address
        role = ("--head", "--port=6379", "--include-dashboard=false")
        core = self._cores.get(host.name)
        host.run(
            *(() if core is None else ("taskset", "--cpu-list", str(core))),
            *(sys.executable, "-m", "ray.scripts.scripts", "start"),
            *(role if host is self._head else (f"--address={head}:6379",)),
            *(f"--node-ip-address={host.address}", "--disable-usage-stats", "--num-cpus=1"),
            *("--object-store-memory=100000000", f"--resources={json.dumps(dict(resources))}"),
            environment=self.environment(host),
        )

    def start(self, toys: ToyProject, *arguments: str) -> subprocess.Popen[str]:
        """``servemark run`` with these arguments, led from the head."""
        return self._head.start(
            *(sys.executable, "-m", "servemark", "--root", str(toys.folder), "run"),
            *(*arguments, "--cluster", "auto"),
            environment=self.environment(self._head),
        )

    def call(self, toys: ToyProject, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The same, to its end."""
        process = self.start(toys, *arguments)
        out, err = process.communicate(timeout=240)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


@contextmanager
def cluster_of(
    resources: Mapping[str, Mapping[str, int]],
    folder: Path,
    ray_path: str,
    cores: Mapping[str, int] | None = None,
) -> Iterator[Cluster]:
    """A cluster of the hosts that are named, with these resources; ``cores`` gives a host one of
    this machine's cores."""
    with hosts(list(resources), folder) as machines:
        cluster = Cluster(machines, ray_path, cores or {})
        for host in machines:
            cluster.join(host, resources[host.name])
        yield cluster


@pytest.fixture(scope="module")
def make_cluster(
    ray_path: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Mapping[str, Mapping[str, int]]], AbstractContextManager[Cluster]]:
    """``cluster_of`` hosts in a folder of the tests."""
    reason = obstacle()
    if reason is not None:
        pytest.skip(reason)

    return lambda resources: cluster_of(resources, tmp_path_factory.mktemp("hosts"), ray_path)


class RunSeen:
    """The last run of a project, as it lies on the disk."""

    def __init__(self, toys: ToyProject) -> None:
        self.folder = RunFolder(toys.runs()[-1])

    @property
    def trials(self) -> list[TrialResult]:
        return self.folder.trials()

    @property
    def events(self) -> list[NodeEvent]:
        return self.folder.nodes()


def wait_for_trials(toys: ToyProject, count: int, process: subprocess.Popen[str]) -> None:
    """Until the run has so many finished trials on the disk."""
    for _ in range(2400):
        assert process.poll() is None, process.communicate()
        runs: list[Path] = toys.runs()
        if runs and (runs[-1] / "trials.jsonl").is_file() and len(RunSeen(toys).trials) >= count:
            return
        subprocess.run(["sleep", "0.05"], check=True)
    raise AssertionError("no such number of trials")
