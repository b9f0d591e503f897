"""JAX on the CPU: dense layers as one compiled function."""

import os
from collections.abc import Callable

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import numpy as np

from ..errors import StartError
from ..image import Batch
from ..model import Model

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "relu": jax.nn.relu,
    "softmax": jax.nn.softmax,
    "linear": lambda x: x,
}


class Loaded:
    """A compiled function may be called by several threads at once."""

    def __init__(self, model: Model, threads: int) -> None:
        os.environ["NPROC"] = str(threads)  # read when XLA makes its thread pool, at the first call
        layers = []
        for layer in model.dense():
            if layer.activation not in ACTIVATIONS:
                raise StartError(f"the activation {layer.activation!r} is not known to jax")
            kernel = np.fromfile(layer.kernel, "<f4").reshape(layer.shape)
            bias = np.fromfile(layer.bias, "<f4").reshape(layer.shape[1])
            layers.append((kernel, bias, ACTIVATIONS[layer.activation]))

        def forward(x: jax.Array) -> jax.Array:
            x = x.reshape(len(x), -1)
            for kernel, bias, activation in layers:
                x = activation(x @ kernel + bias)
            return x

        self._infer = jax.jit(forward)  # compiled once for each batch size

    def infer(self, x: Batch) -> Batch:
        return np.asarray(self._infer(x))
