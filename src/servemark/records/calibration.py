"""What calibration finds: load generators held against a server whose times are known."""

from __future__ import annotations

from typing import Literal

from servemark.records.base import Record, Workload
from servemark.records.found import Distribution
from servemark.records.measured import Exclusion
from servemark.records.run import Cores, Machine

Loop = Literal["closed", "open"]


class Pauses(Record):
    """How long the engine's core stood still for whoever runs on it: the hypervisor had it, an
    interrupt, or another thread. A loop that only reads the clock sees it."""

    duration_ns: int
    """How long it was watched."""
    count: int
    share: float
    """Of the time watched, in pauses."""
    longest_ns: int
    waits_ns: dict[str, float]
    """What a request that is due at a random moment waits for its core, by figure: ``mean``, and
    the percentiles. Nothing that sends from there can be on time more often."""


class Deviation(Record):
    """One figure of a generator beside the truth. Times in ns; missing where it gives none."""

    figure: str
    truth_ns: float | None
    """What the truth server recorded, with the fixed cost of the way there and back."""
    found_ns: float | None
    error_ns: float | None
    """found − truth."""
    allowed_ns: float | None
    """The largest error that the bar allows, either way."""
    pauses_ns: float | None = None
    """In an open loop, what the pauses of the engine's core make of the figure of a request that is
    due at a random moment. Missing where they were not watched."""
    lowest_ns: float | None = None
    """Of the errors of all loads; ``error_ns`` is their median. Missing where there was one."""
    highest_ns: float | None = None

    @property
    def holds(self) -> bool | None:
        """Whether the error is within the bar; ``None`` where there is no figure, or where no more
        is beyond it than the core's pauses make, as nobody can be told from the machine then."""
        if self.error_ns is None or self.allowed_ns is None:
            return None
        if abs(self.error_ns) <= self.allowed_ns:
            return True
        by_pauses = 0 < self.error_ns <= self.allowed_ns + (self.pauses_ns or 0.0)
        return None if by_pauses else False


class Comparison(Record):
    """One generator under one known distribution, in one round or over several."""

    distribution: str
    title: str
    loop: Loop
    generator: str
    requests: int
    """How many the generator counted."""
    recorded: int
    """How many the truth server recorded."""
    rounds: int = 1
    deviations: tuple[Deviation, ...]


class SpeedRun(Record):
    """How fast one generator was once, on one core, against the light server."""

    workload: Workload
    connections: int
    round: int
    generator: str
    requests: int
    requests_per_s: float
    cpu_ns: float
    """CPU time for each request, polling included."""
    busy_ns: float
    """CPU time for each request, without polls that found nothing."""
    images: int
    """How many different requests it sent in turn."""


class SpeedRatio(Record):
    """servemark ÷ another generator: medians over pairs from the same rounds."""

    workload: Workload
    connections: int
    generator: str
    pairs: int
    throughput: float
    throughput_low: float
    throughput_high: float
    cpu: float
    """CPU time for each request, polling included."""
    busy: float
    """CPU time for each request, servemark's without polls that found nothing."""


class Conservation(Record):
    """Whether every request of a long open loop is accounted for."""

    connections: int
    duration_s: float
    scheduled: int
    endings: dict[str, int]
    """How many requests ended in each way; ways that did not occur are left out."""
    server_answered: int
    """How many the server says that it answered."""

    @property
    def holds(self) -> bool:
        """Scheduled = the sum of all endings, and both sides counted the same answers."""
        answered = self.endings.get("answered", 0)
        return self.scheduled == sum(self.endings.values()) and answered == self.server_answered


class Bar(Record):
    """Something that the engine is to reach, and what was found."""

    what: str
    bar: str
    found: str
    holds: bool | None
    """``None`` where it cannot be told: too few samples, nothing to compare with, or a machine that
    stands still for longer than what is allowed."""


class Calibration(Record):
    """Everything that one calibration found."""

    created_utc: str
    command: str
    servemark_version: str
    quick: bool
    machine: Machine
    cores: Cores
    favoured: bool = False
    """Whether server and generators went before other work of the machine (highest priority)."""
    generators: dict[str, str]
    """Versions of the generators that took part, by name."""
    absent: tuple[Exclusion, ...]
    """Generators that are not installed, and the command that adds each."""
    server_error: Distribution
    """The truth server's own error, sent − due, while servemark loaded it; but for loads with a
    stall, after which all that waited is due at once."""
    engine_waited_share: float | None
    """Share of the loads in which the engine's thread was ready to run, but something else had its
    core; ``None`` where the kernel does not tell."""
    server_waited_share: float | None
    """The same of the truth server's thread."""
    fixed_ns: int
    """The least that the way there and back takes for a plain blocking client; it is part of the
    truth for generators that time what they have read."""
    arrived_ns: int | None = None
    """The same up to the answer's arrival, by the kernel's stamp: for the native engine, which
    times that. Missing where the engine did not yet."""
    comparisons: tuple[Comparison, ...]
    lag: Distribution | None
    """sent − intended at ``lag_rate_per_s``, Poisson: the load with the median p99."""
    lag_p99s_ns: tuple[float, ...] = ()
    """p99 of every load. Missing where there was one only."""
    pauses: tuple[Pauses, ...] = ()
    """Of the engine's core, before the open loops of each round. Missing where the engine did not
    watch them yet."""
    lag_rate_per_s: float
    conservation: Conservation
    speeds: tuple[SpeedRun, ...]
    ratios: tuple[SpeedRatio, ...]
    bars: tuple[Bar, ...]
    notes: tuple[str, ...] = ()
    """What went wrong with single generators: their figures are missing."""
