"""What a calibration measures and for how long."""

from __future__ import annotations

from dataclasses import dataclass

from servemark.records import Workload

LAG_RATE_PER_S = 5_000.0
CONSERVATION_CONNECTIONS = 1_000
CONSERVATION_RATE_PER_S = 17_000.0
"""A million requests in a minute. A whole number, so that none falls due at the very end."""
SPEED_CELLS: tuple[tuple[Workload, int], ...] = (
    ("get", 1),
    ("get", 16),
    ("get", 64),
    ("get", 256),
    ("multipart", 16),
)


@dataclass(frozen=True, slots=True)
class Known:
    """A known distribution of the server's times, and the loads that are put on it."""

    name: str
    title: str
    delay: str
    connections: int
    """Of the closed loop: few where the delay is short, so that the generator is not saturated."""
    rate_per_s: float
    """Of the open loop."""
    stalls: bool = False


KNOWN = (
    Known("constant", "constant, 1 ms", "constant:1ms", 4, 3_000),
    Known("two-point", "5 ms (90 %) or 100 ms (10 %)", "two-point:5ms:100ms:0.9", 64, 3_000),
    Known("exponential", "exponential, mean 5 ms", "exponential:5ms", 24, 3_000),
    Known("lognormal", "lognormal, median 5 ms, σ = 1", "lognormal:5ms:1", 32, 3_000),
    Known("stall", "1 ms, and a full stall of 1 s in the middle", "constant:1ms", 4, 200, True),
)


@dataclass(frozen=True, slots=True)
class Extent:
    """How long each part of a calibration takes; durations are in whole seconds for wrk."""

    quick: bool
    closed_rounds: int
    """How often servemark's and wrk's times in a closed loop are held against the truth; the
    others' are once."""
    closed_s: float
    open_rounds: int
    open_s: float
    """Of one part of an open loop; one with a stall is longer by the stall."""
    open_parts: int
    """In each round; so many loads for the lag, too."""
    lag_s: float
    conservation_s: float
    speed_s: float
    rounds: int
    """Pairs with wrk."""
    other_rounds: int
    """Pairs with each of the other generators."""
    pause_looks: int
    """How often the pauses of the engine's core are watched for half a second, in each round."""
    closed_repeats: int
    """Loads that may be done again because the hypervisor disturbed them, in all."""
    open_repeats: int
    speed_repeats: int


FULL = Extent(
    quick=False,
    closed_rounds=3,
    closed_s=4.0,
    open_rounds=7,
    open_s=1.0,
    open_parts=4,
    lag_s=1.0,
    conservation_s=60.0,
    speed_s=2.0,
    rounds=7,
    other_rounds=2,
    pause_looks=4,
    closed_repeats=30,
    open_repeats=200,
    speed_repeats=60,
)
QUICK = Extent(
    quick=True,
    closed_rounds=1,
    closed_s=2.0,
    open_rounds=1,
    open_s=2.0,
    open_parts=1,
    lag_s=1.0,
    conservation_s=2.0,
    speed_s=1.0,
    rounds=1,
    other_rounds=1,
    pause_looks=2,
    closed_repeats=2,
    open_repeats=2,
    speed_repeats=2,
)
"""Too short for p99.9, and for more than a first look at speed."""
