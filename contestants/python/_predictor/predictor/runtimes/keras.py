"""Keras' `model.predict`, as tutorials serve a model.

It is made for large batches: each call costs tens of milliseconds before anything is inferred.
"""

import os
from threading import Lock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import tensorflow as tf

from ..image import Batch
from ..model import Model


class Loaded:
    """`predict` keeps its progress in the model, so one call runs at a time."""

    def __init__(self, model: Model, threads: int) -> None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        self._model = keras.models.load_model(model.file("keras"), compile=False)
        self._lock = Lock()

    def infer(self, x: Batch) -> Batch:
        with self._lock:
            y: Batch = self._model.predict(x, verbose=0)
        return y
