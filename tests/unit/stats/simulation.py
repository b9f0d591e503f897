"""Runs made of random numbers whose truth is known, for tests of what statistics claim.

Block values are 1 on average. Every function takes its generator, so that a seed decides all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from servemark.units import NS_PER_S

Floats = NDArray[np.float64]
Shape = tuple[int, ...]


def normal(random: np.random.Generator, shape: Shape) -> Floats:
    """Standard normal."""
    return random.standard_normal(shape)


def heavy(random: np.random.Generator, shape: Shape) -> Floats:
    """Student's t with 3 degrees of freedom, scaled to a variance of 1."""
    return random.standard_t(3, shape) / math.sqrt(3)


def contaminated(random: np.random.Generator, shape: Shape) -> Floats:
    """Normal, but 10 % of the values are 5 times as noisy; scaled to a variance of 1."""
    scale = np.where(random.random(shape) < 0.1, 5.0, 1.0)
    return random.standard_normal(shape) * scale / math.sqrt(0.9 + 0.1 * 25)


NOISES: dict[str, Callable[[np.random.Generator, Shape], Floats]] = {
    "normal": normal,
    "heavy": heavy,
    "contaminated": contaminated,
}


def blocks(random: np.random.Generator, kind: str, shape: Shape, cv: float) -> Floats:
    """Block values with a mean of 1 and a standard deviation of ``cv``; the last axis is blocks."""
    if kind == "lognormal":
        spread = math.sqrt(math.log1p(cv**2))
        return np.exp(random.standard_normal(shape) * spread - spread**2 / 2)
    return 1 + cv * NOISES[kind](random, shape)


def line(random: np.random.Generator, runs: int, count: int, total: float) -> Floats:
    """A drift by ``total`` from the first block to the last, up or down, around 0."""
    way = random.choice([-1.0, 1.0], size=(runs, 1))
    return way * total * (np.linspace(0, 1, count) - 0.5)


def wave(random: np.random.Generator, runs: int, count: int, periods: float, size: float) -> Floats:
    """A sine of that many periods in the run, of random phase."""
    at = (np.arange(count) + 0.5) / count
    return size * np.sin(2 * np.pi * (at * periods + random.random((runs, 1))))


def slices(
    random: np.random.Generator,
    many: int,
    *,
    rate_per_s: float = 3_000,
    duration_s: float = 1.5,
    pause_every_s: float | None = None,
    pause_s: float = 0.0,
    wander: float = 0.0,
    wander_s: float = 0.1,
    speed: Callable[[Floats], Floats] = np.ones_like,
) -> Iterator[NDArray[np.int64]]:
    """When the answers of a saturated server are complete, in ns, for many slices.

    Service times are gamma with a deviation of 30 %. The server pauses for ``pause_s`` every so
    often from a random moment on; its speed wanders by ``wander`` (a first-order process that
    forgets within ``wander_s``) and follows ``speed``, a function of the seconds since the start.
    """
    step_s = 0.005
    at_s = np.arange(0, 2 * duration_s, step_s)
    kept = np.exp(-step_s / wander_s)
    for _ in range(many):
        shocks = random.standard_normal(len(at_s)) * np.sqrt(1 - kept**2)
        speeds = np.exp(wander * lfilter([1], [1, -kept], shocks)) * speed(at_s)
        worked_s = np.concatenate([[0], np.cumsum(speeds * step_s)[:-1]])
        times = random.gamma(1 / 0.09, 0.09 / rate_per_s, int(3 * rate_per_s * duration_s))
        done_s = np.interp(np.cumsum(times), worked_s, at_s)
        if pause_every_s is not None:
            done_s += np.floor(done_s / pause_every_s + random.random()) * pause_s
        yield (done_s[done_s < duration_s] * NS_PER_S).astype(np.int64)
