"""The protocols that model servers speak. To add one: a class, and a line in ``PROTOCOLS``."""

from __future__ import annotations

import base64
import io
import json
from typing import Any, Protocol

import numpy as np

from servemark.catalog.corpus import Picture
from servemark.errors import ManifestError
from servemark.records import ProtocolName, RequestGroup

JSON = "application/json"
_OIP_TYPES = {
    **{"bool": "BOOL", "float16": "FP16", "float32": "FP32", "float64": "FP64"},
    **{f"{kind}{bits}": f"{kind}{bits}".upper() for kind in ("int", "uint") for bits in (8, 16)},
    **{f"{kind}{bits}": f"{kind}{bits}".upper() for kind in ("int", "uint") for bits in (32, 64)},
}


class ModelProtocol(Protocol):
    """How a model is asked. ``group`` names the model and its input."""

    @property
    def pointers(self) -> tuple[str, ...]:
        """What of an answer is compared: the rest is about the request, and differs each time."""
        ...

    def ready(self, group: RequestGroup) -> str:
        """A path that answers 200 once the model can be asked."""
        ...

    def path(self, group: RequestGroup) -> str:
        """Where the model is asked."""
        ...

    def body(self, group: RequestGroup, file: Picture) -> tuple[str, bytes]:
        """Content type and body that ask about a file. Raises ``ManifestError``."""
        ...


class OpenInference:
    """Open Inference Protocol, version 2, over HTTP: KServe, Triton, MLServer and others.

    A ``.json`` file is a whole request; ``.npy`` is a tensor; any other file is one value of the
    type BYTES, in base64.
    """

    pointers: tuple[str, ...] = ("/outputs",)

    def ready(self, group: RequestGroup) -> str:
        return f"/v2/models/{group.model}/ready"

    def path(self, group: RequestGroup) -> str:
        return f"/v2/models/{group.model}/infer"

    def body(self, group: RequestGroup, file: Picture) -> tuple[str, bytes]:
        if file.name.endswith(".json"):
            return JSON, file.content
        tensor: dict[str, Any]
        if file.name.endswith(".npy"):
            array = _array(file)
            if array.dtype.name not in _OIP_TYPES:
                raise ManifestError(
                    f"{file.name} holds {array.dtype}, which the Open Inference Protocol has no "
                    "name for: save it as float32, for example."
                )
            data, shape = array.reshape(-1).tolist(), list(array.shape)
            tensor = {"datatype": _OIP_TYPES[array.dtype.name], "shape": shape, "data": data}
        else:
            text = base64.b64encode(file.content).decode()
            tensor = {"datatype": "BYTES", "shape": [1], "data": [text]}
            tensor["parameters"] = {"content_type": "base64"}
        return JSON, json.dumps({"inputs": [{"name": group.tensor, **tensor}]}).encode()


class TensorFlowServing:
    """TensorFlow Serving's REST interface, in rows.

    A ``.json`` file is a whole request; ``.npy`` is a batch, a row an instance; any other file is
    one instance, in base64.
    """

    pointers: tuple[str, ...] = ("/predictions",)

    def ready(self, group: RequestGroup) -> str:
        return f"/v1/models/{group.model}"

    def path(self, group: RequestGroup) -> str:
        return f"/v1/models/{group.model}:predict"

    def body(self, group: RequestGroup, file: Picture) -> tuple[str, bytes]:
        del group
        if file.name.endswith(".json"):
            return JSON, file.content
        instances: Any
        if file.name.endswith(".npy"):
            instances = _array(file).tolist()
        else:
            instances = [{"b64": base64.b64encode(file.content).decode()}]
        return JSON, json.dumps({"instances": instances}).encode()


class TorchServe:
    """TorchServe's inference interface: the file is the body, and the handler knows what to do."""

    pointers: tuple[str, ...] = ()

    def ready(self, group: RequestGroup) -> str:
        del group
        return "/ping"

    def path(self, group: RequestGroup) -> str:
        return f"/predictions/{group.model}"

    def body(self, group: RequestGroup, file: Picture) -> tuple[str, bytes]:
        del group
        return file.media_type, file.content


PROTOCOLS: dict[ProtocolName, ModelProtocol] = {
    "oip": OpenInference(),
    "tensorflow": TensorFlowServing(),
    "torchserve": TorchServe(),
}


def _array(file: Picture) -> np.ndarray[Any, np.dtype[Any]]:
    try:
        array: np.ndarray[Any, np.dtype[Any]] = np.load(io.BytesIO(file.content))
    except (ValueError, EOFError) as error:
        raise ManifestError(f"{file.name} cannot be read as a NumPy array: {error}.") from error
    return array
