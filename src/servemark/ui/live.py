"""Runs while they go on: starting, watching, stopping, going on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import quote

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from servemark.errors import ServemarkError
from servemark.ui.drawing import draw
from servemark.ui.following import View
from servemark.ui.runs import Runs
from servemark.ui.templating import Pages

LOOK_S = 1.0


class Live:
    """The pages of single runs. Each page that watches has a stream of its own; what they show is
    read and put together once."""

    def __init__(self, pages: Pages, runs: Runs) -> None:
        self._pages = pages
        self._runs = runs
        self._parts: dict[str, tuple[View, str]] = {}

    async def run(self, request: Request) -> Response:
        """A run, as it is now."""
        view, part = await run_in_threadpool(self._part, request.path_params["name"])
        return self._pages.page("run.html", request, view=view, part=part)

    async def events(self, request: Request) -> Response:
        """The changing part of a run's page, whenever it has changed."""
        name = request.path_params["name"]
        await run_in_threadpool(self._part, name)
        return EventSourceResponse(self._changes(name))

    async def _changes(self, name: str) -> AsyncIterator[ServerSentEvent]:
        sent = None
        while True:
            try:
                view, part = await run_in_threadpool(self._part, name)
            except ServemarkError as error:
                yield ServerSentEvent(str(error), event="failed")
                return
            if view.version != sent:
                sent = view.version
                yield ServerSentEvent(part, event="part")
            await asyncio.sleep(LOOK_S)

    def _part(self, name: str) -> tuple[View, str]:
        view = self._runs.follower(name).view()
        known = self._parts.get(name)
        if known is None or known[0] is not view:
            drawn = draw(view.rows, view.header.board.half_width)
            has_page = (self._runs.folder(name).path / "report.html").is_file()
            known = (view, self._pages.text("part.html", view=view, rows=drawn, has_page=has_page))
            self._parts[name] = known
        return known

    async def start(self, request: Request) -> Response:
        """Begin a run."""
        async with request.form(max_files=0, max_fields=10) as form:
            board, only = str(form.get("board", "")), str(form.get("only", "")).split()
        job = await run_in_threadpool(self._runs.start, board, only)
        return JSONResponse({"location": f"/jobs/{job.number}"})

    async def stop(self, request: Request) -> Response:
        """Ctrl-C to a run."""
        name = request.path_params["name"]
        await run_in_threadpool(self._runs.stop, name)
        return JSONResponse({"said": "It stops when the slice that is being measured is over."})

    async def resume(self, request: Request) -> Response:
        """Go on with a run that was cut off."""
        job = await run_in_threadpool(self._runs.resume, request.path_params["name"])
        return JSONResponse({"location": f"/jobs/{job.number}"})

    async def job(self, request: Request) -> Response:
        """What was started from a page, until its run has begun."""
        job = self._runs.job(request.path_params["number"])
        return self._pages.page("job.html", request, job=job, part=self._job_part(job.number))

    def _job_part(self, number: int) -> str:
        return self._pages.text("job_part.html", job=self._runs.job(number))

    async def job_events(self, request: Request) -> Response:
        """What a job says; its run's page, as soon as there is one."""
        number = request.path_params["number"]
        self._runs.job(number)
        return EventSourceResponse(self._job_changes(number))

    async def _job_changes(self, number: int) -> AsyncIterator[ServerSentEvent]:
        sent = None
        while True:
            job = self._runs.job(number)
            part = await run_in_threadpool(self._job_part, number)
            if part != sent:
                sent = part
                yield ServerSentEvent(part, event="part")
            if job.run is not None:
                yield ServerSentEvent(f"/runs/{quote(job.run)}", event="go")
                return
            await asyncio.sleep(LOOK_S)

    async def stop_job(self, request: Request) -> Response:
        """Ctrl-C to what was started, before its run has begun."""
        self._runs.job(request.path_params["number"]).stop()
        return JSONResponse({"said": "It stops."})
