"""What several generators saw of one slice, put together without loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from servemark.records import Counts, EngineWork, LoadResult
from servemark.samples import MISSING, Samples

INDEPENDENT = ("body", "bodies")
"""Columns that cannot simply be put one behind the other: bodies are numbered by generator."""


def merge_samples(parts: Sequence[Samples]) -> Samples:
    """Every sample of every part, part after part; distinct bodies are kept once.

    Times stay as they are: each counts from its own generator's start, so that no clock is held
    against another.
    """
    bodies: list[bytes | None] = []
    places: dict[bytes, int] = {}
    columns = [_renumbered(part, bodies, places) for part in parts]
    whole = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(Samples)
        if field.name not in INDEPENDENT
    }
    return Samples(**whole, body=np.concatenate(columns), bodies=bodies)


def _renumbered(
    part: Samples, bodies: list[bytes | None], places: dict[bytes, int]
) -> NDArray[np.int32]:
    """The part's column of bodies as places in ``bodies``, which takes in what is new."""
    table = np.empty(len(part.bodies) + 1, dtype=np.int32)
    table[MISSING] = MISSING  # the last place, which is where the index −1 looks
    for number, body in enumerate(part.bodies):
        place = None if body is None else places.get(body)
        if place is None:  # one that was not kept is like no other
            place = len(bodies)
            bodies.append(body)
            if body is not None:
                places[body] = place
        table[number] = place
    return table[part.body]


def merge_results(parts: Sequence[LoadResult]) -> LoadResult:
    """Counts, bytes and work added up. The parts are of one engine and of the same duration."""
    first = parts[0]
    if len(parts) == 1:
        return first
    return LoadResult(
        engine=first.engine,
        engine_version=first.engine_version,
        duration_ns=first.duration_ns,
        lasted_ns=max(part.loaded_ns for part in parts),
        counts=_added([part.counts for part in parts]),
        bytes_read=sum(part.bytes_read for part in parts),
        engine_cpu_ns=sum(part.engine_cpu_ns for part in parts),
        work=_work([part.work for part in parts]),
        warnings=tuple(dict.fromkeys(line for part in parts for line in part.warnings)),
    )


def _added(parts: Sequence[Counts]) -> Counts:
    tables = [part.model_dump() for part in parts]
    wrong = [part.wrong_answers for part in parts if part.wrong_answers is not None]
    total = {name: sum(table[name] or 0 for table in tables) for name in tables[0]}
    return Counts(**{**total, "wrong_answers": sum(wrong) if wrong else None})


def _work(parts: Sequence[EngineWork | None]) -> EngineWork | None:
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    waited = [part.waited_ns for part in known if part.waited_ns is not None]
    return EngineWork(
        busy_ns=sum(part.busy_ns for part in known),
        spin_ns=sum(part.spin_ns for part in known),
        waited_ns=sum(waited) if len(waited) == len(known) else None,
        unread_ns=sum(part.unread_ns for part in known),
        threads=sum(part.threads for part in known),
        reconnects=sum(part.reconnects for part in known),
        sent_bytes=sum(part.sent_bytes for part in known),
    )
