"""Quart: one image in, the model's answer out."""

from quart import Quart, request
from quart.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from predictor.asgi import BodyLimit
from predictor.errors import Rejected, failure
from predictor.requests import FIELD, NoImageField, takes_form
from predictor.service import load

service = load()
app = Quart(__name__)
app.config["MAX_CONTENT_LENGTH"] = service.settings.max_body_bytes
app.config["MAX_FORM_MEMORY_SIZE"] = service.settings.max_body_bytes
# Quart's own limit does not hold for a chunked form.
app.asgi_app = BodyLimit(app.asgi_app, service.settings.max_body_bytes)


@app.get("/")
async def test_image() -> ResponseReturnValue:
    return service.predict_test_image()


@app.post("/")
async def upload() -> ResponseReturnValue:
    if not takes_form(request.content_type):
        return service.predict(await request.get_data(cache=False))
    if (file := (await request.files).get(FIELD)) is None:
        raise NoImageField
    return service.predict(file.read())


@app.get("/healthz")
async def healthz() -> ResponseReturnValue:
    return {"status": "ok"}


@app.errorhandler(Rejected)
async def rejected(error: Rejected) -> ResponseReturnValue:
    return error.document, error.status


@app.errorhandler(HTTPException)
async def failed(error: HTTPException) -> ResponseReturnValue:
    headers = {"Allow": ", ".join(error.valid_methods)} if hasattr(error, "valid_methods") else {}
    return failure(error.code or 500), error.code or 500, headers
