"""What a model sees of an image file: steps 1 to 3 of the contract, as a picture.

It is computed here from the bytes that were sent, and not by the contestant; the golden set proves
that contestants see the same.
"""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from servemark.catalog.manifests import ModelInput

MOST_SIDE = 4096
LUMA = np.array([0.299, 0.587, 0.114])
"""ITU-R BT.601, as the contract has it."""


class NoPicture(Exception):  # noqa: N818 - it is a finding, not an error of ours
    """The bytes are no image that the contract takes."""


def model_input(content: bytes, model: ModelInput) -> NDArray[np.float32]:
    """x of shape (height, width, channels). Raises ``NoPicture``."""
    pixels = _resized(_decoded(content, model.channels), model)
    offset, scale = np.array(model.offset), np.array(model.scale)
    return np.asarray((pixels + offset) * scale, np.float32)


def seen_picture(content: bytes, model: ModelInput) -> bytes:
    """What the model gets as a PNG: its least possible value black and its largest white.

    Raises ``NoPicture``.
    """
    x = model_input(content, model)
    ends = (np.array([[0.0], [255.0]]) + model.offset) * model.scale
    low, high = ends.min(axis=0), ends.max(axis=0)
    shown = np.rint((x - low) / (high - low) * 255).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(shown[:, :, 0] if model.channels == 1 else shown)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def data_address(png: bytes) -> str:
    """A PNG as an address that a page can show."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _decoded(content: bytes, channels: int) -> NDArray[np.float64]:
    """Shape (height, width, channels), 0 to 255; without alpha, and turned as it is stored."""
    try:
        image = Image.open(io.BytesIO(content), formats=("JPEG", "PNG"))
        if max(image.size) > MOST_SIDE:
            raise NoPicture(f"The image is wider or higher than {MOST_SIDE} pixels.")
        if image.format == "JPEG" and channels == 1:
            image.draft("L", image.size)
        if image.mode.startswith("I"):
            return np.asarray(image, np.float64)[:, :, None].repeat(channels, axis=2) // 256
        if image.mode in ("L", "LA", "1"):
            return np.asarray(image.convert("L"), np.float64)[:, :, None].repeat(channels, axis=2)
        colours = np.asarray(image.convert("RGB"), np.float64)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise NoPicture("The image cannot be decoded as JPEG or PNG.") from error
    return colours if channels == 3 else np.rint(colours @ LUMA)[:, :, None]


def _resized(pixels: NDArray[np.float64], model: ModelInput) -> NDArray[np.float64]:
    height, width = pixels.shape[:2]
    if (height, width) == (model.height, model.width):
        return pixels
    if model.resize == "nearest":
        rows = np.arange(model.height) * height // model.height
        columns = np.arange(model.width) * width // model.width
        return pixels[np.ix_(rows, columns)]
    above, below, down = _between(model.height, height)
    left, right, across = _between(model.width, width)
    down, across = down[:, None, None], across[None, :, None]
    lines = [
        pixels[rows][:, left] * (1 - across) + pixels[rows][:, right] * across
        for rows in (above, below)
    ]
    return lines[0] * (1 - down) + lines[1] * down


def _between(
    count: int, there: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """For each of ``count`` centres the two neighbours of ``there``, and how far from the first."""
    at = ((np.arange(count) + 0.5) * there / count - 0.5).clip(0, there - 1)
    first = at.astype(np.intp)
    return first, np.minimum(first + 1, there - 1), at - first
