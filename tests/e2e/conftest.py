"""Real contestants: prepared once for the whole test run, in the checkout's own .servemark."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from servemark.catalog import load_contestants
from servemark.cli.project import Project, find_project
from servemark.cli.selection import Field, make_engine, make_workbench
from servemark.launch import available_cores, split_cores
from servemark.prepare import Prepared, environment_of, prepare_all
from servemark.records import Variant
from servemark.run import Workbench
from tests.conftest import ROOT

CORE = (
    *("python/aiohttp", "python/falcon", "python/fastapi", "python/flask", "python/sanic"),
    *("python/tornado", "python/werkzeug", "go/net-http", "node/express", "r/plumber"),
)
"""Contestants that every test run verifies. The others are the wide field (``make test-field``)."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of one contestant beyond the core as ``field``."""
    everyone = load_contestants(ROOT / "contestants").keys()
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        names = [getattr(value, "contestant", value) for value in parameters.values()]
        if any(isinstance(name, str) and name in everyone - set(CORE) for name in names):
            item.add_marker("field")


@pytest.fixture(scope="session")
def project(root: Path) -> Project:
    """The checkout."""
    return find_project(root, None)


@pytest.fixture(scope="session")
def prepared(project: Project) -> Callable[[Variant], None]:
    """Prepares a variant, or skips with the remedy where a tool of its language is missing."""
    toolbox = project.toolbox()
    contestants = load_contestants(project.root / "contestants")
    known: dict[Path, Prepared] = {}

    def ensure(variant: Variant) -> None:
        environment = environment_of(project.home, contestants[variant.contestant], variant.runtime)
        if environment.folder not in known:
            (done,) = prepare_all([environment], toolbox, 1, lambda _: None, lambda _: None)
            known[environment.folder] = done
        found = known[environment.folder]
        if found.state == "failed" and found.log_tail is None:
            pytest.skip(f"{variant.contestant}: {found.problem}; remedy: {found.remedy}")
        assert found.state != "failed", f"{found.problem}\n{found.log_tail}"

    return ensure


def turned(cores: list[int]) -> list[int]:
    """The cores with another one first for each worker of pytest-xdist."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % len(cores)
    return [*cores[number:], *cores[:number]]


@pytest.fixture(scope="session")
def bench(project: Project) -> Workbench:
    """What verification needs, on two cores where there are two."""
    field = Field(project.contestants(), (), ())
    cores = split_cores(turned(available_cores()), 1, 1)
    return make_workbench(project, field, project.model("mnist"), make_engine("fake"), cores)
