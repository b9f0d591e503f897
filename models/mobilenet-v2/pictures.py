"""Drawn photographs: soft light, shapes and grain, each another, for a network without training."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

COUNT = 40
PNG_EVERY = 8
OTHER_SIZE_EVERY = 5
OTHER_SIZES = ((320, 240), (180, 240), (448, 448))


def draw(rng: np.random.Generator, side: int) -> list[tuple[str, bytes]]:
    """Suffix and content of each picture: most are JPEGs of side x side pixels."""
    found = []
    for number in range(COUNT):
        size = (side, side)
        if number % OTHER_SIZE_EVERY == OTHER_SIZE_EVERY - 1:
            size = OTHER_SIZES[number // OTHER_SIZE_EVERY % len(OTHER_SIZES)]
        picture = scene(rng, *size)
        buffer = io.BytesIO()
        if number % PNG_EVERY == PNG_EVERY - 1:
            picture.save(buffer, "PNG", optimize=True)
            found.append(("png", buffer.getvalue()))
        else:
            # With full colour resolution: a network without training magnifies what decoders make
            # of the rest, until two right ones give two classes.
            picture.save(buffer, "JPEG", quality=88, subsampling="4:4:4")
            found.append(("jpg", buffer.getvalue()))
    return found


def scene(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """Light from one corner to another, up to 24 shapes, softened, and grain of one strength."""
    picture = Image.fromarray(light(rng, width, height))
    pen = ImageDraw.Draw(picture)
    for _ in range(rng.integers(2, 25)):
        centre = rng.uniform(0, 1, 2) * (width, height)
        reach = rng.uniform(0.03, 0.4, 2) * (width, height)
        box = [*(centre - reach), *(centre + reach)]
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        if rng.random() < 0.5:
            pen.ellipse(box, fill=colour)
        else:
            pen.rectangle(box, fill=colour)
    picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.5, 4))))
    grain = rng.normal(0, rng.uniform(0, 12), (height, width, 1))
    return Image.fromarray((np.asarray(picture) + grain).clip(0, 255).astype(np.uint8))


def light(rng: np.random.Generator, width: int, height: int) -> npt.NDArray[np.uint8]:
    first, second = rng.uniform(0, 255, (2, 3))
    turn = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0:height, 0:width]
    along = np.cos(turn) * x / width + np.sin(turn) * y / height
    share = ((along - along.min()) / np.ptp(along))[..., None]
    return np.asarray(first * (1 - share) + second * share).astype(np.uint8)
