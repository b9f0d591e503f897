"""No framework and no server but an event loop: uvloop, httptools, and what the service needs."""

import asyncio
import gc
import logging
import signal
from contextlib import suppress
from functools import partial

import orjson
import uvloop
from connection import Connection, Request, Site
from form import find_image
from predicting import batcher, opened, service, settings

from predictor.errors import Rejected, failure
from predictor.requests import takes_form
from predictor.service import Document

GRACE_S = 4.0
ALLOWED = {b"/": (b"GET", b"POST"), b"/healthz": (b"GET",)}
HEALTHY = orjson.dumps({"status": "ok"})

logger = logging.getLogger(__name__)


def refuse(method: bytes, path: bytes, content_type: str | None) -> int:
    """The status with which a request is refused before its body is read, or 0."""
    allowed = ALLOWED.get(path)
    if allowed is None:
        return 404
    if method not in allowed:
        return 405
    if method == b"POST":
        try:
            takes_form(content_type)
        except Rejected as error:
            return error.status
    return 0


def handle(request: Request, connection: Connection) -> None:
    try:
        if request.refused:
            reject(request, connection)
        elif request.path == b"/healthz":
            connection.answer(200, HEALTHY)
        elif request.method == b"GET":
            predict(service.test_image, connection)
        elif takes_form(content_type := request.content_type or ""):
            predict(find_image(content_type, request.body), connection)
        else:
            predict(request.body, connection)
    except Rejected as error:
        connection.answer(error.status, orjson.dumps(error.document))
    except Exception:
        logger.exception("a request failed")
        connection.answer(500, orjson.dumps(failure(500)))


def reject(request: Request, connection: Connection) -> None:
    more = b""
    document = failure(request.refused)
    if request.refused == 405:
        more = b"Allow: %b\r\n" % b", ".join(ALLOWED[request.path])
    if request.refused == 415:
        takes_form(request.content_type)  # raises it with its sentence
    connection.answer(request.refused, orjson.dumps(document), more)


def predict(image: bytes, connection: Connection) -> None:
    pixels = opened(image)
    if pixels is None:
        connection.answer(200, orjson.dumps(service.predict(image)))
    else:
        batcher.submit(pixels, partial(predicted, connection))


def predicted(connection: Connection, outcome: Document | Exception) -> None:
    if isinstance(outcome, Exception):
        logger.error("a batch failed", exc_info=outcome)
        connection.answer(500, orjson.dumps(failure(500)))
    else:
        connection.answer(200, orjson.dumps(outcome))


async def main() -> None:
    """Serves until SIGTERM, and then until what is under way is answered."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    site = Site(handle, refuse, settings.max_body_bytes)
    site.sweep()
    gc.freeze()  # what is loaded stays: nothing of it is looked at again for garbage
    server = await loop.create_server(
        lambda: Connection(site),
        settings.host,
        settings.port,
        backlog=2048,
        reuse_port=settings.workers > 1,
    )
    await stop.wait()
    server.close()
    site.stop()
    with suppress(TimeoutError):
        async with asyncio.timeout(GRACE_S):
            while site.connections:
                await asyncio.sleep(0.01)


if __name__ == "__main__":
    uvloop.run(main())
