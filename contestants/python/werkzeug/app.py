"""Werkzeug alone: a WSGI application without a framework, under its own server or another."""

import json
import logging
import signal
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.routing import Map, Rule
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler, run_simple
from werkzeug.wrappers import Request, Response

from predictor.errors import Rejected, failure
from predictor.requests import FIELD, NoImageField, takes_form
from predictor.service import load

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

service = load()
logger = logging.getLogger(__name__)


class Upload(Request):
    # A chunked body is cut off at this limit without a word: a byte more is let in, then refused.
    max_content_length = service.settings.max_body_bytes + 1
    max_form_memory_size = service.settings.max_body_bytes


def test_image(request: Request) -> Response:
    return reply(service.predict_test_image())


def upload(request: Request) -> Response:
    if (request.content_length or 0) > service.settings.max_body_bytes:
        raise Rejected(413)
    if not takes_form(request.content_type):
        return reply(service.predict(request.get_data(cache=False)))
    if (file := request.files.get(FIELD)) is None:
        raise NoImageField
    return reply(service.predict(file.read()))


def healthz(request: Request) -> Response:
    return reply({"status": "ok"})


def reply(document: Any, status: int = 200) -> Response:
    return Response(json.dumps(document), status, content_type="application/json")


routes = Map(
    [
        Rule("/", endpoint=test_image, methods=["GET"]),
        Rule("/", endpoint=upload, methods=["POST"]),
        Rule("/healthz", endpoint=healthz, methods=["GET"]),
    ]
)


def respond(request: Request) -> Response:
    try:
        view, _ = routes.bind_to_environ(request.environ).match()
        response: Response = view(request)
        return response
    except Rejected as error:
        return reply(error.document, error.status)
    except HTTPException as error:
        known = error
    except Exception:
        logger.exception("a request failed")
        known = InternalServerError()
    response = reply(failure(known.code or 500), known.code or 500)
    response.headers.extend(allow for allow in known.get_headers() if allow[0] == "Allow")
    return response


def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    return respond(Upload(environ))(environ, start_response)


class Handler(WSGIRequestHandler):
    timeout = 4  # seconds without a byte, so that no idle connection holds up the exit for longer

    def log_request(self, *args: Any) -> None:
        """Access logs are off."""


def stop(*_: object) -> None:
    raise SystemExit  # run_simple then closes the socket and waits for the requests in flight


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    signal.signal(signal.SIGTERM, stop)
    ThreadedWSGIServer.daemon_threads = False
    ThreadedWSGIServer.allow_reuse_port = service.settings.workers > 1  # workers share the port
    run_simple(
        service.settings.host,
        service.settings.port,
        app,
        threaded=True,
        request_handler=Handler,
    )
