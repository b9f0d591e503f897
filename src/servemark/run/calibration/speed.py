"""How fast generators are, and whether the native engine accounts for every request."""

from __future__ import annotations

from functools import partial

import numpy as np

from servemark.plan.calibration import (
    CONSERVATION_CONNECTIONS,
    CONSERVATION_RATE_PER_S,
    SPEED_CELLS,
)
from servemark.records import Cell, Closed, Open
from servemark.records.calibration import Conservation, SpeedRun
from servemark.run.calibration.stand import Stand
from servemark.run.generators import Seen
from servemark.run.truth import LIGHT
from servemark.run.undisturbed import Undisturbed
from servemark.samples import ENDINGS
from servemark.units import NS_PER_S


def conservation_of(stand: Stand) -> Conservation:
    """Many connections for long: every request must be accounted for, on both sides."""
    duration_s = stand.extent.conservation_s
    stand.watcher.begin("Conservation", 1)
    stand.watcher.doing(f"{CONSERVATION_CONNECTIONS:,} connections, {duration_s:g} s")
    load = Open(
        rate_per_s=CONSERVATION_RATE_PER_S,
        arrivals="constant",
        connections=CONSERVATION_CONNECTIONS,
    )
    with stand.server(LIGHT) as server:
        assignment = stand.assignment(server.endpoint, "get", load, duration_s)
        seen = stand.native.load(assignment)
        answered = server.finish().answered
    assert seen.samples is not None
    assert assignment.schedule.intended_ns is not None
    counts = np.bincount(seen.samples.ending, minlength=len(ENDINGS))
    return Conservation(
        connections=CONSERVATION_CONNECTIONS,
        duration_s=duration_s,
        scheduled=len(assignment.schedule.intended_ns),
        endings={n: int(c) for n, c in zip(ENDINGS, counts, strict=True) if c},
        server_answered=answered,
    )


def speeds_of(stand: Stand) -> list[SpeedRun]:
    """Every generator in turn against one light server, the order turned round each time."""
    turns = [
        (number, workload, connections, generator)
        for number in range(stand.extent.rounds)
        for workload, connections in SPEED_CELLS
        for generator in stand.takers(number, stand.extent.other_rounds)
        if workload != "get" or not generator.uploads_only
    ]
    stand.watcher.begin("Speed", len(turns))
    quiet = Undisturbed({*stand.cores.server, *stand.cores.engine}, stand.extent.speed_repeats)
    found = []
    with stand.server(LIGHT) as server:
        for number, workload, connections, generator in turns:
            cell = f"{workload}, {connections} connections"
            stand.watcher.doing(f"{cell}, {generator.name}")
            load = Closed(connections=connections)
            assignment = stand.assignment(server.endpoint, workload, load, stand.extent.speed_s)
            seen = quiet.found(quiet.watched()(partial(stand.load, generator, assignment, cell)))
            if seen is not None:
                found.append(_speed(assignment.cell, number, generator.name, seen))
    stand.note("Speed", quiet)
    return found


def _speed(cell: Cell, number: int, generator: str, seen: Seen) -> SpeedRun:
    return SpeedRun(
        workload=cell.workload,
        connections=cell.load.connections,
        round=number,
        generator=generator,
        requests=seen.requests,
        requests_per_s=seen.requests / seen.duration_ns * NS_PER_S,
        cpu_ns=seen.cpu_ns / seen.requests,
        busy_ns=seen.busy_ns / seen.requests,
        images=seen.images,
    )
