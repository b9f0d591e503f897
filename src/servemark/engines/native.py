"""servemark's own engine: schedules as data, four times per request, every answer kept."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from servemark.catalog import RequestParts
from servemark.catalog.manifests import Need
from servemark.engines.base import Assignment, Loaded
from servemark.errors import EngineError
from servemark.records import (
    Closed,
    Counts,
    Endpoint,
    EngineWork,
    LoadResult,
    Open,
)
from servemark.samples import ANSWERED, ENDINGS, MISSING, Samples
from servemark.units import seconds_to_ns

with contextlib.suppress(ImportError):  # ``obstacle`` says so, with the remedy
    import servemark_engine

SPIN_NS = 1_200_000
"""How long before it sleeps the engine polls; accounted for as spinning, not as work.

Waking takes some 15 µs, and at times 100: answers that come within a millisecond are met awake."""


class NativeEngine:
    """The Rust engine in ``engine/``, called in process with the interpreter released."""

    name = "native"
    needs: Mapping[str, Need] = {}

    def obstacle(self) -> str | None:
        if find_spec("servemark_engine") is not None:
            return None
        return (
            "it is not built: install Rust (apt-get install cargo-web rustc-web), then make setup"
        )

    def can(self, load: Closed | Open) -> bool:
        return isinstance(load, Closed | Open)

    def run(self, assignment: Assignment) -> Loaded:
        endpoint, load = assignment.endpoint, assignment.cell.load
        corpus = _corpus(endpoint, tuple(assignment.requests))
        schedule = assignment.schedule
        duration_ns = seconds_to_ns(assignment.duration_s)
        # A request without a picture (GET) is the only one of its corpus.
        order = schedule.order % np.uint32(len(corpus))
        todo: servemark_engine.Closed | servemark_engine.Open
        if schedule.intended_ns is None:
            todo = servemark_engine.Closed(load.connections, order, duration_ns=duration_ns)
        else:
            todo = servemark_engine.Open(
                load.connections, schedule.intended_ns, order, duration_ns=duration_ns
            )
        try:
            outcome = servemark_engine.run(
                endpoint.address,
                corpus,
                todo,
                threads=load.engine_threads,
                cores=list(assignment.cores) or None,
                timeout_ns=seconds_to_ns(assignment.timeout_s),
                grace_ns=seconds_to_ns(assignment.grace_s),
                spin_ns=0 if assignment.shares_core else SPIN_NS,
                start_at_ns=assignment.start_at_ns,
            )
        except servemark_engine.EngineError as error:
            raise EngineError(f"The native engine cannot run this trial: {error}") from error
        if outcome.interrupted:
            raise KeyboardInterrupt
        samples = _samples(outcome)
        result = _result(outcome, samples, duration_ns, load.engine_threads)
        return Loaded(result, samples, outcome.start_ns)


def pauses_ns(duration_s: float, least_ns: int) -> NDArray[np.int64]:
    """How long the calling thread's core stood still, as a loop that only reads the clock saw it
    in that time: each pause of at least ``least_ns``. Pin the thread first."""
    return np.array(servemark_engine.pauses(seconds_to_ns(duration_s), least_ns), dtype=np.int64)


@lru_cache(maxsize=8)
def _corpus(endpoint: Endpoint, requests: Sequence[RequestParts]) -> servemark_engine.Corpus:
    """The requests as the bytes that go over the wire."""
    return servemark_engine.Corpus([each.whole(endpoint.authority) for each in requests])


def _samples(outcome: servemark_engine.Outcome) -> Samples:
    columns = outcome.columns
    if tuple(servemark_engine.ENDINGS) != ENDINGS:
        raise EngineError("The native engine is of another version than servemark: make setup.")
    return Samples(
        request=columns["request"],
        intended_ns=columns["intended_ns"],
        sent_ns=columns["sent_ns"],
        first_byte_ns=columns["first_byte_ns"],
        done_ns=columns["done_ns"],
        status=columns["status"],
        ending=columns["error"],
        body=columns["body"],
        right=np.full(len(columns["request"]), MISSING, dtype=np.int8),
        bodies=outcome.bodies,
    )


def _result(
    outcome: servemark_engine.Outcome, samples: Samples, duration_ns: int, threads: int
) -> LoadResult:
    counts = outcome.counts
    answered = samples.ending == ANSWERED
    work = outcome.work
    return LoadResult(
        engine="native",
        engine_version=version("servemark-engine"),
        duration_ns=duration_ns,
        lasted_ns=outcome.finished_ns,
        counts=Counts(
            ok=int((answered & (samples.status < 400)).sum()),
            bad_status=int((answered & (samples.status >= 400)).sum()),
            connect_errors=counts["connect"] + counts["out_of_files"] + counts["out_of_ports"],
            read_errors=counts["reset"] + counts["closed_early"],
            write_errors=0,
            timeouts=counts["timed_out"],
            malformed=counts["malformed"]
            + counts["head_too_large"]
            + counts["body_too_large"]
            + counts["excess"],
            unanswered=counts["unanswered"],
            not_sent=counts["not_sent"],
        ),
        bytes_read=sum(each["received_bytes"] for each in work),
        engine_cpu_ns=sum(each["cpu_ns"] for each in work),
        work=EngineWork(
            busy_ns=sum(each["busy_ns"] for each in work),
            spin_ns=sum(each["spin_ns"] for each in work),
            waited_ns=_waited_ns([each["waited_ns"] for each in work]),
            unread_ns=sum(each["unread_ns"] for each in work),
            threads=threads,
            reconnects=sum(each["reconnects"] for each in work),
            sent_bytes=sum(each["sent_bytes"] for each in work),
        ),
        warnings=tuple(outcome.warnings),
    )


def _waited_ns(by_thread: Sequence[int | None]) -> int | None:
    known = [each for each in by_thread if each is not None]
    return sum(known) if len(known) == len(by_thread) else None
