"""The reference of the contract: OpenCV decodes, ONNX Runtime infers, in process.

Written for clarity, not speed. The contestants' libraries are others, so that a mistake is not
made twice.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime

Luma = npt.NDArray[np.uint8]  # (H, W)
Pixels = npt.NDArray[np.uint8]  # (H, W) luma, or (H, W, 3) RGB
Floats = npt.NDArray[np.float32]

PNG = b"\x89PNG\r\n\x1a\n"
STORED = cv2.IMREAD_IGNORE_ORIENTATION


@dataclass(frozen=True)
class Reference:
    """A model folder opened: what `model.json` says, and the ONNX model."""

    spec: dict[str, Any]
    session: Any

    @classmethod
    def open(cls, folder: Path) -> Reference:
        """Raises OSError where a file is missing, ValueError where one is damaged."""
        spec = json.loads((folder / "model.json").read_text())
        return cls(spec, load((folder / spec["formats"]["onnx"]).read_bytes()))

    def inputs(self, pixels: Pixels) -> Floats:
        """What the model takes for one image, without the batch: resized, x = (pixel + offset) *
        scale, in the layout and the shape of `model.json`.
        """
        given = self.spec["input"]
        resized = RESIZES[given["resize"]](pixels, given["height"], given["width"])
        x = resized.astype(np.float32).reshape(given["height"], given["width"], given["channels"])
        x = (x + np.array(given["offset"], np.float32)) * np.array(given["scale"], np.float32)
        if given["layout"] == "NCHW":
            x = x.transpose(2, 0, 1)
        return np.ascontiguousarray(x).reshape(given["shape"][1:])

    def probabilities(self, inputs: Floats) -> Floats:
        """(n, *shape) to (n, labels), each image inferred on its own, as a server does."""
        given, wanted = self.spec["input"]["name"], self.spec["output"]
        outputs = [self.session.run([wanted["name"]], {given: row[None]})[0] for row in inputs]
        y = np.concatenate(outputs).astype(np.float32, copy=False)
        return softmax(y) if wanted["activation"] == "logits" else y


def load(onnx_model: bytes) -> Any:
    """ONNX Runtime's session on one thread. Raises ValueError where it does not load the model."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4  # what matters is raised
    try:
        return onnxruntime.InferenceSession(onnx_model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors have no base class of their own
        raise ValueError(f"ONNX Runtime does not load the model: {error}") from error


def decode(body: bytes, channels: int = 1) -> Pixels:
    """JPEG or PNG to (H, W) 8-bit luma, or to (H, W, 3) RGB for three channels.

    Alpha is dropped, orientation ignored. The luma of a JPEG is the Y plane as it is stored; that
    of a colour PNG is rounded, where libpng would cut its fraction off. Raises ValueError.
    """
    if channels == 3:
        return _decode(body, STORED | cv2.IMREAD_COLOR_RGB)
    if body.startswith(PNG):
        return luma(_decode(body, STORED | cv2.IMREAD_COLOR_RGB))
    return _decode(body, STORED | cv2.IMREAD_GRAYSCALE)


def luma(rgb: Pixels) -> Pixels:
    """BT.601, rounded. Grey stays what it is."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)


def _decode(body: bytes, flags: int) -> Pixels:
    pixels = cv2.imdecode(np.frombuffer(body, np.uint8), flags)
    if pixels is None:
        raise ValueError("not a JPEG or PNG that OpenCV can decode")
    return np.asarray(pixels, np.uint8)


def sample(pixels: Pixels, height: int, width: int) -> Pixels:
    """Nearest neighbour: (r, c) takes source (floor(r H / height), floor(c W / width))."""
    rows = np.arange(height) * pixels.shape[0] // height
    columns = np.arange(width) * pixels.shape[1] // width
    return np.asarray(pixels[rows][:, columns])


def interpolate(pixels: Pixels, height: int, width: int) -> Floats:
    """Bilinear between pixel centres, not rounded: r takes (r + 1/2) H / height - 1/2, held to the
    image; so do columns. No filter where the image shrinks.
    """
    linear = cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels.astype(np.float32), (width, height), interpolation=linear))


def softmax(y: Floats) -> Floats:
    powers = np.exp(y - y.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


RESIZES: dict[str, Any] = {"nearest": sample, "bilinear": interpolate}
