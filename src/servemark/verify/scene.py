"""What a bad input is, and what it is done to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from servemark.records import Battery
from servemark.verify.subject import Subject, Wrong
from servemark.verify.wire import Answer, Connection, NoAnswer

REFUSALS_BEYOND_4XX = (501, 505)
"""Not implemented, and HTTP version not supported: also right for what is hardly HTTP."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A running server, how much of everything is done to it, and a look at its processes."""

    subject: Subject
    battery: Battery
    processes: Callable[[], frozenset[int]]
    """The ids of the processes of its whole tree."""
    memory_bytes: Callable[[], int]
    """PSS of its whole tree."""


@dataclass(frozen=True, slots=True)
class Case:
    """One bad input: how to do it for the n-th time, and what should be seen."""

    group: str
    name: str
    expected: str
    attempt: Callable[[Scene, int], str]
    """Does it and says what was seen. Raises ``Wrong`` or ``NoAnswer``."""
    times: int = 5


def answer_or_close(connection: Connection) -> Answer | None:
    """What comes back; ``None`` where the server closed. Raises ``Wrong`` where it does neither."""
    try:
        return connection.receive()
    except NoAnswer as finding:
        if finding.is_late:
            raise Wrong("neither an answer nor the end of the connection") from None
        return None


def refused_or_closed(connection: Connection) -> str:
    """What was seen. Raises ``Wrong`` for an answer that is no refusal."""
    answer = answer_or_close(connection)
    if answer is None:
        return "closed"
    if not 400 <= answer.status < 500 and answer.status not in REFUSALS_BEYOND_4XX:
        raise Wrong(answer.brief())
    return str(answer.status)
