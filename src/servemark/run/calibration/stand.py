"""Where generators are held against servers: what both kinds of measurement work with."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from servemark.catalog import Picture, requests_of
from servemark.engines import Assignment
from servemark.engines.native import pauses_ns
from servemark.errors import EngineError
from servemark.launch import uninterrupted
from servemark.plan import schedule_of
from servemark.plan.calibration import Extent
from servemark.records import Cell, Closed, Cores, Endpoint, Exclusion, Open, Workload
from servemark.records.calibration import Pauses
from servemark.run.generators import Generator, Native, Seen
from servemark.run.truth import TruthServer
from servemark.run.undisturbed import Undisturbed
from servemark.stats.calibration import REFERENCE
from servemark.stats.pauses import pauses_of
from servemark.units import seconds_to_ns

SEED = "calibrate"
LOOK_S = 0.5
REST_S = 0.1
"""Between two looks: the kernel stops whoever has real-time priority and never sleeps."""
LEAST_PAUSE_NS = 2_000
"""Reading the clock takes less, shorter pauses delay nothing that anyone sees."""


class Watcher(Protocol):
    """Whoever wants to know how a calibration goes on."""

    def begin(self, title: str, total: int) -> None:
        """A part of ``total`` steps begins."""

    def doing(self, what: str) -> None:
        """The next step of it begins."""


@dataclass(frozen=True, slots=True)
class CalibrationBench:
    """Everything that a calibration works with."""

    others: Sequence[Generator]
    versions: Mapping[str, str]
    absent: Sequence[Exclusion]
    pictures: Sequence[Picture]
    cores: Cores
    environment: Mapping[str, str]
    command: str


class Stand:
    """The generators, the servers that they are put to, and whoever wants to know of it."""

    def __init__(
        self, bench: CalibrationBench, extent: Extent, watcher: Watcher, scratch: Path
    ) -> None:
        self.extent = extent
        self.watcher = watcher
        self.cores = bench.cores
        self.native = Native()
        self.notes: list[str] = []
        self._bench = bench
        self._scratch = scratch

    def takers(self, number: int, other_rounds: int) -> list[Generator]:
        """Who takes part in a round: servemark and wrk always, side by side; the others in the
        first rounds."""
        others = [
            each
            for each in self._bench.others
            if each.name.startswith(REFERENCE) or number < other_rounds
        ]
        takers: list[Generator] = [self.native, *others]
        return takers if number % 2 == 0 else takers[::-1]

    def load(self, generator: Generator, assignment: Assignment, where: str) -> Seen | None:
        """What it saw, or ``None`` and a note where a generator other than servemark failed."""
        if generator is self.native:
            return generator.load(assignment)
        try:
            seen = generator.load(assignment)
        except EngineError as error:
            self.notes.append(f"{where}: {error}")
            return None
        except (OSError, ValueError) as error:
            self.notes.append(f"{where}: what {generator.name} wrote cannot be read ({error}).")
            return None
        if seen.requests == 0:
            self.notes.append(f"{where}: {generator.name} got no answer.")
            return None
        return seen

    def note(self, which: str, quiet: Undisturbed) -> None:
        """Write down which of these loads were done again, and which disturbed all the same."""
        said = quiet.note()
        if said is not None:
            self.notes.append(f"{which}: {said}")

    def pauses(self) -> Pauses:
        """How long the engine's core, which the calling thread is pinned to, stands still for a
        thread of the priority that generators have."""
        found = []
        for _ in range(self.extent.pause_looks):
            with uninterrupted():
                found.append(pauses_ns(LOOK_S, LEAST_PAUSE_NS))
            time.sleep(REST_S)
        return pauses_of(np.concatenate(found), seconds_to_ns(LOOK_S) * len(found))

    def server(self, delay: str, stall_after_ns: int | None = None, part: int = 0) -> TruthServer:
        """A freshly started truth server with that delay, on its core. Each part of a load has
        delays of its own."""
        core, environment = self.cores.server[0], self._bench.environment
        return TruthServer(delay, self._scratch, core, environment, stall_after_ns, part)

    def assignment(
        self,
        endpoint: Endpoint,
        workload: Workload,
        load: Closed | Open,
        duration_s: float,
        part: int = 0,
    ) -> Assignment:
        """A load of that workload on it, with the whole corpus in turn; each part of a load has
        arrivals of its own."""
        cell = Cell(workload=workload, load=load)
        pictures = self._bench.pictures
        return Assignment(
            endpoint=endpoint,
            cell=cell,
            requests=requests_of(workload, pictures),
            schedule=schedule_of(cell, seconds_to_ns(duration_s), len(pictures), SEED, part),
            duration_s=duration_s,
            cores=self.cores.engine,
            scratch=self._scratch,
            environment={**self._bench.environment, "HOME": str(self._scratch)},
        )
