"""What a load generator is to calibration, and how a generator that is a program is driven."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from servemark.catalog import RequestParts
from servemark.catalog.manifests import Need
from servemark.engines import Assignment
from servemark.errors import EngineError
from servemark.guard import Command, Guarded, log_tail
from servemark.samples import Samples
from servemark.stats import describe
from servemark.stats.calibration import figures_of
from servemark.units import NS_PER_MS

SLACK_S = 30
"""How much longer than asked a generator may run before it is given up."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a generator says of one load; CPU is the whole process's, in ns."""

    requests: int
    duration_ns: int
    cpu_ns: int
    busy_ns: int
    """``cpu_ns`` without polls that found nothing, where the generator tells them apart."""
    figures: Mapping[str, float]
    """Its own latency figures in ns, by the names of ``stats.calibration.FIGURES``."""
    images: int
    """How many different requests it sends in turn."""
    samples: Samples | None = None
    waited_ns: int | None = None
    """How long it was ready to run while something else had its core, where that is known."""


class Generator(Protocol):
    """Puts a load on an endpoint and says what it saw."""

    name: str
    uploads_only: bool
    """Whether it differs from another generator in how it uploads alone."""
    need: Need | None
    """The program that must be on the machine; ``None`` where it comes with servemark."""

    def load(self, assignment: Assignment) -> Seen:
        """Load the endpoint. Raises ``EngineError`` where the generator itself fails."""
        ...


def drive(name: str, argv: list[str], assignment: Assignment) -> tuple[str, int]:
    """Run a generator's program on its cores to its end.

    Returns its stdout and the CPU time of its process in ns, start-up included. Raises
    ``EngineError`` where it does not end by itself or fails.
    """
    output = assignment.scratch / f"{name}.out"
    log = assignment.scratch / f"{name}.log"
    for path in (output, log):
        path.unlink(missing_ok=True)
    command = Command(
        argv=argv,
        folder=assignment.scratch,
        environment=assignment.environment,
        log=log,
        cores=assignment.cores,
        stdout=output,
    )
    with Guarded(command) as process:
        ended = process.wait(timeout_s=assignment.duration_s + SLACK_S)
    if ended is None:
        raise EngineError(f"{name} did not end {SLACK_S} s after its load.")
    if ended.status != 0:
        said = log_tail(log, 1) or log_tail(output, 1) or "it wrote nothing"
        raise EngineError(f"{name} ended with {ended.status}: {said}.")
    return output.read_text(encoding="utf-8", errors="replace"), ended.cpu_ns


def body_file(request: RequestParts, scratch: Path) -> Path:
    """The body of one request as a file, for programs that take no corpus."""
    path = scratch / "body.bin"
    path.write_bytes(request.body)
    return path


def whole_seconds(assignment: Assignment) -> int:
    """The duration for programs that take whole seconds."""
    return max(1, round(assignment.duration_s))


def figures_from(values_ns: NDArray[np.int64]) -> dict[str, float]:
    """Figures from single latencies, by nearest rank as servemark's own are."""
    return figures_of(describe(values_ns))


def from_ms(figures: Mapping[str, float]) -> dict[str, float]:
    """Figures from ms to ns.

    >>> from_ms({"p50": 1.5})
    {'p50': 1500000.0}
    """
    return {name: value * NS_PER_MS for name, value in figures.items()}
