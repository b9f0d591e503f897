"""Attacks that are gone on with, and whether what was attacked answers rightly."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from servemark.catalog import requests_digest, target_requests
from servemark.cli.attacking import all_answer_rightly, attack_resumed
from servemark.cli.project import Project
from servemark.errors import UsageError
from servemark.launch import free_port
from servemark.plan import Plan
from servemark.records import (
    Check,
    Cores,
    Fault,
    Gate,
    RequestGroup,
    Service,
    Target,
    Trial,
    Variant,
    Verdict,
    Verification,
)
from servemark.run import this_machine
from servemark.store import RunFolder, create_run
from tests.unit.report.comparison_runs import make_header, trial_result

NAME = "mine"
Faults = Callable[[Trial], tuple[Gate, ...]]


@dataclass
class Attacks:
    """A project whose runs are attacks on a service that has ended."""

    project: Project

    def run(
        self,
        faults: Faults = lambda _: (),
        *,
        passed: bool = True,
        stop_after: int | None = None,
        header: Mapping[str, Any] | None = None,
    ) -> RunFolder:
        """One with those faults, by trial."""
        target = Target(
            name=NAME,
            folder=str(self.project.root),
            services={NAME: Service(url=f"http://127.0.0.1:{free_port('127.0.0.1')}")},
            requests=(RequestGroup(path="/"),),
        )
        board = target.board()
        content = {"target": target, "model_digest": requests_digest(target_requests(target))}
        folder = create_run(
            self.project.runs,
            make_header([NAME], board=board, header={**content, **(header or {})}),
        )
        variant = Variant(contestant=NAME)
        check = Check(group="requests", name="/", passed=passed, expected="200", seen="200")
        folder.append_verification(Verification(variant=variant, checks=(check,)))
        plan, history = Plan(board, [variant] if passed else []), folder.trials()
        while (trial := plan.next(history)) is not None and len(history) != stop_after:
            found = tuple(Fault(gate=g, reason="made up", remedy="none") for g in faults(trial))
            result = trial_result(trial, trial.cell, 1_000.0, 60e6, 0, False)
            history.append(result.model_copy(update={"verdict": Verdict(faults=found)}))
            folder.append_trial(history[-1])
        return folder


@pytest.fixture
def attacks(tmp_path: Path) -> Attacks:
    return Attacks(Project(root=tmp_path, runs=tmp_path / "runs", home=tmp_path / "home"))


@pytest.mark.parametrize(
    ("faults", "rightly"),
    [
        (lambda _: (), True),
        (lambda _: (Gate.ANSWERS,), False),
        (lambda trial: (Gate.ANSWERS,) if trial.block == 1 else (), False),
        (lambda trial: (Gate.ANSWERS,) if trial.attempt == 1 else (), True),
        (lambda _: (Gate.QUIET_MACHINE,), False),
        (lambda trial: (Gate.QUIET_MACHINE,) if trial.block == 1 else (), True),
    ],
    ids=[
        "always",
        "never",
        "not in one block",
        "when measured once more",
        "nothing is valid",
        "something is valid",
    ],
)
def test_whether_it_answers_rightly_is_seen_under_load(
    attacks: Attacks, faults: Faults, rightly: bool
) -> None:
    assert all_answer_rightly(attacks.run(faults)) is rightly


def test_what_was_refused_before_any_load_does_not_answer_rightly(attacks: Attacks) -> None:
    assert not all_answer_rightly(attacks.run(passed=False))


def test_a_complete_attack_is_shown_again_though_its_service_has_ended(attacks: Attacks) -> None:
    folder = attacks.run()
    found = attack_resumed(attacks.project, folder.path.name, owned=False)
    assert found.path == folder.path
    assert (folder.path / "report.html").is_file()


def test_an_attack_that_was_cut_off_needs_its_service(attacks: Attacks) -> None:
    folder = attacks.run(stop_after=2)
    with pytest.raises(UsageError, match="Nothing accepts connections"):
        attack_resumed(attacks.project, folder.path.name, owned=False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"machine": this_machine().model_copy(update={"cpu_model": "Xeon"})}, "processor: Xeon"),
        ({"machine": this_machine(), "cores": Cores(server=(97,), engine=(1,))}, "server: 97"),
    ],
)
def test_an_attack_is_not_gone_on_with_on_another_machine_or_other_cores(
    attacks: Attacks, change: Mapping[str, Any], said: str
) -> None:
    folder = attacks.run(stop_after=2, header=change)
    with listening(folder), pytest.raises(UsageError, match="cannot be gone on with here") as found:
        attack_resumed(attacks.project, folder.path.name, owned=False)
    assert f"{said} then, " in str(found.value)
    assert str(found.value).endswith("attack anew.")
    assert len(folder.trials()) == 2


@contextmanager
def listening(folder: RunFolder) -> Iterator[None]:
    """Something accepts connections where the service of that run did."""
    target = folder.header().target
    assert target is not None
    with socket.create_server(("127.0.0.1", urlsplit(target.services[NAME].url).port or 0)):
        yield
