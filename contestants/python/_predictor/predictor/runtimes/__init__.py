"""Inference runtimes: one file each, imported only when it is chosen."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ..image import Batch
    from ..model import Model


class Runtime(Protocol):
    """A loaded model. It may be called from several threads at once."""

    def infer(self, x: "Batch") -> "Batch":
        """Outputs (batch, labels) for inputs (batch, *shape)."""


# name → the module that has a class `Loaded(model, threads)`, a Runtime; the first is the default
RUNTIMES = {
    "onnxruntime": "predictor.runtimes.onnxruntime",
    "tensorflow": "predictor.runtimes.tensorflow",
    "keras": "predictor.runtimes.keras",
    "litert": "predictor.runtimes.litert",
    "openvino": "predictor.runtimes.openvino",
    "numpy": "predictor.runtimes.numpy",
    "jax": "predictor.runtimes.jax",
}


def load_runtime(name: str, model: "Model", threads: int) -> Runtime:
    """Loads the model into a runtime that infers with that many threads."""
    loaded: Any = import_module(RUNTIMES[name])
    runtime: Runtime = loaded.Loaded(model, threads)
    return runtime
