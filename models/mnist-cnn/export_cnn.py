"""Write the convolutional model in every format that a contestant may want, and `model.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import tensorflow as tf
from google.protobuf.json_format import MessageToDict
from onnx import TensorProto, helper, numpy_helper
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from export import INPUT, ONNX_IR, ONNX_OPSET, OUTPUT, publish, tensor_info, write_json

SIDE, DIGITS = 28, 10


def write(model: Any, history: dict[str, Any], out: Path) -> dict[str, int]:
    """Write all formats and the history to `out`; return the bytes of each entry."""

    def make(folder: Path) -> None:
        bare = bare_model(model)
        module = saved_module(bare)
        bare.save(folder / "model.keras")
        tf.saved_model.save(module, str(folder / "saved_model"), signatures=module.serve)
        converter = tf.lite.TFLiteConverter.from_concrete_functions(
            [module.serve.get_concrete_function()], module
        )
        (folder / "model.tflite").write_bytes(converter.convert())
        export_onnx(bare, folder)
        export_tfjs(module, folder)
        write_json(folder / "model.json", description())
        write_json(folder / "history.json", history)

    return publish(make, out)


def description() -> dict[str, Any]:
    """`model.json`; the pixels are those of the dense model, in a shape of their own."""
    return {
        "schema": 1,
        "name": "mnist-cnn",
        "title": "MNIST digits, convolutional",
        "input": {
            "name": INPUT,
            "shape": [None, SIDE, SIDE, 1],
            "layout": "NHWC",
            "dtype": "float32",
            "height": SIDE,
            "width": SIDE,
            "channels": 1,
            "offset": [-255.0],
            "scale": [-1 / 255],
            "resize": "nearest",
        },
        "output": {"name": OUTPUT, "shape": [None, DIGITS], "activation": "softmax"},
        "answer": "digit",
        "labels": [str(digit) for digit in range(DIGITS)],
        "formats": {
            "onnx": "model.onnx",
            "saved_model": "saved_model",
            "keras": "model.keras",
            "litert": "model.tflite",
            "tfjs": "tfjs/model.json",
        },
    }


def bare_model(model: Any) -> Any:
    """The Keras model for inference: no dropout, no optimizer and its state."""
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.Dropout)]
    bare = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 1), name=INPUT),
            *(layer.__class__.from_config(layer.get_config()) for layer in layers),
        ],
        name=model.name,
    )
    bare.set_weights(model.get_weights())
    return bare


def saved_module(model: Any) -> Any:
    """The signature `serve`: image (n, 28, 28, 1) to {"probabilities": (n, 10)}."""
    module = tf.Module(name="mnist_cnn")
    module.parameters = [tf.Variable(array) for array in model.get_weights()]
    first, first_bias, second, second_bias, dense, dense_bias = module.parameters

    def convolve(x: Any, kernel: Any, bias: Any) -> Any:
        x = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "VALID"), bias))
        return tf.nn.max_pool2d(x, 2, 2, "VALID")

    def serve(image: Any) -> dict[str, Any]:
        x = convolve(convolve(image, first, first_bias), second, second_bias)
        x = tf.reshape(x, [-1, dense.shape[0]])
        return {OUTPUT: tf.nn.softmax(tf.matmul(x, dense) + dense_bias)}

    spec = tf.TensorSpec([None, SIDE, SIDE, 1], tf.float32, name=INPUT)
    module.serve = tf.function(serve, input_signature=[spec], autograph=False)
    return module


def export_onnx(model: Any, folder: Path) -> None:
    """The graph written out with onnx's own helpers. Keras goes through an image pixel by pixel
    (NHWC), ONNX channel by channel: kernels and the rows of the dense layer change their order.
    """
    first, first_bias, second, second_bias, dense, dense_bias = model.get_weights()
    side = model.get_layer("second_pool").output.shape[1]
    dense = dense.reshape(side, side, -1, DIGITS).transpose(2, 0, 1, 3).reshape(-1, DIGITS)
    constants = {
        "planes": np.array([-1, 1, SIDE, SIDE], np.int64),
        "first.kernel": first.transpose(3, 2, 0, 1),
        "first.bias": first_bias,
        "second.kernel": second.transpose(3, 2, 0, 1),
        "second.bias": second_bias,
        "dense.kernel": dense,
        "dense.bias": dense_bias,
    }
    nodes = [helper.make_node("Reshape", [INPUT, "planes"], ["x"])]
    x = "x"
    for name in ("first", "second"):
        nodes += [
            helper.make_node("Conv", [x, f"{name}.kernel", f"{name}.bias"], [f"{name}.sum"]),
            helper.make_node("Relu", [f"{name}.sum"], [f"{name}.relu"]),
            helper.make_node(
                "MaxPool", [f"{name}.relu"], [name], kernel_shape=[2, 2], strides=[2, 2]
            ),
        ]
        x = name
    nodes += [
        helper.make_node("Flatten", [x], ["flat"]),
        helper.make_node("Gemm", ["flat", "dense.kernel", "dense.bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], [OUTPUT]),
    ]
    taken = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["batch", SIDE, SIDE, 1])
    given = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", DIGITS])
    weights = [
        numpy_helper.from_array(np.ascontiguousarray(array), name)
        for name, array in constants.items()
    ]
    made = helper.make_model(
        helper.make_graph(nodes, "mnist-cnn", [taken], [given], weights),
        producer_name="servemark",
        opset_imports=[helper.make_opsetid("", ONNX_OPSET)],
        ir_version=ONNX_IR,
    )
    onnx.checker.check_model(made, full_check=True)
    onnx.save(made, str(folder / "model.onnx"))


def export_tfjs(module: Any, folder: Path) -> None:
    """A TensorFlow.js graph model from the frozen graph of TensorFlow: its nodes as JSON, and the
    constants' values in a file of their own (see models/mnist/export.py for why by hand).
    """
    frozen = convert_variables_to_constants_v2(module.serve.get_concrete_function())
    nodes, weights, values = [], [], []
    for node in frozen.graph.as_graph_def().node:
        entry = MessageToDict(node)
        if node.op == "Const":
            value = tf.make_ndarray(node.attr["value"].tensor)
            kind = str(value.dtype)
            weights.append({"name": node.name, "shape": list(value.shape), "dtype": kind})
            values.append(value.tobytes())
            tensor = entry["attr"]["value"]["tensor"]
            kept = {key: tensor[key] for key in ("dtype", "tensorShape")}
            entry["attr"]["value"] = {"tensor": kept}
        nodes.append(entry)
    (given,) = [tensor.op.inputs[0] for tensor in frozen.outputs]
    content = {
        "format": "graph-model",
        "generatedBy": tf.__version__,
        "convertedBy": "servemark",
        "signature": {
            "inputs": {INPUT: tensor_info(INPUT, [-1, SIDE, SIDE, 1])},
            "outputs": {OUTPUT: {**tensor_info(OUTPUT, [-1, DIGITS]), "name": given.name}},
        },
        "modelTopology": {"node": nodes, "library": {}, "versions": {"producer": 27}},
        "weightsManifest": [{"paths": ["group1-shard1of1.bin"], "weights": weights}],
    }
    target = folder / "tfjs"
    target.mkdir()
    write_json(target / "model.json", content)
    (target / "group1-shard1of1.bin").write_bytes(b"".join(values))
