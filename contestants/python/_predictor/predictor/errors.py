"""What can go wrong, and the document that says so to a client."""

import sys
from http import HTTPStatus
from typing import NoReturn

CANNOT_START = 3  # the exit status after which gunicorn and uvicorn do not start a worker again

SENTENCES = {
    400: "The request is malformed.",
    404: "There is nothing at this path.",
    405: "This path does not take this method.",
    413: "The body is larger than this server accepts.",
    500: "The server failed to answer this request.",
}


class StartError(Exception):
    """The server cannot start; the message is one sentence for whoever started it."""


def refuse(error: StartError) -> NoReturn:
    """Ends the process with one line that says why it cannot start."""
    print(f"cannot start: {' '.join(str(error).split())[:500]}", file=sys.stderr, flush=True)
    raise SystemExit(CANNOT_START)


class Rejected(Exception):
    """A request that cannot be answered: an HTTP status and one sentence for the client."""

    def __init__(self, status: int, sentence: str | None = None) -> None:
        self.status = status
        self.document = failure(status, sentence)
        super().__init__(self.document["error"])


def failure(status: int, sentence: str | None = None) -> dict[str, str | None]:
    """The contract's error document; without a sentence, the one for that status."""
    known = SENTENCES.get(status) or f"{HTTPStatus(status).phrase}."
    return {"data": None, "error": sentence or known}
