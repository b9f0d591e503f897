"""Arrival schedules: when each request is due, and which image it carries, from a seed alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from servemark.records import Cell, Closed
from servemark.samples import Schedule
from servemark.units import NS_PER_S

Arrivals = Callable[[float, int, np.random.Generator], NDArray[np.int64]]


def poisson(rate_per_s: float, duration_ns: int, random: np.random.Generator) -> NDArray[np.int64]:
    """A Poisson process: the number is Poisson(rate · duration), the times uniform and sorted."""
    count = random.poisson(rate_per_s * duration_ns / NS_PER_S)
    return np.sort(random.integers(0, duration_ns, size=count, dtype=np.int64))


def constant(rate_per_s: float, duration_ns: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Equal gaps of 1 ÷ rate; the first is due at once. The seed makes no difference."""
    del random
    count = int(np.ceil(rate_per_s * duration_ns / NS_PER_S))
    times: NDArray[np.int64] = (np.arange(count) * (NS_PER_S / rate_per_s)).astype(np.int64)
    return times[times < duration_ns]  # the count is rounded up in floating point


ARRIVALS: dict[str, Arrivals] = {"poisson": poisson, "constant": constant}
"""Arrival processes by name. To add one: a function, and a line here."""


def schedule_of(cell: Cell, duration_ns: int, corpus_size: int, *seed: object) -> Schedule:
    """The schedule of a cell: the same bytes for the same arguments, whoever is measured."""
    load = cell.load
    if isinstance(load, Closed):
        return closed_schedule(corpus_size, cell.id, *seed)
    return open_schedule(load.arrivals, load.rate_per_s, duration_ns, corpus_size, cell.id, *seed)


def open_schedule(
    arrivals: str, rate_per_s: float, duration_ns: int, corpus_size: int, *seed: object
) -> Schedule:
    """The schedule of an open loop: the same bytes for the same arguments."""
    random = generator(*seed)
    intended_ns = ARRIVALS[arrivals](rate_per_s, duration_ns, random)
    return Schedule(_rotation(corpus_size, len(intended_ns), random), intended_ns)


def closed_schedule(corpus_size: int, *seed: object) -> Schedule:
    """The order of requests of a closed loop: the whole corpus, eight times, shuffled each time."""
    return Schedule(_rotation(corpus_size, 8 * corpus_size, generator(*seed)))


def generator(*seed: object) -> np.random.Generator:
    """A random generator that depends on the words of the seed alone, on every platform."""
    digest = hashlib.sha256("/".join(str(part) for part in seed).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype="<u4"))


def _rotation(corpus_size: int, count: int, random: np.random.Generator) -> NDArray[np.uint32]:
    """Indices into the corpus: every image once a turn, in a new order each turn."""
    turns = -(-count // corpus_size)
    order = [random.permutation(corpus_size) for _ in range(turns)] or [np.empty(0, np.int64)]
    return np.concatenate(order)[:count].astype(np.uint32)
