"""``servemark`` as a user calls it, on toy contestants: results, exit statuses, cut-off runs."""

from __future__ import annotations

import importlib.util
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import servemark
from servemark.store import RunFolder
from tests.conftest import ToyProject, made_once


def report_of(text: str) -> Any:
    return json.loads(text)


@pytest.fixture(scope="module")
def finished_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a run of two toys, made once."""

    def make(folder: Path) -> None:
        toys = ToyProject(folder)
        toys.add("good", "slow")
        toys.board()
        done = toys.call("run", "toys", "--json")
        assert done.returncode == 0, done.stderr
        (folder / "printed.json").write_text(done.stdout)

    return made_once(tmp_path_factory, "finished", make)


@pytest.fixture
def finished(finished_once: Path, tmp_path: Path) -> ToyProject:
    """A copy of that project, to do with as a test likes."""
    return ToyProject(shutil.copytree(finished_once, tmp_path / "project", symlinks=True))


def test_a_run_leaves_a_report_of_everything_it_measured(finished: ToyProject) -> None:
    report = report_of((finished.folder / "printed.json").read_text())
    assert report["finished"]
    assert report["finished_trials"] == 8
    assert {each["state"] for each in report["competitors"]} == {"measured"}
    order = [each["variant"] for each in report["results"] if each["cell"] == "get/c2"]
    assert order == ["toy/good@builtin+numpy", "toy/slow@builtin+numpy"]
    (folder,) = finished.runs()
    assert json.loads((folder / "report.json").read_text()) == report
    assert (folder / "report.html").stat().st_size > 1000
    assert "toy/good" in (folder / "report.md").read_text()


@pytest.mark.slow
def test_contestants_that_fail_are_named_and_the_others_go_on(toys: ToyProject) -> None:
    toys.add("good", "wrong", "exits", "dies")
    toys.board()
    done = toys.call("run", "toys", "--json")
    report = report_of(done.stdout)
    states = {each["contestant"]: each["state"] for each in report["competitors"]}
    assert states["toy/good"] == "measured"
    assert states["toy/wrong"] == states["toy/exits"] == states["toy/dies"] == "not verified"
    problems = {each["name"]: each for each in report["problems"]}
    assert "ended at its start" in problems["toy/exits@builtin+numpy"]["reason"]
    assert problems["toy/dies@builtin+numpy"]["log_tail"] == "out of luck"
    ranked = {each["variant"] for each in report["results"]}
    assert ranked == {"toy/good@builtin+numpy"}


def test_a_contestant_that_dies_under_load_becomes_a_result_that_says_so(
    toys: ToyProject,
) -> None:
    toys.add("good", "dies")
    toys.board(golden_images=1, engine='"wrk"', blocks=1)
    done = toys.call("run", "toys", "--json")
    report = report_of(done.stdout)
    problems = [each for each in report["problems"] if each["name"] == "toy/dies@builtin+numpy"]
    assert any(
        "it died under load by signal 11" in each["reason"] and each["log_tail"] == "out of luck"
        for each in problems
    ), problems
    good = [each for each in report["results"] if each["variant"].startswith("toy/good")]
    assert all(each["valid_trials"] == 1 for each in good)


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_run_cut_off_goes_on_and_loses_nothing(
    toys: ToyProject, ending: signal.Signals, marked_processes: Callable[[str], list[int]]
) -> None:
    toys.add("good", "slow")
    toys.board(blocks=3)
    process = toys.start("run", "toys", "--json")
    deadline = time.monotonic() + 60
    while not _lines(toys, "trials.jsonl") >= 3:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(ending)
    _, said = process.communicate(timeout=30)
    in_order = ending is not signal.SIGKILL
    assert process.returncode == (128 + ending if in_order else -ending)
    _wait_gone(marked_processes, str(toys.folder))
    (folder,) = toys.runs()
    before = RunFolder(folder).trials()
    if in_order:
        assert (folder / "report.html").exists()
        assert "--resume" in said
        assert "Traceback" not in said
    done = toys.call("run", "--resume", folder.name, "--json")
    assert done.returncode == 0, done.stderr
    after = RunFolder(folder).trials()
    assert after[: len(before)] == before
    assert [each.trial.number for each in after] == list(range(12))
    assert report_of(done.stdout)["finished_trials"] == 12


def _lines(toys: ToyProject, name: str) -> int:
    return sum(
        (folder / name).read_bytes().count(b"\n")
        for folder in toys.runs()
        if (folder / name).exists()
    )


def _wait_gone(marked_processes: Callable[[str], list[int]], mark: str) -> None:
    deadline = time.monotonic() + 15
    while left := marked_processes(mark):
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.05)


def test_a_finished_run_has_nothing_to_go_on_with(finished: ToyProject) -> None:
    before = (finished.runs()[0] / "trials.jsonl").read_bytes()
    assert finished.call("run", "--resume", "latest").returncode == 0
    assert (finished.runs()[0] / "trials.jsonl").read_bytes() == before


@pytest.mark.parametrize("changed", ["its source", "the command of its server"])
def test_a_run_whose_contestant_has_changed_is_not_gone_on_with(
    finished: ToyProject, changed: str
) -> None:
    language = finished.folder / "contestants" / "toy"
    if changed == "its source":
        (language / "good" / "extra.txt").write_text("new")
    else:
        manifest = language / "runtime.toml"
        manifest.write_text(manifest.read_text().replace(" {app}", " {app} --faster"))
    done = finished.call("run", "--resume", "latest")
    assert done.returncode == 2
    assert "'toy/good' has changed since the run was begun" in done.stderr


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        ("machine", {"cpu_model": "Another CPU"}, "processor: Another CPU then, "),
        ("cores", {"server": [97]}, "cores of the server: 97 then, "),
    ],
)
def test_a_run_is_not_gone_on_with_on_another_machine_or_other_cores(
    finished: ToyProject, part: str, change: dict[str, object], said: str
) -> None:
    (folder,) = finished.runs()
    header = json.loads((folder / "run.json").read_text())
    header[part] |= change
    (folder / "run.json").write_text(json.dumps(header))
    done = finished.call("run", "--resume", "latest")
    assert done.returncode == 2
    assert f"{folder.name} cannot be gone on with here ({said}" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_only_narrows_a_board(toys: ToyProject) -> None:
    toys.add("good", "slow")
    toys.board(blocks=1)
    done = toys.call("run", "toys", "--only", "good", "--json")
    assert {each["variant"] for each in report_of(done.stdout)["results"]} == {
        "toy/good@builtin+numpy"
    }


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run", "toyz"), "There is no board 'toyz': did you mean 'toys'?"),
        (("run", "toys", "--only", "god"), "There is no contestant 'god': did you mean 'good'?"),
        (("run", "toys", "--only", "toy/x@*"), "The board has no variant 'toy/x@*'"),
        (("report", "nothing"), "There is no run 'nothing'"),
        (("run", "--resume", "latest"), "There is no run in"),
        (("report", "latest", "--md", "--json"), "Choose one of --html, --md and --json."),
        (("verify", "god"), "There is no contestant 'god': did you mean 'good'?"),
        (("verify", "good", "--model", "mnits"), "There is no model 'mnits': did you mean 'mnist'"),
        (("prepare", "good", "--runtime", "nunpy"), "did you mean 'numpy'?"),
    ],
)
def test_a_wrong_word_is_one_sentence_before_anything_starts(
    toys: ToyProject, arguments: tuple[str, ...], sentence: str
) -> None:
    toys.add("good")
    toys.board()
    done = toys.call(*arguments)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""
    assert toys.runs() == []


def test_an_unknown_engine_is_named_before_anything_starts(toys: ToyProject) -> None:
    toys.add("good")
    toys.board(engine='"wkr"')
    done = toys.call("run", "toys")
    assert (done.returncode, toys.runs()) == (2, [])
    assert "There is no load engine 'wkr': did you mean 'wrk'?" in done.stderr


def test_a_folder_for_runs_that_cannot_be_written_is_one_sentence(
    toys: ToyProject, tmp_path: Path
) -> None:
    toys.add("good")
    toys.board()
    blocked = tmp_path / "blocked"
    blocked.write_text("a file")
    done = toys.call("--runs", str(blocked), "run", "toys")
    assert done.returncode == 1
    assert "cannot be written (Not a directory)" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_verify_as_json_says_what_was_seen(toys: ToyProject) -> None:
    toys.add("good", "wrong")
    done = toys.call("verify", "--golden", "8", "--json")
    assert done.returncode == 1
    found = {each["id"]: each for each in report_of(done.stdout)["verifications"]}
    assert found["toy/good@builtin+numpy"]["passed"] is True
    assert found["toy/wrong@builtin+numpy"]["passed"] is False


def test_a_failed_build_names_the_contestant_and_shows_its_log(toys: ToyProject) -> None:
    toys.add("good", "slow")
    toys.board(blocks=1)
    language = toys.folder / "contestants" / "toy" / "runtime.toml"
    script = "sh -c 'case $PWD in *slow) echo no such package >&2; exit 4;; esac; mkdir -p {env}'"
    text = language.read_text().replace('command = "mkdir -p {env}/bin"', f'command = "{script}"')
    language.write_text(text)
    prepared = toys.call("prepare", "--json")
    assert prepared.returncode == 1
    states = {each["contestant"]: each for each in json.loads(prepared.stdout)}
    assert states["toy/good"]["state"] == "ready"
    assert states["toy/slow"]["state"] == "missing"
    assert states["toy/slow"]["problem"] == "its build ended with 4"
    assert states["toy/slow"]["log_tail"] == "no such package"
    report = report_of(toys.call("run", "toys", "--json").stdout)
    assert [each["name"] for each in report["excluded"]] == ["toy/slow@builtin+numpy"]
    assert {each["variant"] for each in report["results"]} == {"toy/good@builtin+numpy"}


def test_options_and_help_do_not_wait_for_what_commands_work_with() -> None:
    heavy = ("altair", "numpy", "pyarrow", "pydantic", "uvicorn")
    look = "import sys, servemark.cli.app; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert not {*heavy} & {*found.stdout.split()}
    for name in heavy:
        assert importlib.util.find_spec(name), name


def test_the_version_is_printed_without_a_command(toys: ToyProject) -> None:
    done = toys.call("--version")
    assert (done.returncode, done.stdout.strip()) == (0, servemark.__version__)
