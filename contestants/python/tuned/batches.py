"""Micro-batches: what waits at the same time is inferred at once, and nobody waits for a timer."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

import numpy as np

from predictor.image import Batch, Pixels, Values
from predictor.model import Input

Answer = TypeVar("Answer")

MOST = 32  # images in a batch: more gain little, and the first waits for the last


class ToBatch:
    """The predictor's last step to the model's input, taken once for a batch."""

    def __init__(self, model: Input) -> None:
        self._model = model
        self._offset = np.array(model.offset, np.float32)
        self._scale = np.array(model.scale, np.float32)

    def __call__(self, images: list[Pixels | Values]) -> Batch:
        """Shape (images, *shape of the model)."""
        model = self._model
        x = np.array(images, np.float32).reshape(-1, model.height, model.width, model.channels)
        x += self._offset
        x *= self._scale
        if model.layout == "NCHW":
            x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
        return x.reshape(-1, *model.shape)


def most_at_once(infer: Callable[[Batch], Batch], x: Batch) -> int:
    """MOST, or 1 for a model that was exported for a batch of one; x is any input of it."""
    try:
        infer(np.concatenate([x, x]))
    except Exception:  # noqa: BLE001 - each runtime has its own kind
        return 1
    return MOST


class Batcher(Generic[Answer]):
    """Joins the images that arrive in one turn of the event loop into one call of the runtime.

    The call is queued when the first of them arrives. What is ready by then has been handled
    before it runs: one image on an idle server, all that wait on a busy one.
    """

    def __init__(
        self,
        join: Callable[[list[Pixels | Values]], Batch],
        predict: Callable[[Batch], Sequence[Answer]],
        most: int = MOST,
    ) -> None:
        self._join = join
        self._predict = predict
        self._most = most
        self._waiting: list[tuple[Pixels | Values, Callable[[Answer | Exception], None]]] = []

    def submit(self, image: Pixels | Values, done: Callable[[Answer | Exception], None]) -> None:
        """Calls `done` with the answer for one image, or with what went wrong with its batch."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._run)
        self._waiting.append((image, done))
        if len(self._waiting) == self._most:
            self._run()

    def predict(self, image: Pixels | Values) -> asyncio.Future[Answer]:
        """The answer for one image, when its batch is done."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.submit(image, partial(settle, future))
        return future

    def _run(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:  # a full batch did not wait for this turn
            return
        try:
            answers = self._predict(self._join([image for image, _ in waiting]))
        except Exception as error:  # noqa: BLE001 - goes to all who wait
            for _, done in waiting:
                done(error)
            return
        for (_, done), answer in zip(waiting, answers, strict=True):
            done(answer)


def settle(future: asyncio.Future[Answer], outcome: Answer | Exception) -> None:
    if future.done():  # its sender has gone
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
