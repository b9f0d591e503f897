"""Making a model folder from a user's ONNX file, in an environment with the reference runtime."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from servemark.catalog.manifests import Activation, Channels, Layout, ModelDescription, Resize
from servemark.errors import ModelError
from servemark.prepare.tools import Toolbox
from servemark.prepare.training import python_with
from servemark.records import Record

REFERENCE = "_reference"
"""Folder below ``models/`` with the reference runtime: it is no model."""


class Said(Record):
    """What the user says of a model; ``None`` is inferred from the graph, or has a default."""

    title: str | None = None
    layout: Layout | None = None
    size: tuple[int, int] | None = None
    """Height and width."""
    channels: Channels | None = None
    offset: tuple[float, ...] | None = None
    scale: tuple[float, ...] | None = None
    resize: Resize | None = None
    activation: Activation | None = None
    output: str | None = None
    answer: str | None = None
    labels: tuple[str, ...] | None = None


class AddedModel(Record):
    """What was made, for the user to check."""

    description: ModelDescription
    sources: dict[str, str]
    """Where each part of it comes from: graph, option or assumed."""
    onnx_bytes: int
    images: int
    """How many images the golden set has."""
    left_out: dict[str, int]
    """How many images are not in it, by reason."""
    tolerance: dict[str, float]
    jpeg_spread: dict[str, float]
    answers: int
    """How many different classes the golden images get."""
    sample: tuple[tuple[str, float], ...]
    """The likeliest classes of the test image, and their probabilities."""
    labelled: int
    """Golden images whose folder has the name of a class, ..."""
    right: int
    """... and those of them that the model gets right."""


def add_model(
    models: Path, name: str, file: Path, images: Path, said: Said, home: Path, toolbox: Toolbox
) -> AddedModel:
    """Make ``models/<name>`` anew. Raises ``ModelError`` where file or images are not fit for it.

    The folder appears when it is complete; a failure leaves what was there before.
    """
    reference = models / REFERENCE
    python = python_with(reference / "requirements.txt", home / "envs" / "train-reference", toolbox)
    with tempfile.TemporaryDirectory(dir=models, prefix=f".{name}-") as scratch:
        made = Path(scratch) / name
        command = [
            *(str(python), str(reference / "add.py"), str(file), "--images", str(images)),
            *("--out", str(made), "--name", name, "--said", said.model_dump_json()),
        ]
        done = subprocess.run(command, env=toolbox.environment, capture_output=True, text=True)
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or ["no reason given"]
            raise ModelError(lines[-1])
        target = models / name
        if target.exists():
            shutil.rmtree(target)
        made.rename(target)
    return AddedModel.model_validate(json.loads(done.stdout))
