"""What is verified, with everything that is needed to judge its answers."""

from __future__ import annotations

import io
import json
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from servemark.catalog import Model, Picture
from servemark.catalog.manifests import GoldenImage
from servemark.records import Endpoint
from servemark.verify.wire import Answer, brief

STAGE_PROBABILITY = 0.1234567890


@dataclass(frozen=True, slots=True)
class Subject:
    """A server under test and the model that it serves."""

    endpoint: Endpoint
    model: Model
    pictures: Sequence[tuple[GoldenImage, Picture]]
    """Golden images with their bytes."""
    max_body_bytes: int

    def right(self) -> Picture:
        """The first golden image: any request for it must succeed."""
        return self.pictures[0][1]


class Wrong(Exception):  # noqa: N818 - it is a finding, not an error of ours
    """An answer that the contract does not allow; the message says what was seen."""


def read_prediction(subject: Subject, answer: Answer) -> tuple[int, float]:
    """(digit, probability) of a successful answer. Raises ``Wrong``."""
    if answer.status != 200:
        raise Wrong(answer.brief())
    _check_media_type(answer)
    return parse_prediction(subject.model, answer.body)


def parse_prediction(model: Model, body: bytes) -> tuple[int, float]:
    """(digit, probability) of the body of a successful answer. Raises ``Wrong``."""
    document = _parse_object(body)
    field = model.description.answer
    data = document.get("data")
    if set(document) != {"data"} or not isinstance(data, dict):
        raise Wrong(brief(body))
    if set(data) != {field, "probability"}:
        raise Wrong(brief(body))
    digit, probability = data[field], data["probability"]
    if type(digit) is not int or not 0 <= digit < len(model.description.labels):
        raise Wrong(f"{field} {digit!r}")
    if type(probability) not in (int, float) or not math.isfinite(probability):
        raise Wrong(f"probability {probability!r}")
    return digit, float(probability)


def read_json(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer. Raises ``Wrong``."""
    _check_media_type(answer)
    return _parse_object(answer.body)


def _check_media_type(answer: Answer) -> None:
    if answer.content_type.partition(";")[0].strip().lower() != "application/json":
        raise Wrong(f"{answer.status} with Content-Type {answer.content_type or 'missing'}")


def _parse_object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        raise Wrong(f"a body that is not JSON: {brief(body)}") from None
    if not isinstance(document, dict):
        raise Wrong(brief(body))
    return document


def png(width: int, height: int, value: int = 255) -> bytes:
    """A grey PNG of one value."""
    return _encode(Image.new("L", (width, height), value), "PNG")


def gif() -> bytes:
    """An image that is neither JPEG nor PNG."""
    return _encode(Image.new("L", (28, 28), 255), "GIF")


def png_that_claims(width: int, height: int) -> bytes:
    """A small PNG file whose header claims a size that its pixels do not have."""
    content = png(8, 8)
    header = struct.pack(">II", width, height) + content[24:29]
    return content[:16] + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + content[33:]


def _encode(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()
