"""The corpus: golden images as the requests that a client would send."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from urllib3.filepost import encode_multipart_formdata

from servemark.records import Workload

PNG_HEADER_BYTES = 8 + 4 + 4 + 13 + 4
"""The signature and the header chunk, which comes first."""
JPEG_START = b"\xff\xd8"
JPEG_COMMENT = b"\xff\xfe"
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
    headers: tuple[tuple[str, str], ...] = ()
    """Besides those that follow from the rest."""

    def whole(self, authority: str) -> bytes:
        """The request as HTTP/1.1 puts it on the wire, to that host and port.

        >>> RequestParts("GET", "/", None, b"").whole("localhost:80")
        b'GET / HTTP/1.1\\r\\nHost: localhost:80\\r\\n\\r\\n'
        """
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {authority}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.content_type is not None:
            lines.append(f"Content-Type: {self.content_type}")
        if self.body or self.method in ("POST", "PUT", "PATCH"):
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def commented(picture: Picture, comment: str) -> Picture:
    """The same picture, PNG or JPEG, with a comment that decoders pass over.

    The comment is a ``tEXt`` chunk (PNG specification, 11.3.3.2) after the header, or a ``COM``
    segment (ITU-T T.81, B.2.4.5) after the first segment, where decoders look for JFIF.
    """
    content = picture.content
    if picture.media_type == "image/png":
        chunk = b"tEXt" + f"Comment\0{comment}".encode("latin-1")
        length, checksum = len(chunk) - 4, zlib.crc32(chunk)
        added = length.to_bytes(4, "big") + chunk + checksum.to_bytes(4, "big")
        at = PNG_HEADER_BYTES
    elif content.startswith(JPEG_START):
        text = comment.encode()
        added = JPEG_COMMENT + (len(text) + 2).to_bytes(2, "big") + text
        at = 4 + int.from_bytes(content[4:6], "big")
    else:
        raise ValueError(f"{picture.name} is neither PNG nor JPEG")
    return replace(picture, content=content[:at] + added + content[at:])


def requests_of(workload: Workload, pictures: Sequence[Picture]) -> list[RequestParts]:
    """The requests of a workload, one for each picture (``get`` and ``null`` have only one)."""
    if workload == "get":
        return [RequestParts("GET", "/", None, b"")]
    if workload == "null":
        return [RequestParts("GET", "/healthz", None, b"")]
    if workload == "raw":
        return [RequestParts("POST", "/", each.media_type, each.content) for each in pictures]
    return [RequestParts("POST", "/", *multipart(each)) for each in pictures]


def multipart(
    picture: Picture, field: str = IMAGE_FIELD, others: Mapping[str, str] | None = None
) -> tuple[str, bytes]:
    """Content type and body of a form with the picture in its file field, after other fields."""
    file = (picture.name, picture.content, picture.media_type)
    body, content_type = encode_multipart_formdata(
        {**(others or {}), field: file}, boundary=BOUNDARY
    )
    return content_type, body
