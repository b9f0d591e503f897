"""template-name: one image in, the model's answer out."""

from flask import Flask, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from predictor.errors import Rejected, failure
from predictor.requests import FIELD, NoImageField, takes_form
from predictor.service import load

service = load()
app = Flask(__name__)
# Werkzeug cuts a chunked body off at its limit and says nothing: a byte more is let in and refused.
app.config["MAX_CONTENT_LENGTH"] = service.settings.max_body_bytes + 1
app.config["MAX_FORM_MEMORY_SIZE"] = service.settings.max_body_bytes


@app.get("/")
def test_image() -> ResponseReturnValue:
    return service.predict_test_image()


@app.post("/")
def upload() -> ResponseReturnValue:
    if (request.content_length or 0) > service.settings.max_body_bytes:
        raise Rejected(413)
    if not takes_form(request.content_type):
        return service.predict(request.get_data(cache=False))
    if (file := request.files.get(FIELD)) is None:
        raise NoImageField
    return service.predict(file.read())


@app.get("/healthz")
def healthz() -> ResponseReturnValue:
    return {"status": "ok"}


@app.errorhandler(Rejected)
def rejected(error: Rejected) -> ResponseReturnValue:
    return error.document, error.status


@app.errorhandler(HTTPException)
def failed(error: HTTPException) -> ResponseReturnValue:
    response = error.get_response()  # keeps the Allow header of a 405
    response.data = app.json.dumps(failure(error.code or 500))
    response.content_type = "application/json"
    return response
