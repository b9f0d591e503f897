"""A model for MLServer as somebody would write it: sums of rows, and lengths of files."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import Base64Codec, NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Sums(MLModel):
    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        (given,) = payload.inputs
        if given.datatype == "BYTES":
            files = self.decode(given, default_codec=Base64Codec)
            found = np.array([[len(each)] for each in files])
        else:
            found = self.decode(given, default_codec=NumpyCodec).sum(axis=1, keepdims=True)
        output = NumpyCodec.encode_output("sums", found)
        return InferenceResponse(model_name=self.name, outputs=[output])
