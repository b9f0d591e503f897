"""BlackSheep: one image in, the model's answer out."""

from blacksheep import Application, HTTPException, Request, Response, json
from blacksheep.exceptions import MessageAborted
from blacksheep.multipart import parse_multipart

from predictor.asgi import BodyLimit, TooLarge
from predictor.errors import Rejected, failure
from predictor.requests import FIELD, BrokenForm, NoImageField, check_form_ends, takes_form
from predictor.service import load

ALLOWED = {b"/": b"GET, POST", b"/healthz": b"GET"}

service = load()
application = Application()
get, post = application.router.get, application.router.post


@get("/")
async def test_image() -> Response:
    return json(service.predict_test_image())


@post("/")
async def upload(request: Request) -> Response:
    content_type = (request.content_type() or b"").decode("latin-1")
    form = takes_form(content_type)
    body = await request.read() or b""
    return json(service.predict(form_image(content_type, body) if form else body))


@get("/healthz")
async def healthz() -> Response:
    return json({"status": "ok"})


def form_image(content_type: str, body: bytes) -> bytes:
    check_form_ends(content_type, body)
    try:
        for part in parse_multipart(body):
            if part.name == FIELD.encode() and part.file_name:
                return part.data
    except ValueError as error:
        raise BrokenForm from error
    raise NoImageField


async def no_route(request: Request) -> Response:
    """BlackSheep has no 405 of its own."""
    if allowed := ALLOWED.get(request.url.path):
        response = json(failure(405), 405)
        response.add_header(b"Allow", allowed)
        return response
    return json(failure(404), 404)


@application.exception_handler(Rejected)
async def rejected(_: Application, request: Request, error: Rejected) -> Response:
    return json(error.document, error.status)


@application.exception_handler(HTTPException)
async def failed(_: Application, request: Request, error: HTTPException) -> Response:
    return json(failure(error.status), error.status)


@application.exception_handler(MessageAborted)
@application.exception_handler(TooLarge)
async def aborted(_: Application, request: Request, error: Exception) -> Response:
    return json(failure(400), 400)  # the sender has gone, or BodyLimit answers


@application.exception_handler(500)
async def crashed(_: Application, request: Request, error: Exception) -> Response:
    return json(failure(500), 500)


application.router.fallback = no_route
app = BodyLimit(application, service.settings.max_body_bytes)
