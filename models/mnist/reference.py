"""The reference of the contract: OpenCV decodes, ONNX Runtime infers, in process.

Written for clarity, not speed. The contestants' library is another one, so that a mistake is not
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

Luma = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Reference:
    """A model folder opened: what `model.json` says, and the ONNX model."""

    spec: dict[str, Any]
    session: Any

    @classmethod
    def open(cls, folder: Path) -> Reference:
        """Raises OSError where a file is missing, ValueError where one is damaged."""
        spec = json.loads((folder / "model.json").read_text())
        model = (folder / spec["formats"]["onnx"]).read_bytes()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        try:
            session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's errors have no base class of their own
            raise ValueError(f"ONNX Runtime does not load the model: {error}") from error
        return cls(spec, session)

    def inputs(self, luma: Luma) -> Floats:
        """(H, W) 8-bit luma to (784,) float32: nearest sampling, x = (pixel + offset) * scale."""
        given = self.spec["input"]
        pixels = sample(luma, given["height"], given["width"]).astype(np.float32)
        return ((pixels + np.float32(given["offset"][0])) * np.float32(given["scale"][0])).reshape(
            -1
        )

    def probabilities(self, inputs: Floats) -> Floats:
        """(n, 784) to (n, 10), each image inferred on its own, as a server does."""
        given, wanted = self.spec["input"]["name"], self.spec["output"]["name"]
        return np.concatenate([self.session.run([wanted], {given: row[None]})[0] for row in inputs])


def decode(body: bytes) -> Luma:
    """JPEG or PNG to (H, W) 8-bit luma, alpha dropped, orientation ignored. Raises ValueError."""
    flags = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION
    luma = cv2.imdecode(np.frombuffer(body, np.uint8), flags)
    if luma is None:
        raise ValueError("not a JPEG or PNG that OpenCV can decode")
    return np.asarray(luma, np.uint8)


def sample(luma: Luma, height: int, width: int) -> Luma:
    """Nearest neighbour: (r, c) takes source (floor(r H / height), floor(c W / width))."""
    rows = np.arange(height) * luma.shape[0] // height
    columns = np.arange(width) * luma.shape[1] // width
    return np.asarray(luma[rows][:, columns])
