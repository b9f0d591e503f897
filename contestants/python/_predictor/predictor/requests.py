"""What the contract says of a request, whatever the framework that parsed it."""

import re

from .errors import Rejected

FIELD = "image"
RAW_TYPES = {"image/jpeg", "image/png", "application/octet-stream"}
BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^;\s]+))', re.IGNORECASE)


def takes_form(content_type: str | None) -> bool:
    """True when the image is in a multipart form, False when it is the body itself.

    Raises Rejected (415) for any other type.
    """
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        return True
    if media_type in RAW_TYPES:
        return False
    raise Rejected(415, "The body must be multipart/form-data, image/jpeg or image/png.")


class NoImageField(Rejected):
    def __init__(self) -> None:
        super().__init__(400, f"The form has no file field '{FIELD}'.")


class BrokenForm(Rejected):
    def __init__(self) -> None:
        super().__init__(400, "The multipart form cannot be parsed.")


def check_form_ends(content_type: str, body: bytes) -> None:
    """Raises BrokenForm where a form breaks off: for parsers that take what came for the whole."""
    found = BOUNDARY.search(content_type)
    if found is None or not body.rstrip().endswith(f"--{found[1] or found[2]}--".encode()):
        raise BrokenForm
