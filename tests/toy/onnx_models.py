"""python onnx_models.py FOLDER: ONNX files to add and to refuse, and images for them.

Run with the reference runtime's Python, which has what it takes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

FLOAT = TensorProto.FLOAT
LABELS = ("ant", "bee", "cat", "dog")


def classifier(
    shape: list[Any],
    *,
    kind: int = FLOAT,
    operator: str = "Relu",
    domain: str = "",
    output: str = "Flatten",
) -> Any:
    """A convolution, an activation, the mean over the image and a dense layer: logits."""
    rng = np.random.default_rng(3)
    weights = {
        "kernel": rng.normal(0, 1, (8, 3, 3, 3)),
        "dense": rng.normal(0, 1, (8, len(LABELS))),
    }
    taken = [helper.make_tensor_value_info("pixels", kind, shape)]
    nodes = [
        helper.make_node("Cast", ["pixels"], ["values"], to=FLOAT),
        helper.make_node("Conv", ["values", "kernel"], ["summed"], pads=[1, 1, 1, 1]),
        helper.make_node(operator, ["summed"], ["shown"], domain=domain),
        helper.make_node("GlobalAveragePool", ["shown"], ["mean"]),
        helper.make_node(output, ["mean"], ["flat"]),
    ]
    scores = [1, 8, 1, 1]
    if output == "Flatten":
        nodes.append(helper.make_node("MatMul", ["flat", "dense"], ["scores"]))
        scores = ["n", len(LABELS)]
    else:
        nodes.append(helper.make_node("Identity", ["flat"], ["scores"]))
    graph = helper.make_graph(
        nodes,
        "classifier",
        taken,
        [helper.make_tensor_value_info("scores", FLOAT, scores)],
        [
            numpy_helper.from_array(value.astype(np.float32), name)
            for name, value in weights.items()
        ],
    )
    opsets = [helper.make_opsetid("", 17)]
    if domain:
        opsets.append(helper.make_opsetid(domain, 1))
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def draw(folder: Path) -> None:
    """Sixteen pictures of other colours and sizes, half of them JPEG."""
    rng = np.random.default_rng(7)
    folder.mkdir()
    for number in range(16):
        height, width = (int(side) for side in rng.integers(12, 60, 2))
        first, second = rng.integers(0, 255, (2, 3))
        y, x = np.mgrid[0:height, 0:width]
        share = ((x / width + y / height) / 2)[..., None]
        picture = Image.fromarray((first * (1 - share) + second * share).astype(np.uint8))
        picture.save(folder / f"{number:02d}.{'png' if number % 2 else 'jpg'}")


def main(folder: Path) -> None:
    square = ["n", 3, 16, 16]
    models = {
        "tiny": classifier(square),
        "other-type": classifier(square, kind=TensorProto.UINT8),
        "batch-of-8": classifier([8, 3, 16, 16]),
        "unknown-operator": classifier(square, operator="Sparkle", domain="org.example"),
        "no-classes": classifier([1, 3, 16, 16], output="Identity"),
    }
    for name, model in models.items():
        onnx.save(model, str(folder / f"{name}.onnx"))
    (folder / "labels.txt").write_text("\n".join(LABELS) + "\n")
    (folder / "five.txt").write_text("a\nb\nc\nd\ne\n")
    (folder / "empty").mkdir()
    draw(folder / "images")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
