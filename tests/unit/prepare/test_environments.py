"""Environments: made once, and again only when something that they are made from has changed."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from servemark.catalog import load_contestants
from servemark.errors import PrepareError
from servemark.prepare import Prepared, Toolbox, environment_of, inspect, prepare_all
from tests.conftest import ToyProject


def prepare(toys: ToyProject, home: str = "home") -> Prepared:
    contestant = load_contestants(toys.folder / "contestants")["toy/good"]
    environment = environment_of(toys.folder / home, contestant, "numpy")
    box = Toolbox(toys.folder / home, dict(os.environ))
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


def test_a_copy_elsewhere_is_made_again_since_programs_name_their_folder(
    toys: ToyProject,
) -> None:
    toys.add("good")
    prepare(toys)
    shutil.copytree(toys.folder / "home", toys.folder / "copy")
    assert prepare(toys, "copy").state == "built"
    assert prepare(toys, "copy").state == "ready"
    assert prepare(toys).state == "ready"


def test_it_is_made_again_when_what_it_has_elsewhere_is_gone(toys: ToyProject) -> None:
    toys.add("good")
    package = toys.folder / "site-library"
    package.mkdir()
    path = toys.folder / "contestants/toy/runtime.toml"
    build = f"sh -c 'mkdir {{env}}; echo {package} > {{env}}/installed.txt'"
    path.write_text(path.read_text().replace("mkdir -p {env}/bin", build))
    assert prepare(toys).state == "built"
    assert prepare(toys).state == "ready"
    package.rmdir()
    assert prepare(toys).state == "built"


def test_a_folder_that_cannot_be_made_is_a_problem_with_a_remedy(toys: ToyProject) -> None:
    toys.add("good")
    (toys.folder / "home").mkdir()
    (toys.folder / "home/envs").write_text("a file")
    done = prepare(toys)
    assert (done.state, done.problem) == ("failed", f"{toys.folder}/home/envs: File exists")
    assert "SERVEMARK_HOME=" in (done.remedy or "")


def test_what_root_has_made_comes_with_the_command_that_gives_it_back(
    toys: ToyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    toys.add("good")
    (toys.folder / "home").mkdir()

    def refused(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("servemark.prepare.environments.locked", refused)
    done = prepare(toys)
    assert (done.state, done.problem) == (
        "failed",
        f"{toys.folder}/home/envs/toy-good.lock: Permission denied",
    )
    assert done.remedy == f"sudo chown -R {os.getuid()} {toys.folder}/home"


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
    environment = environment_of(home, contestant, "numpy")
    (state,) = inspect([environment], Toolbox(home, dict(os.environ)))
    assert (state.state, state.remedy) == ("stale", "servemark prepare")
    assert not Path(home).exists()
