"""Bottle: one image in, the model's answer out."""

import io
import json
from collections.abc import Callable
from typing import Any

from bottle import BaseRequest, Bottle, HTTPError, request, response

from predictor.errors import Rejected, failure
from predictor.requests import FIELD, NoImageField, takes_form
from predictor.service import load

service = load()
LIMIT = service.settings.max_body_bytes
BaseRequest.MEMFILE_MAX = LIMIT  # what is larger would go to a file on disk
app = Bottle()


@app.get("/")
def test_image() -> Any:
    return service.predict_test_image()


@app.post("/")
def upload() -> Any:
    if not takes_form(request.content_type):
        return service.predict(request.body.read())
    if (file := request.files.get(FIELD)) is None:
        raise NoImageField
    return service.predict(file.file.read())


@app.get("/healthz")
def healthz() -> Any:
    return {"status": "ok"}


@app.hook("before_request")
def limit_body() -> None:
    if request.content_length > LIMIT:
        raise HTTPError(413)
    if request.chunked:
        # Servers have decoded it already; Bottle would do so again.
        body = request.environ["wsgi.input"].read(LIMIT + 1)
        if len(body) > LIMIT:
            raise HTTPError(413)
        del request.environ["HTTP_TRANSFER_ENCODING"]
        request.environ.update({"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))})


@app.install
def rejections(callback: Callable[..., Any]) -> Callable[..., Any]:
    def answer(*arguments: Any, **names: Any) -> Any:
        try:
            return callback(*arguments, **names)
        except Rejected as error:
            response.status = error.status
            return error.document

    return answer


def failed(error: HTTPError) -> str:
    response.content_type = "application/json"
    return json.dumps(failure(error.status_code))


app.default_error_handler = failed
