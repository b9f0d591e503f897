"""Make a golden set of images that lie elsewhere: those of another model.

    python golden.py MODEL --like OTHER      models/MODEL/golden/golden.json, from OTHER's images

The images stay where they are; what is not fit for this model is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from golden_set import judge, make, row, write
from reference import Reference

MODELS = Path(__file__).resolve().parents[1]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make a golden set of another model's images.")
    parser.add_argument("model", help="a folder below models/ with export/")
    parser.add_argument("--like", required=True, help="the model whose images and labels to take")
    options = parser.parse_args(argv)
    folder, other = MODELS / options.model, MODELS / options.like
    there = json.loads((other / "golden" / "golden.json").read_text())
    files = {other / "golden" / image["file"]: image["label"] for image in there["images"]}
    reference = Reference.open(folder / "export")
    golden = make(reference, files)
    shown = judge(reference, other / "golden" / "two.jpg", None)
    (folder / "golden").mkdir(exist_ok=True)
    rows = [row(os.path.relpath(image.file, folder / "golden"), image) for image in golden.images]
    write(folder / "golden" / "golden.json", options.model, golden, shown, rows)
    wrong = sum(image.index != image.label for image in golden.images)
    summary = {"images": len(rows), "misread": wrong, "left_out": dict(golden.left_out)}
    print(json.dumps(summary | {"jpeg_spread": golden.jpeg_spread, "tolerance": golden.tolerance}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
