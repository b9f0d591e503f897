"""Tornado: one image in, the model's answer out."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from typing import Any, ClassVar, NoReturn

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPFile, HTTPInputError, parse_body_arguments
from tornado.process import fork_processes
from tornado.web import Application, HTTPError, RequestHandler, stream_request_body

from predictor.errors import Rejected, failure
from predictor.requests import FIELD, BrokenForm, NoImageField, takes_form
from predictor.service import Service, load
from predictor.settings import read_settings

# Tornado answers a body above its own limit with a bare 400 and a reset. That limit is therefore
# far above ours: up to it such a body is read and dropped, and its sender sees the 413.
DROPPED_BYTES = 2**30
BODY_S = 30.0
IDLE_S = 75.0  # as nginx has it
GRACE_S = 4.0


class Endpoint(RequestHandler):
    """Errors as the contract has them; also answers for unknown paths."""

    active: ClassVar[set[RequestHandler]] = set()

    def prepare(self) -> None:
        self.active.add(self)
        if type(self) is Endpoint:
            raise HTTPError(404)

    def on_finish(self) -> None:
        self.active.discard(self)

    def on_connection_close(self) -> None:
        self.active.discard(self)

    def write_error(self, status_code: int, **_: Any) -> None:
        self.finish(failure(status_code))


class Health(Endpoint):
    def get(self) -> None:
        self.write({"status": "ok"})


@stream_request_body
class Predict(Endpoint):
    def initialize(self, service: Service) -> None:
        self.service = service
        self.body = bytearray()
        self.received_bytes = 0

    def prepare(self) -> None:
        super().prepare()
        length = self.request.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) <= self.max_body_bytes:
            return
        # Not worth reading if the sender waits for a go-ahead, or sends more than would be dropped.
        if "Expect" in self.request.headers or int(length) > DROPPED_BYTES:
            raise HTTPError(413)

    def data_received(self, chunk: bytes) -> None:
        self.received_bytes += len(chunk)
        if self.received_bytes <= self.max_body_bytes:
            self.body += chunk

    def get(self) -> None:
        self.write(self.service.predict_test_image())

    def post(self) -> None:
        if self.received_bytes > self.max_body_bytes:
            raise HTTPError(413)
        try:
            self.write(self.service.predict(self.image()))
        except Rejected as error:
            self.set_status(error.status)
            self.write(error.document)

    def image(self) -> bytes:
        content_type = self.request.headers.get("Content-Type")
        if not takes_form(content_type):
            return bytes(self.body)
        files: dict[str, list[HTTPFile]] = {}
        try:
            parse_body_arguments(content_type or "", bytes(self.body), {}, files)
        except HTTPInputError as error:
            raise BrokenForm from error
        if FIELD not in files:
            raise NoImageField
        return files[FIELD][0].body

    @property
    def max_body_bytes(self) -> int:
        return self.service.settings.max_body_bytes


async def serve(service: Service) -> None:
    """Serves until SIGTERM, and then until what is in flight is answered."""
    settings = service.settings
    app = Application(
        [("/", Predict, {"service": service}), ("/healthz", Health)],
        default_handler_class=Endpoint,
        log_function=lambda handler: None,
    )
    server = HTTPServer(
        app,
        max_body_size=max(DROPPED_BYTES, settings.max_body_bytes),
        body_timeout=BODY_S,
        idle_connection_timeout=IDLE_S,
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server.listen(settings.port, settings.host, reuse_port=settings.workers > 1)
    await stop.wait()
    server.stop()
    with suppress(TimeoutError):
        async with asyncio.timeout(GRACE_S):
            while Endpoint.active:
                await asyncio.sleep(0.01)


def stop_children(*_: object) -> NoReturn:
    """Tornado's parent process knows no SIGTERM of its own and would leave its children behind."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    with suppress(ChildProcessError):
        while True:
            os.wait()
    sys.exit(0)


if __name__ == "__main__":
    if (workers := read_settings().workers) > 1:
        if os.getpgrp() != os.getpid():
            os.setpgid(0, 0)  # the children and nobody else
        signal.signal(signal.SIGTERM, stop_children)
        fork_processes(workers)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    asyncio.run(serve(load()))
