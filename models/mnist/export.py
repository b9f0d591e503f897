"""Write one set of weights in every format that a contestant may want, and `model.json`.

Each exporter takes the weights and writes below a folder. All of them name the input and the
output as model.json does, and leave the batch dimension free.
"""

from __future__ import annotations

import base64
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import onnx
import tensorflow as tf
from onnx import TensorProto, helper, numpy_helper

import plots

Floats = npt.NDArray[np.float32]
INPUT, OUTPUT = "image", "probabilities"
SIDE = 28
# Old on purpose: read by every ONNX Runtime since 1.12, and these operators have not changed since.
ONNX_OPSET, ONNX_IR = 17, 8


class ExportError(Exception):
    """The export cannot be written; the message says what to do."""


@dataclass(frozen=True)
class Layer:
    """A dense layer: kernel (inputs, outputs), bias (outputs,), activation `relu` or `softmax`."""

    name: str
    kernel: Floats
    bias: Floats
    activation: str


def write(weights: list[Any], history: dict[str, Any], out: Path) -> dict[str, int]:
    """Write all formats, the history and the pictures to `out`; return the bytes of each entry."""
    layers = [
        Layer("hidden", np.asarray(weights[0], "<f4"), np.asarray(weights[1], "<f4"), "relu"),
        Layer(OUTPUT, np.asarray(weights[2], "<f4"), np.asarray(weights[3], "<f4"), "softmax"),
    ]

    def make(folder: Path) -> None:
        for exporter in EXPORTERS:
            exporter(layers, folder)
        write_json(folder / "model.json", description(layers))
        write_json(folder / "history.json", history)
        plots.draw_history(history, folder / "history.png")
        plots.draw_architecture(folder / "architecture.png")

    return publish(make, out)


def publish(make: Callable[[Path], None], out: Path) -> dict[str, int]:
    """Let `make` fill a folder beside `out`, then put its entries into `out`; return their bytes.

    A failure leaves `out` as it was.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as scratch:
            folder = Path(scratch)
            make(folder)
            entries = sorted(folder.iterdir())
            sizes = {entry.name: size_bytes(entry) for entry in entries}
            for entry in entries:
                replace(entry, out / entry.name)
    except OSError as error:
        raise ExportError(
            f"{out} cannot be written ({error.strerror or error}): name another folder with --out."
        ) from error
    return sizes


def replace(source: Path, target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target)
    source.replace(target)


def size_bytes(entry: Path) -> int:
    files = entry.rglob("*") if entry.is_dir() else [entry]
    return sum(file.stat().st_size for file in files if file.is_file())


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")


def description(layers: list[Layer]) -> dict[str, Any]:
    """`model.json`: what the model takes, what it gives, and where each format lies."""
    sizes = [layers[0].kernel.shape[0], *(layer.kernel.shape[1] for layer in layers)]
    return {
        "schema": 1,
        "name": "mnist",
        "title": f"MNIST digits, {'-'.join(map(str, sizes))}",
        "input": {
            "name": INPUT,
            "shape": [None, sizes[0]],
            "layout": "NHWC",
            "dtype": "float32",
            "height": SIDE,
            "width": SIDE,
            "channels": 1,
            # x = (pixel - 255) * (-1/255) = (255 - pixel) / 255: dark ink becomes 1, light paper 0.
            "offset": [-255.0],
            "scale": [-1 / 255],
            "resize": "nearest",
        },
        "output": {"name": OUTPUT, "shape": [None, sizes[-1]], "activation": layers[-1].activation},
        "answer": "digit",
        "labels": [str(digit) for digit in range(sizes[-1])],
        "formats": {
            "onnx": "model.onnx",
            "saved_model": "saved_model",
            "keras": "model.keras",
            "litert": "model.tflite",
            "tfjs": "tfjs/model.json",
            "dense": [
                {
                    "kernel": f"dense/{at}.kernel.f32",
                    "bias": f"dense/{at}.bias.f32",
                    "shape": list(layer.kernel.shape),
                    "activation": layer.activation,
                }
                for at, layer in enumerate(layers)
            ],
        },
    }


def bare_model(layers: list[Layer]) -> Any:
    """The Keras model for inference: no dropout, no regulariser, no optimizer and its state."""
    model = keras.Sequential(
        [
            keras.Input((layers[0].kernel.shape[0],), name=INPUT),
            *(
                keras.layers.Dense(len(layer.bias), activation=layer.activation, name=layer.name)
                for layer in layers
            ),
        ],
        name="mnist",
    )
    model.set_weights([array for layer in layers for array in (layer.kernel, layer.bias)])
    return model


def export_keras(layers: list[Layer], folder: Path) -> None:
    bare_model(layers).save(folder / "model.keras")


def export_saved_model(layers: list[Layer], folder: Path) -> None:
    """A SavedModel of plain TensorFlow, without Keras' own metadata.

    `tf.saved_model.load(folder).signatures["serving_default"](image=x)` gives
    {"probabilities": (n, 10)}.
    """
    module = saved_module(layers)
    tf.saved_model.save(module, str(folder / "saved_model"), signatures=module.serve)


def saved_module(layers: list[Layer]) -> Any:
    module = tf.Module(name="mnist")
    module.parameters = [
        (
            tf.Variable(layer.kernel, name=f"{layer.name}_kernel"),
            tf.Variable(layer.bias, name=f"{layer.name}_bias"),
        )
        for layer in layers
    ]

    def serve(image: Any) -> dict[str, Any]:
        x = image
        for layer, (kernel, bias) in zip(layers, module.parameters, strict=True):
            x = getattr(tf.nn, layer.activation)(tf.matmul(x, kernel) + bias)
        return {OUTPUT: x}

    spec = tf.TensorSpec([None, layers[0].kernel.shape[0]], tf.float32, name=INPUT)
    module.serve = tf.function(serve, input_signature=[spec], autograph=False)
    return module


def export_litert(layers: list[Layer], folder: Path) -> None:
    """float32, not quantised. Allocated for one image; `resize_tensor_input` takes more."""
    module = saved_module(layers)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.serve.get_concrete_function()], module
    )
    (folder / "model.tflite").write_bytes(converter.convert())


def export_onnx(layers: list[Layer], folder: Path) -> None:
    """The graph written out with onnx's own helpers: Gemm, Relu, Gemm, Softmax.

    tf2onnx, which Keras' own export uses too, looks for a maintainer and is tested up to
    TensorFlow 2.15 only.
    """
    operators = {"relu": "Relu", "softmax": "Softmax"}
    nodes, constants, x = [], [], INPUT
    for at, layer in enumerate(layers):
        kernel, bias, summed = f"{layer.name}.kernel", f"{layer.name}.bias", f"{layer.name}.sum"
        y = OUTPUT if at == len(layers) - 1 else f"{layer.name}.out"
        constants += [
            numpy_helper.from_array(layer.kernel, kernel),
            numpy_helper.from_array(layer.bias, bias),
        ]
        nodes += [
            helper.make_node("Gemm", [x, kernel, bias], [summed], name=f"{layer.name}/gemm"),
            helper.make_node(
                operators[layer.activation], [summed], [y], name=f"{layer.name}/{layer.activation}"
            ),
        ]
        x = y
    graph = helper.make_graph(
        nodes,
        "mnist",
        [
            helper.make_tensor_value_info(
                INPUT, TensorProto.FLOAT, ["batch", layers[0].kernel.shape[0]]
            )
        ],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", len(layers[-1].bias)])],
        constants,
    )
    model = helper.make_model(
        graph,
        producer_name="servemark",
        opset_imports=[helper.make_opsetid("", ONNX_OPSET)],
        ir_version=ONNX_IR,
    )
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(folder / "model.onnx"))


def export_tfjs(layers: list[Layer], folder: Path) -> None:
    """A TensorFlow.js graph model: `tf.loadGraphModel`, then `predict(x)` or `execute({image: x})`.

    Written here because the tensorflowjs converter does not install beside a current TensorFlow
    (4.22 needs 2.19 at most). The format: the GraphDef as JSON with the constants' values left out,
    and a manifest that places them in the .bin file. Each layer is one _FusedMatMul, which is what
    the converter makes of MatMul, BiasAdd and Relu.
    """
    inputs, outputs = layers[0].kernel.shape[0], len(layers[-1].bias)
    constants = [
        (f"{layer.name}/{part}", array)
        for layer in layers
        for part, array in (("kernel", layer.kernel), ("bias", layer.bias))
    ]
    nodes = [
        {
            "name": INPUT,
            "op": "Placeholder",
            "attr": {"dtype": FLOAT, "shape": {"shape": dims([-1, inputs])}},
        },
        *(tfjs_constant(name, array) for name, array in constants),
    ]
    x = INPUT
    for layer in layers:
        made = tfjs_layer(layer, x)
        nodes += made
        x = made[-1]["name"]
    content = {
        "format": "graph-model",
        "generatedBy": tf.__version__,
        "convertedBy": "servemark",
        "signature": {
            "inputs": {INPUT: tensor_info(INPUT, [-1, inputs])},
            "outputs": {OUTPUT: tensor_info(OUTPUT, [-1, outputs])},
        },
        "modelTopology": {"node": nodes, "library": {}, "versions": {"producer": 27}},
        "weightsManifest": [
            {
                "paths": ["group1-shard1of1.bin"],
                "weights": [
                    {"name": name, "shape": list(array.shape), "dtype": "float32"}
                    for name, array in constants
                ],
            }
        ],
    }
    target = folder / "tfjs"
    target.mkdir()
    write_json(target / "model.json", content)
    (target / "group1-shard1of1.bin").write_bytes(
        b"".join(array.tobytes() for _, array in constants)
    )


FLOAT = {"type": "DT_FLOAT"}


def tfjs_constant(name: str, array: Floats) -> dict[str, Any]:
    value = {"tensor": {"dtype": "DT_FLOAT", "tensorShape": dims(array.shape)}}
    return {"name": name, "op": "Const", "attr": {"dtype": FLOAT, "value": value}}


def tfjs_layer(layer: Layer, x: str) -> list[dict[str, Any]]:
    """Matrix product, bias and ReLU in one node; a softmax is a node of its own."""
    softmax = layer.activation == "softmax"
    fused = ["BiasAdd"] if softmax else ["BiasAdd", "Relu"]
    product = {
        "name": f"{layer.name}/sum" if softmax else layer.name,
        "op": "_FusedMatMul",
        "input": [x, f"{layer.name}/kernel", f"{layer.name}/bias"],
        "attr": {
            "T": FLOAT,
            "transpose_a": {"b": False},
            "transpose_b": {"b": False},
            "num_args": {"i": "1"},
            "epsilon": {"f": 0.0},
            "fused_ops": {
                "list": {"s": [base64.b64encode(name.encode()).decode() for name in fused]}
            },
        },
    }
    if not softmax:
        return [product]
    return [
        product,
        {"name": layer.name, "op": "Softmax", "input": [product["name"]], "attr": {"T": FLOAT}},
    ]


def tensor_info(name: str, shape: list[int]) -> dict[str, Any]:
    return {"name": f"{name}:0", "dtype": "DT_FLOAT", "tensorShape": dims(shape)}


def dims(shape: list[int] | tuple[int, ...]) -> dict[str, Any]:
    return {"dim": [{"size": str(size)} for size in shape]}


def export_dense(layers: list[Layer], folder: Path) -> None:
    """Little-endian float32, row by row, for languages without a runtime."""
    target = folder / "dense"
    target.mkdir()
    for at, layer in enumerate(layers):
        layer.kernel.tofile(target / f"{at}.kernel.f32")
        layer.bias.tofile(target / f"{at}.bias.f32")


EXPORTERS: tuple[Callable[[list[Layer], Path], None], ...] = (
    export_keras,
    export_saved_model,
    export_litert,
    export_onnx,
    export_tfjs,
    export_dense,
)
