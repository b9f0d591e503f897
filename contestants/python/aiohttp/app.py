"""aiohttp: one image in, the model's answer out. Runs by itself, or in gunicorn's workers."""

import asyncio
import logging
import signal
from contextlib import suppress

from aiohttp import web
from aiohttp.http import HttpProcessingError
from aiohttp.typedefs import Handler

from predictor.errors import Rejected, failure
from predictor.requests import FIELD, BrokenForm, NoImageField, takes_form
from predictor.service import load

service = load()
routes = web.RouteTableDef()
active: set[int] = set()  # ids of the requests in flight
logger = logging.getLogger(__name__)


@routes.get("/")
async def test_image(request: web.Request) -> web.Response:
    return web.json_response(service.predict_test_image())


@routes.post("/")
async def upload(request: web.Request) -> web.Response:
    if takes_form(request.headers.get("Content-Type")):
        image = await form_image(request)
    else:
        image = await request.read()
    return web.json_response(service.predict(image))


@routes.get("/healthz")
async def healthz(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def form_image(request: web.Request) -> bytes:
    try:
        form = await request.post()
    except (ValueError, HttpProcessingError) as error:
        raise BrokenForm from error
    file = form.get(FIELD)
    if not isinstance(file, web.FileField):
        raise NoImageField
    return file.file.read()


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    active.add(id(request))
    try:
        return await handler(request)
    except Rejected as error:
        return web.json_response(error.document, status=error.status)
    except web.HTTPException as error:
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        return web.json_response(failure(error.status), status=error.status, headers=allow)
    except ConnectionResetError:  # the sender has gone; nobody reads this
        return web.json_response(failure(400), status=400)
    except Exception:
        logger.exception("a request failed")
        return web.json_response(failure(500), status=500)
    finally:
        active.discard(id(request))


app = web.Application(middlewares=[errors], client_max_size=service.settings.max_body_bytes)
app.add_routes(routes)


class DrainingRunner(web.AppRunner):
    """Lets requests end first: aiohttp drops what arrives of a body once it began to stop."""

    async def cleanup(self) -> None:
        for site in list(self.sites):
            await site.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(2.5):
                while active:
                    await asyncio.sleep(0.01)
        await super().cleanup()


async def make_runner() -> web.AppRunner:
    """Also what gunicorn's workers run."""
    return DrainingRunner(app, access_log=None, keepalive_timeout=75, shutdown_timeout=0.5)


async def main() -> None:
    settings = service.settings
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    runner = await make_runner()
    await runner.setup()
    share = settings.workers > 1  # each worker is a process that listens on the same port
    await web.TCPSite(runner, settings.host, settings.port, reuse_port=share).start()
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
