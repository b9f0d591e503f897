"""Multipart forms for servers that parse none: the package `multipart` does it."""

from io import BytesIO

from multipart import MultipartError, MultipartParser, parse_options_header

from .requests import FIELD, BrokenForm, NoImageField, takes_form


def read_image(content_type: str | None, body: bytes | bytearray) -> bytes:
    """The image in a whole body of that type; raises Rejected where there is none."""
    if not takes_form(content_type):
        return bytes(body)
    _, options = parse_options_header(content_type or "")
    boundary = options.get("boundary", "")
    try:
        parser = MultipartParser(
            BytesIO(body), boundary, len(body), memory_limit=len(body), strict=True
        )
        for part in parser:
            if part.name == FIELD and part.filename is not None:
                image: bytes = part.raw
                return image
    except MultipartError as error:
        raise BrokenForm from error
    raise NoImageField
