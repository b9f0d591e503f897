"""Training on a small subset writes every format, and all of them agree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from servemark.catalog import load_model
from tests.conftest import ROOT, made_once

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def servemark(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "servemark", "--root", str(ROOT), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="module")
def retrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was trained once, whatever number of workers carry out the tests."""

    def train(folder: Path) -> None:
        done = servemark("train", "--out", str(folder), "--subset", "2000", "--epochs", "2")
        assert done.returncode == 0, done.stderr

    return made_once(tmp_path_factory, "retrained", train)


def test_every_format_is_written(retrained: Path) -> None:
    description = json.loads((retrained / "model.json").read_text())
    shipped = load_model(ROOT / "models", "mnist").description.formats
    assert set(description["formats"]) == set(shipped)
    for name in ("model.onnx", "model.keras", "model.tflite", "saved_model", "tfjs/model.json"):
        assert (retrained / name).exists(), name


def test_history_and_pictures_are_written(retrained: Path) -> None:
    history = json.loads((retrained / "history.json").read_text())
    assert history
    for name in ("history.png", "architecture.png"):
        assert (retrained / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("folder", ["retrained", "shipped"])
def test_all_formats_give_the_same_answers(retrained: Path, folder: str) -> None:
    mnist = ROOT / "models" / "mnist"
    export = retrained if folder == "retrained" else mnist / "export"
    python = ROOT / ".servemark" / "envs" / "train-mnist" / "bin" / "python"
    node_modules = ROOT / ".servemark" / "envs" / "node-express" / "app" / "node_modules"
    command = [str(python), str(mnist / "check.py"), "--export", str(export)]
    if folder == "retrained":
        command.append("--formats-only")
    if node_modules.is_dir():
        command += ["--node-modules", str(node_modules)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("onnx", "saved_model", "keras", "litert", "dense"):
        assert name in done.stdout + done.stderr


def test_without_a_network_one_sentence_says_what_to_do(retrained: Path, tmp_path: Path) -> None:
    assert retrained.is_dir()  # so that the environment is there before the network is cut
    done = servemark(
        *("train", "--out", str(tmp_path / "out"), "--subset", "100"),
        https_proxy="http://127.0.0.1:9",
        http_proxy="http://127.0.0.1:9",
        HTTPS_PROXY="http://127.0.0.1:9",
        HTTP_PROXY="http://127.0.0.1:9",
        npm_config_cache=str(tmp_path / "npm"),
        npm_config_offline="true",
        XDG_CACHE_HOME=str(tmp_path / "cache"),
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "--data" in done.stderr


def test_corrupt_data_is_refused(retrained: Path, tmp_path: Path) -> None:
    assert retrained.is_dir()
    for name in ("train-images", "train-labels", "t10k-images", "t10k-labels"):
        kind = "idx3" if "images" in name else "idx1"
        (tmp_path / f"{name}-{kind}-ubyte").write_bytes(b"not the data")
    done = servemark("train", "--out", str(tmp_path / "out"), "--data", str(tmp_path))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "train-images-idx3-ubyte" in done.stderr
