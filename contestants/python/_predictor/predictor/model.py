"""MODEL_DIR/model.json as one frozen value: what the model takes and gives, and where it is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .errors import StartError

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Input:
    """The tensor that the model takes: x = (pixel + offset) * scale, in the order of `layout`."""

    name: str
    shape: tuple[int, ...]  # without the batch dimension
    layout: Literal["NHWC", "NCHW"]
    height: int
    width: int
    channels: Literal[1, 3]  # 1: luma, 3: RGB
    resize: Literal["nearest", "bilinear"]
    offset: tuple[float, ...]  # one per channel
    scale: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Dense:
    """One layer for runtimes that only multiply matrices: raw little-endian float32, row-major."""

    kernel: Path
    bias: Path
    shape: tuple[int, int]  # inputs, outputs
    activation: str


@dataclass(frozen=True, slots=True)
class Model:
    folder: Path
    input: Input
    output: str  # name of the output tensor
    logits: bool  # whether the output still lacks its softmax
    answer: str  # name of the answer's field
    labels: tuple[str, ...]
    formats: Mapping[str, Any]

    def file(self, export: str) -> Path:
        """Where the model is in that format; raises StartError if it was not exported."""
        if export not in self.formats:
            raise StartError(f"{self.folder / 'model.json'} names no {export} format")
        return _existing(self.folder / self.formats[export])

    def dense(self) -> tuple[Dense, ...]:
        """The layers of a purely dense model; raises StartError if it is not one."""
        if "dense" not in self.formats:
            raise StartError(f"{self.folder / 'model.json'} names no dense format")
        return tuple(
            Dense(
                kernel=_existing(self.folder / layer["kernel"]),
                bias=_existing(self.folder / layer["bias"]),
                shape=(int(layer["shape"][0]), int(layer["shape"][1])),
                activation=str(layer["activation"]),
            )
            for layer in self.formats["dense"]
        )


def read_model(folder: Path) -> Model:
    """Parses model.json; raises StartError for a missing file or one that is not as documented."""
    path = _existing(folder / "model.json")
    try:
        document = json.loads(path.read_bytes())
        if document["schema"] != SCHEMA:
            raise StartError(f"{path} has schema {document['schema']}; {SCHEMA} is known")
        return Model(
            folder=folder,
            input=_input(document["input"]),
            output=str(document["output"]["name"]),
            logits=_activation(document["output"]) == "logits",
            answer=str(document["answer"]),
            labels=tuple(map(str, document["labels"])),
            formats=dict(document["formats"]),
        )
    except KeyError as error:
        raise StartError(f"{path} lacks the key {error}") from error
    except (ValueError, TypeError) as error:
        raise StartError(f"{path} is not a model description: {error}") from error


def _input(document: dict[str, Any]) -> Input:
    if (layout := document["layout"]) not in ("NHWC", "NCHW"):
        raise ValueError(f"layout {layout!r} is not NHWC or NCHW")
    if (channels := document["channels"]) not in (1, 3):
        raise ValueError(f"channels is {channels!r}, not 1 or 3")
    if (resize := document["resize"]) not in ("nearest", "bilinear"):
        raise ValueError(f"resize is {resize!r}, not nearest or bilinear")
    if (dtype := document["dtype"]) != "float32":
        raise ValueError(f"dtype is {dtype!r}, not float32")
    if not len(document["offset"]) == len(document["scale"]) == channels:
        raise ValueError(f"offset and scale must have {channels} values each")
    return Input(
        name=str(document["name"]),
        shape=tuple(map(int, document["shape"][1:])),
        layout=layout,
        height=int(document["height"]),
        width=int(document["width"]),
        channels=channels,
        resize=resize,
        offset=tuple(map(float, document["offset"])),
        scale=tuple(map(float, document["scale"])),
    )


def _activation(document: dict[str, Any]) -> str:
    if (activation := document["activation"]) not in ("softmax", "logits", "none"):
        raise ValueError(f"activation is {activation!r}, not softmax, logits or none")
    return str(activation)


def _existing(path: Path) -> Path:
    if not path.exists():
        raise StartError(f"{path} does not exist")
    return path
