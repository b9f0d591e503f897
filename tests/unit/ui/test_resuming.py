"""Going on from a page with a run that was cut off."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from servemark.cli.project import Project
from servemark.errors import UsageError
from servemark.records import NodeEvent, RequestGroup, Service, Target
from servemark.store import RunFolder, create_run
from servemark.ui.following import Follower
from servemark.ui.runs import Runs
from servemark.ui.templating import Pages
from tests.unit.report.comparison_runs import GO, make_header

TARGET = Target(
    name="mine",
    folder=".",
    services={"mine": Service(url="http://127.0.0.1:8000")},
    requests=(RequestGroup(path="/"),),
)


class Started:
    """An executor that starts nothing and keeps what it was to start."""

    def __init__(self) -> None:
        self.argv: list[str] = []

    def submit(self, _make: object, number: int, title: str, argv: list[str], *_: object) -> Any:
        self.argv = argv
        found: Future[Any] = Future()
        found.set_result(SimpleNamespace(number=number, title=title, run=None))
        return found


@pytest.fixture
def started() -> Started:
    return Started()


@pytest.fixture
def runs(tmp_path: Path, started: Started) -> Runs:
    project = Project(root=tmp_path, runs=tmp_path / "runs", home=tmp_path / "home")
    return Runs(project, started)  # type: ignore[arg-type]


def cut_off(tmp_path: Path, **header: object) -> RunFolder:
    names = ["mine"] if "target" in header else [GO]
    return create_run(tmp_path / "runs", make_header(names, header=header))


def shown(folder: RunFolder) -> str:
    view = Follower(folder).view()
    assert view.state == "stopped"
    return Pages("secret").text("part.html", view=view, rows=[], has_page=False)


def test_a_run_of_contestants_goes_on_with_run(
    runs: Runs, started: Started, tmp_path: Path
) -> None:
    folder = cut_off(tmp_path)
    assert ">Go on</button>" in shown(folder)
    runs.resume(folder.path.name)
    assert started.argv[-3:] == ["run", "--resume", str(folder.path)]


def test_an_attack_goes_on_with_attack(runs: Runs, started: Started, tmp_path: Path) -> None:
    folder = cut_off(tmp_path, target=TARGET, command="servemark attack mine.toml")
    assert ">Go on</button>" in shown(folder)
    runs.resume(folder.path.name)
    assert started.argv[-3:] == ["attack", "--resume", str(folder.path)]


def test_what_needs_a_word_of_its_user_is_gone_on_with_in_a_terminal(
    runs: Runs, started: Started, tmp_path: Path
) -> None:
    """On a service that is not of this machine, and on the nodes of a cluster."""
    said = "servemark attack http://192.0.2.1/ --i-own-this-target"
    foreign = cut_off(tmp_path, target=TARGET, command=said)
    spread = cut_off(tmp_path)
    spread.append_node(NodeEvent(at_utc="2026-11-22T18:00:00+00:00", node="a", what="joined"))
    commands = {
        foreign: "servemark attack --resume {} --i-own-this-target",
        spread: "servemark run --cluster ADDRESS --resume {}",
    }
    for folder, command in commands.items():
        page = shown(folder)
        assert "<button" not in page
        assert f"<code>{command.format(folder.path.name)}</code>" in page
        with pytest.raises(UsageError, match="in a terminal: servemark"):
            runs.resume(folder.path.name)
    assert started.argv == []
