"""Bad inputs that come as whole requests: cut, broken, of the wrong kind, too large, or no HTTP."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from functools import cache

from servemark.verify.contract import FAILURES, JPEG_BEGINNING
from servemark.verify.scene import Case, Scene, refused_or_closed
from servemark.verify.subject import Subject, Wrong, png, read_json, read_prediction
from servemark.verify.wire import Answer, Connection, ask

LARGEST_SIDE = 4096
FORM = "multipart/form-data; boundary=a-boundary"
ENDLESS_BYTES = 2 * 1_048_576
"""Of a head that does not end: more than any server takes (Go 1 MiB, Node 16 KiB)."""

Send = Callable[[Subject, random.Random], Answer]


def _failure(group: str, name: str) -> Case:
    """A failure of the contract, done again and again."""
    (trick,) = (trick for trick in FAILURES if trick.name == name)
    return Case(group, name, trick.expected, lambda scene, _: trick.attempt(scene.subject))


def _refused(group: str, name: str, status: int, send: Send) -> Case:
    """The request fails with that status and the contract's body."""

    def attempt(scene: Scene, number: int) -> str:
        answer = send(scene.subject, random.Random(f"{name} {number}"))
        if answer.status != status or read_json(answer).get("data", 0) is not None:
            raise Wrong(answer.brief())
        return answer.brief()

    return Case(group, name, f"{status} with an error body", attempt)


def _damaged(group: str, name: str, send: Send) -> Case:
    """An image that some decoders make something of: refused, or answered, and nothing else."""

    def attempt(scene: Scene, number: int) -> str:
        answer = send(scene.subject, random.Random(f"{name} {number}"))
        if answer.status == 200:
            read_prediction(scene.subject, answer)
        elif answer.status != 422 or read_json(answer).get("data", 0) is not None:
            raise Wrong(answer.brief())
        return str(answer.status)

    return Case(group, name, "422 with an error body, or a prediction", attempt)


def _post(subject: Subject, content_type: str, body: bytes) -> Answer:
    return ask(subject.endpoint, "POST", "/", {"Content-Type": content_type}, body)


# --- images -----------------------------------------------------------------------------------


def _of(subject: Subject, media_type: str) -> bytes:
    found = (p.content for _, p in subject.pictures if p.media_type == media_type)
    return next(found, subject.right().content)


def _cut_in_half(media_type: str) -> Send:
    def send(subject: Subject, _: random.Random) -> Answer:
        content = _of(subject, media_type)
        return _post(subject, media_type, content[: len(content) // 2])

    return send


def _with_wrong_bytes(media_type: str) -> Send:
    """Eight bytes of the image's last half are others."""

    def send(subject: Subject, chance: random.Random) -> Answer:
        content = bytearray(_of(subject, media_type))
        for _ in range(8):
            content[chance.randrange(len(content) // 2, len(content))] = chance.randrange(256)
        return _post(subject, media_type, bytes(content))

    return send


def _random_image(media_type: str, beginning: bytes) -> Send:
    def send(subject: Subject, chance: random.Random) -> Answer:
        return _post(subject, media_type, beginning + chance.randbytes(chance.randrange(1, 4000)))

    return send


def _random_form(subject: Subject, chance: random.Random) -> Answer:
    return _post(subject, FORM, chance.randbytes(chance.randrange(1, 4000)))


@cache
def _bomb() -> bytes:
    """A grey PNG of 12,000 × 12,000 pixels that are all there: 144 MB out of 140 kB."""
    side = 12_000
    pack = zlib.compressobj(9)
    row = bytes(side + 1)
    data = b"".join([*(pack.compress(row) for _ in range(side)), pack.flush()])
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


@cache
def _greedy() -> bytes:
    """A small PNG with a chunk that claims 2 GiB, of which hardly anything is there."""
    content = png(8, 8)
    end_of_header = 33
    return content[:end_of_header] + struct.pack(">I", 2**31) + b"tEXt" + content[end_of_header:]


@cache
def _white(side: int) -> bytes:
    return png(side, side)


def _largest_image(scene: Scene, _: int) -> str:
    large, small = (
        read_prediction(scene.subject, _post(scene.subject, "image/png", _white(side)))
        for side in (LARGEST_SIDE, 8)
    )
    if large[0] != small[0] or abs(large[1] - small[1]) > 1e-6:
        raise Wrong(f"{large} for a white image, but {small} for a smaller one")
    return "answered as a small one"


# --- what is no HTTP --------------------------------------------------------------------------


def _raw(name: str, send: Callable[[Connection], bytes]) -> Case:
    def attempt(scene: Scene, _: int) -> str:
        with Connection(scene.subject.endpoint) as connection:
            connection.send(send(connection))
            return refused_or_closed(connection)

    return Case("broken HTTP", name, "a refusal, or the end of the connection", attempt, times=3)


def _post_with(*lengths: str) -> Callable[[Connection], bytes]:
    def send(connection: Connection) -> bytes:
        head = connection.head("POST", "/", {"Content-Type": "image/png"})[:-2]
        return head + b"".join(b"Content-Length: %s\r\n" % n.encode() for n in lengths) + b"\r\ntwo"

    return send


def _endless_head(connection: Connection) -> bytes:
    head = connection.head("GET", "/", {})[:-2]
    line = b"X-Filler: " + b"a" * 1000 + b"\r\n"
    return head + line * (ENDLESS_BYTES // len(line))


BAD_REQUESTS = (
    _failure("empty or cut", "empty body"),
    _failure("empty or cut", "PNG cut in its header"),
    _failure("empty or cut", "JPEG cut in its header"),
    _damaged("empty or cut", "PNG cut in half", _cut_in_half("image/png")),
    _damaged("empty or cut", "JPEG cut in half", _cut_in_half("image/jpeg")),
    _failure("empty or cut", "multipart cut in half"),
    _failure("broken form", "no field 'image'"),
    _failure("broken form", "multipart without a boundary"),
    _failure("broken form", "multipart with another boundary"),
    _refused("broken form", "random bytes as a form", 400, _random_form),
    _failure("wrong type", "text/plain"),
    _failure("wrong type", "no Content-Type"),
    _failure("wrong type", "GIF"),
    _failure("too large", "raw body one byte too large"),
    _failure("too large", "multipart body too large"),
    _failure("too large", "chunked body too large"),
    _failure("too large", "largest body, not an image"),
    _failure("bomb", "PNG 4097 pixels wide"),
    _failure("bomb", "decompression bomb"),
    _refused("bomb", "PNG of 144 million pixels", 422, lambda s, _: _post(s, "image/png", _bomb())),
    _refused("bomb", "PNG chunk of 2 GiB", 422, lambda s, _: _post(s, "image/png", _greedy())),
    Case("bomb", "PNG of the largest size", "its prediction", _largest_image, times=2),
    _failure("random bytes", "bytes that are no image"),
    _refused("random bytes", "random bytes as PNG", 422, _random_image("image/png", b"")),
    _refused(
        "random bytes", "random bytes as JPEG", 422, _random_image("image/jpeg", JPEG_BEGINNING)
    ),
    _damaged("random bytes", "PNG with wrong bytes", _with_wrong_bytes("image/png")),
    _damaged("random bytes", "JPEG with wrong bytes", _with_wrong_bytes("image/jpeg")),
    _raw("a line that is no request", lambda _: b"not HTTP at all\r\n\r\n"),
    _raw("a Content-Length that is no number", _post_with("many")),
    _raw("two Content-Lengths", _post_with("3", "300")),
    _raw("a head without an end", _endless_head),
)
