"""LitServe: one image in, the model's answer out. HTTP and inference are processes of their own."""

import signal
import time
from typing import Annotated, Any

import litserve as ls
from fastapi import Depends, HTTPException, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as HTTPError

from predictor.asgi import BodyLimit
from predictor.errors import Rejected, failure
from predictor.requests import FIELD, NoImageField, takes_form
from predictor.service import load
from predictor.settings import read_settings

DRAIN_S = 1.0


async def read_image(request: Request) -> bytes | None:
    """What goes to the inference process; None stands for the test image, which that has read."""
    if request.method == "GET":
        return None
    if not takes_form(request.headers.get("content-type")):
        return await request.body()
    async with request.form() as form:
        file = form.get(FIELD)
        if file is None or isinstance(file, str):
            raise NoImageField
        return await file.read()


class Digits(ls.LitAPI):
    def setup(self, device: str) -> None:
        self.service = load()

    def decode_request(self, request: Annotated[bytes | None, Depends(read_image)]) -> bytes | None:
        return request

    def predict(self, image: bytes | None) -> Any:
        try:
            if image is None:
                return self.service.predict_test_image()
            return self.service.predict(image)
        except Rejected as error:
            raise HTTPException(error.status, error.document["error"]) from error

    def encode_response(self, output: Any) -> dict[str, Any]:
        document: dict[str, Any] = output
        return document


async def healthz() -> dict[str, str]:
    return {"status": "ok"}


async def rejected(request: Request, error: Rejected) -> JSONResponse:
    return JSONResponse(error.document, error.status)


async def failed(request: Request, error: HTTPError) -> JSONResponse:
    sentence = error.detail if error.status_code in (400, 413, 422) else None
    return JSONResponse(failure(error.status_code, sentence), error.status_code, error.headers)


def stop(*_: object) -> None:
    """LitServe stops for Ctrl-C alone, and drops what is in flight: so it serves on a while."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(DRAIN_S)
    raise KeyboardInterrupt


if __name__ == "__main__":
    settings = read_settings()
    server = ls.LitServer(
        Digits(api_path="/"),
        accelerator="cpu",
        workers_per_device=settings.workers,
        fast_queue=True,  # ZeroMQ between the processes
        middlewares=[(BodyLimit, {"most_bytes": settings.max_body_bytes})],
    )
    routes = server.app.router.routes
    routes[:] = [route for route in routes if route.endpoint.__name__ != "index"]
    predict = next(route for route in routes if route.path == "/")
    server.app.add_api_route("/", predict.endpoint, methods=["GET"])
    server.app.add_api_route("/healthz", healthz)
    server.app.add_exception_handler(Rejected, rejected)
    server.app.add_exception_handler(HTTPError, failed)
    signal.signal(signal.SIGTERM, stop)
    server.run(
        settings.host,
        settings.port,
        num_api_servers=settings.workers,
        log_level="error",
        generate_client_file=False,
        access_log=False,
        timeout_keep_alive=75,
    )
