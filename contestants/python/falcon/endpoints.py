"""What the WSGI and the ASGI application have in common: the form, the limit and the errors."""

import io
from typing import Any

import falcon
from falcon.media import MultipartFormHandler
from falcon.media.multipart import MultipartParseError

from predictor.errors import failure
from predictor.requests import FIELD, BrokenForm, NoImageField, takes_form
from predictor.service import load

service = load()
LIMIT = service.settings.max_body_bytes
forms = MultipartFormHandler()
forms.parse_options.max_body_part_buffer_size = LIMIT


def check_length(length: int | None) -> None:
    """Raises 413 for a body that announces itself as too large, before any of it is read."""
    if length is not None and length > LIMIT:
        raise falcon.HTTPContentTooLarge


def image_of(content_type: str | None, body: bytes) -> bytes:
    """The image in a body of which at most one byte more than the limit was read."""
    check_length(len(body))
    if not takes_form(content_type):
        return body
    image = None
    try:
        for part in forms.deserialize(io.BytesIO(body), content_type, len(body)):
            if part.name == FIELD and part.filename:
                image = part.get_data()
    except (MultipartParseError, falcon.HTTPInvalidHeader, UnicodeDecodeError) as error:
        raise BrokenForm from error
    if image is None:
        raise NoImageField
    return image


def serialize_error(request: Any, response: Any, error: falcon.HTTPError) -> None:
    response.media = failure(error.status_code)
