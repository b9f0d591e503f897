"""One trial's load dealt out to several generators, so that together they do what one would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from servemark.plan.arrivals import generator
from servemark.records import Cell, Closed
from servemark.samples import Schedule

Marks = Callable[[int, int, np.random.Generator], NDArray[np.int64]]


def drawn(count: int, parts: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Each request goes to a generator drawn for it alone.

    Of a Poisson process of rate λ each part is then one of rate λ ÷ parts, independent of the
    others, and independent Poisson processes add up to one of the sum of their rates (Kingman,
    "Poisson Processes", 1993, the colouring and superposition theorems). So the union is the same
    process even where the generators do not start at quite the same moment.
    """
    return random.integers(0, parts, size=count, dtype=np.int64)


def in_turn(count: int, parts: int, random: np.random.Generator) -> NDArray[np.int64]:
    """The first request to the first generator, the second to the second, and round again."""
    del random
    return np.arange(count, dtype=np.int64) % parts


MARKS: dict[str, Marks] = {"poisson": drawn}
"""How the requests of an arrival process are dealt out; ``in_turn`` where it is not here."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one generator is given: a cell with its connections, and its part of the schedule."""

    cell: Cell
    schedule: Schedule


def split(cell: Cell, schedule: Schedule, parts: int, *seed: object) -> list[Share]:
    """The shares of ``parts`` generators, fewer where there are fewer connections than that.

    Open loop: every request is in exactly one share, at the time at which it was due. Closed loop:
    connections and the order of requests are dealt out in turn. The same for the same arguments.
    """
    parts = min(parts, cell.load.connections)
    if parts == 1:
        return [Share(cell, schedule)]
    if isinstance(cell.load, Closed) or schedule.intended_ns is None:
        orders = [_turns(schedule.order, part, parts) for part in range(parts)]
        return [
            Share(_part_of(cell, part, parts), Schedule(order)) for part, order in enumerate(orders)
        ]
    deal = MARKS.get(cell.load.arrivals, in_turn)
    marks = deal(len(schedule.order), parts, generator("split", cell.id, *seed))
    return [
        Share(
            _part_of(cell, part, parts),
            Schedule(schedule.order[marks == part], schedule.intended_ns[marks == part]),
        )
        for part in range(parts)
    ]


def _turns(order: NDArray[np.uint32], part: int, parts: int) -> NDArray[np.uint32]:
    """Every ``parts``-th request from the ``part``-th on; a shorter order is gone round."""
    repeated = np.tile(order, -(-parts // max(len(order), 1)))
    return repeated[part::parts]


def _part_of(cell: Cell, part: int, parts: int) -> Cell:
    """The cell with that generator's connections: as even as can be, the first ones one more."""
    connections = cell.load.connections // parts + (part < cell.load.connections % parts)
    threads = min(cell.load.engine_threads, connections)
    load = cell.load.model_copy(update={"connections": connections, "engine_threads": threads})
    return cell.model_copy(update={"load": load})
