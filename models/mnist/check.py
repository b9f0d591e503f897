"""Check that every exported format gives the reference's answers on the golden set.

    python check.py [--export DIR] [--golden DIR] [--node-modules DIR] [--formats-only]

Two things are checked: the ONNX model still gives what golden.json holds, and each format gives
what the ONNX model gives (the same digit, the probability within 1e-5). A format whose runtime is
not installed here is named as not checked. `--formats-only` leaves the first out, for an export
that golden.json was not made from.
Exit status 1 if anything differs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1] / "_reference"))

from reference import Floats, Reference, decode

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

HERE = Path(__file__).resolve().parent
TOLERANCE = 1e-5
NODE_S = 120


class UnavailableError(Exception):
    """This format's runtime is not here; the message says what is missing."""


class CheckError(Exception):
    """The folders cannot be checked; the message says what to do."""


@dataclass(frozen=True)
class Export:
    """A model folder, what its `model.json` says, and a node_modules folder with TensorFlow.js."""

    folder: Path
    spec: dict[str, Any]
    node_modules: Path | None

    @property
    def input(self) -> str:
        return str(self.spec["input"]["name"])

    @property
    def output(self) -> str:
        return str(self.spec["output"]["name"])

    def path(self, name: str) -> Path:
        return self.folder / str(self.spec["formats"][name])


Runtime = Callable[[Export, Floats], Floats]  # inputs (n, *shape) to probabilities (n, 10)


def main(argv: Sequence[str] | None = None) -> int:
    options = arguments(argv)
    try:
        reference, golden, inputs = opened(options.export, options.golden)
    except CheckError as error:
        print(f"check: {error}", file=sys.stderr)
        return 1
    wanted = reference.probabilities(inputs)
    export = Export(options.export, reference.spec, options.node_modules)
    sound = True
    if not options.formats_only:
        sound = check_answers(golden, wanted)
    for name in export.spec["formats"]:
        sound &= check_format(name, export, inputs, wanted)
    return 0 if sound else 1


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Check every exported format on the golden set.")
    parser.add_argument(
        "--export", type=Path, default=HERE / "export", help="model folder (default: export)"
    )
    parser.add_argument(
        "--golden", type=Path, default=HERE / "golden", help="golden set (default: golden)"
    )
    parser.add_argument(
        "--node-modules", type=Path, help="a node_modules folder with @tensorflow/tfjs"
    )
    parser.add_argument(
        "--formats-only", action="store_true", help="do not compare with golden.json's answers"
    )
    return parser.parse_args(argv)


def opened(export: Path, golden: Path) -> tuple[Reference, dict[str, Any], Floats]:
    """The reference, golden.json, and the golden images as the model takes them, (n, *shape)."""
    try:
        reference = Reference.open(export)
        entries = json.loads((golden / "golden.json").read_text())
        bodies = [(golden / image["file"]).read_bytes() for image in entries["images"]]
        return reference, entries, np.stack([reference.inputs(decode(body)) for body in bodies])
    except OSError as error:
        raise CheckError(
            f"{error.filename}: {error.strerror}; check --export and --golden."
        ) from error
    except (KeyError, ValueError) as error:
        raise CheckError(f"{export} or {golden} is damaged ({error}); make it again.") from error


def check_answers(golden: dict[str, Any], probabilities: Floats) -> bool:
    recorded = np.array([image["digit"] for image in golden["images"]])
    likely = np.array([image["probability"] for image in golden["images"]])
    apart = np.abs(
        np.take_along_axis(probabilities, recorded[:, None], axis=1)[:, 0] - likely
    ).max()
    return report(
        "golden.json",
        int((probabilities.argmax(axis=1) != recorded).sum()),
        float(apart),
        len(recorded),
    )


def check_format(name: str, export: Export, inputs: Floats, wanted: Floats) -> bool:
    if name not in RUNTIMES:
        print(f"{name}: NOT CHECKED, no runtime for it is known here")
        return True
    try:
        got = RUNTIMES[name](export, inputs)
    except ModuleNotFoundError as error:
        print(f"{name}: NOT CHECKED, the Python package {error.name} is not installed")
        return True
    except UnavailableError as error:
        print(f"{name}: NOT CHECKED, {error}")
        return True
    except Exception as error:  # noqa: BLE001 the runtimes' errors have no common base
        print(f"{name}: FAILS, {type(error).__name__}: {str(error).splitlines()[0]}")
        return False
    other = int((got.argmax(axis=1) != wanted.argmax(axis=1)).sum())
    return report(name, other, float(np.abs(got - wanted).max()), len(wanted))


def report(name: str, other_digits: int, apart: float, images: int) -> bool:
    # Written so that a NaN fails.
    sound = other_digits == 0 and apart < TOLERANCE
    print(
        f"{name}: {'agrees' if sound else 'DIFFERS'} on {images} images, "
        f"{other_digits} other digits, probabilities within {apart:.1e}",
        flush=True,
    )
    return sound


def run_onnx(export: Export, inputs: Floats) -> Floats:
    """All images in one batch, where the reference takes one at a time."""
    onnxruntime = import_module("onnxruntime")
    session = onnxruntime.InferenceSession(
        str(export.path("onnx")), providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run([export.output], {export.input: inputs})[0])


def run_saved_model(export: Export, inputs: Floats) -> Floats:
    tf = import_module("tensorflow")
    serve = tf.saved_model.load(str(export.path("saved_model"))).signatures["serving_default"]
    return np.asarray(serve(**{export.input: tf.constant(inputs)})[export.output])


def run_keras(export: Export, inputs: Floats) -> Floats:
    keras = import_module("keras")
    return np.asarray(keras.saving.load_model(export.path("keras")).predict(inputs, verbose=0))


def run_litert(export: Export, inputs: Floats) -> Floats:
    """One image at a time, as the tensor is allocated."""
    litert = import_module("ai_edge_litert.interpreter")
    interpreter = litert.Interpreter(str(export.path("litert")), num_threads=1)
    serve = interpreter.get_signature_runner()
    return np.concatenate([serve(**{export.input: row[None]})[export.output] for row in inputs])


def run_tfjs(export: Export, inputs: Floats) -> Floats:
    model = export.path("tfjs").parent.resolve()
    command = [
        "node",
        str(HERE / "check_tfjs.cjs"),
        str(model),
        export.input,
        export.output,
        *map(str, inputs.shape[1:]),
    ]
    modules = {"NODE_PATH": str(export.node_modules.resolve())} if export.node_modules else {}
    try:
        done = subprocess.run(
            command,
            input=inputs.tobytes(),
            capture_output=True,
            check=False,
            timeout=NODE_S,
            env=os.environ | modules,
        )
    except FileNotFoundError as error:
        raise UnavailableError("node is not installed") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace")
        if "Cannot find module '@tensorflow/tfjs'" in said:
            raise UnavailableError(
                "name a node_modules folder with @tensorflow/tfjs by --node-modules"
            )
        raise RuntimeError(next((line for line in said.splitlines() if "Error" in line), said))
    return np.frombuffer(done.stdout, "<f4").reshape(len(inputs), -1)


def run_dense(export: Export, inputs: Floats) -> Floats:
    """The layers by hand, from the plain arrays."""
    x = inputs
    for layer in export.spec["formats"]["dense"]:
        kernel = np.fromfile(export.folder / layer["kernel"], "<f4").reshape(layer["shape"])
        x = ACTIVATIONS[layer["activation"]](
            x @ kernel + np.fromfile(export.folder / layer["bias"], "<f4")
        )
    return x


def relu(x: Floats) -> Floats:
    return np.maximum(x, 0)


def softmax(x: Floats) -> Floats:
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {"relu": relu, "softmax": softmax}
RUNTIMES: dict[str, Runtime] = {
    "onnx": run_onnx,
    "saved_model": run_saved_model,
    "keras": run_keras,
    "litert": run_litert,
    "tfjs": run_tfjs,
    "dense": run_dense,
}

if __name__ == "__main__":
    sys.exit(main())
