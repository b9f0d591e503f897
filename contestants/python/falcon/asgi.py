"""Falcon over ASGI: one image in, the model's answer out."""

import logging

import falcon.asgi
from falcon.asgi import Request, Response

from endpoints import LIMIT, check_length, image_of, serialize_error, service
from predictor.errors import Rejected, failure

logger = logging.getLogger(__name__)


class Predict:
    async def on_get(self, request: Request, response: Response) -> None:
        response.media = service.predict_test_image()

    async def on_post(self, request: Request, response: Response) -> None:
        check_length(request.content_length)
        body = await request.stream.read(LIMIT + 1)
        response.media = service.predict(image_of(request.content_type, body))


class Health:
    async def on_get(self, request: Request, response: Response) -> None:
        response.media = {"status": "ok"}


async def rejected(request: Request, response: Response, error: Rejected, params: object) -> None:
    response.status = error.status
    response.media = error.document


async def crashed(request: Request, response: Response, error: Exception, params: object) -> None:
    logger.exception("a request failed", exc_info=error)
    response.status = 500
    response.media = failure(500)


app = falcon.asgi.App()
app.add_route("/", Predict())
app.add_route("/healthz", Health())
app.set_error_serializer(serialize_error)
app.add_error_handler(Exception, crashed)
app.add_error_handler(Rejected, rejected)
