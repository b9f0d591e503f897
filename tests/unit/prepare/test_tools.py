"""Tools: found, too old, missing with a remedy, or brought from a wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from servemark.catalog import load_contestants
from servemark.catalog.manifests import Need
from servemark.prepare import Toolbox
from tests.conftest import ROOT


def toolbox(home: Path, folder: Path) -> Toolbox:
    """A machine that has nothing but what is in ``folder``."""
    return Toolbox(home, {"PATH": str(folder), "HOME": str(home)})


def program(folder: Path, name: str, says: str, status: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {status}\n")
    path.chmod(0o755)


def test_the_version_is_the_first_dotted_number_that_the_probe_prints(tmp_path: Path) -> None:
    program(tmp_path / "bin", "go", "go version go1.26.8 linux/amd64")
    tool = toolbox(tmp_path, tmp_path / "bin").look(
        "go", Need(probe="go version", version=">=1.25")
    )
    assert (tool.version, tool.problem) == ("1.26.8", None)


def test_a_tool_that_is_too_old_says_what_is_needed(tmp_path: Path) -> None:
    program(tmp_path / "bin", "go", "go version go1.19.8 linux/amd64")
    need = Need(probe="go version", version=">=1.25", remedy="install Go")
    tool = toolbox(tmp_path, tmp_path / "bin").look("go", need)
    assert tool.version is None
    assert tool.problem == "go is 1.19.8, but >=1.25 is needed"
    assert tool.remedy == "install Go"


def test_a_missing_tool_comes_with_the_command_that_adds_it(tmp_path: Path) -> None:
    tool = toolbox(tmp_path, tmp_path / "none").look(
        "R", Need(probe="R --version", apt=("r-base",))
    )
    assert tool.problem == "R is not installed"
    assert tool.remedy is not None
    assert tool.remedy.endswith("apt-get install --no-install-recommends r-base")


def test_a_probe_that_fails_means_that_the_tool_is_missing(tmp_path: Path) -> None:
    program(tmp_path / "bin", "go", "go 1.26.8", status=1)
    assert toolbox(tmp_path, tmp_path / "bin").look("go", Need(probe="go version")).version is None


def test_where_apt_may_not_install_the_reason_is_given(tmp_path: Path) -> None:
    """No apt-get on the path: nothing can be installed, and the remedy stays."""
    tool = toolbox(tmp_path, tmp_path / "none").bring("R", Need(probe="R", apt=("r-base",)))
    assert tool.version is None
    assert "apt-get needs root or password-less sudo" in (tool.problem or "")
    assert "r-base" in (tool.remedy or "")


def test_a_package_that_apt_does_not_have_is_a_problem_and_not_a_crash(tmp_path: Path) -> None:
    program(tmp_path / "bin", "apt-get", "E: Unable to locate package r-bose", status=100)
    program(tmp_path / "bin", "sudo", "", status=0)
    tool = toolbox(tmp_path, tmp_path / "bin").bring("R", Need(probe="R", apt=("r-bose",)))
    assert tool.version is None


@pytest.mark.slow
@pytest.mark.parametrize(("language", "tool"), [("go", "go"), ("node", "node"), ("node", "npm")])
def test_a_toolchain_comes_from_its_wheel_where_the_machine_has_none(
    tmp_path: Path, language: str, tool: str
) -> None:
    contestants = load_contestants(ROOT / "contestants").values()
    manifest = next(c.language.manifest for c in contestants if c.language.name == language)
    need = manifest.needs[tool].model_copy(update={"apt": ()})
    empty = tmp_path / "bin"
    empty.mkdir()
    for name in ("env", "sh"):
        (empty / name).symlink_to(shutil.which(name) or "")
    (empty / "uv").symlink_to(Path(sys.executable).parent / "uv")
    box = Toolbox(tmp_path, {**os.environ, "PATH": str(empty)})
    assert box.look(tool, need).version is None
    assert box.bring(tool, need).version is not None
    found = shutil.which(tool, path=box.environment["PATH"])
    assert found is not None
    assert found.startswith(str(tmp_path))
    said = subprocess.check_output(need.probe.split(), env=box.environment, text=True)
    assert (box.look(tool, need).version or "") in said
