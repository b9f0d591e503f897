"""KServe's model server: one image in, the model's answer out, on routes beside its own."""

from typing import Annotated

from fastapi import File, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from kserve import Model, ModelServer
from kserve.model_server import app
from starlette.exceptions import HTTPException

from predictor.asgi import BodyLimit
from predictor.errors import Rejected, failure
from predictor.requests import FIELD, NoImageField, takes_form
from predictor.service import Document, load

service = load()  # here, and not in the model, because each worker imports this file anew


class Digits(Model):
    def __init__(self) -> None:
        super().__init__("digits")
        self.ready = True

    def predict(self, payload: dict[str, bytes], headers: object = None) -> Document:
        return service.predict(payload[FIELD])


digits = Digits()


@app.get("/")
async def test_image() -> Document:
    return service.predict_test_image()


@app.post("/")
async def upload(
    request: Request, image: Annotated[UploadFile | None, File(alias=FIELD)] = None
) -> Document:
    if not takes_form(request.headers.get("content-type")):
        return await predict(await request.body())
    if image is None:
        raise NoImageField
    return await predict(await image.read())


async def predict(image: bytes) -> Document:
    """As KServe's own endpoints do: before, in and after the model, with its times as metrics."""
    answer, _ = await digits({FIELD: image})
    document: Document = answer
    return document


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@app.exception_handler(Rejected)
async def rejected(request: Request, error: Rejected) -> JSONResponse:
    return JSONResponse(error.document, error.status)


@app.exception_handler(RequestValidationError)
async def not_a_file(request: Request, error: RequestValidationError) -> JSONResponse:
    return await rejected(request, NoImageField())


@app.exception_handler(HTTPException)
async def failed(request: Request, error: HTTPException) -> JSONResponse:
    return JSONResponse(failure(error.status_code), error.status_code, headers=error.headers)


app.add_middleware(BodyLimit, most_bytes=service.settings.max_body_bytes)

if __name__ == "__main__":
    ModelServer(
        http_port=service.settings.port,
        workers=service.settings.workers,
        enable_grpc=False,
        enable_latency_logging=False,
        timeout_keep_alive=75,
        grace_period=4,
    ).start([digits])
