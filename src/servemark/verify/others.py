"""Clients that go on asking rightly while something bad is done to the server."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from itertools import count
from typing import Self

from servemark.catalog import Picture, multipart
from servemark.catalog.manifests import GoldenImage
from servemark.records import Others
from servemark.verify.golden import fault_of
from servemark.verify.subject import Subject, Wrong, read_prediction
from servemark.verify.wire import Answer, Connection, NoAnswer

PATIENCE_S = 2.0
"""So long others wait for an answer, which takes milliseconds on a server without trouble."""
PAUSE_S = 0.005
"""Between an answer and the next request: enough requests to be harmed, and no load."""


@dataclass(frozen=True, slots=True)
class _Seen:
    elapsed_ns: int | None
    """``None`` without an answer."""
    fault: str | None


class OtherClients:
    """Two clients, for the length of the context: one keeps its connection, one takes a new one for
    each request. Every answer is held against the golden one for its image."""

    def __init__(self, subject: Subject, pause_s: float = PAUSE_S) -> None:
        self._subject = subject
        self._pause_s = pause_s
        self._seen: list[_Seen] = []
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._go_on, args=(keeps,)) for keeps in (True, False)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def asked(self) -> int:
        """How many requests have had their answer, or have waited for it in vain."""
        return len(self._seen)

    def tally(self) -> Others:
        """What they saw so far."""
        times = [each.elapsed_ns for each in self._seen if each.elapsed_ns is not None]
        faults = [each for each in self._seen if each.fault is not None]
        return Others(
            asked=len(self._seen),
            wrong=sum(each.elapsed_ns is not None for each in faults),
            unanswered=sum(each.elapsed_ns is None for each in faults),
            slowest_ns=max(times, default=None),
            first_fault=faults[0].fault if faults else None,
        )

    def _go_on(self, keeps: bool) -> None:
        kept: Connection | None = None
        for number in count():
            if self._stop.is_set():
                break
            image, picture = self._subject.pictures[number % len(self._subject.pictures)]
            began_ns = time.monotonic_ns()
            try:
                answer, connection = self._ask(kept, picture, as_form=number % 2 == 0)
            except NoAnswer as finding:
                kept = None
                self._seen.append(_Seen(None, str(finding)))
                continue
            elapsed_ns = time.monotonic_ns() - began_ns
            self._seen.append(_Seen(elapsed_ns, self._fault(image, answer)))
            kept = connection if keeps and not answer.closes else None
            if kept is None:
                connection.close()
            self._stop.wait(self._pause_s)
        if kept is not None:
            kept.close()

    def _ask(
        self, kept: Connection | None, picture: Picture, as_form: bool
    ) -> tuple[Answer, Connection]:
        """A connection that was kept may have been closed meanwhile: then it goes by a new one."""
        content_type, body = (
            multipart(picture) if as_form else (picture.media_type, picture.content)
        )
        headers = {"Content-Type": content_type, "Content-Length": str(len(body))}
        if kept is not None:
            try:
                return _exchange(kept, kept.head("POST", "/", headers) + body), kept
            except NoAnswer as finding:
                if finding.is_late:
                    raise
        fresh = Connection(self._subject.endpoint, PATIENCE_S)
        return _exchange(fresh, fresh.head("POST", "/", headers) + body), fresh

    def _fault(self, image: GoldenImage, answer: Answer) -> str | None:
        try:
            digit, probability = read_prediction(self._subject, answer)
        except Wrong as finding:
            return str(finding)
        return fault_of(self._subject, image, digit, probability)


def _exchange(connection: Connection, request: bytes) -> Answer:
    """Closes the connection where there is no answer. Raises ``NoAnswer``."""
    try:
        connection.send(request)
        return connection.receive()
    except NoAnswer:
        connection.close()
        raise
