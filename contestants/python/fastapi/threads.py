"""FastAPI with its thread pool: as `app.py`, but the event loop goes on while a model predicts."""

from typing import Annotated

import app as inline
from app import service
from fastapi import FastAPI, File, Request, UploadFile
from fastapi.concurrency import run_in_threadpool

from predictor.asgi import BodyLimit
from predictor.requests import FIELD, NoImageField, takes_form
from predictor.service import Document

app = FastAPI(openapi_url=None, exception_handlers=inline.app.exception_handlers)
app.add_middleware(BodyLimit, most_bytes=service.settings.max_body_bytes)
app.add_api_route("/healthz", inline.healthz)


@app.get("/")
def test_image() -> Document:  # not `async def`, and so called in a thread
    return service.predict_test_image()


@app.post("/")
async def upload(
    request: Request, image: Annotated[UploadFile | None, File(alias=FIELD)] = None
) -> Document:
    if not takes_form(request.headers.get("content-type")):
        return await run_in_threadpool(service.predict, await request.body())
    if image is None:
        raise NoImageField
    return await run_in_threadpool(service.predict, await image.read())
