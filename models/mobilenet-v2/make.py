"""Make MobileNetV2 with seeded random weights, and a golden set of drawn images.

    python make.py                  export/ and golden/: 14 MB, which are not committed

How fast a model is served does not depend on its weights, so none are fetched. The architecture is
that of Sandler et al. 2018 (https://arxiv.org/abs/1801.04381, table 2) with its batch normalisation
folded into the convolutions, as every export for inference has it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "_reference"))

import pictures

import golden_set
from reference import Floats, Reference, decode, load

SEED = 20
SIDE, CLASSES, FEATURES = 224, 1000, 1280
ONNX_OPSET, ONNX_IR = 17, 8
# Expansion, output channels, repetitions, stride of the first: table 2 of the paper.
BLOCKS = (
    *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
    *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
)
# Of ImageNet's pixels, as the published weights want them: (pixel - mean) / deviation.
OFFSET = [-123.675, -116.28, -103.53]
SCALE = [1 / 58.395, 1 / 57.12, 1 / 57.375]
# What the class of a pattern gets for it, and the deviation of what the others get.
PATTERN_LOGIT, OTHER_LOGIT = 8.0, 0.5


class Network:
    """The graph as it grows: `x` is the tensor that the next layer takes, of `channels` planes."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.x, self.channels = "image", 3

    def add(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        output = f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def weight(self, array: Floats) -> str:
        name = f"weight{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(array.astype(np.float32), name))
        return name

    def convolve(
        self, channels: int, side: int, stride: int = 1, groups: int = 1, rectified: bool = True
    ) -> None:
        """A convolution; ReLU6 unless it is a linear bottleneck. He's initial weights."""
        fan_in = self.channels // groups * side * side
        deviation = np.sqrt((2 if rectified else 1) / fan_in)
        kernel = self.rng.normal(0, deviation, (channels, self.channels // groups, side, side))
        inputs = [self.x, self.weight(kernel), self.weight(np.zeros(channels))]
        edge = side // 2
        self.x = self.add(
            "Conv",
            inputs,
            kernel_shape=[side] * 2,
            strides=[stride] * 2,
            group=groups,
            pads=[edge] * 4,
        )
        if rectified:
            self.x = self.add("Clip", [self.x, "zero", "six"])
        self.channels = channels

    def bottleneck(self, expansion: int, channels: int, stride: int) -> None:
        """Expand, filter each plane, project; and add what came in where it has the same shape."""
        before, came = self.x, self.channels
        if expansion > 1:
            self.convolve(came * expansion, 1)
        self.convolve(self.channels, 3, stride, groups=self.channels)
        self.convolve(channels, 1, rectified=False)
        if stride == 1 and came == channels:
            self.x = self.add("Add", [before, self.x])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make MobileNetV2 with random weights.")
    parser.add_argument("--out", type=Path, default=HERE / "export", help="default: export")
    parser.add_argument("--golden", type=Path, default=HERE / "golden", help="default: golden")
    options = parser.parse_args(argv)
    images = pictures.draw(np.random.default_rng(SEED), SIDE)
    with tempfile.TemporaryDirectory(dir=HERE, prefix=".made-") as scratch:
        export = Path(scratch) / "export"
        export.mkdir()
        (export / "model.json").write_text(json.dumps(description(), indent=2) + "\n")
        (export / "model.onnx").write_bytes(model([body for _, body in images]))
        count = write_golden(Reference.open(export), images, Path(scratch) / "golden")
        for name, target in (("export", options.out), ("golden", options.golden)):
            shutil.rmtree(target, ignore_errors=True)
            (Path(scratch) / name).rename(target)
    size = (options.out / "model.onnx").stat().st_size
    print(json.dumps({"out": str(options.out), "golden_images": count, "onnx_bytes": size}))
    return 0


def description() -> dict[str, Any]:
    return {
        "schema": 1,
        "name": "mobilenet-v2",
        "title": "MobileNetV2, random weights",
        "input": {
            "name": "image",
            "shape": [None, 3, SIDE, SIDE],
            "layout": "NCHW",
            "dtype": "float32",
            "height": SIDE,
            "width": SIDE,
            "channels": 3,
            "offset": OFFSET,
            "scale": SCALE,
            "resize": "nearest",
        },
        "output": {"name": "logits", "shape": [None, CLASSES], "activation": "logits"},
        "answer": "class",
        "labels": [f"class {number}" for number in range(CLASSES)],
        "formats": {"onnx": "model.onnx"},
    }


def model(bodies: list[bytes]) -> bytes:
    """The ONNX model. Its last layer is made so that each of these images gets another class."""
    rng = np.random.default_rng(SEED)
    network = Network(rng)
    network.convolve(32, 3, 2)
    for expansion, channels, count, stride in BLOCKS:
        for number in range(count):
            network.bottleneck(expansion, channels, stride if number == 0 else 1)
    network.convolve(FEATURES, 1)
    features = network.add("Flatten", [network.add("GlobalAveragePool", [network.x])])
    session = load(serialised(network, features, FEATURES))
    seen = features_of(session, features, bodies)
    kernel, bias = last_layer(rng, seen)
    inputs = [features, network.weight(kernel), network.weight(bias)]
    network.nodes.append(helper.make_node("Gemm", inputs, ["logits"]))
    return serialised(network, "logits", CLASSES)


def last_layer(rng: np.random.Generator, seen: Floats) -> tuple[Floats, Floats]:
    """Kernel (features, classes) and bias for the features of images, (n, features).

    Random but for n of the classes, each of which has one image for its pattern: with random rows
    alone the two likeliest of 1000 classes would be closer than JPEG decoders are.
    """
    # Rounded, so that the last bits of another processor's sums do not make other weights.
    mean = seen.mean(axis=0).round(3)
    patterns = (seen - mean).round(3)
    kernel = rng.normal(0, 1, (FEATURES, CLASSES)).astype(np.float32)
    kernel *= OTHER_LOGIT / float(f"{(patterns @ kernel).std():.2g}")
    classes = rng.permutation(CLASSES)[: len(seen)]
    kernel[:, classes] = PATTERN_LOGIT * (patterns / (patterns**2).sum(axis=1, keepdims=True)).T
    return kernel, -(mean @ kernel)


def features_of(session: Any, name: str, bodies: list[bytes]) -> Floats:
    reference = Reference(description(), session)
    inputs = [reference.inputs(decode(body, 3)) for body in bodies]
    return np.concatenate([session.run([name], {"image": x[None]})[0] for x in inputs])


def serialised(network: Network, output: str, count: int) -> bytes:
    bounds = [
        numpy_helper.from_array(np.array(value, np.float32), name)
        for name, value in (("zero", 0), ("six", 6))
    ]
    taken = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])
    given = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", count])
    graph = helper.make_graph(
        network.nodes, "mobilenet-v2", [taken], [given], [*network.weights, *bounds]
    )
    made = helper.make_model(
        graph,
        producer_name="servemark",
        opset_imports=[helper.make_opsetid("", ONNX_OPSET)],
        ir_version=ONNX_IR,
    )
    onnx.checker.check_model(made, full_check=True)
    content: bytes = made.SerializeToString()
    return content


def write_golden(reference: Reference, images: list[tuple[str, bytes]], folder: Path) -> int:
    """golden.json and the images that are fit for it; the first JPEG becomes the TEST_IMAGE."""
    drawn = folder / "drawn"
    drawn.mkdir(parents=True)
    for number, (suffix, body) in enumerate(images):
        (drawn / f"{number:04d}.{suffix}").write_bytes(body)
    golden = golden_set.make(reference, dict.fromkeys(sorted(drawn.iterdir())))
    shown = next(image for image in golden.images if image.format == "jpeg")
    golden_set.keep(folder, "mobilenet-v2", golden, shown)
    (folder / "test.jpg").write_bytes(shown.body)
    shutil.rmtree(drawn)
    return len(golden.images)


if __name__ == "__main__":
    sys.exit(main())
