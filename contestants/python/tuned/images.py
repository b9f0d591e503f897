"""PNG by the decoder of Rust's `png`, in a third of libpng's time; all else by the predictor's."""

from functools import lru_cache
from struct import Struct

import numpy as np
from kornia_rs.io import decode_image_png_u8
from numpy.typing import NDArray

# OpenCV as the predictor has it: it reads its limit to the size of images when it is imported.
from predictor.image import MAX_SIDE, PNG, RESIZES, Pixels, Values, cv2, decode
from predictor.model import Input

START = Struct(">8s4x4sIIBB")  # of a PNG: signature, IHDR, width, height, bits, colour type
MODES = {0: "mono", 2: "rgb", 6: "rgba"}  # by colour type
TO_LUMA = {
    3: cv2.COLOR_RGB2GRAY,
    4: cv2.COLOR_RGBA2GRAY,
}  # by channels; rounded, as the contract wants it


def open_image(data: bytes, model: Input) -> Pixels | Values:
    """The image at the model's size and in its channels; raises Rejected (422) for what is none."""
    pixels = stored(data)
    if pixels is None:
        pixels = decode(data, model.channels)
    if model.resize == "nearest":  # first, so that only what is taken is converted
        return in_channels(sample(pixels, model.height, model.width), model.channels)
    return RESIZES[model.resize](in_channels(pixels, model.channels), model.height, model.width)


def stored(data: bytes) -> Pixels | None:
    """Grey, RGB or RGBA as a PNG has it; None for what only the predictor's decoder can judge."""
    if len(data) < START.size:
        return None
    signature, chunk, width, height, bits, colour_type = START.unpack_from(data)
    if signature != PNG or chunk != b"IHDR" or bits != 8 or colour_type not in MODES:
        return None
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        return None
    try:
        pixels = np.asarray(decode_image_png_u8(data, (height, width), MODES[colour_type]))
    except Exception:  # noqa: BLE001 - broken, or transparent by tRNS: there is one kind for all
        return None
    return pixels.reshape(height, width) if colour_type == 0 else pixels


def in_channels(pixels: Pixels, channels: int) -> Pixels:
    """Luma (height, width) for one channel, RGB (height, width, 3) for three."""
    if channels == 1:
        if pixels.ndim == 2:
            return pixels
        return np.asarray(cv2.cvtColor(pixels, TO_LUMA[pixels.shape[2]]), np.uint8)
    if pixels.ndim == 2:
        return np.repeat(pixels[:, :, None], 3, axis=2)
    return pixels[:, :, :3]


def sample(pixels: Pixels, height: int, width: int) -> Pixels:
    """Nearest neighbour, as the predictor's, with the choice of pixels remembered."""
    h, w = pixels.shape[:2]
    if (h, w) == (height, width):
        return pixels
    chosen = pixels.reshape(h * w, -1).take(nearest(h, w, height, width), axis=0)
    return chosen.reshape(height, width, *pixels.shape[2:])


@lru_cache(maxsize=256)
def nearest(h: int, w: int, height: int, width: int) -> NDArray[np.intp]:
    """Which pixels of an h by w image make one of height by width: depends on the sizes alone.

    >>> nearest(4, 4, 2, 2)
    array([ 0,  2,  8, 10])
    """
    rows = np.arange(height) * h // height
    columns = np.arange(width) * w // width
    return (rows[:, None] * w + columns).ravel()
