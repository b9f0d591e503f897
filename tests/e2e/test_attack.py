"""Services of a user's own: checked, measured, reported, compared and held to gates."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from servemark.launch import accepts, free_port
from servemark.records import Endpoint, Gate
from servemark.store import RunFolder
from tests.conftest import ROOT, ToyProject

pytestmark = pytest.mark.timeout(180)

SERVICE = Path(__file__).parents[1] / "toy" / "service.py"
IMAGES = ROOT / "models" / "mnist" / "golden" / "images"
QUICK = "warm_up_s = 0.1\nslice_s = 0.3\nblocks = 2\n"
FORM = '[[requests]]\npath = "/predict"\nfiles = "images/*"\nfield = "photo"\n'
LOADS = "[[loads]]\nconnections = 4\n"


@contextmanager
def running(mode: str = "good") -> Iterator[int]:
    """The service as its user would have started it; yields its port."""
    port = free_port("127.0.0.1")
    with subprocess.Popen([sys.executable, str(SERVICE), str(port), mode]) as service:
        try:
            while not accepts(Endpoint(host="127.0.0.1", port=port)):
                time.sleep(0.02)
            yield port
        finally:
            service.terminate()


@pytest.fixture
def target(toys: ToyProject) -> Callable[..., Path]:
    """Writes a target of services that a command starts, beside eight images."""
    (toys.folder / "images").mkdir()
    for path in sorted(IMAGES.glob("*.png"))[:8]:
        (toys.folder / "images" / path.name).write_bytes(path.read_bytes())

    def write(requests: str = FORM, head: str = QUICK, **modes: str) -> Path:
        path = toys.folder / "mine.toml"
        services = "".join(
            f'[services.{name}]\ncommand = "{sys.executable} {SERVICE} {{port}} {mode}"\n'
            'ready = "/ready"\nworkers = 1\n'
            for name, mode in (modes or {"mine": "good"}).items()
        )
        path.write_text(head + services + requests + LOADS)
        return path

    return write


def reported(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def reasons(report: dict[str, Any]) -> str:
    return " ".join(problem["reason"] for problem in report["problems"])


def test_another_machine_is_not_put_under_load(toys: ToyProject) -> None:
    done = toys.call("attack", "http://192.0.2.1:8000/predict", "--image", str(IMAGES))
    assert done.returncode == 2
    assert "not yours is an attack" in done.stderr
    assert "--i-own-this-target" in done.stderr
    assert toys.runs() == []


@pytest.mark.slow
@pytest.mark.load
def test_one_line_measures_a_service_that_runs(
    toys: ToyProject, target: Callable[..., Path]
) -> None:
    target()
    images = str(toys.folder / "images")
    with running() as port:
        url = f"http://127.0.0.1:{port}/predict"
        done = toys.call("attack", url, "--image", images, "--connections", "4", "--json")
    assert done.returncode == 0, done.stderr
    assert "in the form field 'photo'" in done.stderr
    report = reported(done)
    (result,) = report["results"]
    assert result["rank"] == 1
    figures = result["figures"]
    assert figures["throughput_per_s"]["value"] > 10
    assert figures["server_cpu_ns"]["value"] > 10_000
    assert figures["peak_pss_bytes"]["value"] > 1_000_000
    assert "ready_ns" not in figures
    assert any("ran already" in note for note in report["notes"])
    (run,) = toys.runs()
    assert len(RunFolder(run).answers()) == 8
    assert "<html" in (run / "report.html").read_text()


@pytest.mark.slow
@pytest.mark.load
def test_services_are_started_afresh_and_compared(
    toys: ToyProject, target: Callable[..., Path]
) -> None:
    path = target(head=f"{QUICK}quiet = false\n", one="good", two="good")
    runs = [toys.call("attack", str(path), "--json") for _ in range(2)]
    for done in runs:
        assert done.returncode == 0, done.stderr
        report = reported(done)
        assert all(each["rank"] for each in report["results"])
        assert {each["state"] for each in report["competitors"]} == {"measured"}
        starts = [each["figures"]["first_answer_ns"]["blocks"] for each in report["results"]]
        assert starts == [2, 2]
    a, b = (run.name for run in toys.runs())
    done = toys.call("compare", a, b, "--fail-on", "slower:1000%", "--json")
    assert done.returncode == 0, done.stderr
    lines = json.loads(done.stdout)["lines"]
    assert {each["variant"] for each in lines if each["ratio"]} == {"one", "two"}
    image = next((toys.folder / "images").iterdir())
    image.write_bytes(image.read_bytes() + b"x")
    toys.call("attack", str(path), "--json")
    done = toys.call("compare", b, toys.runs()[-1].name)
    assert done.returncode == 2
    assert "requests" in done.stderr


@pytest.mark.slow
@pytest.mark.load
def test_answers_that_change_are_not_held_to_until_the_user_says_what_counts(
    toys: ToyProject, target: Callable[..., Path]
) -> None:
    path = target(mine="fickle")
    done = toys.call("attack", str(path), "--json")
    assert done.returncode == 1
    assert "'/meta/number'" in reasons(reported(done))
    path = target(f'{FORM}expect = {{ pointers = ["/label", "/score"] }}\n', mine="fickle")
    done = toys.call("attack", str(path), "--json")
    assert done.returncode == 0, done.stderr
    assert reported(done)["results"][0]["rank"] == 1


@pytest.mark.slow
@pytest.mark.load
def test_wrong_answers_are_never_ranked(toys: ToyProject, target: Callable[..., Path]) -> None:
    done = toys.call("attack", str(target(mine="wrong")), "--json")
    assert done.returncode == 1
    report = reported(done)
    assert {problem["gate"] for problem in report["problems"]} >= {Gate.ANSWERS}
    assert all(result["rank"] is None for result in report["results"])
    expecting = f'{FORM}expect = {{ values = {{ "/label" = 99 }} }}\n'
    done = toys.call("attack", str(target(expecting)), "--json")
    assert done.returncode == 1
    assert "at '/label', not 99" in reasons(reported(done))


@pytest.mark.slow
@pytest.mark.load
def test_a_killed_attack_goes_on(toys: ToyProject, target: Callable[..., Path]) -> None:
    path = target(head="warm_up_s = 0.1\nslice_s = 0.3\nblocks = 4\n")
    process = toys.start("attack", str(path))
    while not (toys.runs() and len(RunFolder(toys.runs()[0]).trials()) >= 2):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    (run,) = toys.runs()
    before = RunFolder(run).trials()
    refused = toys.call("run", "--resume", "latest")
    assert "servemark attack --resume" in refused.stderr
    done = toys.call("attack", "--resume", "latest", "--json")
    assert done.returncode == 0, done.stderr
    assert reported(done)["finished"]
    assert RunFolder(run).trials()[: len(before)] == before


@pytest.mark.slow
@pytest.mark.load
def test_the_protocols_of_model_servers_are_spoken(
    toys: ToyProject, target: Callable[..., Path]
) -> None:
    groups = "".join(
        f'[[requests]]\nprotocol = "{name}"\nmodel = "digits"\nfiles = "images/*"\n'
        for name in ("oip", "tensorflow", "torchserve")
    )
    path = target(groups)
    text = path.read_text().replace('ready = "/ready"\n', "")
    path.write_text(text)
    done = toys.call("attack", str(path), "--json")
    assert done.returncode == 0, done.stderr
    assert reported(done)["results"][0]["rank"] == 1
