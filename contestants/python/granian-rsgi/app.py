"""Granian without a framework: an application of its interface RSGI."""

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from granian.rsgi import HTTPProtocol, Scope

from predictor.errors import Rejected, failure
from predictor.forms import read_image
from predictor.requests import takes_form
from predictor.service import load

service = load()
LIMIT = service.settings.max_body_bytes
logger = logging.getLogger(__name__)


async def test_image(scope: Scope, protocol: HTTPProtocol) -> Any:
    return service.predict_test_image()


async def upload(scope: Scope, protocol: HTTPProtocol) -> Any:
    if int(scope.headers.get("content-length") or 0) > LIMIT:
        raise Rejected(413)
    content_type = scope.headers.get("content-type")
    takes_form(content_type)  # refuses other types before it reads
    body = bytearray()
    async for chunk in protocol:
        body += chunk
        if len(body) > LIMIT:
            raise Rejected(413)
    return service.predict(read_image(content_type, body))


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
    protocol.response_str(status, headers, json.dumps(document))
