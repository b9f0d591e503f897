"""How a service wants a file, where the user does not say: found out by asking it once each way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from servemark.catalog import Picture, RequestParts, multipart
from servemark.records import Endpoint
from servemark.verify import NoAnswer, ask_whole

FIELDS = ("image", "file")
"""What the file field of a form is commonly called."""
PROBE_TIMEOUT_S = 30.0
"""A first request may load the model."""


@dataclass(frozen=True, slots=True)
class Form:
    """A way to send a file that was answered with a status below 300: the raw body, or a field."""

    field: str | None
    status: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A way that was not, and what came back."""

    field: str | None
    reason: str

    def __str__(self) -> str:
        how = "as the body" if self.field is None else f"in the form field '{self.field}'"
        return f"{how}: {self.reason}"


def find_form(endpoint: Endpoint, path: str, file: Picture) -> Form | list[Refused]:
    """The first way that works, or what came of each: the body, a field that the service asks for
    in its refusal (as FastAPI does), and the usual names."""
    refused: list[Refused] = []
    waiting: list[str | None] = [None]
    usual = list(FIELDS)
    while waiting or usual:
        field = waiting.pop(0) if waiting else usual.pop(0)
        if any(each.field == field for each in refused):
            continue
        try:
            answer = ask_whole(endpoint, _request(path, file, field), PROBE_TIMEOUT_S)
        except NoAnswer as finding:
            refused.append(Refused(field, str(finding)))
            continue
        if answer.status < 300:
            return Form(field, answer.status)
        refused.append(Refused(field, answer.brief()))
        waiting += _fields_wanted(answer.body)
    return refused


def _request(path: str, file: Picture, field: str | None) -> RequestParts:
    if field is None:
        return RequestParts("POST", path, file.media_type, file.content)
    content_type, body = multipart(file, field)
    return RequestParts("POST", path, content_type, body)


def _fields_wanted(body: bytes) -> Iterator[str]:
    """Fields that a refusal says are missing: ``{"detail": [{"loc": ["body", "photo"], …}]}``."""
    try:
        document = json.loads(body)
    except ValueError:
        return
    details = document.get("detail") if isinstance(document, dict) else None
    for each in details if isinstance(details, list) else []:
        match each:
            case {"loc": ["body", str(field)]}:
                yield field
