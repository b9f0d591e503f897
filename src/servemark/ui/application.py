"""The web application: its addresses, and what every page has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from servemark.errors import ServemarkError
from servemark.ui.checkout import Checkout
from servemark.ui.guard import READING, Access, Guard
from servemark.ui.kitchen import Kitchen
from servemark.ui.live import Live
from servemark.ui.pages import Browse
from servemark.ui.playground import Playground
from servemark.ui.runs import Runs
from servemark.ui.templating import Pages

FOLDER = Path(__file__).parent
TIDY_S = 2.0


def make_application(checkout: Checkout, runs: Runs, kitchen: Kitchen, access: Access) -> Starlette:
    """The dashboard as an ASGI application."""
    pages = Pages(access.secret)
    browse, live = Browse(pages, runs), Live(pages, runs)
    playground = Playground(pages, checkout, kitchen, runs)

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        tidying = asyncio.create_task(_tidy(kitchen))
        yield
        tidying.cancel()
        with suppress(asyncio.CancelledError):
            await tidying
        await run_in_threadpool(kitchen.close)

    async def failed(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        said = "There is nothing at this address." if status == 404 else str(error)
        if isinstance(error, ServemarkError):
            said = str(error)
        if request.method not in READING:
            return JSONResponse({"error": said}, 400 if status == 404 else status)
        return pages.page("error.html", request, status, said=said)

    return Starlette(
        routes=[
            Route("/", browse.runs),
            Route("/compare", browse.compare),
            Route("/runs", live.start, methods=["POST"]),
            Route("/runs/{name}", live.run),
            Route("/runs/{name}/events", live.events),
            Route("/runs/{name}/stop", live.stop, methods=["POST"]),
            Route("/runs/{name}/resume", live.resume, methods=["POST"]),
            Route("/runs/{name}/report.{kind}", browse.report),
            Route("/jobs/{number:int}", live.job),
            Route("/jobs/{number:int}/events", live.job_events),
            Route("/jobs/{number:int}/stop", live.stop_job, methods=["POST"]),
            Route("/playground", playground.page),
            Route("/playground/ask", playground.ask, methods=["POST"]),
            Mount("/static", StaticFiles(directory=FOLDER / "static")),
        ],
        middleware=[Middleware(Guard, access=access)],
        exception_handlers={HTTPException: failed, ServemarkError: failed},
        lifespan=life,
    )


async def _tidy(kitchen: Kitchen) -> None:
    while True:
        await asyncio.sleep(TIDY_S)
        await run_in_threadpool(kitchen.tidy)
