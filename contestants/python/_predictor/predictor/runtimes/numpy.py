"""Dense layers as matrix products: no runtime at all."""

from collections.abc import Callable

import numpy as np

from ..errors import StartError
from ..image import Batch
from ..model import Model


def relu(x: Batch) -> Batch:
    return np.maximum(x, 0, out=x)


def softmax(x: Batch) -> Batch:
    e: Batch = np.exp(x - x.max(axis=-1, keepdims=True))
    e /= e.sum(axis=-1, keepdims=True)
    return e


def linear(x: Batch) -> Batch:
    return x


ACTIVATIONS: dict[str, Callable[[Batch], Batch]] = {
    "relu": relu,
    "softmax": softmax,
    "linear": linear,
}


class Loaded:
    """Stateless after loading. NumPy's BLAS is held to the declared threads."""

    def __init__(self, model: Model, threads: int) -> None:
        self._layers = []
        for layer in model.dense():
            if layer.activation not in ACTIVATIONS:
                raise StartError(f"the activation {layer.activation!r} is not known to numpy")
            kernel = np.fromfile(layer.kernel, "<f4").reshape(layer.shape)
            bias = np.fromfile(layer.bias, "<f4").reshape(layer.shape[1])
            self._layers.append((kernel, bias, ACTIVATIONS[layer.activation]))

    def infer(self, x: Batch) -> Batch:
        x = x.reshape(len(x), -1)
        for kernel, bias, activation in self._layers:
            x = activation(x @ kernel + bias)
        return x
