"""Tools: found, too old, missing with a remedy, or brought from a wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from servemark.catalog import load_contestants
from servemark.catalog.manifests import Need, Wheel
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


def test_several_tools_are_asked_at_the_same_time_and_once(tmp_path: Path) -> None:
    waits = "for _ in $(seq 500); do [ -e {0} ] && break; sleep 0.02; done; [ -e {0} ]"
    for own, other in (("left", "right"), ("right", "left")):
        program(tmp_path / "bin", own, "1.2")
        path = tmp_path / "bin" / own
        mine, others = tmp_path / own, tmp_path / other
        path.write_text(f"#!/bin/sh\necho asked >> {mine}\n{waits.format(others)} && echo 1.2")
    box = Toolbox(tmp_path, {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"})
    needs = {name: Need(probe=name) for name in ("left", "right")}
    box.look_all(needs.items())
    assert [box.look(name, need).version for name, need in needs.items()] == ["1.2", "1.2"]
    assert [(tmp_path / name).read_text() for name in needs] == ["asked\n", "asked\n"]


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


def wheel_of_tool(version: str) -> Need:
    wheel = Wheel(requirement=f"a-tool=={version}", programs={"tool": "tool"})
    return Need(probe="tool", wheel=wheel)


def installer(folder: Path) -> None:
    """A uv that takes its time: what it installs says the version that was asked for."""
    program(folder, "uv", "")
    (folder / "uv").write_text(
        f"""#!/bin/sh
PATH={os.environ["PATH"]}
echo "$8" >> "$0.log"
sleep 0.2
mkdir -p "$7"
printf '#!/bin/sh\necho %s\n' "${{8#*==}}" > "$7/tool"
"""
    )


def test_a_raised_pin_takes_the_place_of_what_was_brought_before(tmp_path: Path) -> None:
    installer(tmp_path / "bin")
    assert toolbox(tmp_path, tmp_path / "bin").bring("tool", wheel_of_tool("1.9")).version == "1.9"
    raised = wheel_of_tool("1.10")  # which comes before 1.9 in the order of names
    box = toolbox(tmp_path, tmp_path / "bin")
    assert box.look("tool", raised).version is None
    assert box.bring("tool", raised).version == "1.10"
    found = shutil.which("tool", path=toolbox(tmp_path, tmp_path / "bin").environment["PATH"])
    assert found == str(tmp_path / "tools" / "a-tool-1.10" / "bin" / "tool")
    assert [path.name for path in (tmp_path / "tools").iterdir()] == ["a-tool-1.10"]


def test_two_servemarks_bring_a_tool_once(tmp_path: Path) -> None:
    installer(tmp_path / "bin")
    boxes = [toolbox(tmp_path, tmp_path / "bin") for _ in range(2)]
    with ThreadPoolExecutor() as pool:
        tools = list(pool.map(lambda box: box.bring("tool", wheel_of_tool("1.9")), boxes))
    assert [tool.version for tool in tools] == ["1.9", "1.9"]
    assert (tmp_path / "bin" / "uv.log").read_text() == "a-tool==1.9\n"


def test_a_folder_for_tools_that_cannot_be_made_is_a_problem_and_not_a_crash(
    tmp_path: Path,
) -> None:
    installer(tmp_path / "bin")
    (tmp_path / "home").write_text("a file")
    tool = toolbox(tmp_path / "home", tmp_path / "bin").bring("tool", wheel_of_tool("1.9"))
    assert tool.version is None
    assert "File exists" in (tool.problem or "")


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
