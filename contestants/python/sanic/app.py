"""Sanic: one image in, the model's answer out."""

from contextlib import suppress
from multiprocessing import Barrier
from threading import BrokenBarrierError
from typing import Any

from sanic import HTTPResponse, Request, Sanic, json
from sanic.exceptions import SanicException

from predictor.errors import Rejected, failure
from predictor.requests import FIELD, NoImageField, takes_form
from predictor.service import load
from predictor.settings import read_settings

app = Sanic("servemark", configure_logging=False)
app.config.ACCESS_LOG = False
app.config.GRACEFUL_SHUTDOWN_TIMEOUT = 2.5  # seconds, in which it also waits for idle clients
app.config.REQUEST_MAX_SIZE = read_settings().max_body_bytes


@app.main_process_start
async def share_barrier(app: Any) -> None:
    app.shared_ctx.loaded = Barrier(read_settings().workers)


@app.before_server_start
async def load_model(app: Any) -> None:
    if hasattr(app.ctx, "service"):
        return
    app.ctx.service = load()
    # Workers begin to listen together: Sanic cannot be stopped while one of them still starts.
    with suppress(BrokenBarrierError):
        app.shared_ctx.loaded.wait(timeout=60)


@app.get("/")
async def test_image(request: Request) -> HTTPResponse:
    return json(app.ctx.service.predict_test_image())


@app.post("/")
async def upload(request: Request) -> HTTPResponse:
    if not takes_form(request.headers.get("content-type")):
        return json(app.ctx.service.predict(request.body))
    if not request.files or (file := request.files.get(FIELD)) is None:
        raise NoImageField
    return json(app.ctx.service.predict(file.body))


@app.get("/healthz")
async def healthz(request: Request) -> HTTPResponse:
    return json({"status": "ok"})


@app.exception(Rejected)
async def rejected(request: Request, error: Rejected) -> HTTPResponse:
    return json(error.document, error.status)


@app.exception(SanicException)
async def failed(request: Request, error: SanicException) -> HTTPResponse:
    return json(failure(error.status_code), error.status_code, headers=error.headers)


@app.exception(Exception)
async def crashed(request: Request, error: Exception) -> HTTPResponse:
    app.error_handler.log(request, error)
    return json(failure(500), 500)


if __name__ == "__main__":
    settings = read_settings()
    if settings.workers == 1:
        app.ctx.service = load()  # here, because Sanic logs an exit in a listener as a crash
    app.run(
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        single_process=settings.workers == 1,
        motd=False,
    )
