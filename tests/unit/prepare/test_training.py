"""The environment of a training: made once, whoever asks for it and how often."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from servemark.prepare import Toolbox
from servemark.prepare.training import python_with

UV = """#!/bin/sh
echo "$*" >> calls
case "$1" in
    venv) for folder in "$@"; do :; done; mkdir "$folder" ;;
esac
sleep 0.2
"""


def test_two_that_ask_at_once_get_one_environment(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    script = UV.replace("calls", str(tmp_path / "calls"))
    (programs / "uv").write_text(script)
    (programs / "uv").chmod(0o755)
    toolbox = Toolbox(tmp_path, {"PATH": f"{programs}{os.pathsep}{os.defpath}"})
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("tensorflow-cpu==2.21.0\n")
    environment = tmp_path / "envs" / "train-mnist"

    def ask(_: int) -> Path:
        return python_with(requirements, environment, toolbox)

    with ThreadPoolExecutor(2) as pool:
        found = set(pool.map(ask, range(2)))
    assert found == {environment / "bin" / "python"}
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [call.split()[0] for call in calls] == ["venv", "pip"]

    requirements.write_text("tensorflow-cpu==2.22.0\n")
    environment.rename(environment.with_name("old"))
    ask(0)
    assert len((tmp_path / "calls").read_text().splitlines()) == 4
