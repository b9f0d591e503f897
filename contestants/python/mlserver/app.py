"""MLServer: one image in, the model's answer out. HTTP and inference are processes of their own."""

import asyncio
import signal
import tempfile
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.handlers import custom_handler
from mlserver.rest.responses import Response
from mlserver.utils import install_uvloop_event_loop
from python_multipart.exceptions import FormParserError
from starlette.exceptions import HTTPException

from predictor.asgi import BodyLimit
from predictor.errors import Rejected, failure
from predictor.requests import FIELD, BrokenForm, NoImageField, takes_form
from predictor.service import Document, load
from predictor.settings import read_settings

DRAIN_S = 1.0


async def read_image(request: Request) -> bytes:
    """What goes to the inference process."""
    if not takes_form(request.headers.get("content-type")):
        return await request.body()
    try:
        form = await request.form()
    except FormParserError as error:  # the Starlette that MLServer wants lets it through
        raise BrokenForm from error
    file = form.get(FIELD)
    if file is None or isinstance(file, str):
        raise NoImageField
    return await file.read()


class Digits(MLModel):
    """Its methods run in the inference processes, where no exception comes back from as it was."""

    async def load(self) -> bool:
        self.service = load()
        return True

    @custom_handler(rest_path="/", rest_method="GET")
    async def test_image(self) -> Response:
        return answer(self.service.predict_test_image)

    @custom_handler(rest_path="/")
    async def upload(self, image: Annotated[bytes, Depends(read_image)]) -> Response:
        return answer(self.service.predict, image)

    @custom_handler(rest_path="/healthz", rest_method="GET")
    async def healthz(self) -> dict[str, str]:
        return {"status": "ok"}  # not before the model is loaded, as MLServer listens at once


def answer(predict: Callable[..., Document], *image: bytes) -> Response:
    try:
        return Response(predict(*image))
    except Rejected as error:
        return Response(error.document, error.status)


async def rejected(request: Request, error: Rejected) -> Response:
    return Response(error.document, error.status)


async def failed(request: Request, error: HTTPException) -> Response:
    return Response(failure(error.status_code), error.status_code, headers=error.headers)


async def main() -> None:
    settings = read_settings()
    server = MLServer(
        Settings(
            debug=False,  # and so no access log
            host=settings.host,
            http_port=settings.port,
            grpc_port=0,  # any that is free: it cannot be switched off
            metrics_endpoint=None,
            parallel_workers=settings.workers,
            environments_dir=tempfile.gettempdir(),
        )
    )
    app: FastAPI = server._rest_server._app  # there is no public way to it
    app.add_middleware(BodyLimit, most_bytes=settings.max_body_bytes)
    app.add_exception_handler(Rejected, rejected)
    app.add_exception_handler(HTTPException, failed)

    async def stop() -> None:
        """MLServer stops inference at once, also for what is in flight: so it serves on a while."""
        await asyncio.sleep(DRAIN_S)
        await server.stop(signal.SIGTERM)

    stopping: list[asyncio.Task[Any]] = []
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(
        signal.SIGTERM, lambda: stopping or stopping.append(loop.create_task(stop()))
    )
    await server.start([ModelSettings(name="digits", implementation=Digits)])
    await asyncio.gather(*stopping)


if __name__ == "__main__":
    install_uvloop_event_loop()  # for the inference processes too
    asyncio.run(main())
