"""The file in a multipart form (RFC 7578), found in the whole body; nothing else is copied."""

import re

from predictor.requests import FIELD, BrokenForm, NoImageField

BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]+)"|([^\s;"]+))', re.IGNORECASE)
DISPOSITION = re.compile(
    rb"(?:^|\r\n)content-disposition:[ \t]*form-data[ \t]*(;[^\r\n]*)", re.IGNORECASE
)
PARAMETER = re.compile(rb';[ \t]*([^\s=;]+)=(?:"([^"]*)"|([^\s;"]*))')
HEADERS_END = b"\r\n\r\n"
MOST_HEADER_BYTES = 8192  # of one part
NAME = FIELD.encode()
# How curl, browsers and Python's clients begin a part; what begins otherwise is taken apart.
USUAL = b'\r\nContent-Disposition: form-data; name="%b"; filename="' % NAME


def find_image(content_type: str, body: bytes) -> bytes:
    """The first file of the field `image`; raises BrokenForm or NoImageField (both 400).

    >>> lines = (
    ...     b"--b",
    ...     b'Content-Disposition: form-data; name="image"; filename="a.png"',
    ...     b"",
    ...     b"!",
    ...     b"--b--",
    ... )
    >>> find_image("multipart/form-data; boundary=b", b"\\r\\n".join(lines))
    b'!'
    """
    found = BOUNDARY.search(content_type)
    if found is None:
        raise BrokenForm
    boundary = b"--" + (found[1] or found[2]).encode("latin-1", "replace")
    if not body.startswith(boundary):
        raise BrokenForm
    image = None
    delimiter = b"\r\n" + boundary
    at = len(boundary)
    while body.startswith(b"\r\n", at):
        headers_end = body.find(HEADERS_END, at, at + MOST_HEADER_BYTES)
        start = headers_end + len(HEADERS_END)
        end = body.find(delimiter, at)
        if headers_end < 0 or end < start:  # no blank line in this part, or no end to it
            raise BrokenForm
        if image is None and (body.startswith(USUAL, at) or is_image(body[at:headers_end])):
            image = body[start:end]
        at = end + len(delimiter)
    if not body.startswith(b"--", at):
        raise BrokenForm
    if image is None:
        raise NoImageField
    return image


def is_image(headers: bytes) -> bool:
    """Whether a part with those headers is a file of the field."""
    disposition = DISPOSITION.search(headers)
    if disposition is None:
        return False
    parameters = {
        name.lower(): quoted or token for name, quoted, token in PARAMETER.findall(disposition[1])
    }
    is_file = b"filename" in parameters or b"filename*" in parameters
    return is_file and parameters.get(b"name") == NAME
