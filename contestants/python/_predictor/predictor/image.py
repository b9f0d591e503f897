"""Steps 1 to 3 of the contract: from the bytes of a JPEG or PNG file to the model's input."""

import os
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .errors import Rejected
from .model import Input

MAX_SIDE = 4096  # pixels

# OpenCV reads these when it is imported, and compares them with a file's header before it decodes.
os.environ["OPENCV_IO_MAX_IMAGE_WIDTH"] = os.environ["OPENCV_IO_MAX_IMAGE_HEIGHT"] = str(MAX_SIDE)
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")

import cv2  # noqa: E402

cv2.setNumThreads(1)  # threads are for inference, and as many as were declared

Pixels = NDArray[np.uint8]
Values = NDArray[np.float32]
Batch = NDArray[np.float32]

JPEG = b"\xff\xd8\xff"
PNG = b"\x89PNG\r\n\x1a\n"
PNG_COLOUR_TYPE = 25  # where IHDR has it; 0 and 4 are grey, without and with alpha

GREY = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION
BGR = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
RGB = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION


class ToInput:
    """Turns an image file into a batch of one in the model's shape and layout. Thread-safe."""

    def __init__(self, model: Input) -> None:
        self._model = model
        self._offset = np.array(model.offset, np.float32)
        self._scale = np.array(model.scale, np.float32)
        self._shape = (1, *model.shape)
        self._resize = RESIZES[model.resize]

    def __call__(self, data: bytes) -> Batch:
        """Raises Rejected (422) when `data` cannot be decoded or is too wide or too high."""
        decoded = decode(data, self._model.channels)
        pixels = self._resize(decoded, self._model.height, self._model.width)
        x = np.add(pixels.reshape(*pixels.shape[:2], -1), self._offset, dtype=np.float32)
        x *= self._scale
        if self._model.layout == "NCHW":
            x = np.ascontiguousarray(x.transpose(2, 0, 1))
        return x.reshape(self._shape)


def decode(data: bytes, channels: int) -> Pixels:
    """8-bit luma (height, width) for one channel, RGB (height, width, 3) for three."""
    try:
        if channels == 3:
            pixels = _decode(data, RGB)
        elif data.startswith(PNG) and data[PNG_COLOUR_TYPE : PNG_COLOUR_TYPE + 1] not in b"\0\4":
            # Asked for grey, libpng would cut the luma off where the contract rounds it.
            pixels = np.asarray(cv2.cvtColor(_decode(data, BGR), cv2.COLOR_BGR2GRAY), np.uint8)
        else:
            pixels = _decode(data, GREY)  # of a JPEG, the Y plane as it is stored
    except cv2.error as error:
        if "CV_IO_MAX_IMAGE" in str(error):
            sentence = f"The image is wider or higher than {MAX_SIDE} pixels."
            raise Rejected(422, sentence) from error
        raise _undecodable() from error
    return pixels


def has_its_chunks(png: bytes) -> bool:
    """Whether no chunk claims more than there is of it: OpenCV takes the memory before it looks.

    >>> has_its_chunks(PNG + (0).to_bytes(4) + b"IEND" + bytes(4))
    True
    >>> has_its_chunks(PNG + (2**31).to_bytes(4) + b"IDAT" + bytes(100))
    False
    """
    at = len(PNG)
    while at < len(png) and png[at + 4 : at + 8] != b"IEND":
        at += 12 + int.from_bytes(png[at : at + 4])
    return at <= len(png)


def sample(pixels: Pixels, height: int, width: int) -> Pixels:
    """Nearest neighbour: (r, c) takes (floor(r h / height), floor(c w / width)) of an h by w image.

    >>> sample(np.arange(16, dtype=np.uint8).reshape(4, 4), 2, 2)
    array([[ 0,  2],
           [ 8, 10]], dtype=uint8)
    """
    h, w = pixels.shape[:2]
    if (h, w) == (height, width):
        return pixels
    rows = np.arange(height) * h // height
    columns = np.arange(width) * w // width
    sampled: Pixels = pixels.take(rows, axis=0).take(columns, axis=1)
    return sampled


def interpolate(pixels: Pixels, height: int, width: int) -> Values:
    """Bilinear between pixel centres: r takes (r + 1/2) h / height - 1/2, held to the image.

    >>> interpolate(np.array([[0, 10], [20, 30]], np.uint8), 1, 1)
    array([[15.]], dtype=float32)
    """
    h, w = pixels.shape[:2]
    if (h, w) == (height, width):
        return pixels.astype(np.float32)
    above, below, down = _between(height, h)
    left, right, across = _between(width, w)
    down = down.reshape(-1, *[1] * (pixels.ndim - 1))
    across = across.reshape(1, -1, *[1] * (pixels.ndim - 2))
    rows = [pixels.take(rows, axis=0) for rows in (above, below)]
    lines = [
        row.take(left, axis=1) * (1 - across) + row.take(right, axis=1) * across for row in rows
    ]
    return lines[0] * (1 - down) + lines[1] * down


def _between(count: int, there: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Values]:
    """For each of `count` positions the two neighbours, and how far it is from the first."""
    at = (np.arange(count) + 0.5) * there / count - 0.5
    at = at.clip(0, there - 1)
    first = at.astype(np.intp)
    return first, np.minimum(first + 1, there - 1), (at - first).astype(np.float32)


RESIZES: dict[str, Callable[[Pixels, int, int], Pixels | Values]] = {
    "nearest": sample,
    "bilinear": interpolate,
}


def _decode(data: bytes, flags: int) -> Pixels:
    if not (data.startswith(JPEG) or (data.startswith(PNG) and has_its_chunks(data))):
        raise _undecodable()
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if pixels is None:
        raise _undecodable()
    return np.asarray(pixels, np.uint8)  # as it is: 8 bits are what all flags ask for


def _undecodable() -> Rejected:
    return Rejected(422, "The image cannot be decoded as JPEG or PNG.")
