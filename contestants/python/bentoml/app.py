"""BentoML: one image in, the model's answer out.

Its own endpoints take JSON or a form, not either a form or a plain body; so the routes are those of
a mounted application.
"""

from typing import Annotated

import bentoml
from fastapi import FastAPI, File, Request, UploadFile
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from predictor.asgi import Application, BodyLimit, Message, Receive, Send
from predictor.errors import Rejected, failure
from predictor.requests import FIELD, NoImageField, takes_form
from predictor.service import Document, load
from predictor.settings import read_settings

settings = read_settings()
app = FastAPI(openapi_url=None)


@bentoml.service(
    workers=settings.workers, metrics={"enabled": False}, logging={"access": {"enabled": False}}
)
@bentoml.asgi_app(app)
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


@app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def other(path: str) -> None:
    """Else BentoML itself would answer, with a line of text."""
    if path:
        raise HTTPException(404)
    raise HTTPException(405, headers={"Allow": "GET, POST"})


@app.exception_handler(Rejected)
async def rejected(request: Request, error: Rejected) -> JSONResponse:
    return JSONResponse(error.document, error.status)


@app.exception_handler(HTTPException)
async def failed(request: Request, error: HTTPException) -> JSONResponse:
    return JSONResponse(failure(error.status_code), error.status_code, headers=error.headers)


class Health:
    """BentoML's own /healthz answers with an empty line."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/healthz":
            if scope["method"] == "GET":
                response = JSONResponse({"status": "ok"})
            else:
                response = JSONResponse(failure(405), 405, headers={"Allow": "GET"})
            await response(scope, receive, send)
        else:
            await self.app(scope, receive, send)


Digits.add_asgi_middleware(Health)
Digits.add_asgi_middleware(BodyLimit, most_bytes=settings.max_body_bytes)
