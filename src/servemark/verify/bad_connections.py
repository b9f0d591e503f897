"""Bad inputs by the way in which they come: slowly, cut off, not at all, or all at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

from servemark.verify.golden import fault_of
from servemark.verify.others import PATIENCE_S
from servemark.verify.scene import Case, Scene, answer_or_close
from servemark.verify.subject import Wrong, read_prediction
from servemark.verify.wire import Answer, Connection, NoAnswer

PIECES = 8
RESETS = 20
PIPELINED = 4
TIMEOUT_STATUS = 408


def _request(scene: Scene, connection: Connection, number: int = 0) -> tuple[bytes, bytes]:
    """Head and body of a right request."""
    _, picture = scene.subject.pictures[number]
    headers = {"Content-Type": picture.media_type, "Content-Length": str(len(picture.content))}
    return connection.head("POST", "/", headers), picture.content


# --- slow senders -----------------------------------------------------------------------------


def _slow_heads(scene: Scene, _: int) -> str:
    return _send_slowly(scene, lambda head, body: (b"", head, body))


def _slow_bodies(scene: Scene, _: int) -> str:
    return _send_slowly(scene, lambda head, body: (head, body, b""))


def _send_slowly(scene: Scene, parts: Callable[[bytes, bytes], tuple[bytes, bytes, bytes]]) -> str:
    """Each request by every sender: a first part at once, a second in ``PIECES`` over the time to
    hold, a third at once."""
    with ExitStack() as stack:
        senders = [
            stack.enter_context(Connection(scene.subject.endpoint))
            for _ in range(scene.battery.slow_senders)
        ]
        first, slow, last = parts(*_request(scene, senders[0]))
        step = -(-len(slow) // PIECES)
        pieces = [slow[start : start + step] for start in range(0, len(slow), step)]
        going = {sender for sender in senders if sender.send(first + pieces[0])}
        for piece in [*pieces[1:], last]:
            time.sleep(scene.battery.hold_s / PIECES)
            going = {sender for sender in going if sender.send(piece)}
        answers = [answer_or_close(sender) for sender in senders]
    cut_short = [answer for answer in answers if _is_cut_short(answer)]
    for answer in answers:
        if answer is not None and not _is_cut_short(answer):
            read_prediction(scene.subject, answer)
    seen = f"{len(answers) - len(cut_short)} of {len(answers)} answered"
    return f"{seen}, {len(cut_short)} cut short" if cut_short else seen


def _is_cut_short(answer: Answer | None) -> bool:
    return answer is None or answer.status == TIMEOUT_STATUS


# --- cut off ----------------------------------------------------------------------------------


def _half_closed(scene: Scene, _: int) -> str:
    with Connection(scene.subject.endpoint) as connection:
        head, body = _request(scene, connection)
        connection.send(head + body)
        connection.finish_sending()
        answer = answer_or_close(connection)
        if answer is None:
            return "closed"
        read_prediction(scene.subject, answer)
        return "answered"


def _half_closed_in_its_body(scene: Scene, _: int) -> str:
    with Connection(scene.subject.endpoint) as connection:
        head, body = _request(scene, connection)
        connection.send(head + body[: len(body) // 2])
        connection.finish_sending()
        answer = answer_or_close(connection)
    if answer is None:
        return "closed"
    if answer.status < 400:
        raise Wrong(answer.brief())
    return str(answer.status)


def _reset_in_its_body(scene: Scene, _: int) -> str:
    for _each in range(RESETS):
        connection = Connection(scene.subject.endpoint)
        head, body = _request(scene, connection)
        connection.send(head + body[: len(body) // 2])
        connection.reset()
    return f"{RESETS} connections reset"


def _reset_before_the_answer(scene: Scene, _: int) -> str:
    for _each in range(RESETS):
        connection = Connection(scene.subject.endpoint)
        connection.send(b"".join(_request(scene, connection)))
        connection.reset()
    return f"{RESETS} connections reset"


# --- not at all, and all at once ----------------------------------------------------------------


def _idle(scene: Scene, _: int) -> str:
    """Half of them have never asked anything, half have had an answer and are kept."""
    count = scene.battery.idle_connections
    with ExitStack() as stack:
        held: list[Connection] = []
        for number in range(count):
            try:
                connection = stack.enter_context(Connection(scene.subject.endpoint, PATIENCE_S))
                if number % 2:
                    connection.send(connection.head("GET", "/healthz", {}))
                    connection.receive()
            except NoAnswer as finding:
                raise Wrong(f"{finding} with {len(held):,} idle connections") from None
            held.append(connection)
        time.sleep(scene.battery.hold_s)
        still = sum(connection.is_open() for connection in held)
    return f"{still:,} of {count:,} held to the end"


def _pipelined(scene: Scene, _: int) -> str:
    pairs = scene.subject.pictures[:PIPELINED]
    with Connection(scene.subject.endpoint) as connection:
        requests = [b"".join(_request(scene, connection, n)) for n in range(len(pairs))]
        connection.send(b"".join(requests))
        answers = connection.receive_each(len(pairs))
        for number, ((image, _picture), answer) in enumerate(zip(pairs, answers, strict=True), 1):
            fault = fault_of(scene.subject, image, *read_prediction(scene.subject, answer))
            if fault is not None:
                raise Wrong(f"request {number} of {len(pairs)}: {fault}")
            if answer.closes and number < len(pairs):
                return f"{number} of {len(pairs)} answered, and said that it closes then"
    return f"{len(pairs)} answers in order"


BAD_CONNECTIONS = (
    Case("slow senders", "slow heads", "their answers", _slow_heads, times=1),
    Case("slow senders", "slow bodies", "their answers", _slow_bodies, times=1),
    Case("cut off", "half-closed after a request", "its answer, or the end", _half_closed),
    Case(
        "cut off",
        "half-closed in a body",
        "an error, or the end of the connection",
        _half_closed_in_its_body,
    ),
    Case("cut off", "reset in a body", "nothing", _reset_in_its_body),
    Case("cut off", "reset before the answer", "nothing", _reset_before_the_answer),
    Case("idle", "idle connections", "that they are let be, or closed", _idle, times=1),
    Case(
        "pipelining",
        "pipelined requests",
        "answers in order, or up to one that is said to be the last",
        _pipelined,
    ),
)
