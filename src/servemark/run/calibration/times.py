"""Times that generators see, against those of servers that keep a record of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from servemark.engines import Assignment
from servemark.errors import EngineError
from servemark.launch import uninterrupted
from servemark.plan.calibration import KNOWN, LAG_RATE_PER_S, Known
from servemark.records import Closed, Distribution, Open
from servemark.records.calibration import Comparison, Loop, Pauses
from servemark.run.calibration.stand import Stand
from servemark.run.generators import Generator, Seen
from servemark.run.truth import (
    LIGHT,
    STALL_NS,
    TruthRecord,
    Way,
    round_trips_ns,
    shortest_way,
)
from servemark.run.undisturbed import Undisturbed
from servemark.stats import describe, latencies
from servemark.stats.calibration import compare, figures_of, over_rounds, stalled_response_ns
from servemark.units import seconds_to_ns

ROUND_TRIPS = 500
MOST_REPEATS = 3
"""Of a load that cannot be compared."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A generator's load held against the truth."""

    comparison: Comparison
    seen: Seen
    record: TruthRecord


class Times:
    """The comparisons of times, and how well the machine kept to them."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self.pauses: list[Pauses] = []
        """Of the engine's core, before the open loops of each round."""
        self._server_errors: list[NDArray[np.int64]] = []
        self._engine_waits: list[tuple[int, int]] = []
        self._server_waits: list[tuple[int, int]] = []

    def server_error(self) -> Distribution:
        """How late the truth server itself was (sent − due), over all of servemark's loads."""
        found = describe(np.concatenate(self._server_errors))
        assert found is not None
        return found

    def disturbance(self) -> tuple[float | None, float | None]:
        """Shares of the loads in which something else had the engine's core and the server's."""
        return _share(self._engine_waits), _share(self._server_waits)

    def way(self) -> Way:
        """What the way there and back takes at least, found without any load generator."""
        self._stand.watcher.begin("The way there and back", 1)
        self._stand.watcher.doing("a plain blocking client")
        with self._stand.server("constant:1ms") as server:
            taken_ns = round_trips_ns(server.endpoint, ROUND_TRIPS)
            return shortest_way(taken_ns, server.finish())

    def closed(self, way: Way) -> list[Comparison]:
        """Every generator under every distribution; the truth is what the server recorded.

        Whole rounds come one after another, here and in open loops, so that a stretch in which the
        machine is busy with something else spoils one round of each figure and not its median.
        """
        rounds = [
            [each for each in self._stand.takers(number, 1) if not each.uploads_only]
            for number in range(self._stand.extent.time_rounds)
        ]
        self._stand.watcher.begin("Closed loops", len(KNOWN) * sum(len(each) for each in rounds))
        quiet = self._undisturbed()
        found: dict[tuple[str, str], list[Comparison]] = {}
        for generators in rounds:
            for known in KNOWN:
                for generator in generators:
                    self._stand.watcher.doing(f"{known.name}, {generator.name}")
                    held = quiet.found(partial(self._closed, known, generator, way, quiet))
                    if held is not None:
                        compared = found.setdefault((known.name, generator.name), [])
                        compared.append(self._kept(held))
        self._note(quiet, "closed")
        return [over_rounds(each) for each in found.values()]

    def _closed(
        self, known: Known, generator: Generator, way: Way, quiet: Undisturbed
    ) -> _Held | None:
        duration_s = self._stand.extent.closed_s
        with self._stand.server(known.delay, _stall_after_ns(known, duration_s)) as server:
            load = Closed(connections=known.connections)
            assignment = self._stand.assignment(server.endpoint, "get", load, duration_s)
            with quiet.watched(), uninterrupted():
                seen = self._stand.load(generator, assignment, known.name)
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
        rounds = self._stand.extent.time_rounds
        self._stand.watcher.begin("Open loops", (len(KNOWN) + 2) * rounds)
        quiet = self._undisturbed()
        found: dict[str, list[Comparison]] = {}
        lags = []
        for _ in range(rounds):
            self._stand.watcher.doing("pauses of the engine's core")
            self.pauses.append(self._stand.pauses())
            for known in KNOWN:
                self._stand.watcher.doing(f"{known.name}, {self._stand.native.name}")
                held = quiet.found(partial(self._open_whole, known, way, quiet))
                found.setdefault(known.name, []).append(self._kept(held))
            self._stand.watcher.doing(f"lag at {LAG_RATE_PER_S:,.0f} requests per second")
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
                self._stand.notes.append(f"{known.name}, open loop, was done again: {error}")
        return self._open(known, way, quiet)

    def _open(self, known: Known, way: Way, quiet: Undisturbed) -> _Held:
        duration_s = self._stand.extent.open_s
        load = Open(rate_per_s=known.rate_per_s)
        stall_after_ns = _stall_after_ns(known, duration_s)
        with self._stand.server(known.delay, stall_after_ns) as server:
            assignment = self._stand.assignment(server.endpoint, "get", load, duration_s)
            with quiet.watched(), uninterrupted():
                seen = self._stand.native.load(assignment)
            record = server.finish()
        truth_ns = record.sent_ns - record.arrival_ns
        if stall_after_ns is not None:
            truth_ns = _stalled(assignment, record, stall_after_ns)
        return self._compared(
            known, "open", self._stand.native, seen, record, describe(truth_ns), way
        )

    def _lag(self, quiet: Undisturbed) -> Distribution:
        """sent − intended at a high rate, against the light server."""
        with self._stand.server(LIGHT) as server:
            load = Open(rate_per_s=LAG_RATE_PER_S)
            assignment = self._stand.assignment(
                server.endpoint, "get", load, self._stand.extent.lag_s
            )
            with quiet.watched(), uninterrupted():
                seen = self._stand.native.load(assignment)
        assert seen.samples is not None
        lag = latencies(seen.samples).lag
        if lag is None:
            raise EngineError("Not one request was sent, so there is no lag to be seen.")
        return lag

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
        way_ns = way.arrived_ns if generator is self._stand.native else way.read_ns
        pauses = self.pauses[-1] if loop == "open" else None
        comparison = Comparison(
            distribution=known.name,
            title=known.title,
            loop=loop,
            generator=generator.name,
            requests=seen.requests,
            recorded=len(record.sent_ns),
            deviations=compare(figures_of(truth), seen.figures, way_ns, pauses),
        )
        return _Held(comparison, seen, record)

    def _undisturbed(self) -> Undisturbed:
        cores = {*self._stand.cores.server, *self._stand.cores.engine}
        return Undisturbed(cores, self._stand.extent.repeats)

    def _note(self, quiet: Undisturbed, loop: Loop) -> None:
        said = quiet.note()
        if said is not None:
            self._stand.notes.append(f"{loop.capitalize()} loops: {said}")

    def _kept(self, held: _Held) -> Comparison:
        """The comparison; how well the machine kept to it is added to what is known of that."""
        if held.comparison.generator == self._stand.native.name:
            record, seen = held.record, held.seen
            self._server_errors.append(record.sent_ns - record.due_ns)
            if record.ran_ns is not None and record.waited_ns is not None:
                self._server_waits.append((record.waited_ns, record.ran_ns + record.waited_ns))
            if seen.waited_ns is not None:
                self._engine_waits.append((seen.waited_ns, seen.duration_ns))
        return held.comparison


class _IncompleteError(EngineError):
    """A load of which the server did not see every request."""


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
