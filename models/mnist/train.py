"""Train the digit model on MNIST and export it in every format.

    python train.py                      the model that is committed, into export/
    python train.py --out DIR --subset 2000 --epochs 2     a quick one, to try the exporters

Progress goes to stderr, the result as one line of JSON to stdout. README.md says how the recipe
is read.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault(
    "TF_ENABLE_ONEDNN_OPTS", "0"
)  # else the order of sums depends on the processor

import keras
import numpy as np
import tensorflow as tf

import data
import export

HERE = Path(__file__).resolve().parent
SEED = 1
EPOCHS = 60
PATIENCE = 5
MIN_DELTA = 1e-4
BATCH = 32
RATE = 0.001
HELD_EPOCHS = 5
VALIDATION_SHARE = 1 / 12  # 5,000 of 60,000
WANTED_ACCURACY = 0.98


class TrainingError(Exception):
    """Training ended without a model that may be exported; the message says what to do."""


@dataclass(frozen=True)
class Training:
    """What a model of digits is trained by: `shape` is that of one image as the model takes it,
    `rate` gives an epoch's learning rate, and `export` writes model and history to a folder.
    """

    network: Callable[[], Any]
    shape: tuple[int, ...]
    batch: int
    epochs: int
    rate: Callable[[int], float]
    wanted_accuracy: float
    export: Callable[[Any, dict[str, Any], Path], dict[str, int]]

    def inputs(self, digits: data.Digits) -> Any:
        return digits.inputs().reshape(-1, *self.shape)


@dataclass(frozen=True)
class Recipe:
    """What may differ between trainings. `subset`: how many images are used, None is all."""

    seed: int
    epochs: int
    subset: int | None = None

    def is_whole(self, training: Training) -> bool:
        return self.subset is None and self.epochs == training.epochs


def run(training: Training, folder: Path, argv: Sequence[str] | None = None) -> int:
    """The training script of the model in `folder`, from its arguments to its exit status."""
    options = arguments(training, folder, argv)
    recipe = Recipe(options.seed, options.epochs, options.subset)
    try:
        mnist = data.load(options.data, options.data_cache)
        model, history = train(training, mnist.train, recipe)
        history["test"] = test(training, model, mnist.test)
        if recipe.is_whole(training) and history["test"]["accuracy"] < training.wanted_accuracy:
            raise TrainingError(
                f"test accuracy {history['test']['accuracy']:.4f} is below "
                f"{training.wanted_accuracy}, so nothing was exported: check the versions against "
                "requirements.txt."
            )
        sizes = training.export(model, history, options.out)
    except (data.DataError, TrainingError, export.ExportError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 1
    print(json.dumps({"out": str(options.out), "test": history["test"], "bytes": sizes}))
    return 0


def arguments(training: Training, folder: Path, argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Train the digit model on MNIST and export it in every format."
    )
    parser.add_argument(
        "--out", type=Path, default=folder / "export", help="folder to export to (default: export)"
    )
    parser.add_argument(
        "--data", type=Path, help="folder with the four uncompressed IDX files; nothing is fetched"
    )
    parser.add_argument(
        "--data-cache", type=Path, help="where fetched data is kept (default: the user's cache)"
    )
    parser.add_argument(
        "--subset", type=count, help="train on this many images only (default: all 60,000)"
    )
    parser.add_argument(
        "--epochs",
        type=count,
        default=training.epochs,
        help=f"at most this many (default: {training.epochs})",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=SEED,
        help=f"of weights, split, order, dropout (default: {SEED})",
    )
    return parser.parse_args(argv)


def count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not at least 1")
    return value


def train(training: Training, digits: data.Digits, recipe: Recipe) -> tuple[Any, dict[str, Any]]:
    """Fit on part of the images, stop by the loss on the rest, go back to the best weights.

    Returns the Keras model and the history (see `history_of`).
    """
    keras.utils.set_random_seed(recipe.seed)
    tf.config.experimental.enable_op_determinism()
    fitted, held_out = split(digits, recipe)
    model = training.network()
    model.compile(
        optimizer=keras.optimizers.Adam(training.rate(0)),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    stopping = keras.callbacks.EarlyStopping(
        monitor="val_loss", min_delta=MIN_DELTA, patience=PATIENCE, restore_best_weights=True
    )
    fit = model.fit(
        training.inputs(fitted),
        fitted.labels,
        batch_size=training.batch,
        epochs=recipe.epochs,
        validation_data=(training.inputs(held_out), held_out.labels),
        verbose=0,
        callbacks=[
            keras.callbacks.LearningRateScheduler(training.rate),
            stopping,
            keras.callbacks.LambdaCallback(on_epoch_end=say),
        ],
    )
    history = history_of(fit.history, recipe, len(fitted), len(held_out))
    return model, history | {"best_epoch": stopping.best_epoch + 1}


def split(digits: data.Digits, recipe: Recipe) -> tuple[data.Digits, data.Digits]:
    """Shuffle by the seed, take the subset, and hold out a twelfth of it for validation."""
    wanted = recipe.subset or len(digits)
    if not 24 <= wanted <= len(digits):
        raise TrainingError(f"--subset {wanted} is out of range: name 24 to {len(digits)} images.")
    order = np.random.default_rng(recipe.seed).permutation(len(digits))[:wanted]
    held_out = round(wanted * VALIDATION_SHARE)
    return digits.take(order[held_out:]), digits.take(order[:held_out])


def network() -> Any:
    """784 -> Dense 200 ReLU, L2 0.001 -> Dropout 0.2 -> Dense 10 softmax; not compiled."""
    return keras.Sequential(
        [
            keras.Input((784,), name="image"),
            keras.layers.Dense(
                200,
                activation="relu",
                kernel_regularizer=keras.regularizers.L2(0.001),
                name="hidden",
            ),
            keras.layers.Dropout(0.2, name="dropout"),
            keras.layers.Dense(10, activation="softmax", name="probabilities"),
        ],
        name="mnist",
    )


def rate(epoch: int) -> float:
    """Learning rate of an epoch (from 0): 0.001 for 5 epochs, then 0.001 exp(0.1 (5 - epoch)).

    The factor is applied to the held rate, not again and again to the last one; README.md says why.

    >>> rate(4), rate(5), round(rate(15), 9)
    (0.001, 0.001, 0.000367879)
    """
    return RATE * min(1.0, math.exp(0.1 * (HELD_EPOCHS - epoch)))


def say(epoch: int, logs: dict[str, float]) -> None:
    print(
        f"epoch {epoch + 1:2d}: rate {logs['learning_rate']:.2e}, loss {logs['loss']:.4f}, "
        f"validation loss {logs['val_loss']:.4f}, validation accuracy {logs['val_accuracy']:.4f}",
        file=sys.stderr,
        flush=True,
    )


def history_of(
    fit: dict[str, list[float]], recipe: Recipe, trained_on: int, validated_on: int
) -> dict[str, Any]:
    """One row an epoch, and what is needed to do it again. Losses include the L2 term."""
    names = {
        "rate": "learning_rate",
        "loss": "loss",
        "accuracy": "accuracy",
        "validation_loss": "val_loss",
        "validation_accuracy": "val_accuracy",
    }
    rows = [
        {"epoch": epoch + 1} | {name: float(fit[key][epoch]) for name, key in names.items()}
        for epoch in range(len(fit["loss"]))
    ]
    return {
        "schema": 1,
        "seed": recipe.seed,
        "images": {"trained_on": trained_on, "validated_on": validated_on},
        "versions": {
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
        },
        "epochs": rows,
    }


def test(training: Training, model: Any, digits: data.Digits) -> dict[str, float | int]:
    """Accuracy on the test set. Called once, after all choices are made."""
    probabilities = model.predict(training.inputs(digits), batch_size=1000, verbose=0)
    right = probabilities.argmax(axis=1) == digits.labels
    return {"images": len(digits), "right": int(right.sum()), "accuracy": float(right.mean())}


def write_exports(model: Any, history: dict[str, Any], out: Path) -> dict[str, int]:
    return export.write(model.get_weights(), history, out)


DENSE = Training(network, (784,), BATCH, EPOCHS, rate, WANTED_ACCURACY, write_exports)

if __name__ == "__main__":
    sys.exit(run(DENSE, HERE))
