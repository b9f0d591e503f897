"""ONNX Runtime on the CPU."""

import onnxruntime as ort

from ..image import Batch
from ..model import Model

FATAL = 4  # of ONNX Runtime's log levels; what is less severe is raised as an exception too


class Loaded:
    """A session may be run by several threads at once."""

    def __init__(self, model: Model, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = FATAL
        # Idle threads would spin for the next request on cores that the server itself needs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(
            str(model.file("onnx")), options, providers=["CPUExecutionProvider"]
        )
        self._input = model.input.name
        self._outputs = [model.output]

    def infer(self, x: Batch) -> Batch:
        y: Batch = self._session.run(self._outputs, {self._input: x})[0]
        return y
