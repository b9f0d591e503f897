"""Train a small convolutional network on MNIST and export it in every format.

    python train_cnn.py                  the model that is committed, into export/

Data, options and the way of training are those of the dense model, models/mnist/train.py.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "mnist"))  # what the models of digits share

import train  # isort: skip - it sets TensorFlow up
import export_cnn
import keras

EPOCHS = 12
BATCH = 64
RATE = 0.002
WANTED_ACCURACY = 0.99


def network() -> Any:
    """28 x 28 x 1 -> [3 x 3 convolution, ReLU, 2 x 2 max pooling] with 32 and 64 channels ->
    Dropout 0.5 -> Dense 10 softmax; 34,826 weights. Not compiled.
    """
    return keras.Sequential(
        [
            keras.Input((28, 28, 1), name="image"),
            keras.layers.Conv2D(32, 3, activation="relu", name="first"),
            keras.layers.MaxPooling2D(2, name="first_pool"),
            keras.layers.Conv2D(64, 3, activation="relu", name="second"),
            keras.layers.MaxPooling2D(2, name="second_pool"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dropout(0.5, name="dropout"),
            keras.layers.Dense(10, activation="softmax", name="probabilities"),
        ],
        name="mnist-cnn",
    )


def rate(epoch: int) -> float:
    """Learning rate of an epoch (from 0): half a cosine from 0.002 towards 0.

    >>> rate(0), round(rate(6), 6)
    (0.002, 0.001)
    """
    return RATE * (1 + math.cos(math.pi * min(epoch, EPOCHS - 0.5) / EPOCHS)) / 2


CONVOLUTIONAL = train.Training(
    network, (28, 28, 1), BATCH, EPOCHS, rate, WANTED_ACCURACY, export_cnn.write
)

if __name__ == "__main__":
    sys.exit(train.run(CONVOLUTIONAL, HERE))
