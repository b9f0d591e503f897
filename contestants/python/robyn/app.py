"""Robyn: one image in, the model's answer out."""

import json
import logging
from typing import Any

from robyn import HttpMethod, Request, Response, Robyn

from predictor.errors import Rejected, failure
from predictor.requests import NoImageField, takes_form
from predictor.service import load

service = load()
app = Robyn(__file__)
logger = logging.getLogger(__name__)
JSON = {"Content-Type": "application/json"}


@app.exception  # before the routes, which take it over as they are added
def failed(error: Exception) -> Response:
    if isinstance(error, Rejected):
        return reply(error.status, error.document)
    logger.error("a request failed", exc_info=error)
    return reply(500, failure(500))


@app.get("/")
async def test_image(request: Request) -> Any:
    return service.predict_test_image()


@app.post("/")
async def upload(request: Request) -> Any:
    if takes_form(request.headers.get("content-type")):
        if not request.files:
            raise NoImageField
        return service.predict(next(iter(request.files.values())))  # it knows no field names
    body = request.body
    return service.predict(body.encode() if isinstance(body, str) else body)


@app.get("/healthz")
async def healthz(request: Request) -> Any:
    return {"status": "ok"}


async def not_allowed(request: Request) -> Response:
    return reply(405, failure(405))


async def not_found(request: Request) -> Response:
    return reply(404, failure(404))


def reply(status: int, document: Any) -> Response:
    return Response(status, JSON, json.dumps(document))


ALLOWED = {"/": {"GET", "POST"}, "/healthz": {"GET"}}
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
for method in METHODS:
    for path, allowed in ALLOWED.items():
        if method not in allowed:
            app.add_route(getattr(HttpMethod, method), path, not_allowed)
    app.add_route(getattr(HttpMethod, method), "/*rest", not_found)

if __name__ == "__main__":
    app.start(service.settings.host, service.settings.port, _check_port=False)
