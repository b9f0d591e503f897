"""Make a model folder from an ONNX file and a folder of images.

    python add.py FILE --images DIR --out DIR --name NAME [options]

`servemark model add` runs this in an environment of its own. The result goes to stdout as one JSON
object; what is wrong with the file or the images as one sentence to stderr, with exit status 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import golden_set
from describe import Description, ModelError, Said, describe, open_session, read_onnx
from golden_set import Golden, GoldenSet, find_images, label_of, make
from reference import Reference, decode

BEST = 3


def main(argv: Sequence[str] | None = None) -> int:
    options = arguments(argv)
    try:
        print(json.dumps(add(options)))
    except ModelError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename}: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Make a model folder from an ONNX file.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--said", required=True, help="what the user says, as JSON")
    return parser.parse_args(argv)


def add(options: argparse.Namespace) -> dict[str, Any]:
    """Fill the folder `options.out`. Returns what was found. Raises ModelError."""
    said = {name: value for name, value in json.loads(options.said).items() if value is not None}
    title = said.pop("title", options.file.stem)
    settings = {
        name: tuple(value) if isinstance(value, list) else value for name, value in said.items()
    }
    content = read_onnx(options.file)
    session = open_session(options.file.name, content)
    found = describe(options.name, title, content, session, Said(**settings))
    reference = Reference(found.document, session)
    files = find_images(options.images)
    if not files:
        raise ModelError(f"There is no JPEG or PNG file in {options.images} or below.")
    labels = found.document["labels"]
    golden = make(reference, {file: label_of(file, labels) for file in files})
    if not golden.images:
        reasons = ", ".join(f"{count} {reason}" for reason, count in golden.left_out.most_common())
        raise ModelError(
            f"None of the {len(files)} images in {options.images} can be used: {reasons}."
        )
    shown = next((each for each in golden.images if each.format == "jpeg"), golden.images[0])
    write(options.out, content, found, golden, shown, options.file)
    return summary(reference, found, golden, shown, len(content))


def write(
    out: Path,
    content: bytes,
    found: Description,
    golden: GoldenSet,
    shown: Golden,
    source: Path,
) -> None:
    """model.toml, export/ and golden/; `shown` becomes the TEST_IMAGE."""
    (out / "export").mkdir(parents=True)
    (out / "export" / "model.onnx").write_bytes(content)
    (out / "export" / "model.json").write_text(json.dumps(found.document, indent=2) + "\n")
    test_image = golden_set.keep(out / "golden", found.document["name"], golden, shown)
    manifest = {
        "title": found.document["title"],
        "licence": "not stated",
        "origin": f"added from {source.name} by servemark model add",
        "export": "export",
        "golden": "golden",
        "test_image": f"golden/{test_image}",
    }
    # A JSON string is a TOML string too.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in manifest.items()]
    (out / "model.toml").write_text("\n".join(lines) + "\n")


def summary(
    reference: Reference, found: Description, golden: GoldenSet, shown: Golden, onnx_bytes: int
) -> dict[str, Any]:
    """What a person needs in order to see whether the model is served as it was meant."""
    labels = found.document["labels"]
    x = reference.inputs(decode(shown.body, found.document["input"]["channels"]))
    answers = reference.probabilities(x[None])[0]
    likely = answers.argsort()[::-1][:BEST]
    known = [image for image in golden.images if image.label is not None]
    return {
        "description": found.document,
        "sources": found.sources,
        "onnx_bytes": onnx_bytes,
        "images": len(golden.images),
        "left_out": dict(golden.left_out.most_common()),
        "tolerance": golden.tolerance,
        "jpeg_spread": golden.jpeg_spread,
        "answers": len({image.index for image in golden.images}),
        "sample": [[labels[at], float(answers[at])] for at in likely],
        "labelled": len(known),
        "right": sum(image.index == image.label for image in known),
    }


if __name__ == "__main__":
    sys.exit(main())
