"""A user's own model: from an ONNX file and a folder of images to contestants that serve it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from servemark.cli.project import Project

COLOURS = {"red": (230, 20, 30), "green": (20, 220, 40), "blue": (10, 30, 240), "grey": (90,) * 3}
LARGER_THAN_A_MODEL_CAN_BE = 3 << 30

# Takes 3 × 16 × 16 in [0, 1], and answers with logits by the mean of each channel.
MAKE_MODELS = """
import sys, pathlib
import numpy as np, onnx
from onnx import TensorProto, helper, numpy_helper

out = pathlib.Path(sys.argv[1])

def value(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

def save(name, shape=("N", 3, 16, 16), pool="GlobalAveragePool", more=()):
    kernel = np.array([[9, -5, -5], [-5, 9, -5], [-5, -5, 9], [1, 1, 1]], np.float32)
    nodes = [
        helper.make_node(pool, ["pixels"], ["means"]),
        helper.make_node("Flatten", ["means"], ["flat"]),
        helper.make_node("Gemm", ["flat", "kernel", "bias"], ["scores"], transB=1),
    ]
    first = [numpy_helper.from_array(kernel, "kernel"),
             numpy_helper.from_array(np.zeros(4, np.float32), "bias")]
    inputs = [value("pixels", shape), *(value(each, (1,)) for each in more)]
    graph = helper.make_graph(nodes, "colours", inputs, [value("scores", ("N", 4))], first)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, out / f"{name}.onnx")

save("colours")
save("two-inputs", more=("size",))
save("open-size", shape=("N", 3, "H", "W"))
save("unknown-operator", pool="Sharpen")
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Models:
    """A checkout whose models folder is its own, with files to add."""

    def __init__(self, folder: Path, root: Path, home: Path) -> None:
        self.folder = folder
        self._home = home
        (folder / "models").mkdir()
        for name in ("contestants", "boards", "models/_reference", "models/mnist"):
            (folder / name).symlink_to(root / name)
        self.images = folder / "images"
        self.images.mkdir()
        for colour, rgb in COLOURS.items():
            for side in (16, 40, 61):
                name = f"{colour}-{side}.{'jpg' if side == 40 else 'png'}"
                Image.new("RGB", (side, side), rgb).save(self.images / name)
        (folder / "labels.txt").write_text("\n".join(COLOURS) + "\n")

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "servemark", "--root", str(self.folder), *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, "SERVEMARK_HOME": str(self._home)},
        )

    def add(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        file = self.folder / f"{name}.onnx"
        return self.call("model", "add", str(file), "--images", str(self.images), *options)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, root: Path, project: Project) -> Models:
    found = Models(tmp_path_factory.mktemp("models"), root, project.home)
    (found.folder / "prose.onnx").write_text("this is no model")
    refused = found.add("prose")  # this also makes the environment of the reference runtime
    assert refused.returncode == 1, refused.stderr
    python = project.home / "envs" / "train-reference" / "bin" / "python"
    subprocess.run([str(python), "-c", MAKE_MODELS, str(found.folder)], check=True)
    with (found.folder / "large.onnx").open("wb") as file:
        file.truncate(LARGER_THAN_A_MODEL_CAN_BE)
    return found


def test_a_model_of_another_shape_is_described_and_served_rightly(models: Models) -> None:
    labels = str(models.folder / "labels.txt")
    done = models.add("colours", "--labels", labels, "--json")
    assert done.returncode == 0, done.stderr
    added = json.loads(done.stdout)
    taken, given = added["description"]["input"], added["description"]["output"]
    assert (taken["layout"], taken["height"], taken["width"], taken["channels"]) == (
        ("NCHW", 16, 16, 3)
    )
    assert taken["scale"] == [1 / 255] * 3
    assert given["activation"] == "logits"
    assert added["description"]["labels"] == list(COLOURS)
    assert (added["images"], added["answers"]) == (12, 4)
    # Served by contestants whose source knows nothing of it.
    for name in ("aiohttp", "net-http"):
        verified = models.call("verify", name, "--model", "colours")
        assert verified.returncode == 0, verified.stdout + verified.stderr
    # What can serve dense layers alone is left out, with the reason.
    left_out = models.call("verify", "plumber", "--model", "colours")
    assert "base-r needs the format 'dense'" in " ".join(
        (left_out.stdout + left_out.stderr).split()
    )


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("prose", (), "prose.onnx is not an ONNX model."),
        ("large", (), "large.onnx has 3.0 GiB, and an ONNX model that every contestant can load"),
        ("two-inputs", (), "The model has 2 inputs (pixels, size): only a model that takes one"),
        ("open-size", (), "leaves the image's size open: name it, for example --size 224x224."),
        ("unknown-operator", (), "the operator Sharpen, which ONNX Runtime"),
        ("colours", ("--name", "mnist"), "There is a model 'mnist' already"),
        ("colours", ("--name", "x", "--size", "8x8"), "so its height is 16 and not 8"),
        ("colours", ("--name", "x", "--scale", "1,2"), "--scale has 2 values for 3 channels"),
    ],
)
def test_a_model_that_cannot_be_served_is_one_sentence(
    models: Models, name: str, options: tuple[str, ...], sentence: str
) -> None:
    done = models.add(name, *options)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert sentence in last
    assert "Traceback" not in done.stderr
    assert not (models.folder / "models" / "x").exists()


def test_the_size_that_a_graph_leaves_open_can_be_named(models: Models) -> None:
    done = models.add("open-size", "--size", "24x20", "--json")
    assert done.returncode == 0, done.stderr
    taken = json.loads(done.stdout)["description"]["input"]
    assert (taken["height"], taken["width"]) == (24, 20)
