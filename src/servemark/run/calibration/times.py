"""Times that generators see, against those of servers that keep a record of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from servemark.run.generators import Generator, Seen, figures_from
from servemark.run.truth import (
    LIGHT,
    STALL_NS,
    TruthRecord,
    Way,
    round_trips_ns,
    shortest_way,
)
from servemark.run.undisturbed import Undisturbed
from servemark.stats import describe, lag_ns, response_ns
from servemark.stats.calibration import compare, finest, over_rounds, stalled_response_ns
from servemark.units import NS_PER_S, seconds_to_ns

ROUND_TRIPS = 500
MOST_REPEATS = 3
"""Of a load that cannot be compared."""


@dataclass(frozen=True, slots=True)
class _Load:
    """What a generator saw of one load, and what is true of it."""

    seen: Seen
    record: TruthRecord
    truth_ns: NDArray[np.int64]
    """What it should have seen, but for the way there and back; one entry a request."""


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
        """How late the truth server itself was (sent − due), over servemark's loads without a
        stall: after one, all that waited is due at once, and sent one after another."""
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
            for number in range(self._stand.extent.closed_rounds)
        ]
        self._stand.watcher.begin("Closed loops", len(KNOWN) * sum(len(each) for each in rounds))
        quiet = self._undisturbed(self._stand.extent.closed_repeats)
        found: dict[tuple[str, str], list[Comparison]] = {}
        for generators in rounds:
            for known in KNOWN:
                for generator in generators:
                    self._stand.watcher.doing(f"{known.name}, {generator.name}")
                    load = quiet.found(partial(self._closed, known, generator, quiet))
                    if load is not None:
                        compared = found.setdefault((known.name, generator.name), [])
                        compared.append(self._compared(known, "closed", generator, [load], way))
                        if generator is self._stand.native:
                            self._note_machine(known, load)
        self._stand.note("Closed loops", quiet)
        return [over_rounds(each) for each in found.values()]

    def _closed(self, known: Known, generator: Generator, quiet: Undisturbed) -> _Load | None:
        duration_s = self._stand.extent.closed_s
        with self._stand.server(known.delay, _stall_after_ns(known, duration_s)) as server:
            load = Closed(connections=known.connections)
            assignment = self._stand.assignment(server.endpoint, "get", load, duration_s)
            with quiet.watched(), uninterrupted():
                seen = self._stand.load(generator, assignment, known.name)
            record = server.finish()
        return None if seen is None else _Load(seen, record, record.sent_ns - record.arrival_ns)

    def open(self, way: Way) -> tuple[list[Comparison], list[Distribution]]:
        """servemark under every distribution, with Poisson arrivals; and its lag, once a round.

        In each round a distribution is loaded in several short parts, each with arrivals and delays
        of its own, as the hypervisor leaves a short load alone more often than a long one. A figure
        is of single parts; where those have too few requests for it, of all parts of a round.

        Had each request been sent when it was due, its response time would be what the server
        took (sent − arrival). With a stall that depends on when it was due, so there the truth is
        computed from the schedule, the delays that the server drew, and how late it sent.
        """
        rounds, parts = self._stand.extent.open_rounds, self._stand.extent.open_parts
        self._stand.watcher.begin("Open loops", (parts * (len(KNOWN) + 1) + 1) * rounds)
        quiet = self._undisturbed(self._stand.extent.open_repeats)
        single: dict[str, list[Comparison]] = {each.name: [] for each in KNOWN}
        together: dict[str, list[Comparison]] = {each.name: [] for each in KNOWN}
        lags = []
        native = self._stand.native
        for _ in range(rounds):
            self._stand.watcher.doing("pauses of the engine's core")
            self.pauses.append(self._stand.pauses())
            for known in KNOWN:
                loads = []
                for part in range(parts):
                    self._stand.watcher.doing(f"{known.name}, {native.name}")
                    load = quiet.found(partial(self._open_whole, known, part, quiet))
                    single[known.name].append(self._compared(known, "open", native, [load], way))
                    self._note_machine(known, load)
                    loads.append(load)
                together[known.name].append(self._compared(known, "open", native, loads, way))
            for _ in range(parts):
                self._stand.watcher.doing(f"lag at {LAG_RATE_PER_S:,.0f} requests per second")
                lags.append(quiet.found(partial(self._lag, quiet)))
        self._stand.note("Open loops", quiet)
        compared = [
            finest(over_rounds(single[each.name]), over_rounds(together[each.name]))
            for each in KNOWN
        ]
        return compared, lags

    def _open_whole(self, known: Known, part: int, quiet: Undisturbed) -> _Load:
        """A load of which the server saw every request. A machine that pauses at its very end
        leaves some unsent, and the truth of a stall is computed from all: it is done again."""
        for _ in range(MOST_REPEATS):
            try:
                return self._open(known, part, quiet)
            except _IncompleteError as error:
                self._stand.notes.append(f"{known.name}, open loop, was done again: {error}")
        return self._open(known, part, quiet)

    def _open(self, known: Known, part: int, quiet: Undisturbed) -> _Load:
        duration_s = self._stand.extent.open_s
        if known.stalls:
            duration_s += STALL_NS / NS_PER_S
        load = Open(rate_per_s=known.rate_per_s)
        stall_after_ns = _stall_after_ns(known, duration_s)
        with self._stand.server(known.delay, stall_after_ns, part) as server:
            assignment = self._stand.assignment(server.endpoint, "get", load, duration_s, part)
            with quiet.watched(), uninterrupted():
                seen = self._stand.native.load(assignment)
            record = server.finish()
        truth_ns = record.sent_ns - record.arrival_ns
        if stall_after_ns is not None:
            truth_ns = _stalled(assignment, record, stall_after_ns)
        return _Load(seen, record, truth_ns)

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
        lag = describe(lag_ns(seen.samples))
        if lag is None:
            raise EngineError("Not one request was sent, so there is no lag to be seen.")
        return lag

    def _compared(
        self,
        known: Known,
        loop: Loop,
        generator: Generator,
        loads: Sequence[_Load],
        way: Way,
    ) -> Comparison:
        """The loads as one."""
        # The native engine's times are those of the kernel's stamps.
        way_ns = way.arrived_ns if generator is self._stand.native else way.read_ns
        pauses = self.pauses[-1] if loop == "open" else None
        return Comparison(
            distribution=known.name,
            title=known.title,
            loop=loop,
            generator=generator.name,
            requests=sum(each.seen.requests for each in loads),
            recorded=sum(len(each.record.sent_ns) for each in loads),
            deviations=compare(
                figures_from(np.concatenate([each.truth_ns for each in loads])),
                _figures([each.seen for each in loads]),
                way_ns,
                pauses,
            ),
        )

    def _undisturbed(self, repeats: int) -> Undisturbed:
        """By the generator's core alone: what the server loses is part of the truth."""
        return Undisturbed(self._stand.cores.engine, repeats)

    def _note_machine(self, known: Known, load: _Load) -> None:
        """How well the machine kept to a load of servemark's."""
        record, seen = load.record, load.seen
        if not known.stalls:
            self._server_errors.append(record.sent_ns - record.due_ns)
        if record.ran_ns is not None and record.waited_ns is not None:
            self._server_waits.append((record.waited_ns, record.ran_ns + record.waited_ns))
        if seen.waited_ns is not None:
            self._engine_waits.append((seen.waited_ns, seen.duration_ns))


class _IncompleteError(EngineError):
    """A load of which the server did not see every request."""


def _figures(seen: Sequence[Seen]) -> Mapping[str, float]:
    """What a generator says of one load; of several open loops, of all their requests together."""
    if len(seen) == 1:
        return seen[0].figures
    samples = [each.samples for each in seen if each.samples is not None]
    assert len(samples) == len(seen)
    return figures_from(np.concatenate([response_ns(each) for each in samples]))


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
