"""From a digit of MNIST to a file that a person would send: dark ink on light paper.

Also the ways in which decoders come to luma, to find images whose answer hangs on the rounding.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
import png
from PIL import Image

from reference import Luma

Ink = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

# (paper, ink) as 8-bit grey and as RGB: printer paper, scans, cream paper; black, blue, red and
# green ballpoint, pencil.
GREYS = ((255, 0), (255, 0), (255, 24), (250, 12), (248, 30))
TINTS = (
    ((255, 255, 255), (0, 0, 0)),
    ((255, 255, 255), (24, 40, 110)),
    ((253, 249, 238), (22, 36, 104)),
    ((252, 250, 244), (110, 22, 30)),
    ((247, 250, 255), (18, 72, 44)),
    ((255, 252, 240), (48, 44, 42)),
)
SQUARE_SHARES = ((28, 0.52), (56, 0.23), (112, 0.12), (560, 0.05))
OBLONG = (
    (28, 36),
    (40, 28),
    (56, 42),
    (48, 64),
    (112, 84),
    (90, 120),
    (20, 28),
    (160, 120),
)  # width, height
EXIF_ORIENTATION, ROTATED_90 = 0x0112, 6

Format = Literal["png", "jpeg"]
Mode = Literal["grey", "colour"]


@dataclass(frozen=True)
class Form:
    """How an image is sent. `kind` is a key of ENCODERS; width and height in pixels."""

    format: Format
    mode: Mode
    width: int
    height: int
    kind: str


AWKWARD = (
    *(Form("png", "colour", side, side, "rgba") for side in (28, 28, 56, 112)),
    *(Form("png", "grey", side, side, "grey_alpha") for side in (28, 28, 56)),
    *(Form("png", "colour", side, side, "palette") for side in (28, 28, 56, 112)),
    *(Form("png", "grey", side, side, "grey16") for side in (28, 28, 56)),
    *(Form("png", "grey", side, side, "grey_interlaced") for side in (28, 56)),
    *(Form("png", "colour", side, side, "rgb_interlaced") for side in (28, 56, 112)),
    *(Form("jpeg", "colour", side, side, "progressive") for side in (28, 56, 112, 560)),
    Form("jpeg", "grey", 112, 112, "progressive"),
    *(Form("jpeg", "colour", side, side, "exif") for side in (28, 28, 56)),
    Form("jpeg", "grey", 56, 42, "exif"),
    Form("jpeg", "colour", 84, 112, "exif"),
)
AWKWARD_KINDS = tuple(dict.fromkeys(form.kind for form in AWKWARD))


def plan(total: int, rng: np.random.Generator) -> list[Form]:
    """`total` forms in random order: the awkward ones, squares by SQUARE_SHARES, the rest oblong.

    Formats and modes alternate within each size, so that each size has all four.
    """
    plain = total - len(AWKWARD)
    squares = [(side, side) for side, share in SQUARE_SHARES for _ in range(round(plain * share))]
    sizes = squares + [OBLONG[at % len(OBLONG)] for at in range(plain - len(squares))]
    forms = [plain_form(at, width, height) for at, (width, height) in enumerate(sizes)]
    forms += AWKWARD
    return [forms[at] for at in rng.permutation(total)]


def plain_form(at: int, width: int, height: int) -> Form:
    cycle: tuple[tuple[Format, Mode, str], ...] = (
        ("png", "grey", "grey"),
        ("jpeg", "colour", "420"),
        ("png", "colour", "rgb"),
        ("jpeg", "grey", "grey"),
        ("png", "grey", "grey"),
        ("jpeg", "colour", "444"),
        ("png", "colour", "rgb"),
        ("jpeg", "grey", "grey"),
    )
    # Past each round of OBLONG the cycle shifts, so that one size is not always of one form.
    file_format, mode, kind = cycle[(at + at // len(cycle)) % len(cycle)]
    return Form(file_format, mode, width, height, kind)


@dataclass(frozen=True)
class Drawing:
    """What is to be encoded: pixels (H, W) or (H, W, 3), ink (H, W), JPEG quality."""

    pixels: Pixels
    ink: Ink
    quality: int


def draw(digit: Luma, form: Form, rng: np.random.Generator) -> bytes:
    """The file's bytes. `digit` is (28, 28), light on dark, as MNIST has it."""
    ink = enlarge(digit, form.width, form.height)
    if form.mode == "grey":
        paper, pen = GREYS[rng.integers(len(GREYS))]
        pixels = blend(ink, np.array(paper), np.array(pen))
    else:
        light, dark = TINTS[rng.integers(len(TINTS))]
        pixels = settle(blend(ink[..., None], np.array(light), np.array(dark)))
    return ENCODERS[form.format, form.kind](Drawing(pixels, ink, int(rng.integers(78, 96))))


def enlarge(digit: Luma, width: int, height: int) -> Ink:
    """(height, width) float32, 1 where there is ink: smooth strokes, sharper the larger."""
    ink = digit.astype(np.float32) / np.float32(255)
    if (height, width) == ink.shape:
        return ink
    scale = max(1.0, min(height, width) / 28)
    method = cv2.INTER_AREA if min(height, width) < 28 else cv2.INTER_CUBIC
    smooth = np.asarray(cv2.resize(ink, (width, height), interpolation=method), np.float32)
    steepness = np.float32(1 + 0.25 * np.log2(scale))
    return np.asarray(np.clip((smooth - np.float32(0.5)) * steepness + np.float32(0.5), 0, 1))


def blend(ink: Ink, paper: npt.NDArray[np.int64], pen: npt.NDArray[np.int64]) -> Pixels:
    mixed = paper.astype(np.float32) + (pen - paper).astype(np.float32) * ink
    return np.asarray(np.rint(mixed), np.uint8)


def settle(rgb: Pixels) -> Pixels:
    """Move red and blue by a few levels where the conversions to luma in use do not agree.

    OpenCV's PNG decoder cuts the fraction off where the contract rounds: for colours as they come
    half the pixels would differ by one level, and the probability by up to 0.02. With this no
    answer for a PNG hangs on it. (…, 3) to (…, 3).
    """
    settled = rgb.copy()
    for red, blue in NUDGES:
        unsettled = np.ptp(np.stack(conversions(settled)), axis=0) > 0
        if not unsettled.any():
            break
        moved = rgb.astype(int) + np.array([red, 0, blue])
        possible = ((moved >= 0) & (moved <= 255)).all(axis=-1)
        settled = np.where((unsettled & possible)[..., None], moved, settled).astype(np.uint8)
    return settled


Encoder = Callable[[Drawing], bytes]


def plain_png(drawing: Drawing) -> bytes:
    return pillow(Image.fromarray(drawing.pixels), "PNG", optimize=True)


def alpha_png(drawing: Drawing) -> bytes:
    """Opaque ink on transparent paper. Alpha is dropped, so the colour under it counts."""
    alpha = (drawing.ink * 255).astype(np.uint8)
    return pillow(Image.fromarray(np.dstack([drawing.pixels, alpha])), "PNG", optimize=True)


def palette_png(drawing: Drawing) -> bytes:
    image = Image.fromarray(drawing.pixels).quantize(
        64, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
    )
    colours = np.array(image.getpalette(), np.uint8).reshape(-1, 3)
    image.putpalette(settle(colours).tobytes())
    return pillow(image, "PNG", optimize=True)


def grey16_png(drawing: Drawing) -> bytes:
    """Each 8-bit value v as 257 v: taking the high byte and rounding to 8 bits give the same."""
    return pypng(drawing.pixels.astype(np.uint16) * np.uint16(257), bitdepth=16)


def interlaced_png(drawing: Drawing) -> bytes:
    return pypng(drawing.pixels, interlace=True)


def pypng(
    pixels: npt.NDArray[np.unsignedinteger], bitdepth: int = 8, interlace: bool = False
) -> bytes:
    """Through pypng, which writes what Pillow does not: Adam7 interlacing."""
    height, width = pixels.shape[:2]
    out = io.BytesIO()
    writer = png.Writer(
        width,
        height,
        greyscale=pixels.ndim == 2,
        bitdepth=bitdepth,
        interlace=interlace,
        compression=9,
    )
    writer.write(out, pixels.reshape(height, -1).tolist())
    return out.getvalue()


def jpeg(subsampling: str = "4:2:0", progressive: bool = False, rotated: bool = False) -> Encoder:
    def encode(drawing: Drawing) -> bytes:
        exif = Image.Exif()
        if rotated:
            exif[EXIF_ORIENTATION] = ROTATED_90
        return pillow(
            Image.fromarray(drawing.pixels),
            "JPEG",
            quality=drawing.quality,
            subsampling=subsampling,
            progressive=progressive,
            optimize=True,
            exif=exif.tobytes() if rotated else b"",
        )

    return encode


def pillow(image: Image.Image, name: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, name, **options)
    return out.getvalue()


ENCODERS: dict[tuple[Format, str], Encoder] = {
    ("png", "grey"): plain_png,
    ("png", "rgb"): plain_png,
    ("png", "rgba"): alpha_png,
    ("png", "grey_alpha"): alpha_png,
    ("png", "palette"): palette_png,
    ("png", "grey16"): grey16_png,
    ("png", "grey_interlaced"): interlaced_png,
    ("png", "rgb_interlaced"): interlaced_png,
    ("jpeg", "grey"): jpeg(),
    ("jpeg", "420"): jpeg("4:2:0"),
    ("jpeg", "444"): jpeg("4:4:4"),
    ("jpeg", "progressive"): jpeg(progressive=True),
    ("jpeg", "exif"): jpeg(rotated=True),
}


# Red, green, blue, what is added before the division, the divisor.
LUMA_WEIGHTS = (
    (299, 587, 114, 500, 1000),  # the contract: rounded
    (4899, 9617, 1868, 1 << 13, 1 << 14),  # OpenCV's cvtColor
    (19595, 38470, 7471, 1 << 15, 1 << 16),  # Pillow, libjpeg
    (9797, 19234, 3737, 0, 1 << 15),  # OpenCV's PNG decoder, by libpng: cut off
    (299, 587, 114, 0, 1000),  # cut off
    (
        19595 * 257,
        38470 * 257,
        7471 * 257,
        1 << 15,
        1 << 24,
    ),  # Go's color.GrayModel, by way of 16 bits
)
# Smallest first. Blue weighs least in luma and in the eye.
NUDGES = sorted(
    ((red, blue) for red in range(-3, 4) for blue in range(-9, 10)),
    key=lambda nudge: (2 * abs(nudge[0]) + abs(nudge[1]), nudge),
)


def conversions(rgb: Pixels) -> list[Luma]:
    """(…, 3) RGB to (…) BT.601 luma in each way that a usual library has."""
    red, green, blue = np.moveaxis(rgb.astype(np.int64), -1, 0)
    return [
        ((r * red + g * green + b * blue + added) // divisor).astype(np.uint8)
        for r, g, b, added, divisor in LUMA_WEIGHTS
    ]


def other_lumas(body: bytes) -> list[Luma]:
    """(H, W) luma by way of Pillow's RGB.

    For a JPEG it differs from the Y plane by the rounding and clipping of colours.
    """
    image = Image.open(io.BytesIO(body))
    if image.mode == "I;16":
        return [(np.asarray(image) >> 8).astype(np.uint8)]
    return conversions(
        np.asarray(image.convert("RGB"))
    )  # convert drops the alpha band, it does not blend
