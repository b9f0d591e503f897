"""LiteRT (formerly TensorFlow Lite)."""

from collections import deque
from typing import Any

from ai_edge_litert.interpreter import Interpreter

from ..image import Batch
from ..model import Model


class Loaded:
    """An interpreter holds the tensors of one call: a concurrent call takes another."""

    def __init__(self, model: Model, threads: int) -> None:
        self._file = model.file("litert").read_bytes()
        self._threads = threads
        self._idle: deque[Any] = deque()

    def infer(self, x: Batch) -> Batch:
        try:
            interpreter, source, target = self._idle.pop()
        except IndexError:
            interpreter, source, target = self._interpreter()
        try:
            interpreter.set_tensor(source, x)
            interpreter.invoke()
            y: Batch = interpreter.get_tensor(target)
        finally:
            self._idle.append((interpreter, source, target))
        return y

    def _interpreter(self) -> tuple[Any, int, int]:
        interpreter = Interpreter(model_content=self._file, num_threads=self._threads)
        interpreter.allocate_tensors()
        (source,) = interpreter.get_input_details()
        (target,) = interpreter.get_output_details()
        return interpreter, source["index"], target["index"]
