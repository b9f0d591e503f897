"""The contract's endpoints and failures, tried out one by one on a running server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from servemark.catalog import Picture, multipart
from servemark.records import Check
from servemark.verify.subject import (
    Subject,
    Wrong,
    gif,
    png,
    png_that_claims,
    read_json,
    read_prediction,
)
from servemark.verify.wire import (
    Answer,
    Connection,
    NoAnswer,
    ask,
    ask_chunked,
    wait_closed,
)

JPEG_BEGINNING = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"


@dataclass(frozen=True, slots=True)
class Trick:
    """One thing to try: how to do it, and what the contract wants to see."""

    group: str
    name: str
    expected: str
    attempt: Callable[[Subject], str]
    """Does it and says what was seen. Raises ``Wrong`` or ``NoAnswer``."""


def check_contract(subject: Subject) -> Iterator[Check]:
    """Every endpoint, every failure status and the connection rules."""
    for trick in (*PREDICTIONS, *FAILURES, *CONNECTIONS):
        yield try_out(subject, trick)


def try_out(subject: Subject, trick: Trick) -> Check:
    """One trick as a check."""
    try:
        seen, passed = trick.attempt(subject), True
    except (Wrong, NoAnswer) as finding:
        seen, passed = str(finding), False
    return Check(
        group=trick.group, name=trick.name, passed=passed, expected=trick.expected, seen=seen
    )


# --- predictions ------------------------------------------------------------------------------


def _health(subject: Subject) -> str:
    answer = ask(subject.endpoint, "GET", "/healthz")
    if answer.status != 200 or read_json(answer) != {"status": "ok"}:
        raise Wrong(answer.brief())
    return answer.brief()


def _test_image(subject: Subject) -> str:
    got = read_prediction(subject, ask(subject.endpoint, "GET", "/"))
    content = subject.model.test_image.read_bytes()
    picture = Picture(subject.model.test_image.name, content, "image/jpeg")
    posted = read_prediction(subject, _post_raw(subject, picture.media_type, picture.content))
    if got != posted:
        raise Wrong(f"{got} for GET, but {posted} for the same image by POST")
    return f"digit {got[0]}, probability {got[1]:.6f}"


def _predict_raw(media_type: str | None) -> Callable[[Subject], str]:
    def attempt(subject: Subject) -> str:
        picture = _first(subject, media_type)
        answer = _post_raw(subject, media_type or picture.media_type, picture.content)
        read_prediction(subject, answer)
        return answer.brief()

    return attempt


def _predict_multipart(subject: Subject) -> str:
    content_type, body = multipart(subject.right())
    answer = _post_raw(subject, content_type, body)
    read_prediction(subject, answer)
    return answer.brief()


def _first(subject: Subject, media_type: str | None) -> Picture:
    for _, picture in subject.pictures:
        if picture.media_type == media_type:
            return picture
    return subject.right()


PREDICTIONS = (
    Trick("predictions", "GET /healthz", '200 {"status":"ok"}', _health),
    Trick("predictions", "GET /", "the answer for TEST_IMAGE", _test_image),
    Trick("predictions", "POST / multipart/form-data", "a prediction", _predict_multipart),
    Trick("predictions", "POST / image/png", "a prediction", _predict_raw("image/png")),
    Trick("predictions", "POST / image/jpeg", "a prediction", _predict_raw("image/jpeg")),
    Trick(
        "predictions",
        "POST / application/octet-stream",
        "a prediction",
        _predict_raw("application/octet-stream"),
    ),
)


# --- failures ---------------------------------------------------------------------------------


def _fails(status: int, send: Callable[[Subject], Answer]) -> Callable[[Subject], str]:
    """The request must fail with the status and the contract's body, and harm nobody else."""

    def attempt(subject: Subject) -> str:
        answer = send(subject)
        if answer.status != status:
            raise Wrong(answer.brief())
        if answer.body or status != 405:
            document = read_json(answer)
            error = document.get("error")
            if set(document) != {"data", "error"} or document["data"] is not None or not error:
                raise Wrong(answer.brief())
        try:
            read_prediction(subject, _post_raw(subject, *_raw(subject.right())))
        except (Wrong, NoAnswer) as finding:
            raise Wrong(f"{answer.brief()}, but the next good request got: {finding}") from None
        return answer.brief()

    return attempt


def _raw(picture: Picture) -> tuple[str, bytes]:
    return picture.media_type, picture.content


def _post_raw(subject: Subject, content_type: str | None, body: bytes) -> Answer:
    headers = {} if content_type is None else {"Content-Type": content_type}
    return ask(subject.endpoint, "POST", "/", headers, body)


def _sends(content_type: str | None, body: bytes) -> Callable[[Subject], Answer]:
    return lambda subject: _post_raw(subject, content_type, body)


def _asks(method: str, path: str) -> Callable[[Subject], Answer]:
    return lambda subject: ask(subject.endpoint, method, path)


def _wrong_field(subject: Subject) -> Answer:
    content_type, body = multipart(subject.right())
    return _post_raw(subject, content_type, body.replace(b'name="image"', b'name="other"'))


def _no_boundary(subject: Subject) -> Answer:
    return _post_raw(subject, "multipart/form-data", multipart(subject.right())[1])


def _foreign_boundary(subject: Subject) -> Answer:
    body = multipart(subject.right())[1]
    return _post_raw(subject, "multipart/form-data; boundary=another", body)


def _cut_multipart(subject: Subject) -> Answer:
    content_type, body = multipart(subject.right())
    return _post_raw(subject, content_type, body[: len(body) // 2])


def _large(subject: Subject) -> bytes:
    return JPEG_BEGINNING.ljust(subject.max_body_bytes + 1, b"\0")


def _large_raw(subject: Subject) -> Answer:
    return _post_raw(subject, "image/jpeg", _large(subject))


def _large_multipart(subject: Subject) -> Answer:
    content_type, body = multipart(Picture("large.jpg", _large(subject), "image/jpeg"))
    return _post_raw(subject, content_type, body)


def _large_chunked(subject: Subject) -> Answer:
    body = _large(subject)
    pieces = (body[at : at + 65_536] for at in range(0, len(body), 65_536))
    return ask_chunked(subject.endpoint, "/", {"Content-Type": "image/jpeg"}, pieces)


def _largest(subject: Subject) -> Answer:
    return _post_raw(subject, "image/jpeg", _large(subject)[:-1])


def _cut_image(subject: Subject) -> Answer:
    picture = _first(subject, "image/png")
    return _post_raw(subject, picture.media_type, picture.content[:40])


def _cut_jpeg(subject: Subject) -> Answer:
    picture = _first(subject, "image/jpeg")
    return _post_raw(subject, picture.media_type, picture.content[:100])


def _failure(name: str, status: int, send: Callable[[Subject], Answer]) -> Trick:
    expected = f"{status} with an error body, then the next request as before"
    return Trick("failures", name, expected, _fails(status, send))


FAILURES = (
    _failure("no field 'image'", 400, _wrong_field),
    _failure("multipart without a boundary", 400, _no_boundary),
    _failure("multipart with another boundary", 400, _foreign_boundary),
    _failure("multipart cut in half", 400, _cut_multipart),
    _failure("empty body", 400, _sends("image/png", b"")),
    _failure("unknown path", 404, _asks("GET", "/nope")),
    _failure("DELETE /", 405, _asks("DELETE", "/")),
    _failure("POST /healthz", 405, lambda s: ask(s.endpoint, "POST", "/healthz", {}, b"")),
    _failure("raw body one byte too large", 413, _large_raw),
    _failure("multipart body too large", 413, _large_multipart),
    _failure("chunked body too large", 413, _large_chunked),
    _failure("largest body, not an image", 422, _largest),
    _failure("text/plain", 415, _sends("text/plain", b"two")),
    _failure("no Content-Type", 415, _sends(None, b"two")),
    _failure("bytes that are no image", 422, _sends("image/png", b"not an image at all")),
    _failure("GIF", 422, _sends("image/png", gif())),
    _failure("PNG cut in its header", 422, _cut_image),
    _failure("JPEG cut in its header", 422, _cut_jpeg),
    _failure("PNG 4097 pixels wide", 422, _sends("image/png", png(4097, 2))),
    _failure("PNG 4097 pixels high", 422, _sends("image/png", png(2, 4097))),
    _failure("decompression bomb", 422, _sends("image/png", png_that_claims(60_000, 60_000))),
)


# --- connections ------------------------------------------------------------------------------


def _keeps_alive(subject: Subject) -> str:
    media_type, body = _raw(subject.right())
    headers = {"Content-Type": media_type, "Content-Length": str(len(body))}
    with Connection(subject.endpoint) as connection:
        for number in (1, 2, 3):
            if not connection.send(connection.head("POST", "/", headers) + body):
                raise Wrong(f"the connection was closed before request {number}")
            read_prediction(subject, connection.receive())
    return "3 requests on one connection"


def _closes(subject: Subject) -> str:
    with Connection(subject.endpoint) as connection:
        connection.send(connection.head("GET", "/", {"Connection": "close"}))
        read_prediction(subject, connection.receive())
        if not wait_closed(connection, timeout_s=3):
            raise Wrong("the connection stayed open")
    return "answered, then closed"


def _continues(subject: Subject) -> str:
    media_type, body = _raw(subject.right())
    headers = {
        "Content-Type": media_type,
        "Content-Length": str(len(body)),
        "Expect": "100-continue",
    }
    with Connection(subject.endpoint, timeout_s=3) as connection:
        connection.send(connection.head("POST", "/", headers))
        interim = connection.receive_raw()
        if not interim.startswith(b"HTTP/1.1 100"):
            raise Wrong(interim[:60].decode("latin-1") or "closed")
        connection.send_all(body)  # some servers say 100 twice
        read_prediction(subject, connection.receive())
    return "100, then the answer"


def _in_small_pieces(subject: Subject) -> str:
    content_type, body = multipart(subject.right())
    headers = {"Content-Type": content_type, "Content-Length": str(len(body))}
    with Connection(subject.endpoint) as connection:
        whole = connection.head("POST", "/", headers) + body
        for start in range(0, len(whole), 97):
            connection.send(whole[start : start + 97])
        answer = connection.receive()
        read_prediction(subject, answer)
    return answer.brief()


CONNECTIONS = (
    Trick("connections", "keep-alive", "3 answers on one connection", _keeps_alive),
    Trick("connections", "Connection: close", "an answer, then the end", _closes),
    Trick("connections", "Expect: 100-continue", "100 Continue, then an answer", _continues),
    Trick("connections", "a request in many small packets", "a prediction", _in_small_pieces),
)
