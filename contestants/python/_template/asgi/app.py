"""template-name: one image in, the model's answer out."""

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from predictor.asgi import BodyLimit
from predictor.errors import Rejected, failure
from predictor.requests import FIELD, NoImageField, takes_form
from predictor.service import load

service = load()


async def test_image(request: Request) -> JSONResponse:
    return JSONResponse(service.predict_test_image())


async def upload(request: Request) -> JSONResponse:
    if not takes_form(request.headers.get("content-type")):
        return JSONResponse(service.predict(await request.body()))
    async with request.form() as form:
        file = form.get(FIELD)
        if not isinstance(file, UploadFile):
            raise NoImageField
        return JSONResponse(service.predict(await file.read()))


async def healthz(request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


async def rejected(request: Request, error: Rejected) -> JSONResponse:
    return JSONResponse(error.document, error.status)


async def failed(request: Request, error: HTTPException) -> JSONResponse:
    return JSONResponse(failure(error.status_code), error.status_code, headers=error.headers)


async def aborted(request: Request, error: ClientDisconnect) -> JSONResponse:
    return JSONResponse(failure(400), 400)  # the sender has gone; nobody reads this


async def crashed(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse(failure(500), 500)


app = Starlette(
    routes=[
        Route("/", test_image, methods=["GET"]),
        Route("/", upload, methods=["POST"]),
        Route("/healthz", healthz),
    ],
    # Starlette's own max_body_size answers in plain text.
    middleware=[Middleware(BodyLimit, most_bytes=service.settings.max_body_bytes)],
    exception_handlers={
        Rejected: rejected,
        HTTPException: failed,
        ClientDisconnect: aborted,
        Exception: crashed,
    },
)
