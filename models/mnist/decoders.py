"""Measure how far the JPEG decoders in use are apart on the golden set, in probability.

    python decoders.py [--node-modules DIR]       DIR holds sharp

A decoder that is not installed here is named and left out. The tolerance for JPEG in golden.json
rests on this table; README.md has it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

sys.path.append(str(Path(__file__).resolve().parents[1] / "_reference"))

from reference import Luma, Reference, decode, sample

HERE = Path(__file__).resolve().parent
PROGRAMS = HERE / "decoders"
DEADLINE_S = 300

Decoder = Callable[
    [list[Path], list[tuple[int, int]]], list[Luma]
]  # files and their (height, width)


class UnavailableError(Exception):
    """This decoder does not run here; the message says why."""


@dataclass(frozen=True)
class Spread:
    """Differences from the reference: levels of 255, and the probability of its digit."""

    largest_level: int
    largest: float
    percentile_99: float
    other_digits: int


def main(argv: Sequence[str] | None = None) -> int:
    options = arguments(argv)
    entries = json.loads((options.golden / "golden.json").read_text())
    jpegs = [image for image in entries["images"] if image["format"] == "jpeg"]
    files = [options.golden / image["file"] for image in jpegs]
    sizes = [(image["height"], image["width"]) for image in jpegs]
    reference = Reference.open(options.export)
    wanted = [decode(file.read_bytes()) for file in files]
    print(f"{len(files)} JPEGs, tolerance {entries['tolerance']['jpeg']}\n")
    print(
        "| decoder | largest level difference | in probability | 99th percentile | other digits |"
    )
    print("| --- | --- | --- | --- | --- |")
    worst = 0.0
    for name, decoder in decoders(options.node_modules).items():
        try:
            spread = compare(reference, wanted, decoder(files, sizes))
        except UnavailableError as error:
            print(f"decoders: not measured: {name}: {error}", file=sys.stderr)
            continue
        worst = max(worst, spread.largest)
        print(
            f"| {name} | {spread.largest_level} | {spread.largest:.4f} "
            f"| {spread.percentile_99:.4f} | {spread.other_digits} |",
            flush=True,
        )
    return 0 if worst <= entries["tolerance"]["jpeg"] else 1


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Measure how far the JPEG decoders in use are apart."
    )
    parser.add_argument(
        "--export", type=Path, default=HERE / "export", help="model folder (default: export)"
    )
    parser.add_argument(
        "--golden", type=Path, default=HERE / "golden", help="golden set (default: golden)"
    )
    parser.add_argument("--node-modules", type=Path, help="a node_modules folder with sharp")
    return parser.parse_args(argv)


def compare(reference: Reference, wanted: list[Luma], got: list[Luma]) -> Spread:
    given = reference.spec["input"]
    levels = [
        np.abs(
            sample(a, given["height"], given["width"]).astype(int)
            - sample(b, given["height"], given["width"])
        ).max()
        for a, b in zip(wanted, got, strict=True)
    ]
    right = reference.probabilities(np.stack([reference.inputs(luma) for luma in wanted]))
    other = reference.probabilities(np.stack([reference.inputs(luma) for luma in got]))
    digits = right.argmax(axis=1)
    apart = np.abs(np.take_along_axis(right - other, digits[:, None], axis=1))
    return Spread(
        int(max(levels)),
        float(apart.max()),
        float(np.quantile(apart, 0.99)),
        int((digits != other.argmax(axis=1)).sum()),
    )


def decoders(node_modules: Path | None) -> dict[str, Decoder]:
    node_path = {"NODE_PATH": str(node_modules.resolve())} if node_modules else {}
    return {
        "OpenCV, by RGB": in_process(opencv_by_rgb),
        "Pillow, by RGB": in_process(pillow_by_rgb),
        "Pillow, Y plane": in_process(pillow_y),
        "Go image/jpeg, Y plane": program(["go", "run", str(PROGRAMS / "decode.go"), "y"]),
        "Go image/jpeg, by RGB": program(["go", "run", str(PROGRAMS / "decode.go"), "rgb"]),
        "sharp (libvips), by RGB": program(["node", str(PROGRAMS / "decode.cjs")], node_path),
        "R jpeg, by RGB": program(["Rscript", "--vanilla", str(PROGRAMS / "decode.R")]),
    }


def in_process(one: Callable[[Path], Any]) -> Decoder:
    def run(files: list[Path], _sizes: list[tuple[int, int]]) -> list[Luma]:
        return [np.asarray(one(file), np.uint8) for file in files]

    return run


def opencv_by_rgb(file: Path) -> Any:
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.cvtColor(np.asarray(cv2.imread(str(file), flags)), cv2.COLOR_BGR2GRAY)


def pillow_by_rgb(file: Path) -> Any:
    return Image.open(file).convert("RGB").convert("L")


def pillow_y(file: Path) -> Any:
    image = Image.open(file)
    image.draft("L", image.size)
    return image.convert("L")


def program(command: list[str], environment: dict[str, str] | None = None) -> Decoder:
    """A decoder in another language: file names on stdin, luma planes on stdout."""

    def run(files: list[Path], sizes: list[tuple[int, int]]) -> list[Luma]:
        names = "\n".join(str(file.resolve()) for file in files) + "\n"
        try:
            done = subprocess.run(
                command,
                input=names.encode(),
                capture_output=True,
                check=True,
                timeout=DEADLINE_S,
                env=os.environ | (environment or {}),
            )
        except FileNotFoundError as error:
            raise UnavailableError(f"{command[0]} is not installed") from error
        except subprocess.TimeoutExpired as error:
            raise UnavailableError(f"{command[0]} did not end within {DEADLINE_S} s") from error
        except subprocess.CalledProcessError as error:
            raise UnavailableError(first_error(error.stderr.decode(errors="replace"))) from error
        return planes(done.stdout, sizes)

    return run


def first_error(text: str) -> str:
    """The line of a program's stderr that names the error, else the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["it said nothing"]
    return next((line for line in lines if line.startswith("Error")), lines[-1])


def planes(raw: bytes, sizes: list[tuple[int, int]]) -> list[Luma]:
    ends = np.cumsum([height * width for height, width in sizes])
    if len(raw) != ends[-1]:
        raise UnavailableError(f"it wrote {len(raw)} bytes instead of {ends[-1]}")
    parts = np.split(np.frombuffer(raw, np.uint8), ends[:-1])
    return [part.reshape(size) for part, size in zip(parts, sizes, strict=True)]


if __name__ == "__main__":
    sys.exit(main())
