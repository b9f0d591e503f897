"""The corpus: golden images as the requests that a client would send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from urllib3.filepost import encode_multipart_formdata

from servemark.records import Workload

BOUNDARY = "servemark-7d1f0c5b9a3e42d8"
IMAGE_FIELD = "image"


@dataclass(frozen=True, slots=True)
class Picture:
    """One image of the corpus, as a client would send it."""

    name: str
    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class RequestParts:
    """One request: method, path, content type and body, before a protocol writes it down."""

    method: str
    path: str
    content_type: str | None
    body: bytes


def requests_of(workload: Workload, pictures: Sequence[Picture]) -> list[RequestParts]:
    """The requests of a workload, one for each picture (``get`` and ``null`` have only one)."""
    if workload == "get":
        return [RequestParts("GET", "/", None, b"")]
    if workload == "null":
        return [RequestParts("GET", "/healthz", None, b"")]
    if workload == "raw":
        return [RequestParts("POST", "/", each.media_type, each.content) for each in pictures]
    return [RequestParts("POST", "/", *multipart(each)) for each in pictures]


def multipart(picture: Picture) -> tuple[str, bytes]:
    """Content type and body of a form with the picture in its file field."""
    body, content_type = encode_multipart_formdata(
        {IMAGE_FIELD: (picture.name, picture.content, picture.media_type)}, boundary=BOUNDARY
    )
    return content_type, body
