"""One slice from several generators: split, put together, and what becomes of one that is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from servemark.catalog import RequestParts
from servemark.cluster.engine import Hand, SpreadEngine, lead_of
from servemark.cluster.generator import Generator, Part, Seen
from servemark.cluster.link import Reflector
from servemark.engines import Assignment, Loaded
from servemark.errors import ClusterError, GeneratorLostError
from servemark.plan import schedule_of
from servemark.plan.split import Share
from servemark.records import Cell, Endpoint, Link, Open
from servemark.run.truth import LIGHT, TruthServer
from servemark.samples import ANSWERED, NOT_SENT
from servemark.units import NS_PER_S, seconds_to_ns

REQUESTS = (RequestParts("GET", "/", None, b""),)


class ThreadHand:
    """A real generator in a thread, as a hand on another machine; ``fails`` is how it is lost."""

    is_near = False

    def __init__(self, name: str, fails: Exception | None = None) -> None:
        self.name = name
        self.ended = False
        self._fails = fails
        self._generator = Generator(name, "native", 0, 1, ())
        self._thread = ThreadPoolExecutor(1)

    def measure(self, reflector: Endpoint) -> Future[Link]:
        return self._thread.submit(self._generator.measure, reflector)

    def load(self, part: Part, requests: Sequence[RequestParts]) -> Future[Seen]:
        if self._fails is not None:
            broken: Future[Seen] = Future()
            broken.set_exception(self._fails)
            return broken
        return self._thread.submit(self._generator.load, part, requests)

    def end(self) -> None:
        self.ended = True


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TruthServer]:
    with TruthServer(LIGHT, tmp_path, 0, {}) as truth:
        yield truth


@pytest.fixture
def reflector() -> Iterator[Reflector]:
    with Reflector("127.0.0.1") as found:
        yield found


def assignment(server: TruthServer, scratch: Path, rate: float = 1000) -> Assignment:
    cell = Cell(workload="get", load=Open(rate_per_s=rate))
    return Assignment(
        endpoint=server.endpoint,
        cell=cell,
        requests=REQUESTS,
        schedule=schedule_of(cell, seconds_to_ns(0.5), 1, 7),
        duration_s=0.5,
        cores=(),
        scratch=scratch,
        environment={},
    )


Replace = Callable[[Sequence[Hand]], Sequence[Hand]]


def engine(
    reflector: Reflector, hands: Sequence[Hand], replace: Replace = lambda _: ()
) -> SpreadEngine:
    return SpreadEngine("server", reflector.endpoint, hands, replace)


def test_together_they_send_the_whole_schedule_and_nothing_else(
    server: TruthServer, reflector: Reflector, tmp_path: Path
) -> None:
    asked = assignment(server, tmp_path)
    found: Loaded = engine(reflector, [ThreadHand("a"), ThreadHand("b")]).run(asked)
    assert found.samples is not None
    assert found.placement is not None
    assert asked.schedule.intended_ns is not None
    assert np.sort(found.samples.intended_ns).tolist() == asked.schedule.intended_ns.tolist()
    # One that is due at the very end may not be sent any more.
    answered = found.samples.ending == ANSWERED
    assert (answered | (found.samples.ending == NOT_SENT)).all()
    assert answered.sum() > 0.9 * len(answered)
    uses = found.placement.generators
    assert [each.generator for each in uses] == ["a", "b"]
    assert sum(each.requests for each in uses) == len(found.samples)
    assert found.result.counts.ok == answered.sum()
    assert min(each.start_offset_ns for each in uses) == 0
    assert {link.generator for link in found.placement.links} == {"a", "b"}


def test_one_that_dies_is_named_and_the_next_slice_is_done_without_it(
    server: TruthServer, reflector: Reflector, tmp_path: Path
) -> None:
    dying = ThreadHand("b", GeneratorLostError("its process died"))
    spread = engine(reflector, [ThreadHand("a"), dying])
    with pytest.raises(GeneratorLostError, match=r"generator b was lost .* its process died"):
        spread.run(assignment(server, tmp_path))
    assert dying.ended
    again = spread.run(assignment(server, tmp_path))
    assert again.placement is not None
    assert [each.generator for each in again.placement.generators] == ["a"]


@pytest.mark.slow
def test_a_lost_one_is_replaced_where_there_is_another(
    server: TruthServer, reflector: Reflector, tmp_path: Path
) -> None:
    dying = ThreadHand("b", GeneratorLostError("its process died"))
    spread = engine(reflector, [ThreadHand("a"), dying], lambda _: [ThreadHand("c")])
    with pytest.raises(GeneratorLostError):
        spread.run(assignment(server, tmp_path))
    again = spread.run(assignment(server, tmp_path))
    assert again.placement is not None
    assert [each.generator for each in again.placement.generators] == ["a", "c"]
    assert {link.generator for link in again.placement.links} == {"a", "c"}


def test_without_any_generator_nothing_goes_on(
    server: TruthServer, reflector: Reflector, tmp_path: Path
) -> None:
    spread = engine(reflector, [ThreadHand("a", GeneratorLostError("its machine is gone"))])
    with pytest.raises(GeneratorLostError):
        spread.run(assignment(server, tmp_path))
    with pytest.raises(ClusterError, match=r"No load generator is left for server"):
        spread.run(assignment(server, tmp_path))


def test_the_common_start_waits_for_many_connections_to_be_opened(
    server: TruthServer, tmp_path: Path
) -> None:
    def lead_s(connections: int) -> float:
        cell = Cell(workload="get", load=Open(rate_per_s=1000, connections=connections))
        share = Share(cell, assignment(server, tmp_path).schedule)
        return lead_of([share, share], way_ns=0) / NS_PER_S

    # One every 0.3 ms, and all within 1 s.
    assert lead_s(1000) - lead_s(1) == pytest.approx(0.2997)
    assert lead_s(50_000) - lead_s(1) == pytest.approx(0.9997)


def test_a_generator_starts_when_the_servers_clock_says_so(
    server: TruthServer, reflector: Reflector, tmp_path: Path
) -> None:
    asked = assignment(server, tmp_path)
    part = Part(
        endpoint=asked.endpoint,
        share=Share(asked.cell, asked.schedule),
        duration_s=0.1,
        reflector=reflector.endpoint,
        start_ns=time.monotonic_ns() + seconds_to_ns(0.5),
    )
    seen = Generator("a", "native", 0, 1, ()).load(part, REQUESTS)
    assert seen.started_ns == part.start_ns
