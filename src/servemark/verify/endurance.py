"""Thousands of bad requests, and whether the memory grows with them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from servemark.catalog import multipart
from servemark.records import Growth
from servemark.units import MIB
from servemark.verify.scene import Case, Scene
from servemark.verify.subject import Subject, Wrong, gif, png_that_claims
from servemark.verify.wire import Answer, Connection, NoAnswer

CLIENTS = 4
FIRST_SHARE = 0.1
"""So many of the requests come first, before memory is looked at: pools and caches fill up."""
LEAK_BYTES = 1024
"""What a bad request may leave behind…"""
NOISE_BYTES = 4 << 20
"""…or all of a step together, which allocators take without a leak."""
LEAST_STEPS, MOST_STEPS = 2, 8


def endure(scene: Scene) -> Growth:
    """In two steps, and more as long as each has left something: a heap fills up, a leak goes on.

    Every bad request must be answered; how, is for the cases of the single ones. Raises ``Wrong``
    for one that is not.
    """
    messages = _bad_messages(scene.subject)
    step = scene.battery.bad_requests // 2
    _send_all(scene.subject, messages, round(FIRST_SHARE * scene.battery.bad_requests))
    seen = [scene.memory_bytes()]
    while True:
        _send_all(scene.subject, messages, step)
        seen.append(scene.memory_bytes())
        growth = Growth(step_requests=step, pss_bytes=tuple(seen))
        if len(seen) > MOST_STEPS or (len(seen) > LEAST_STEPS and not leaks(growth)):
            return growth


def leaks(growth: Growth) -> bool:
    """Whether every step left more behind than allocators account for."""
    return growth.bytes_per_request > max(LEAK_BYTES, NOISE_BYTES / growth.step_requests)


def judge_growth(growth: Growth) -> str:
    """What was seen, in words. Raises ``Wrong`` where memory grew with the requests."""
    before, after = growth.pss_bytes[0] / MIB, growth.pss_bytes[-1] / MIB
    seen = f"{before:.0f} MiB before, {after - before:+.1f} MiB after {growth.requests:,}"
    if leaks(growth):
        raise Wrong(f"{seen}: {growth.bytes_per_request:,.0f} bytes stay of each request")
    return seen


def _bad_messages(subject: Subject) -> list[bytes]:
    """Content types and bodies of every kind that is cheap to refuse, as whole requests."""
    picture = subject.right()
    form_type, form = multipart(picture)
    kinds = (
        (picture.media_type, b""),
        (picture.media_type, picture.content[:40]),
        ("image/jpeg", b"\xff\xd8\xff\xe0" + bytes(64)),
        (form_type, form[: len(form) // 2]),
        (form_type, form.replace(b'name="image"', b'name="other"')),
        ("multipart/form-data; boundary=another", form),
        ("text/plain", b"two"),
        ("image/png", gif()),
        ("image/png", b"not an image at all"),
        ("image/png", png_that_claims(60_000, 60_000)),
    )
    host = f"{subject.endpoint.host}:{subject.endpoint.port}"
    return [
        f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
        for content_type, body in kinds
    ]


def _send_all(subject: Subject, messages: Sequence[bytes], count: int) -> None:
    """So many of them in turn by ``CLIENTS`` that keep their connections where they are let."""
    numbers = iter(range(count))
    faults: list[str] = []
    lock = threading.Lock()

    def drawn() -> Iterator[bytes]:
        while not faults:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            yield messages[number % len(messages)]

    def work() -> None:
        try:
            _send_in_turn(subject, drawn())
        except NoAnswer as finding:
            faults.append(str(finding))

    clients = [threading.Thread(target=work) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    if faults:
        raise Wrong(faults[0])


def _send_in_turn(subject: Subject, messages: Iterator[bytes]) -> None:
    kept: Connection | None = None
    try:
        for message in messages:
            answer, kept = _send(subject, message, kept)
            if answer.closes:
                kept.close()
                kept = None
    finally:
        if kept is not None:
            kept.close()


def _send(subject: Subject, message: bytes, kept: Connection | None) -> tuple[Answer, Connection]:
    """A connection that was kept may have been closed after a refusal: then by a new one."""
    if kept is not None:
        try:
            kept.send(message)
            return kept.receive(), kept
        except NoAnswer as finding:
            kept.close()
            if finding.is_late:
                raise
    fresh = Connection(subject.endpoint)
    try:
        fresh.send(message)
        return fresh.receive(), fresh
    except NoAnswer:
        fresh.close()
        raise


ENDURANCE = Case(
    "bad in thousands",
    "memory over bad requests",
    f"every one answered, and at most {LEAK_BYTES:,} bytes kept of each",
    lambda scene, _: judge_growth(endure(scene)),
    times=1,
)
