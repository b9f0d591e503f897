"""TensorFlow: the SavedModel's signature called as a function."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import tensorflow as tf

from ..image import Batch
from ..model import Model


class Loaded:
    """A concrete function may be called by several threads at once."""

    def __init__(self, model: Model, threads: int) -> None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        self._saved = tf.saved_model.load(str(model.file("saved_model")))  # owns the variables
        self._function = self._saved.signatures["serving_default"]
        self._input = model.input.name
        self._output = model.output

    def infer(self, x: Batch) -> Batch:
        y: Batch = self._function(**{self._input: tf.constant(x)})[self._output].numpy()
        return y
