"""The environment in which a model is trained, and the training itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from servemark.catalog import ModelFolder
from servemark.errors import TrainError
from servemark.prepare.tools import Toolbox, locked


def train(model: ModelFolder, home: Path, toolbox: Toolbox, options: Sequence[str]) -> None:
    """Run the model's training script in an environment of its own; its output is the user's.

    Raises ``TrainError`` when the model has no script, or when the script fails: it has said why.
    """
    entry = model.manifest.train
    if entry is None:
        raise TrainError(f"The model '{model.name}' has no training script in its model.toml.")
    # Models that share their requirements share the environment.
    requirements = (model.folder / entry.requirements).resolve()
    name = f"train-{requirements.parent.name.strip('_')}"
    python = python_with(requirements, home / "envs" / name, toolbox)
    script = model.folder / entry.script
    done = subprocess.run([str(python), str(script), *options], env=toolbox.environment)
    if done.returncode != 0:
        raise TrainError(f"Training '{model.name}' did not succeed; see above.")


def python_with(requirements: Path, environment: Path, toolbox: Toolbox) -> Path:
    """A Python with those requirements, pinned by hashes; made anew where they have changed, by one
    process at a time.

    Raises ``TrainError``.
    """
    python = environment / "bin" / "python"
    stamp = environment / "requirements.txt"
    with locked(environment.with_name(environment.name + ".lock")):
        if not stamp.exists() or stamp.read_bytes() != requirements.read_bytes():
            venv = ["uv", "venv", "--quiet", "--clear", "--python", sys.executable]
            _call([*venv, str(environment)], toolbox)
            install = ["uv", "pip", "install", "--quiet", "--python", str(python)]
            _call([*install, "--require-hashes", "--requirement", str(requirements)], toolbox)
            stamp.write_bytes(requirements.read_bytes())
    return python


def _call(argv: list[str], toolbox: Toolbox) -> None:
    done = subprocess.run(argv, env=toolbox.environment, capture_output=True, text=True)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise TrainError(f"The environment of {argv[-1]} cannot be made: {lines[-1]}")
