"""Ray Serve: one image in, the model's answer out. A process proxies HTTP, others infer."""

import logging
import signal
import threading
from typing import Annotated

import ray
from fastapi import FastAPI, File, Request, UploadFile
from fastapi.responses import JSONResponse
from ray import serve
from starlette.exceptions import HTTPException

from predictor.asgi import BodyLimit
from predictor.errors import Rejected, failure
from predictor.requests import FIELD, NoImageField, takes_form
from predictor.service import Document, load
from predictor.settings import read_settings

DRAIN_S = 1.0

settings = read_settings()
app = FastAPI(openapi_url=None)
app.add_middleware(BodyLimit, most_bytes=settings.max_body_bytes)


@app.exception_handler(Rejected)
async def rejected(request: Request, error: Rejected) -> JSONResponse:
    return JSONResponse(error.document, error.status)


@app.exception_handler(HTTPException)
async def failed(request: Request, error: HTTPException) -> JSONResponse:
    return JSONResponse(failure(error.status_code), error.status_code, headers=error.headers)


@serve.deployment(
    num_replicas=settings.workers,
    logging_config={"log_level": "ERROR", "enable_access_log": False},
    graceful_shutdown_wait_loop_s=0.1,
    graceful_shutdown_timeout_s=1,
)
@serve.ingress(app)  # as it is here: what is added to it later is not in the replicas
class Digits:
    def __init__(self) -> None:
        self.service = load()

    @app.get("/")
    async def test_image(self) -> Document:
        return self.service.predict_test_image()

    @app.post("/")
    async def upload(
        self, request: Request, image: Annotated[UploadFile | None, File(alias=FIELD)] = None
    ) -> Document:
        if not takes_form(request.headers.get("content-type")):
            return self.service.predict(await request.body())
        if image is None:
            raise NoImageField
        return self.service.predict(await image.read())

    @app.get("/healthz")
    async def healthz(self) -> dict[str, str]:
        return {"status": "ok"}


def main() -> None:
    stopped = threading.Event()
    ray.init(
        num_cpus=settings.workers,  # one for each replica
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=100_000_000,  # bytes: requests do not go through it
    )
    serve.start(
        http_options={
            "host": settings.host,
            "port": settings.port,
            "keep_alive_timeout_s": 75,
        },
        logging_config={"log_level": "ERROR", "enable_access_log": False},
    )
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    serve.run(Digits.bind())
    stopped.wait()
    threading.Event().wait(DRAIN_S)  # Serve drops what is in flight: so it serves on a while
    ray.shutdown()


if __name__ == "__main__":
    main()
