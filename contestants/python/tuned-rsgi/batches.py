"""Micro-batches: what waits at the same time is inferred at once, and nobody waits for a timer."""

import asyncio
from collections.abc import Callable

import numpy as np

from predictor.image import Batch, Pixels, Values
from predictor.model import Input

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


class Batcher:
    """Joins the images that arrive in one turn of the event loop into one call of the runtime.

    The call is queued when the first of them arrives. What is ready by then has been handled
    before it runs: one image on an idle server, all that wait on a busy one.
    """

    def __init__(
        self,
        join: Callable[[list[Pixels | Values]], Batch],
        infer: Callable[[Batch], Batch],
        most: int = MOST,
    ) -> None:
        self._join = join
        self._infer = infer
        self._most = most
        self._waiting: list[tuple[Pixels | Values, asyncio.Future[Batch]]] = []

    def infer(self, image: Pixels | Values) -> asyncio.Future[Batch]:
        """The model's output (labels,) for one image, when its batch is done."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Batch] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._run)
        self._waiting.append((image, future))
        if len(self._waiting) == self._most:
            self._run()
        return future

    def _run(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:  # a full batch did not wait for this turn
            return
        images = [image for image, _ in waiting]
        try:
            outputs = self._infer(self._join(images))
        except Exception as error:  # noqa: BLE001 - goes to all who wait
            for _, future in waiting:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), output in zip(waiting, outputs, strict=True):
            if not future.done():  # its sender may have gone
                future.set_result(output)
