"""A ceiling program for tests: the golden answers, or one way to go wrong.

Usage: ceiling.py MODE FOLDER WARM_UP_S MEASURE_S. It knows the answers by the content of the files,
so that a folder with other images, or in another order, is noticed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any


def golden_answers() -> dict[bytes, dict[str, Any]]:
    golden = Path(os.environ["MODEL_DIR"]).parent / "golden"
    known = json.loads((golden / "golden.json").read_text())
    answers = {(golden / image["file"]).read_bytes(): image for image in known["images"]}
    answers[Path(os.environ["TEST_IMAGE"]).read_bytes()] = known["test_image"]
    return {
        content: {"data": {"digit": image["digit"], "probability": image["probability"]}}
        for content, image in answers.items()
    }


def break_off(mode: str) -> None:
    if mode == "hangs":
        time.sleep(3600)
    if mode == "exits":
        sys.exit("the model is broken")
    if mode == "dies":
        os.kill(os.getpid(), signal.SIGSEGV)
    if mode == "garbage":
        print("all is well: 1234 images/s")
    if mode in ("garbage", "silent"):
        sys.exit(0)


def spoil(mode: str, line: dict[str, Any]) -> None:
    answers = line["answers"]
    match mode:
        case "wrong":
            answers[0] = {"data": {"digit": 10, "probability": 1.0}}
        case "inexact":
            answers[-1]["data"]["probability"] -= 0.1
        case "undefined":
            answers[-1]["data"]["probability"] = float("nan")
        case "short":
            answers.pop()
            line["images"] = len(answers)
        case "partial":
            line["images"] -= 1
        case "hasty":
            line["ns"] //= 1_000_000  # milliseconds
        case "overfull":
            line["decode_ns"] = line["ns"]
        case "settings":
            sys.stderr.write(json.dumps([sorted(os.sched_getaffinity(0)), dict(os.environ)]))


def main(mode: str, folder: str, _: str, measure_s: str) -> None:
    break_off(mode)
    known = golden_answers()
    answers = [known[path.read_bytes()] for path in sorted(Path(folder).iterdir())]
    ns = round(float(measure_s) * 1e9) + 1000
    line = {
        "images": 3 * len(answers),
        "ns": ns,
        "cpu_ns": ns,
        "decode_ns": 600,
        "infer_ns": 300,
        "answers": answers,
    }
    spoil(mode, line)
    print(json.dumps(line))


if __name__ == "__main__":
    main(*sys.argv[1:])
