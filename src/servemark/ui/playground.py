"""The playground: a drawing or a file, through the contract, to contestants side by side."""

from __future__ import annotations

from dataclasses import asdict

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from servemark.catalog import Picture
from servemark.catalog.models import find_model, model_names
from servemark.errors import UsageError
from servemark.ui.checkout import Checkout
from servemark.ui.kitchen import Form, Kitchen
from servemark.ui.runs import Runs
from servemark.ui.templating import Pages

MOST_BYTES = 8_388_608
"""Contestants refuse less, and are to be seen doing so."""
FORMS: dict[str, Form] = {"raw": "raw", "multipart": "multipart"}
PREFERRED = ("python/aiohttp", "go/net-http", "python/flask", "node/express")
"""Chosen at first, where they are prepared: up to two of them."""


class Playground:
    """A page to draw on, and the answers."""

    def __init__(self, pages: Pages, checkout: Checkout, kitchen: Kitchen, runs: Runs) -> None:
        self._pages = pages
        self._checkout = checkout
        self._kitchen = kitchen
        self._runs = runs

    async def page(self, request: Request) -> Response:
        """The page for one of the models."""
        name = request.query_params.get("model", "mnist")
        return await run_in_threadpool(self._page, request, name)

    def _page(self, request: Request, name: str) -> Response:
        model = self._checkout.model(name)
        dishes, missing = self._kitchen.dishes(model)
        by_contestant = {dish.variant.contestant: dish.variant.id for dish in reversed(dishes)}
        wished = [by_contestant[each] for each in PREFERRED if each in by_contestant]
        first = wished or [dish.variant.id for dish in dishes[:1]]
        root = self._checkout.models
        made = [each for each in model_names(root) if find_model(root, each).is_made]
        return self._pages.page(
            "playground.html",
            request,
            model=model,
            models=made,
            dishes=dishes,
            languages=list(dict.fromkeys(dish.language for dish in dishes)),
            chosen=first[:2],
            missing=missing,
            going_on=self._runs.going_on(),
        )

    async def ask(self, request: Request) -> Response:
        """One picture to one contestant."""
        asked = request.query_params
        form = FORMS.get(asked.get("form", "raw"))
        if form is None:
            raise UsageError(f"There is no way '{asked['form']}' to send an image.")
        content = await _body(request)
        media_type = request.headers.get("content-type", "application/octet-stream")
        picture = Picture("drawing", content, media_type)
        found = await run_in_threadpool(
            self._ask, asked.get("variant", ""), asked.get("model", "mnist"), picture, form
        )
        return JSONResponse(found)

    def _ask(self, variant: str, model: str, picture: Picture, form: Form) -> dict[str, object]:
        return asdict(self._kitchen.ask(variant, self._checkout.model(model), picture, form))


async def _body(request: Request) -> bytes:
    """The whole body. Raises 413 where it is larger than any contestant would read."""
    content = b""
    async for piece in request.stream():
        content += piece
        if len(content) > MOST_BYTES:
            raise HTTPException(413, "This file is larger than 8 MiB: take a smaller one.")
    return content
