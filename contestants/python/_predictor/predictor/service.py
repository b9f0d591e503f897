"""The one object that a contestant holds: bytes in, the contract's document out."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from math import floor
from pathlib import Path

import numpy as np

from .errors import Rejected, StartError, refuse
from .image import Batch, ToInput
from .model import Model, read_model
from .runtimes import Runtime, load_runtime
from .settings import Settings, Stage, read_settings

STAGED_PROBABILITY = 0.1234567890  # what stages answer that infer nothing

Document = dict[str, dict[str, int | float]]


class Service:
    """Predicts images. Thread-safe; every call decodes and infers anew."""

    def __init__(
        self, settings: Settings, model: Model, runtime: Runtime, test_image: bytes
    ) -> None:
        self.settings = settings
        self._model = model
        self._runtime = runtime
        self.test_image = test_image
        self.to_input = ToInput(model.input)

    def predict(self, image: bytes) -> Document:
        """Answers for one image file; raises Rejected for what is none, or too large."""
        if not image:
            raise Rejected(400, "The image is empty.")
        if len(image) > self.settings.max_body_bytes:
            raise Rejected(413)
        match self.settings.stage:
            case Stage.RECEIVE:
                return self._document(0, STAGED_PROBABILITY)
            case Stage.DECODE:
                total = float(self.to_input(image).sum(dtype=float))
                return self._document(floor(total) % len(self._model.labels), STAGED_PROBABILITY)
            case Stage.FULL:
                return self.answer(self.infer(self.to_input(image)))

    def predict_test_image(self) -> Document:
        """Answers for TEST_IMAGE, whose bytes were read at the start."""
        return self.predict(self.test_image)

    def infer(self, x: Batch) -> Batch:
        """The model's output for the input of one image, shape (labels,)."""
        outputs: Batch = self._runtime.infer(x)[0]
        return outputs

    def infer_batch(self, x: Batch) -> Batch:
        """The model's outputs (batch, labels) for the inputs of several images."""
        return self._runtime.infer(x)

    def answer(self, probabilities: Batch) -> Document:
        """The document for a model's output, which may be logits."""
        index = int(probabilities.argmax())
        likeliest = float(probabilities[index])
        if self._model.logits:  # softmax, of which one value is wanted
            likeliest = 1 / float(np.exp(probabilities - likeliest).sum(dtype=float))
        return self._document(index, likeliest)

    def answers(self, outputs: Batch) -> list[Document]:
        """The documents for outputs (batch, labels) of the model, as `answer` gives each."""
        indices = outputs.argmax(axis=1)
        likeliest = outputs[np.arange(len(outputs)), indices]
        if self._model.logits:
            likeliest = 1 / np.exp(outputs - likeliest[:, None]).sum(axis=1, dtype=float)
        pairs = zip(indices.tolist(), likeliest.tolist(), strict=True)
        return [self._document(index, probability) for index, probability in pairs]

    def _document(self, index: int, probability: float) -> Document:
        return {"data": {self._model.answer: index, "probability": probability}}


def load() -> Service:
    """The service that the environment describes, or one line on stderr and exit."""
    try:
        with _quiet_libraries():
            return build(read_settings())
    except StartError as error:
        refuse(error)


def build(settings: Settings) -> Service:
    """Loads the model and answers once; raises StartError when that cannot be done."""
    model = read_model(settings.model_dir)
    test_image = _read(settings.test_image)
    try:
        runtime = load_runtime(settings.runtime, model, settings.threads)
        service = Service(settings, model, runtime, test_image)
        outputs = service.infer(service.to_input(test_image)).shape
    except StartError:
        raise
    except Rejected as error:
        raise StartError(f"TEST_IMAGE {settings.test_image}: {error}") from error
    except Exception as error:  # each runtime has its own kinds for a broken file
        cause = f"{type(error).__name__}: {error}"
        raise StartError(
            f"{settings.runtime} cannot run the model in {settings.model_dir}: {cause}"
        ) from error
    if outputs != (len(model.labels),):
        raise StartError(f"the model gives {outputs} outputs for {len(model.labels)} labels")
    return service


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StartError(f"TEST_IMAGE {path} cannot be read: {error.strerror}") from error


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Discards what native libraries print while they load: a failed start says one line, ours."""
    sys.stderr.flush()
    saved = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
