"""``servemark attack --openapi``: reading a description, from a file or from the service itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from servemark.catalog import RequestParts, propose_target
from servemark.errors import UsageError
from servemark.launch import accepts, endpoints_of
from servemark.verify import NoAnswer, ask_whole

TIMEOUT_S = 30.0
FILES = "images/*"


def propose_from(source: str, images: Sequence[Path], owned: bool) -> str:
    """The target file that the OpenAPI description at that path or URL suggests.

    Raises ``UsageError`` or ``ManifestError``.
    """
    files = FILES
    if images:
        files = f"{images[0]}/*" if images[0].is_dir() else str(images[0])
    url = None
    if "://" in source:
        parts = urlsplit(source)
        url = f"{parts.scheme}://{parts.netloc}"
        text = _fetched(source, owned)
    else:
        try:
            text = Path(source).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{source} cannot be read: {error}.") from error
    try:
        document = json.loads(text)
    except ValueError:
        raise UsageError(f"{source} is not JSON: give the service's openapi.json.") from None
    return propose_target(document, source, files, url)


def _fetched(source: str, owned: bool) -> str:
    parts = urlsplit(source)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    endpoint = next((each for each in endpoints_of(source, owned=owned) if accepts(each)), None)
    if endpoint is None:
        raise UsageError(f"Nothing accepts connections at {source}: start the service first.")
    try:
        answer = ask_whole(endpoint, RequestParts("GET", path, None, b""), TIMEOUT_S)
    except NoAnswer as finding:
        raise UsageError(f"{source} did not answer: {finding}.") from None
    if answer.status != 200:
        raise UsageError(f"{source} answered {answer.brief()}: name its openapi.json.")
    return answer.body.decode("utf-8", "replace")
