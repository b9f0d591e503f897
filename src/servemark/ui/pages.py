"""Browsing: the list of runs, their reports, and two runs side by side."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from servemark.errors import UsageError
from servemark.report.comparison import RunComparison, compare_runs
from servemark.report.comparison_wording import (
    differences,
    headline,
    losses,
    main_lines,
    place_of,
    short_ids,
    tally,
    warnings,
)
from servemark.ui.guard import REPORT_POLICY
from servemark.ui.runs import FILES, Runs
from servemark.ui.templating import Pages

ON_A_PAGE = 30
TYPES = {"html": "text/html", "md": "text/markdown", "json": "application/json"}


class Browse:
    """What is in the runs folder."""

    def __init__(self, pages: Pages, runs: Runs) -> None:
        self._pages = pages
        self._runs = runs

    async def runs(self, request: Request) -> Response:
        """The newest runs, and a form that starts one."""
        try:
            page = max(int(request.query_params.get("page", "1")), 1)
        except ValueError:
            page = 1
        return await run_in_threadpool(self._list, request, page)

    def _list(self, request: Request, page: int) -> Response:
        folders = self._runs.folders()
        shown = folders[(page - 1) * ON_A_PAGE : page * ON_A_PAGE]
        return self._pages.page(
            "runs.html",
            request,
            runs=[self._runs.summary(folder) for folder in shown],
            boards=self._runs.boards(),
            going_on=self._runs.going_on(),
            jobs=[job for job in self._runs.jobs() if job.run is None],
            number=page,
            total=len(folders),
            pages=-(-len(folders) // ON_A_PAGE),
        )

    async def report(self, request: Request) -> Response:
        """A report as its run folder has it."""
        name, kind = request.path_params["name"], request.path_params["kind"]
        path = await run_in_threadpool(self._runs.file, name, kind)
        headers = {"Content-Security-Policy": REPORT_POLICY}
        if kind != "html":
            headers["Content-Disposition"] = f'inline; filename="{FILES[kind]}"'
        return FileResponse(path, media_type=TYPES[kind], headers=headers)

    async def compare(self, request: Request) -> Response:
        """Two runs side by side."""
        chosen = request.query_params.getlist("run")
        if len(chosen) != 2 or chosen[0] == chosen[1]:
            raise UsageError("Choose two runs of the list to compare.")
        return await run_in_threadpool(self._compare, request, chosen)

    def _compare(self, request: Request, chosen: list[str]) -> Response:
        first, second = sorted(
            (self._runs.folder(name) for name in chosen), key=lambda each: each.path.name
        )
        found = compare_runs(first, second)
        names = short_ids([line.variant for line in found.lines])
        return self._pages.page(
            "compare.html",
            request,
            found=found,
            headline=headline(found),
            warnings=warnings(found),
            names=names,
            main=main_lines(found),
            others=_others(found),
            losses=losses(found, names),
            places={(line.metric, line.cell): place_of(found, line) for line in found.lines},
            tally=tally(found),
        )


def _others(found: RunComparison) -> list[object]:
    main = main_lines(found)
    return [line for line in differences(found) if line not in main]
