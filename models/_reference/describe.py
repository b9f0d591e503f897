"""From an ONNX file to `model.json`: what the graph says, and what the user has to say."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from google.protobuf.message import DecodeError
from onnx.external_data_helper import load_external_data_for_model, uses_external_data

from reference import Floats, load

LARGEST_BYTES = (1 << 31) - 1  # what protobuf, and so a single ONNX file, can hold
Sizes = list[int | None]  # None: the graph leaves it open

# What only passes values on, between the last layer and the output.
PASSING = {"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Cast"}
ACTIVATIONS = {"Softmax": "softmax", "Sigmoid": "none"}


class ModelError(Exception):
    """The model cannot be added; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Said:
    """What the user says of the model; None is to be inferred, or else has a default."""

    layout: str | None = None
    size: tuple[int, int] | None = None  # height, width
    channels: int | None = None
    offset: tuple[float, ...] | None = None
    scale: tuple[float, ...] | None = None
    resize: str | None = None
    activation: str | None = None
    output: str | None = None
    answer: str | None = None
    labels: tuple[str, ...] | None = None


@dataclass
class Description:
    """`model.json`, and of each part where it comes from: graph, option or assumed."""

    document: dict[str, Any]
    sources: dict[str, str] = field(default_factory=dict)


def read_onnx(path: Path) -> bytes:
    """The model as one ONNX file, its weights inside. Raises ModelError."""
    try:
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            raise ModelError(
                f"{path.name} has {size / (1 << 30):.1f} GiB, and an ONNX model that every "
                "contestant can load has at most 2: choose a smaller model."
            )
        model = onnx.load(str(path), load_external_data=False)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from error
    except DecodeError as error:
        raise ModelError(f"{path.name} is not an ONNX model.") from error
    if not model.graph.node or not model.opset_import:
        raise ModelError(f"{path.name} is not an ONNX model.")
    outside = [tensor for tensor in model.graph.initializer if uses_external_data(tensor)]
    if not outside:
        return path.read_bytes()
    return _with_weights(path, model)


def _with_weights(path: Path, model: Any) -> bytes:
    try:
        load_external_data_for_model(model, str(path.parent))
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        raise ModelError(
            f"{path.name} keeps its weights in a file of their own, which is not beside it."
        ) from error
    size = sum(len(tensor.raw_data) for tensor in model.graph.initializer)
    if size > LARGEST_BYTES:
        raise ModelError(
            f"The weights of {path.name} have {size / (1 << 30):.1f} GiB, and an ONNX model that "
            "every contestant can load has at most 2: choose a smaller model."
        )
    content: bytes = model.SerializeToString()
    return content


def open_session(name: str, content: bytes) -> Any:
    """The model in the reference runtime. Raises ModelError where that cannot run it."""
    try:
        return load(content)
    except ValueError as error:
        said = str(error.__cause__)
        operator = re.search(r"No Op registered for (\w+)|implementation for (\w+)", said)
        if operator is None:
            operator = re.search(r"Fatal error: ([\w.:]+)\S* is not a registered", said)
        version = f"ONNX Runtime {onnxruntime.__version__}"
        if operator is not None:
            unknown = next(group for group in operator.groups() if group)
            raise ModelError(
                f"{name} has the operator {unknown}, which {version} does not know: export the "
                "model with standard ONNX operators."
            ) from error
        reason = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", said).splitlines()[0]
        raise ModelError(f"{version} cannot run {name}: {reason.rstrip('.')}.") from error


def describe(name: str, title: str, content: bytes, session: Any, said: Said) -> Description:
    """`model.json` from the graph and from what the user says. Raises ModelError."""
    sources: dict[str, str] = {}
    given = _input(session, said, sources)
    output, count = _output(session, given, said, sources)
    labels = _labels(said, count, sources)
    document = {
        "schema": 1,
        "name": name,
        "title": title,
        "input": given,
        "output": {"name": output, "shape": [None, count], "activation": said.activation},
        "answer": said.answer or "class",
        "labels": labels,
        "formats": {"onnx": "model.onnx"},
    }
    if said.activation is None:
        document["output"]["activation"] = _activation(content, output)
        sources["activation"] = "graph"
    else:
        sources["activation"] = "option"
    return Description(document, sources)


def _input(session: Any, said: Said, sources: dict[str, str]) -> dict[str, Any]:
    inputs = session.get_inputs()
    if len(inputs) != 1:
        names = ", ".join(each.name for each in inputs)
        raise ModelError(
            f"The model has {len(inputs)} inputs ({names}): only a model that takes one image and "
            "nothing else can be served."
        )
    (taken,) = inputs
    if taken.type != "tensor(float)":
        raise ModelError(
            f"The input '{taken.name}' is a {taken.type}, and only float32 (tensor(float)) can be "
            "served: export the model with a float32 input."
        )
    sizes: Sizes = [size if isinstance(size, int) and size > 0 else None for size in taken.shape]
    if sizes and sizes[0] not in (None, 1):
        raise ModelError(
            f"The model takes batches of {sizes[0]} images, and a request brings one: export it "
            "with a batch of 1 or of any size."
        )
    layout, height, width, channels = _image(taken.name, sizes, said, sources)
    shape = {"NHWC": [height, width, channels], "NCHW": [channels, height, width]}[layout]
    if len(sizes) < 4:
        shape = [math.prod(shape)] if len(sizes) == 2 else [height, width]
    offset = _per_channel("offset", said.offset, 0.0, channels, sources)
    scale = _per_channel("scale", said.scale, 1 / 255, channels, sources)
    sources["resize"] = "option" if said.resize else "assumed"
    return {
        "name": taken.name,
        "shape": [None, *shape],
        "layout": layout,
        "dtype": "float32",
        "height": height,
        "width": width,
        "channels": channels,
        "offset": offset,
        "scale": scale,
        "resize": said.resize or "nearest",
    }


def _image(
    name: str, sizes: Sizes, said: Said, sources: dict[str, str]
) -> tuple[str, int, int, int]:
    """Layout, height, width and channels of what the input holds."""
    if len(sizes) == 4:
        layout = said.layout or _layout(name, sizes)
        places = {"NHWC": (1, 2, 3), "NCHW": (2, 3, 1)}[layout]
        known = [sizes[place] for place in places]
    elif len(sizes) == 3:
        layout, known = said.layout or "NHWC", [sizes[1], sizes[2], 1]
    elif len(sizes) == 2:
        layout, known = said.layout or "NHWC", _flat(name, sizes[1], said)
    else:
        raise ModelError(
            f"The input '{name}' has the shape {spelled(sizes)}, which is no image: it must have 2 "
            "to 4 dimensions, of which the first is the batch."
        )
    sources["layout"] = "option" if said.layout else "graph"
    wanted = (*(said.size or (None, None)), said.channels)
    for part, asked, there in zip(("height", "width", "channels"), wanted, known, strict=True):
        sources[part] = "graph" if asked is None or there is not None else "option"
        if asked is not None and there is not None and asked != there:
            raise ModelError(
                f"The input '{name}' has the shape {spelled(sizes)}, so its {part} is {there} and "
                f"not {asked}: correct --size, --channels or --layout."
            )
    height, width, channels = (there or asked for asked, there in zip(wanted, known, strict=True))
    if not height or not width:
        raise ModelError(
            f"The input '{name}' has the shape {spelled(sizes)}, which leaves the image's size "
            "open: name it, for example --size 224x224."
        )
    if channels not in (1, 3):
        raise ModelError(
            f"The input '{name}' has the shape {spelled(sizes)}, so with the layout {layout} it "
            f"has {channels or 'an unknown number of'} channels, and an image has 1 or 3: name "
            "them with --layout and --channels."
        )
    return layout, height, width, channels


def _layout(name: str, sizes: Sizes) -> str:
    first, last = sizes[1] in (1, 3), sizes[3] in (1, 3)
    if first != last:
        return "NCHW" if first else "NHWC"
    raise ModelError(
        f"The input '{name}' has the shape {spelled(sizes)}, which does not tell where the "
        "channels are: name it with --layout NCHW or --layout NHWC."
    )


def _flat(name: str, length: int | None, said: Said) -> Sizes:
    """Height, width and channels of a row of pixels: of a square unless the user says other."""
    if length is None or (said.size and said.channels):
        return [*(said.size or (None, None)), said.channels]
    for channels in [said.channels] if said.channels else [1, 3]:
        height, width = said.size or (math.isqrt(length // channels),) * 2
        if height * width * channels == length:
            return [height, width, channels]
    raise ModelError(
        f"The input '{name}' takes {length} numbers, which is no square image: name its sides with "
        "--size and --channels."
    )


def spelled(sizes: Sizes) -> str:
    return "(" + ", ".join("?" if size is None else str(size) for size in sizes) + ")"


def _per_channel(
    name: str,
    values: tuple[float, ...] | None,
    otherwise: float,
    channels: int,
    sources: dict[str, str],
) -> list[float]:
    sources[name] = "assumed" if values is None else "option"
    if values is None:
        values = (otherwise,)
    if len(values) not in (1, channels):
        raise ModelError(
            f"--{name} has {len(values)} values for {channels} channels: give one, or one for each."
        )
    return [*values] * (channels if len(values) == 1 else 1)


def _output(
    session: Any, given: dict[str, Any], said: Said, sources: dict[str, str]
) -> tuple[str, int]:
    """The name of the output, and how many classes it has."""
    names = [each.name for each in session.get_outputs()]
    if said.output is not None and said.output not in names:
        raise ModelError(f"The model has no output '{said.output}', but {', '.join(names)}.")
    if said.output is None and len(names) > 1:
        raise ModelError(
            f"The model has {len(names)} outputs: choose one with --output, of {', '.join(names)}."
        )
    sources["output"] = "option" if said.output else "graph"
    name = said.output or names[0]
    try:
        y = run(session, given, name, np.zeros(given["shape"][1:], np.float32))
    except Exception as error:  # ONNX Runtime's errors have no base class of their own
        reason = str(error).splitlines()[0].rstrip(".")
        shape = spelled([1, *given["shape"][1:]])
        raise ModelError(f"The model does not run with an input of {shape}: {reason}.") from error
    if y.ndim != 2 or y.shape[0] != 1 or y.shape[1] < 2:
        raise ModelError(
            f"The output '{name}' has the shape {spelled([*y.shape])}, and a classifier gives one "
            "number for each of two or more classes, (1, classes): choose another with --output."
        )
    return name, int(y.shape[1])


def run(session: Any, given: dict[str, Any], output: str, x: Floats) -> Floats:
    """The output for one image."""
    return np.asarray(session.run([output], {given["name"]: x[None]})[0])


def _labels(said: Said, count: int, sources: dict[str, str]) -> list[str]:
    sources["labels"] = "assumed" if said.labels is None else "option"
    labels = [str(number) for number in range(count)] if said.labels is None else [*said.labels]
    if len(labels) != count:
        raise ModelError(
            f"The file of labels has {len(labels)} lines, but the model has {count} outputs: give "
            "one label a line, in the order of the outputs."
        )
    return labels


def _activation(content: bytes, output: str) -> str:
    """By the operator that makes the output: softmax, none for a sigmoid, logits for others."""
    made_by = {
        name: node for node in onnx.load_from_string(content).graph.node for name in node.output
    }
    node = made_by.get(output)
    while node is not None and node.op_type in PASSING:
        node = made_by.get(node.input[0])
    return ACTIVATIONS.get(node.op_type, "logits") if node is not None else "logits"
