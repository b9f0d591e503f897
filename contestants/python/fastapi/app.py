"""FastAPI: one image in, the model's answer out."""

from typing import Annotated

from fastapi import FastAPI, File, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from predictor.asgi import BodyLimit
from predictor.errors import Rejected, failure
from predictor.requests import FIELD, NoImageField, takes_form
from predictor.service import Document, load

service = load()
app = FastAPI(openapi_url=None)
# FastAPI's own max_body_size answers in plain text.
app.add_middleware(BodyLimit, most_bytes=service.settings.max_body_bytes)


@app.get("/")
async def test_image() -> Document:
    return service.predict_test_image()


@app.post("/")
async def upload(
    request: Request, image: Annotated[UploadFile | None, File(alias=FIELD)] = None
) -> Document:
    if not takes_form(request.headers.get("content-type")):
        return service.predict(await request.body())
    if image is None:
        raise NoImageField
    return service.predict(await image.read())


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


@app.exception_handler(ClientDisconnect)
async def aborted(request: Request, error: ClientDisconnect) -> JSONResponse:
    return JSONResponse(failure(400), 400)  # the sender has gone; nobody reads this


@app.exception_handler(Exception)
async def crashed(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse(failure(500), 500)
