"""Calibration: the native engine and other generators against servers whose times are known."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from servemark import __version__
from servemark.catalog import Picture, requests_of
from servemark.engines import Assignment
from servemark.errors import EngineError
from servemark.launch import favoured, pinned, uninterrupted
from servemark.plan import schedule_of
from servemark.plan.calibration import (
    CONSERVATION_CONNECTIONS,
    CONSERVATION_RATE_PER_S,
    KNOWN,
    LAG_RATE_PER_S,
    SPEED_CELLS,
    Extent,
    Known,
)
from servemark.records import Cell, Closed, Cores, Distribution, Endpoint, Exclusion, Open, Workload
from servemark.records.calibration import (
    Calibration,
    Comparison,
    Conservation,
    Loop,
    SpeedRun,
)
from servemark.run.generators import Generator, Native, Seen
from servemark.run.machine import this_machine
from servemark.run.truth import (
    LIGHT,
    STALL_NS,
    TruthRecord,
    TruthServer,
    Way,
    round_trips_ns,
    shortest_way,
)
from servemark.run.undisturbed import Undisturbed
from servemark.samples import ENDINGS
from servemark.stats import describe, latencies
from servemark.stats.calibration import (
    REFERENCE,
    bars,
    compare,
    figures_of,
    middle_lag,
    over_rounds,
    ratios,
    stalled_response_ns,
)
from servemark.units import NS_PER_S, NS_PER_US, format_ns, seconds_to_ns

SEED = "calibrate"
ROUND_TRIPS = 500
MOST_REPEATS = 3
"""Of a load that cannot be compared."""
LATE_NS = 100 * NS_PER_US
"""A truth server whose p99 is later than this had not got a core to itself."""


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


def calibrate(bench: CalibrationBench, extent: Extent, watcher: Watcher) -> Calibration:
    """Measure everything. Raises ``LaunchError`` or ``EngineError`` where servemark itself fails;
    another generator that fails is named in the notes."""
    with (
        tempfile.TemporaryDirectory(prefix="servemark-") as scratch,
        pinned(bench.cores.engine),
        favoured() as is_favoured,
    ):
        run = _Run(bench, extent, watcher, Path(scratch))
        way = run.way()
        comparisons = run.closed(way)
        opened, lags = run.open(way)
        comparisons += opened
        lag = middle_lag(lags)
        conservation = run.conservation()
        speeds = run.speeds()
        server_error = describe(np.concatenate(run.server_errors))
    assert server_error is not None
    if server_error.p99_ns is not None and server_error.p99_ns > LATE_NS:
        run.notes.append(
            f"The truth server itself was {format_ns(server_error.p99_ns)} late (p99): something "
            "else used its core, so this run says little about any generator; calibrate again."
        )
    found = ratios(speeds)
    engine_share, server_share = run.disturbance()
    return Calibration(
        created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        command=bench.command,
        servemark_version=__version__,
        quick=extent.quick,
        machine=this_machine(),
        cores=bench.cores,
        favoured=is_favoured,
        generators=dict(bench.versions),
        absent=tuple(bench.absent),
        server_error=server_error,
        engine_waited_share=engine_share,
        server_waited_share=server_share,
        fixed_ns=way.read_ns,
        arrived_ns=way.arrived_ns,
        comparisons=tuple(comparisons),
        lag=lag,
        lag_p99s_ns=tuple(each.p99_ns for each in lags if each.p99_ns is not None),
        lag_rate_per_s=LAG_RATE_PER_S,
        conservation=conservation,
        speeds=tuple(speeds),
        ratios=tuple(found),
        bars=tuple(bars(comparisons, lag, conservation, found)),
        notes=tuple(run.notes),
    )


class _IncompleteError(EngineError):
    """A load of which the server did not see every request."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A generator's load held against the truth."""

    comparison: Comparison
    seen: Seen
    record: TruthRecord


class _Run:
    """The parts of one calibration, in the order in which they are measured."""

    def __init__(
        self, bench: CalibrationBench, extent: Extent, watcher: Watcher, scratch: Path
    ) -> None:
        self._bench = bench
        self._extent = extent
        self._watcher = watcher
        self._scratch = scratch
        self._native = Native()
        self.server_errors: list[NDArray[np.int64]] = []
        self.notes: list[str] = []
        self._engine_waits: list[tuple[int, int]] = []
        self._server_waits: list[tuple[int, int]] = []

    def disturbance(self) -> tuple[float | None, float | None]:
        """Shares of the loads in which something else had the engine's core and the server's."""
        return _share(self._engine_waits), _share(self._server_waits)

    def way(self) -> Way:
        """What the way there and back takes at least, found without any load generator."""
        self._watcher.begin("The way there and back", 1)
        self._watcher.doing("a plain blocking client")
        with self._server("constant:1ms") as server:
            taken_ns = round_trips_ns(server.endpoint, ROUND_TRIPS)
            return shortest_way(taken_ns, server.finish())

    def closed(self, way: Way) -> list[Comparison]:
        """Every generator under every distribution; the truth is what the server recorded.

        Whole rounds come one after another, here and in open loops, so that a stretch in which the
        machine is busy with something else spoils one round of each figure and not its median.
        """
        rounds = [
            [each for each in self._takers(number, 1) if not each.uploads_only]
            for number in range(self._extent.time_rounds)
        ]
        self._watcher.begin("Closed loops", len(KNOWN) * sum(len(each) for each in rounds))
        quiet = self._undisturbed()
        found: dict[tuple[str, str], list[Comparison]] = {}
        for generators in rounds:
            for known in KNOWN:
                for generator in generators:
                    self._watcher.doing(f"{known.name}, {generator.name}")
                    held = quiet.found(partial(self._closed, known, generator, way, quiet))
                    if held is not None:
                        compared = found.setdefault((known.name, generator.name), [])
                        compared.append(self._kept(held))
        self._note(quiet, "closed")
        return [over_rounds(each) for each in found.values()]

    def _closed(
        self, known: Known, generator: Generator, way: Way, quiet: Undisturbed
    ) -> _Held | None:
        duration_s = self._extent.closed_s
        with self._server(known.delay, _stall_after_ns(known, duration_s)) as server:
            load = Closed(connections=known.connections)
            assignment = self._assignment(server.endpoint, "get", load, duration_s)
            with quiet.watched(), uninterrupted():
                seen = self._load(generator, assignment, known.name)
            record = server.finish()
        if seen is None:
            return None
        truth = describe(record.sent_ns - record.arrival_ns)
        return self._compared(known, "closed", generator, seen, record, truth, way)

    def open(self, way: Way) -> tuple[list[Comparison], list[Distribution]]:
        """servemark under every distribution, with Poisson arrivals; and its lag, once a round.

        Had each request been sent when it was due, its response time would be what the server
        took (sent − arrival). With a stall that depends on when it was due, so there the truth is
        computed from the schedule, the delays that the server drew, and how late it sent.
        """
        rounds = self._extent.time_rounds
        self._watcher.begin("Open loops", (len(KNOWN) + 1) * rounds)
        quiet = self._undisturbed()
        found: dict[str, list[Comparison]] = {}
        lags = []
        for _ in range(rounds):
            for known in KNOWN:
                self._watcher.doing(f"{known.name}, {self._native.name}")
                held = quiet.found(partial(self._open_whole, known, way, quiet))
                found.setdefault(known.name, []).append(self._kept(held))
            self._watcher.doing(f"lag at {LAG_RATE_PER_S:,.0f} requests per second")
            lags.append(quiet.found(partial(self._lag, quiet)))
        self._note(quiet, "open")
        return [over_rounds(each) for each in found.values()], lags

    def _open_whole(self, known: Known, way: Way, quiet: Undisturbed) -> _Held:
        """A load of which the server saw every request. A machine that pauses at its very end
        leaves some unsent, and the truth of a stall is computed from all: it is done again."""
        for _ in range(MOST_REPEATS):
            try:
                return self._open(known, way, quiet)
            except _IncompleteError as error:
                self.notes.append(f"{known.name}, open loop, was done again: {error}")
        return self._open(known, way, quiet)

    def _open(self, known: Known, way: Way, quiet: Undisturbed) -> _Held:
        duration_s = self._extent.open_s
        load = Open(rate_per_s=known.rate_per_s)
        stall_after_ns = _stall_after_ns(known, duration_s)
        with self._server(known.delay, stall_after_ns) as server:
            assignment = self._assignment(server.endpoint, "get", load, duration_s)
            with quiet.watched(), uninterrupted():
                seen = self._native.load(assignment)
            record = server.finish()
        truth_ns = record.sent_ns - record.arrival_ns
        if stall_after_ns is not None:
            truth_ns = _stalled(assignment, record, stall_after_ns)
        return self._compared(known, "open", self._native, seen, record, describe(truth_ns), way)

    def _lag(self, quiet: Undisturbed) -> Distribution:
        """sent − intended at a high rate, against the light server."""
        with self._server(LIGHT) as server:
            load = Open(rate_per_s=LAG_RATE_PER_S)
            assignment = self._assignment(server.endpoint, "get", load, self._extent.lag_s)
            with quiet.watched(), uninterrupted():
                seen = self._native.load(assignment)
        assert seen.samples is not None
        lag = latencies(seen.samples).lag
        if lag is None:
            raise EngineError("Not one request was sent, so there is no lag to be seen.")
        return lag

    def conservation(self) -> Conservation:
        """Many connections for long: every request must be accounted for, on both sides."""
        duration_s = self._extent.conservation_s
        self._watcher.begin("Conservation", 1)
        self._watcher.doing(f"{CONSERVATION_CONNECTIONS:,} connections, {duration_s:g} s")
        load = Open(
            rate_per_s=CONSERVATION_RATE_PER_S,
            arrivals="constant",
            connections=CONSERVATION_CONNECTIONS,
        )
        with self._server(LIGHT) as server:
            assignment = self._assignment(server.endpoint, "get", load, duration_s)
            seen = self._native.load(assignment)
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

    def speeds(self) -> list[SpeedRun]:
        """Every generator in turn against one light server, the order turned round each time."""
        turns = [
            (number, workload, connections, generator)
            for number in range(self._extent.rounds)
            for workload, connections in SPEED_CELLS
            for generator in self._takers(number, self._extent.other_rounds)
            if workload != "get" or not generator.uploads_only
        ]
        self._watcher.begin("Speed", len(turns))
        found = []
        with self._server(LIGHT) as server:
            for number, workload, connections, generator in turns:
                cell = f"{workload}, {connections} connections"
                self._watcher.doing(f"{cell}, {generator.name}")
                load = Closed(connections=connections)
                assignment = self._assignment(server.endpoint, workload, load, self._extent.speed_s)
                seen = self._load(generator, assignment, cell)
                if seen is not None:
                    found.append(_speed(assignment.cell, number, generator.name, seen))
        return found

    def _takers(self, number: int, other_rounds: int) -> list[Generator]:
        """Who takes part in a round: servemark and wrk always, side by side; the others in the
        first rounds."""
        others = [
            each
            for each in self._bench.others
            if each.name.startswith(REFERENCE) or number < other_rounds
        ]
        takers: list[Generator] = [self._native, *others]
        return takers if number % 2 == 0 else takers[::-1]

    def _load(self, generator: Generator, assignment: Assignment, where: str) -> Seen | None:
        """What it saw, or ``None`` and a note where a generator other than servemark failed."""
        if generator is self._native:
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

    def _compared(
        self,
        known: Known,
        loop: Loop,
        generator: Generator,
        seen: Seen,
        record: TruthRecord,
        truth: Distribution | None,
        way: Way,
    ) -> _Held:
        # The native engine's times are those of the kernel's stamps.
        way_ns = way.arrived_ns if generator is self._native else way.read_ns
        comparison = Comparison(
            distribution=known.name,
            title=known.title,
            loop=loop,
            generator=generator.name,
            requests=seen.requests,
            recorded=len(record.sent_ns),
            deviations=compare(figures_of(truth), seen.figures, way_ns),
        )
        return _Held(comparison, seen, record)

    def _undisturbed(self) -> Undisturbed:
        cores = {*self._bench.cores.server, *self._bench.cores.engine}
        return Undisturbed(cores, self._extent.repeats)

    def _note(self, quiet: Undisturbed, loop: Loop) -> None:
        said = quiet.note()
        if said is not None:
            self.notes.append(f"{loop.capitalize()} loops: {said}")

    def _kept(self, held: _Held) -> Comparison:
        """The comparison; how well the machine kept to it is added to what is known of that."""
        if held.comparison.generator == self._native.name:
            record, seen = held.record, held.seen
            self.server_errors.append(record.sent_ns - record.due_ns)
            if record.ran_ns is not None and record.waited_ns is not None:
                self._server_waits.append((record.waited_ns, record.ran_ns + record.waited_ns))
            if seen.waited_ns is not None:
                self._engine_waits.append((seen.waited_ns, seen.duration_ns))
        return held.comparison

    def _server(self, delay: str, stall_after_ns: int | None = None) -> TruthServer:
        core = self._bench.cores.server[0]
        return TruthServer(delay, self._scratch, core, self._bench.environment, stall_after_ns)

    def _assignment(
        self, endpoint: Endpoint, workload: Workload, load: Closed | Open, duration_s: float
    ) -> Assignment:
        cell = Cell(workload=workload, load=load)
        pictures = self._bench.pictures
        return Assignment(
            endpoint=endpoint,
            cell=cell,
            requests=requests_of(workload, pictures),
            schedule=schedule_of(cell, seconds_to_ns(duration_s), len(pictures), SEED),
            duration_s=duration_s,
            cores=self._bench.cores.engine,
            scratch=self._scratch,
            environment={**self._bench.environment, "HOME": str(self._scratch)},
        )


def _share(parts: Sequence[tuple[int, int]]) -> float | None:
    """Parts of wholes, added up."""
    whole = sum(each for _, each in parts)
    return sum(part for part, _ in parts) / whole if whole else None


def _stall_after_ns(known: Known, duration_s: float) -> int | None:
    """When a stall in the middle of the load begins; ``None`` for no stall."""
    return (seconds_to_ns(duration_s) - STALL_NS) // 2 if known.stalls else None


def _stalled(assignment: Assignment, record: TruthRecord, stall_after_ns: int) -> NDArray[np.int64]:
    """The truth of an open loop with a stall, which begins so long after the first request."""
    intended_ns = assignment.schedule.intended_ns
    assert intended_ns is not None
    if len(intended_ns) != len(record.arrival_ns):
        raise _IncompleteError(
            f"The truth server saw {len(record.arrival_ns)} of {len(intended_ns)} requests, "
            "so the truth of the stall cannot be computed. Calibrate on a quieter machine."
        )
    start_ns = int(intended_ns[0]) + stall_after_ns
    order = record.by_arrival()
    delay_ns, late_ns = record.delay_ns[order], (record.sent_ns - record.due_ns)[order]
    return stalled_response_ns(intended_ns, delay_ns, start_ns, start_ns + STALL_NS) + late_ns


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
