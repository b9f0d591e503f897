"""The libraries that contestants share pass the tests in their own language."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from servemark.catalog import load_contestants
from servemark.cli.project import Project
from servemark.records import Settings, Variant
from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
CONTESTANTS = load_contestants(ROOT / "contestants")


def first_variant(contestant: str) -> Variant:
    return CONTESTANTS[contestant].variants([], Settings())[0]


def run(project: Project, folder: Path, command: Sequence[str]) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=project.toolbox().environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_go(project: Project, prepared: Callable[[Variant], None]) -> None:
    prepared(first_variant("go/net-http"))
    for part in ("_predictor", "net-http", "tuned-fasthttp"):
        folder = ROOT / "contestants" / "go" / part
        run(project, folder, ["go", "vet", "./..."])
        assert run(project, folder, ["gofmt", "-l", "."]) == ""
    for part in ("_predictor", "tuned-fasthttp"):
        folder = ROOT / "contestants" / "go" / part
        assert "ok" in run(project, folder, ["go", "test", "-count=1", "./..."])


def test_python(project: Project, prepared: Callable[[Variant], None]) -> None:
    variant = first_variant("python/tuned")
    prepared(variant)
    python = str(project.home / "envs" / f"python-tuned-{variant.runtime}" / "bin" / "python")
    path = f"PYTHONPATH={ROOT / 'contestants' / 'python' / '_predictor'}"
    command = ["env", path, "PYTHONDONTWRITEBYTECODE=1", python, "-m", "unittest"]
    assert "OK" in run(project, ROOT / "contestants" / "python" / "tuned", command)


def test_node(project: Project, prepared: Callable[[Variant], None]) -> None:
    prepared(first_variant("node/express"))
    folder = project.home / "envs" / "node-express" / "_predictor"
    assert "# fail 0" in run(project, folder, ["node", "--test", "--test-reporter=tap"])


def test_r(project: Project, prepared: Callable[[Variant], None]) -> None:
    prepared(first_variant("r/plumber"))
    folder = ROOT / "contestants" / "r" / "_predictor" / "test"
    assert run(project, folder, ["Rscript", "--vanilla", "predictor_test.R"]) == ""


@pytest.mark.field
def test_rust(project: Project, prepared: Callable[[Variant], None]) -> None:
    prepared(first_variant("rust/tuned-hyper"))
    folder = ROOT / "contestants" / "rust" / "tuned-hyper"
    run(project, folder, ["cargo", "fmt", "--check"])
    target = str(project.home / "cargo-target")
    tests = ["cargo", "test", "--locked", "--target-dir", target]
    said = run(project, folder, [*tests, "-p", "servemark-tuned-hyper", "-p", "predictor"])
    assert "a_form_that_breaks_off_is_refused ... ok" in said
    assert "luma_is_bt601_rounded_to_the_nearest ... ok" in said
