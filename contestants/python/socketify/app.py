"""Socketify (uWebSockets): one image in, the model's answer out."""

import logging
import signal
import time
from collections.abc import Callable
from typing import Any

from predictor.errors import Rejected, failure
from predictor.forms import read_image
from predictor.requests import takes_form
from predictor.service import load

GRACE_S = 4.0

service = load()
settings = service.settings

# Loaded before ONNX Runtime, it makes the first request end in a segmentation fault.
from socketify import App, AppListenOptions  # noqa: E402

app = App()
logger = logging.getLogger(__name__)
receiving: set[int] = set()  # ids of the responses whose request is still coming in


def test_image(response: Any, request: Any) -> None:
    answer(response, service.predict_test_image)


def upload(response: Any, request: Any) -> None:
    content_type = request.get_header("content-type")
    body = bytearray()
    receiving.add(id(response))

    def receive(response: Any, chunk: bytes | None, is_end: bool) -> None:
        if len(body) <= settings.max_body_bytes:  # what comes after that is dropped
            body.extend(chunk or b"")
        if is_end:
            receiving.discard(id(response))
            answer(response, lambda: predict(content_type, body))

    response.on_aborted(lambda response: receiving.discard(id(response)))
    response.on_data(receive)


def predict(content_type: str | None, body: bytearray) -> Any:
    takes_form(content_type)
    if len(body) > settings.max_body_bytes:
        raise Rejected(413)
    return service.predict(read_image(content_type, body))


def healthz(response: Any, request: Any) -> None:
    answer(response, lambda: {"status": "ok"})


def not_allowed(response: Any, request: Any) -> None:
    send(response, 405, failure(405))


def not_found(response: Any, request: Any) -> None:
    send(response, 404, failure(404))


def answer(response: Any, document: Callable[[], Any]) -> None:
    try:
        send(response, 200, document())
    except Rejected as error:
        send(response, error.status, error.document)
    except Exception:
        logger.exception("a request failed")
        send(response, 500, failure(500))


def send(response: Any, status: int, document: Any) -> None:
    response.write_status(status).end(document)


def stop(*_: object) -> None:
    """Lets the requests end that are coming in."""
    deadline = time.monotonic() + GRACE_S

    def wait() -> None:
        if receiving and time.monotonic() < deadline:
            app.loop.loop.call_later(0.01, wait)
        else:
            app.close()

    wait()


app.get("/", test_image)
app.post("/", upload)
app.get("/healthz", healthz)
for path in ("/", "/healthz"):
    app.any(path, not_allowed)
app.any("/*", not_found)

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    app.listen(AppListenOptions(port=settings.port, host=settings.host), lambda options: None)
    app.run()
