"""``servemark compare`` as a user and a CI job call it: outputs and exit statuses."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from servemark.cli.app import main
from servemark.report.gates import GATES
from tests.conftest import ToyProject
from tests.unit.report.comparison_runs import FLASK, MACHINE, make_run, steady

A, B = "20261122T180000Z-two", "20261122T180500Z-two"


Compare = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def compare(
    toys: ToyProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Compare:
    """``servemark compare`` in the project, without the seconds that a process of its own takes."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["servemark", "--root", str(toys.folder), "compare", *arguments]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as ending:
            main()
        status = ending.value.code or 0
        assert isinstance(status, int)
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(command, status, out, err)

    return call


@pytest.fixture
def slower_flask(toys: ToyProject) -> ToyProject:
    """A project with run A, and run B in which Flask is 15 % slower."""
    make_run(toys.folder / "runs", steady())
    make_run(toys.folder / "runs", steady(flask=0.85), minute=5)
    return toys


def test_a_comparison_is_shown_and_is_no_failure(slower_flask: ToyProject) -> None:
    done = slower_flask.call("compare", A, "latest")
    assert done.returncode == 0, done.stderr
    assert "B is slower for 1 of 4 variants (form, 16 connections)." in done.stdout
    assert done.stderr == ""


def test_the_help_names_every_gate(compare: Compare) -> None:
    said = " ".join(compare("--help").stdout.replace("│", " ").split())
    assert f"Several times for several of {', '.join(GATES)}." in said


@pytest.mark.usefixtures("slower_flask")
@pytest.mark.parametrize(
    ("gates", "status"),
    [
        (["slower:5%"], 1),
        (["slower:14%"], 0),
        (["slower:20%"], 0),
        (["memory:10%", "p99:10%"], 1),
        (["memory:10%", "start:10%"], 0),
    ],
)
def test_the_exit_status_is_that_of_the_gates(
    compare: Compare, gates: list[str], status: int
) -> None:
    options = [part for gate in gates for part in ("--fail-on", gate)]
    done = compare(A, B, *options)
    assert done.returncode == status, done.stderr
    assert done.stdout.count("Gate ") == len(gates)


@pytest.mark.parametrize("broken", [[FLASK], list(steady())], ids=["one", "all"])
def test_what_is_broken_in_b_fails(toys: ToyProject, compare: Compare, broken: list[str]) -> None:
    make_run(toys.folder / "runs", steady())
    make_run(toys.folder / "runs", steady(), minute=5, failing=broken)
    done = compare(A, B, "--fail-on", "slower:5%", "--json")
    assert done.returncode == 1
    (gate,) = json.loads(done.stdout)["gates"]
    assert {(line["variant"], line["lost"]) for line in gate["broken"]} == {
        (name, True) for name in broken
    }


@pytest.mark.usefixtures("slower_flask")
def test_json_has_every_line_and_the_gates(compare: Compare) -> None:
    done = compare(A, B, "--json", "--fail-on", "slower:5%")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert (found["a"]["run"], found["b"]["run"]) == (A, B)
    words = {
        line["variant"]: line["word"]
        for line in found["lines"]
        if (line["cell"], line["metric"]) == ("multipart/c16", "throughput_per_s")
    }
    assert words.pop(FLASK) == "slower"
    assert set(words.values()) == {"same"}
    (gate,) = found["gates"]
    assert {line["variant"] for line in gate["broken"]} == {FLASK}


def test_markdown_goes_to_a_file_and_a_broken_gate_still_fails(
    slower_flask: ToyProject, compare: Compare
) -> None:
    comment = slower_flask.folder / "comment.md"
    done = compare(A, B, "--md", "--output", str(comment), "--fail-on", "slower:5%")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Written:" in done.stderr
    assert comment.read_text().startswith("### B is slower for 1 of 4 variants")


def test_runs_of_two_machines_are_refused_unless_told_to(
    toys: ToyProject, compare: Compare
) -> None:
    other = {"machine": MACHINE.model_copy(update={"cpu_model": "Xeon"})}
    make_run(toys.folder / "runs", steady())
    make_run(toys.folder / "runs", steady(), minute=5, header=other)
    done = compare(A, B)
    assert done.returncode == 2
    assert "must not be compared, because they differ in processor: A AMD EPYC 7B13, B Xeon" in (
        " ".join(done.stderr.split())
    )
    assert done.stdout == ""
    told = compare(A, B, "--anyway")
    assert told.returncode == 0
    assert "Warning: these runs should not be compared: processor" in told.stdout


@pytest.mark.usefixtures("slower_flask")
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((A, A), "A and B are the same run"),
        ((A, "nowhere"), "There is no run 'nowhere'"),
        ((A, B, "--fail-on", "fast:5%"), "'fast:5%' is no gate"),
        ((A, B, "--fail-on", "capacity:5%"), "has nothing to judge by"),
        ((A, B, "--json", "--md"), "Choose one of --md and --json"),
        ((A, B, "--output", "x"), "say what to write"),
    ],
)
def test_wrong_use_is_said_in_a_sentence(
    compare: Compare, arguments: tuple[str, ...], reason: str
) -> None:
    done = compare(*arguments)
    assert done.returncode == 2
    assert reason in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_file_that_cannot_be_written_is_a_failure(
    slower_flask: ToyProject, compare: Compare
) -> None:
    done = compare(A, B, "--md", "--output", str(slower_flask.folder))
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
