"""Environments: made once, and again only when something that they are made from has changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from servemark.catalog import load_contestants
from servemark.errors import PrepareError
from servemark.prepare import Prepared, Toolbox, environment_of, inspect, prepare_all
from tests.conftest import ToyProject


def prepare(toys: ToyProject) -> Prepared:
    contestant = load_contestants(toys.folder / "contestants")["toy/good"]
    environment = environment_of(toys.folder / "home", contestant, "numpy")
    box = Toolbox(toys.folder / "home", dict(os.environ))
    (done,) = prepare_all([environment], box, 1, lambda _: None, lambda _: None)
    return done


def test_it_is_built_once(toys: ToyProject) -> None:
    toys.add("good")
    assert prepare(toys).state == "built"
    assert prepare(toys).state == "ready"


def test_it_is_built_again_when_a_file_of_the_contestant_changes(toys: ToyProject) -> None:
    toys.add("good")
    prepare(toys)
    (toys.folder / "contestants/toy/good/app.py").write_text("new")
    assert prepare(toys).state == "built"
    assert prepare(toys).state == "ready"


def test_it_is_built_again_when_a_declared_input_changes(toys: ToyProject) -> None:
    toys.add("good")
    language = toys.folder / "contestants/toy"
    (language / "_predictor").mkdir()
    (language / "_predictor/lib.py").write_text("one")
    manifest = (language / "runtime.toml").read_text()
    (language / "runtime.toml").write_text(
        manifest.replace("[build]", '[build]\ninputs = ["../_predictor"]')
    )
    assert prepare(toys).state == "built"
    assert prepare(toys).state == "ready"
    (language / "_predictor/lib.py").write_text("two")
    assert prepare(toys).state == "built"


def test_caches_beside_the_source_do_not_count(toys: ToyProject) -> None:
    toys.add("good")
    prepare(toys)
    cache = toys.folder / "contestants/toy/good/__pycache__"
    cache.mkdir()
    (cache / "app.cpython-311.pyc").write_bytes(b"x")
    assert prepare(toys).state == "ready"


def test_a_build_that_failed_is_not_taken_for_ready(toys: ToyProject) -> None:
    toys.add("good")
    path = toys.folder / "contestants/toy/runtime.toml"
    good = path.read_text()
    path.write_text(good.replace('"mkdir -p {env}/bin"', '"false"'))
    assert prepare(toys).state == "failed"
    assert prepare(toys).state == "failed"
    path.write_text(good)
    assert prepare(toys).state == "built"


def test_an_input_that_does_not_exist_is_named(toys: ToyProject) -> None:
    toys.add("good")
    path = toys.folder / "contestants/toy/runtime.toml"
    path.write_text(path.read_text().replace("[build]", '[build]\ninputs = ["../gone"]'))
    with pytest.raises(PrepareError, match=r"toy/gone does not exist"):
        prepare(toys)


def test_looking_changes_nothing(toys: ToyProject) -> None:
    toys.add("good")
    contestant = load_contestants(toys.folder / "contestants")["toy/good"]
    home = toys.folder / "home"
    state = inspect(environment_of(home, contestant, "numpy"), Toolbox(home, dict(os.environ)))
    assert (state.state, state.remedy) == ("stale", "servemark prepare")
    assert not Path(home).exists()
