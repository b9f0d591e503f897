"""Litestar: one image in, the model's answer out."""

from typing import Any

from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.exceptions import HTTPException

from predictor.errors import Rejected, failure
from predictor.requests import FIELD, BrokenForm, NoImageField, takes_form
from predictor.service import Document, load

service = load()
AnyRequest = Request[Any, Any, Any]


@get("/")
async def test_image() -> Document:
    return service.predict_test_image()


@post("/", status_code=200)
async def upload(request: AnyRequest) -> Document:
    if not takes_form(request.headers.get("content-type")):
        return service.predict(await request.body())
    try:
        form = await request.form()
    except UnicodeDecodeError as error:
        raise BrokenForm from error
    file = form.get(FIELD)
    if not isinstance(file, UploadFile):
        raise NoImageField
    return service.predict(await file.read())


@get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


def rejected(request: AnyRequest, error: Rejected) -> Response[Any]:
    return Response(error.document, status_code=error.status)


def failed(request: AnyRequest, error: HTTPException) -> Response[Any]:
    return Response(
        failure(error.status_code), status_code=error.status_code, headers=error.headers
    )


def crashed(request: AnyRequest, error: Exception) -> Response[Any]:
    request.logger.exception("a request failed", exc_info=error)
    return Response(failure(500), status_code=500)


app = Litestar(
    [test_image, upload, healthz],
    request_max_body_size=service.settings.max_body_bytes,
    exception_handlers={Rejected: rejected, HTTPException: failed, Exception: crashed},
    openapi_config=None,
)
