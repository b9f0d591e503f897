"""Granian's RSGI, tuned: forms searched in place, PNG by Rust, one inference for all that wait."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from form import find_image
from granian.rsgi import HTTPProtocol, Scope
from predicting import batcher, opened, service, settings

from predictor.errors import Rejected, failure
from predictor.requests import takes_form

logger = logging.getLogger(__name__)


async def test_image(scope: Scope, protocol: HTTPProtocol) -> Any:
    return await predict(service.test_image)


async def upload(scope: Scope, protocol: HTTPProtocol) -> Any:
    content_type = scope.headers.get("content-type")
    is_form = takes_form(content_type)  # refuses other types before it reads
    body = await read(scope, protocol)
    return await predict(find_image(content_type or "", body) if is_form else body)


async def read(scope: Scope, protocol: HTTPProtocol) -> bytes:
    length = scope.headers.get("content-length")
    if length is not None:  # the server lets no more through than was announced
        if int(length) > settings.max_body_bytes:
            raise Rejected(413)
        return await protocol()
    body = bytearray()
    async for chunk in protocol:
        body += chunk
        if len(body) > settings.max_body_bytes:
            raise Rejected(413)
    return bytes(body)


async def predict(image: bytes) -> Any:
    pixels = opened(image)
    return service.predict(image) if pixels is None else await batcher.predict(pixels)


async def healthz(scope: Scope, protocol: HTTPProtocol) -> Any:
    return {"status": "ok"}


Handler = Callable[[Scope, HTTPProtocol], Awaitable[Any]]
ROUTES: dict[str, dict[str, Handler]] = {
    "/": {"GET": test_image, "POST": upload},
    "/healthz": {"GET": healthz},
}


async def app(scope: Scope, protocol: HTTPProtocol) -> None:
    status = 200
    headers = [("content-type", "application/json")]
    try:
        methods = ROUTES.get(scope.path)
        if methods is None:
            raise Rejected(404)
        if scope.method not in methods:
            headers.append(("allow", ", ".join(methods)))
            raise Rejected(405)
        document = await methods[scope.method](scope, protocol)
    except Rejected as error:
        status, document = error.status, error.document
    except Exception:
        logger.exception("a request failed")
        status, document = 500, failure(500)
    protocol.response_bytes(status, headers, orjson.dumps(document))
