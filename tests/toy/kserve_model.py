"""A model for KServe's server as somebody would write it, asked by either of its protocols."""

import sys
import uuid
from typing import Any

import numpy as np
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer


class Sums(Model):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.ready = True

    def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:
        del headers, response_headers
        if not isinstance(payload, InferRequest):
            return {"predictions": np.array(payload["instances"]).sum(axis=1).tolist()}
        sums = payload.inputs[0].as_numpy().sum(axis=1)
        output = InferOutput("sums", list(sums.shape), "FP32", data=sums.tolist())
        return InferResponse(payload.id or str(uuid.uuid4()), self.name, [output])


if __name__ == "__main__":
    ModelServer(http_port=int(sys.argv[1]), workers=1, enable_grpc=False).start([Sums("digits")])
