"""A golden set from a folder of images: the reference's answers, and how far right ones may differ.

An image is left out where right decoders could answer differently, or where the contract does not
let a server take it.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from PIL import Image

from reference import PNG, Floats, Pixels, Reference, decode, luma

SUFFIXES = {".jpg", ".jpeg", ".png"}
MOST_IMAGES = 512
MOST_BYTES = 1_000_000  # the contract's 1 MiB, less what a form puts around an image
MOST_SIDE = 4096
GREY_MODES = {"1", "L", "LA", "I", "I;16"}

# The runtimes' arithmetic, ...
ARITHMETIC = 1e-4
JPEG_AT_LEAST = 1e-3
# ... and twice what decoders are seen to differ by here: other languages have others.
JPEG_FACTOR = 2
# The second likeliest class must be so many times the decoders' difference away.
MARGIN_FACTOR = 4

JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True)
class Golden:
    """One image with the reference's answer, and the others' difference from it by decoder."""

    file: Path
    body: bytes
    format: str
    mode: str
    width: int
    height: int
    label: int | None
    index: int
    probability: float
    spread: dict[str, float]


@dataclass(frozen=True)
class GoldenSet:
    images: list[Golden]
    left_out: Counter[str]
    jpeg_spread: dict[str, float]
    tolerance: dict[str, float]


class LeftOut(Exception):  # noqa: N818 - it is a finding
    """The image is not fit for the set; the message says why."""


def find_images(folder: Path) -> list[Path]:
    """The JPEG and PNG files in a folder and below: all, or 512 evenly from them, by name."""
    files = sorted(
        path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() in SUFFIXES
    )
    if len(files) <= MOST_IMAGES:
        return files
    return [files[number * len(files) // MOST_IMAGES] for number in range(MOST_IMAGES)]


def label_of(file: Path, labels: list[str]) -> int | None:
    """A folder named as a class says what is in it."""
    return labels.index(file.parent.name) if file.parent.name in labels else None


def make(reference: Reference, files: Mapping[Path, int | None]) -> GoldenSet:
    """The set of those files, each with its true class if it is known, that are fit for it."""
    images: list[Golden] = []
    left_out: Counter[str] = Counter()
    for file, label in files.items():
        try:
            images.append(judge(reference, file, label))
        except LeftOut as reason:
            left_out[str(reason)] += 1
    spread: dict[str, float] = {}
    for image in images:
        for name, value in image.spread.items():
            spread[name] = max(spread.get(name, 0.0), value)
    largest = max((abs(image.probability) for image in images), default=0.0)
    unit = max(1.0, largest)  # outputs that are no probabilities may be larger
    jpeg = max(JPEG_AT_LEAST * unit, JPEG_FACTOR * max(spread.values(), default=0.0))
    tolerance = {"png": ARITHMETIC * unit, "jpeg": float(f"{jpeg:.2g}")}
    return GoldenSet(images, left_out, spread, tolerance)


def judge(reference: Reference, file: Path, label: int | None) -> Golden:
    """The reference's answer for an image. Raises LeftOut where it is not fit for the set."""
    body = file.read_bytes()
    kind, mode, (width, height) = look(body)
    channels = reference.spec["input"]["channels"]
    try:
        others = dict(other_pixels(body, kind, channels))
        pixels = [decode(body, channels), *others.values()]
    except (OSError, ValueError, SyntaxError):
        raise LeftOut("cannot be decoded") from None
    answers = reference.probabilities(np.stack([reference.inputs(each) for each in pixels]))
    if not np.isfinite(answers).all():
        raise LeftOut("the model's output is not finite")
    index = int(answers[0].argmax())
    apart = np.abs(answers[1:, index] - answers[0, index])
    widest = float(apart.max(initial=0.0))
    if kind == "png" and widest > ARITHMETIC / 2:
        raise LeftOut("PNG decoders differ")
    if margin(answers[0]) < max(MARGIN_FACTOR * widest, 10 * ARITHMETIC):
        raise LeftOut("two classes are too close to tell decoders' differences from mistakes")
    spread = dict(zip(others, map(float, apart), strict=True)) if kind == "jpeg" else {}
    return Golden(
        file, body, kind, mode, width, height, label, index, float(answers[0, index]), spread
    )


def look(body: bytes) -> tuple[str, str, tuple[int, int]]:
    """Format, mode and size, from the header. Raises LeftOut for what a server may refuse."""
    if len(body) > MOST_BYTES:
        raise LeftOut("larger than 1 MB")
    if not body.startswith((JPEG, PNG)):
        raise LeftOut("neither JPEG nor PNG")
    try:
        with Image.open(io.BytesIO(body)) as image:
            mode, size = image.mode, image.size
    except (OSError, ValueError, SyntaxError):
        raise LeftOut("cannot be decoded") from None
    if max(size) > MOST_SIDE:
        raise LeftOut(f"wider or higher than {MOST_SIDE} pixels")
    if mode == "CMYK":
        raise LeftOut("CMYK")
    kind = "png" if body.startswith(PNG) else "jpeg"
    return kind, "grey" if mode in GREY_MODES else "colour", size


def other_pixels(body: bytes, kind: str, channels: int) -> Iterator[tuple[str, Pixels]]:
    """What other right decoders make of the image, by name."""
    if kind == "jpeg" and channels == 1:
        yield "OpenCV, by RGB", luma(decode(body, 3))
    decoders = JPEG_DECODERS if kind == "jpeg" else PNG_DECODERS
    for name, rgb in decoders.items():
        pixels = rgb(body)
        yield name, luma(pixels) if channels == 1 else pixels


def by_pillow(body: bytes) -> Pixels:
    with Image.open(io.BytesIO(body)) as image:
        if image.mode in ("I", "I;16"):
            return np.stack([np.asarray(image, np.uint16) >> 8] * 3, axis=-1).astype(np.uint8)
        if image.mode == "P":
            image = image.convert("RGBA" if "transparency" in image.info else "RGB")
        if image.mode == "RGBA":
            return np.ascontiguousarray(np.asarray(image)[..., :3])
        if image.mode == "LA":
            image = image.getchannel("L")
        return np.asarray(image.convert("RGB"))


def by_repeating(body: bytes) -> Pixels:
    """libjpeg-turbo with each chroma value repeated for its pixels, as Go's decoder does it."""
    return np.asarray(
        simplejpeg.decode_jpeg(body, colorspace="RGB", fastdct=False, fastupsample=True)
    )


def by_other_sums(body: bytes) -> Pixels:
    """libjpeg-turbo with its fast cosine transform, whose sums round otherwise, as others' do."""
    return np.asarray(simplejpeg.decode_jpeg(body, colorspace="RGB", fastdct=True))


JPEG_DECODERS: dict[str, Callable[[bytes], Pixels]] = {
    "Pillow": by_pillow,
    "libjpeg-turbo, chroma repeated": by_repeating,
    "libjpeg-turbo, fast transform": by_other_sums,
}
PNG_DECODERS: dict[str, Callable[[bytes], Pixels]] = {"Pillow": by_pillow}


def margin(answers: Floats) -> float:
    second, first = np.partition(answers, -2)[-2:]
    return float(first - second)


def keep(folder: Path, name: str, golden: GoldenSet, shown: Golden) -> str:
    """Write golden.json and the images to `folder`; returns the file of `shown`, the TEST_IMAGE."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows, test_image = [], ""
    for number, image in enumerate(golden.images):
        file = f"images/{number:04d}.{'jpg' if image.format == 'jpeg' else 'png'}"
        (folder / file).write_bytes(image.body)
        rows.append(row(file, image))
        if image is shown:
            test_image = file
    write(folder / "golden.json", name, golden, shown, rows)
    return test_image


def row(file: str, image: Golden) -> dict[str, Any]:
    return {
        "file": file,
        "format": image.format,
        "mode": image.mode,
        "width": image.width,
        "height": image.height,
        "label": image.label,
        "digit": image.index,
        "probability": nine_digits(image.probability),
    }


def write(
    path: Path, name: str, golden: GoldenSet, shown: Golden, rows: list[dict[str, Any]]
) -> None:
    """golden.json, with the TEST_IMAGE's answer and a row for each image."""
    head = {
        "schema": 1,
        "model": name,
        "tolerance": golden.tolerance,
        "jpeg_spread": {name: float(f"{at:.2g}") for name, at in golden.jpeg_spread.items()},
        "test_image": {"digit": shown.index, "probability": nine_digits(shown.probability)},
    }
    # One line an image, so that a change shows as the lines it concerns.
    lines = ",\n".join(f"    {json.dumps(each)}" for each in rows)
    path.write_text(f'{json.dumps(head, indent=2)[:-2]},\n  "images": [\n{lines}\n  ]\n}}\n')


def nine_digits(probability: float) -> float:
    """Nine significant digits tell every float32 from the next."""
    return float(f"{probability:.9g}")
