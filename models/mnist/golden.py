"""Make the golden set: test images of MNIST as a person would send them, and the right answers.

    python golden.py       golden/golden.json, golden/images/ and golden/two.jpg, from export/

The same seed gives the same files. README.md says what is in the set and what was left out of it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import data

sys.path.append(str(Path(__file__).resolve().parents[1] / "_reference"))

import drawing
from drawing import Form
from reference import Floats, Luma, Reference, decode

HERE = Path(__file__).resolve().parent
SEED = 2
IMAGES = 512
# Largest difference in probability that a right answer may have. PNG: the contract. JPEG: three
# times what decoders.py measures for decoders that follow the contract, and just above the widest
# of all, which repeats chroma and goes by way of RGB. The table is in README.md.
TOLERANCE = {"png": 1e-4, "jpeg": 0.02}
# An image is left out where the two likeliest digits are closer than this, ...
MARGIN = 0.15
# ... or where two right ways to luma differ by more than this in the probability.
LUMA_SPREAD = {"png": 0.0, "jpeg": 0.01}
MIN_WRONG = 3
MAX_BYTES = 2 << 20


class GoldenError(Exception):
    """The set cannot be made; the message says what to do."""


@dataclass(frozen=True)
class Golden:
    """One image as it is sent, and what must come back."""

    form: Form
    body: bytes
    label: int
    digit: int
    probability: float


@dataclass(frozen=True)
class Two:
    """The TEST_IMAGE, and the reference's answer for it."""

    body: bytes
    digit: int
    probability: float


def main(argv: Sequence[str] | None = None) -> int:
    options = arguments(argv)
    try:
        reference = Reference.open(options.export)
        test = data.load(options.data, options.data_cache).test
        made, left_out = make(reference, test)
        two = image_of_two(reference, test)
        write(made, two, options.out)
    except (data.DataError, GoldenError) as error:
        print(f"golden: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"golden: {error.filename or options.out}: {error.strerror}; check --export and --out.",
            file=sys.stderr,
        )
        return 1
    except (KeyError, ValueError) as error:
        print(
            f"golden: {options.export} is damaged ({error}); export the model again.",
            file=sys.stderr,
        )
        return 1
    print(json.dumps(summary(made, left_out)))
    return 0


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Make the golden set from the MNIST test images.")
    parser.add_argument(
        "--export", type=Path, default=HERE / "export", help="model folder (default: export)"
    )
    parser.add_argument(
        "--out", type=Path, default=HERE / "golden", help="folder to write (default: golden)"
    )
    parser.add_argument(
        "--data", type=Path, help="folder with the four uncompressed IDX files; nothing is fetched"
    )
    parser.add_argument(
        "--data-cache", type=Path, help="where fetched data is kept (default: the user's cache)"
    )
    return parser.parse_args(argv)


def make(reference: Reference, test: data.Digits) -> tuple[list[Golden], Counter[str]]:
    """Walk the test images in random order until each class has its share.

    Also counts why others were left out.
    """
    rng = np.random.default_rng(SEED)
    order = rng.permutation(len(test))
    forms = drawing.plan(IMAGES, rng)
    wanted = shares(test.labels, IMAGES)
    made: list[Golden] = []
    left_out: Counter[str] = Counter()
    for at in order:
        label = int(test.labels[at])
        if len(made) == IMAGES:
            break
        if wanted[label] == 0:
            continue
        form = forms[len(made)]
        body = drawing.draw(test.images[at], form, rng)
        digit, probability, reason = judge(reference, body, form)
        if reason:
            left_out[reason] += 1
            continue
        wanted[label] -= 1
        made.append(Golden(form, body, label, digit, probability))
    check(made)
    return made, left_out


def shares(labels: Luma, total: int) -> list[int]:
    """How many of each class, in proportion to `labels`, `total` in all (largest remainders)."""
    exact = np.bincount(labels, minlength=10) * total / len(labels)
    whole = exact.astype(int)
    for at in np.argsort(whole - exact, kind="stable")[: total - whole.sum()]:
        whole[at] += 1
    return [int(count) for count in whole]


def judge(reference: Reference, body: bytes, form: Form) -> tuple[int, float, str | None]:
    """The reference's digit and probability, and why the image is not fit for the set, if so."""
    lumas = [decode(body), *drawing.other_lumas(body)]
    answers = reference.probabilities(np.stack([reference.inputs(luma) for luma in lumas]))
    digit = int(answers[0].argmax())
    spread = float(np.abs(answers[:, digit] - answers[0, digit]).max())
    reason = None
    if margin(answers[0]) < MARGIN:
        reason = "two digits are close"
    elif spread > LUMA_SPREAD[form.format]:
        reason = "decoders differ"
    return digit, float(answers[0, digit]), reason


def margin(probabilities: Floats) -> float:
    second, first = np.sort(probabilities)[-2:]
    return float(first - second)


def check(made: list[Golden]) -> None:
    wrong = sum(image.digit != image.label for image in made)
    size = sum(len(image.body) for image in made)
    if len(made) < IMAGES or wrong < MIN_WRONG or size > MAX_BYTES:
        raise GoldenError(
            f"{len(made)} of {IMAGES} images, {wrong} of them misread "
            f"(at least {MIN_WRONG} wanted), {size} bytes (at most {MAX_BYTES}): "
            "choose another SEED or other forms in drawing.py."
        )


def image_of_two(reference: Reference, test: data.Digits) -> Two:
    """TEST_IMAGE: the first "2" of the test images that would be fit for the set."""
    form = Form("jpeg", "colour", 56, 56, "420")
    rng = np.random.default_rng(SEED)
    for image in test.images[test.labels == 2]:
        body = drawing.draw(image, form, rng)
        digit, probability, reason = judge(reference, body, form)
        if digit == 2 and reason is None:
            return Two(body, digit, probability)
    raise GoldenError("no test image of a 2 is fit for two.jpg: check the model in --export.")


def write(made: list[Golden], two: Two, out: Path) -> None:
    """Write the folder anew; only `images`, `golden.json` and `two.jpg` in it are touched."""
    images = out / "images"
    shutil.rmtree(images, ignore_errors=True)
    images.mkdir(parents=True)
    entries = []
    for at, image in enumerate(made):
        file = f"images/{at:04d}.{'jpg' if image.form.format == 'jpeg' else 'png'}"
        (out / file).write_bytes(image.body)
        entries.append(entry(file, image))
    head = {
        "schema": 1,
        "model": "mnist",
        "tolerance": TOLERANCE,
        "test_image": {"digit": two.digit, "probability": nine_digits(two.probability)},
    }
    # One line an image, so that a change shows as the lines it concerns.
    lines = ",\n".join(f"    {json.dumps(row)}" for row in entries)
    text = f'{json.dumps(head, indent=2)[:-2]},\n  "images": [\n{lines}\n  ]\n}}\n'
    (out / "golden.json").write_text(text)
    (out / "two.jpg").write_bytes(two.body)


def entry(file: str, image: Golden) -> dict[str, Any]:
    return {
        "file": file,
        "format": image.form.format,
        "mode": image.form.mode,
        "width": image.form.width,
        "height": image.form.height,
        "label": image.label,
        "digit": image.digit,
        "probability": nine_digits(image.probability),
    }


def nine_digits(probability: float) -> float:
    """Nine significant digits tell every float32 from the next."""
    return float(f"{probability:.9g}")


def summary(made: list[Golden], left_out: Counter[str]) -> dict[str, Any]:
    return {
        "images": len(made),
        "bytes": sum(len(image.body) for image in made),
        "misread": sum(image.digit != image.label for image in made),
        "left_out": dict(left_out),
        "formats": dict(Counter(f"{image.form.format} {image.form.mode}" for image in made)),
        "sizes": dict(Counter(f"{image.form.width}x{image.form.height}" for image in made)),
        "kinds": {
            kind: [at for at, image in enumerate(made) if image.form.kind == kind]
            for kind in drawing.AWKWARD_KINDS
        },
    }


if __name__ == "__main__":
    sys.exit(main())
