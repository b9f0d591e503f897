"""Ray: joining a cluster, and stations and generators as its actors. Nothing else knows of Ray."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from servemark.catalog import RequestParts
from servemark.cluster.engine import Hand
from servemark.cluster.files import Bundle
from servemark.cluster.generator import Generator, Part, Seen
from servemark.cluster.nodes import LOAD, SERVER, Node, Seat, Slot
from servemark.cluster.station import Measured, Ready, Station, Task
from servemark.errors import ClusterError, GeneratorLostError, StationLostError, UsageError
from servemark.records import (
    BatteryResult,
    CeilingResult,
    Cores,
    Endpoint,
    Link,
    Trial,
    Variant,
    Verification,
)

with contextlib.suppress(ImportError):  # ``joined`` says so, with the remedy
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

ARRIVE_S = 60.0
"""An actor that is not up after that is not coming: something else has its node's resource."""
INSTALL = "uv pip install --require-hashes --requirement requirements-cluster.txt"


@contextmanager
def joined(address: str) -> Iterator[None]:
    """Be a driver of that Ray cluster meanwhile; what was started there ends with it.

    Raises ``UsageError`` where Ray is not installed and ``ClusterError`` where it is not reached.
    """
    if find_spec("ray") is None:
        raise UsageError(f"A run on a cluster needs Ray: {INSTALL}.")
    try:
        ray.init(
            address=address,
            namespace="servemark",
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        reason = str(error).split("\n", 1)[0].rstrip(".")
        raise ClusterError(
            f"The Ray cluster at {address} is not reached ({reason}): ray start --head on one "
            "machine, and ray start --address on every other, this one too."
        ) from error
    try:
        # Ray prints what happens to nodes, and stdout is for results alone.
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        ray.shutdown()


def living_nodes() -> list[Node]:
    """The nodes that are up, by the address where that tells them apart and the name does not."""
    alive = [each for each in ray.nodes() if each["Alive"]]
    names = Counter(each["NodeManagerHostname"] for each in alive)
    found = []
    for each in alive:
        host, address = each["NodeManagerHostname"], each["NodeManagerAddress"]
        found.append(
            Node(
                id=each["NodeID"],
                name=host if names[host] == 1 else address,
                address=address,
                servers=int(each["Resources"].get(SERVER, 0)),
                generators=int(each["Resources"].get(LOAD, 0)),
            )
        )
    return sorted(found, key=lambda node: node.name)


class RayStation:
    """A station that runs on a node; a ``StationHand``."""

    def __init__(self, seat: Seat, engine: str, threads: int) -> None:
        near = [slot for slot in seat.generators if slot.node.id == seat.node.id]
        self.name = seat.node.name
        resources = {SERVER: 1.0} | ({LOAD: float(len(near))} if near else {})
        self._actor = _actor(Station, seat.node, resources).remote(
            seat.node.name,
            seat.node.address,
            RayHands(seat, engine, threads),
            is_near=bool(near),
        )

    def prepare(self, bundle: Any, task: Task) -> Future[Ready]:
        """See ``Station.prepare``; ``bundle`` is what ``shared_bundle`` gave."""
        return self._future(self._actor.prepare.remote(bundle, task))

    def verify(self, variant: Variant) -> Future[Verification]:
        return self._future(self._actor.verify.remote(variant))

    def ceilings(
        self, block: int, variants: tuple[Variant, ...], known: Sequence[CeilingResult]
    ) -> Future[list[CeilingResult]]:
        return self._future(self._actor.ceilings.remote(block, variants, known))

    def measure(self, trial: Trial) -> Future[Measured]:
        return self._future(self._actor.measure.remote(trial))

    def put(self, variant: Variant) -> Future[BatteryResult]:
        return self._future(self._actor.put.remote(variant))

    def end(self) -> None:
        ray.kill(self._actor)

    def _future(self, reference: Any) -> Future[Any]:
        return _translated(reference, StationLostError)


def shared_bundle(bundle: Bundle) -> Any:
    """The bundle in Ray's object store, from which each node takes it once."""
    return ray.put(bundle)


@dataclass(frozen=True, slots=True)
class RayHands:
    """Makes the generators of a seat; it travels to the seat's node. See ``MakeHands``."""

    seat: Seat
    engine: str
    threads: int

    def __call__(self, left: Sequence[Hand], cores: Cores, insists: bool) -> Sequence[Hand]:
        """Raises ``ClusterError`` where one cannot be made: any, or only all of them."""
        there = {hand.name for hand in left}
        made: list[Hand] = []
        failed: ClusterError | None = None
        for slot in self.seat.generators:
            if slot.name in there:
                continue
            try:
                made.append(self._hand(slot, cores))
            except ClusterError as error:
                failed = error
        if failed is not None and (insists or not (made or left)):
            for hand in made:
                hand.end()
            raise failed
        return made

    def _hand(self, slot: Slot, cores: Cores) -> Hand:
        if slot.node.id == self.seat.node.id:
            return NearHand(slot, self.engine, self.threads, cores)
        if slot.node.id not in {node.id for node in living_nodes()}:
            raise ClusterError(f"The node {slot.node.name} is gone.")
        hand = RayHand(slot, self.engine, self.threads)
        try:
            obstacle = hand.obstacle().result(timeout=ARRIVE_S)
        except TimeoutError:
            hand.end()
            raise ClusterError(
                f"No load generator comes up on {slot.node.name}: is another run using it?"
            ) from None
        if obstacle is not None:
            hand.end()
            raise ClusterError(f"The load engine cannot run on {slot.node.name}: {obstacle}.")
        return hand


class RayHand:
    """A generator on another machine."""

    is_near = False

    def __init__(self, slot: Slot, engine: str, threads: int) -> None:
        self.name = slot.name
        self._actor = _actor(Generator, slot.node, {LOAD: 1.0}).remote(
            slot.name, engine, slot.number, threads, None
        )

    def obstacle(self) -> Future[str | None]:
        """See ``Generator.obstacle``."""
        return _translated(self._actor.obstacle.remote(), GeneratorLostError)

    def measure(self, reflector: Endpoint) -> Future[Link]:
        return _translated(self._actor.measure.remote(reflector), GeneratorLostError)

    def load(self, part: Part, requests: Sequence[RequestParts]) -> Future[Seen]:
        return _translated(
            self._actor.load.remote(part, _shared(tuple(requests))), GeneratorLostError
        )

    def end(self) -> None:
        ray.kill(self._actor)


class NearHand:
    """A generator on the server's own machine: in the station's process, on cores of its own."""

    is_near = True

    def __init__(self, slot: Slot, engine: str, threads: int, cores: Cores) -> None:
        self.name = slot.name
        self._generator = Generator(slot.name, engine, slot.number, threads, cores.engine)
        self._thread = ThreadPoolExecutor(1)

    def measure(self, reflector: Endpoint) -> Future[Link]:
        return self._thread.submit(self._generator.measure, reflector)

    def load(self, part: Part, requests: Sequence[RequestParts]) -> Future[Seen]:
        return self._thread.submit(self._generator.load, part, requests)

    def end(self) -> None:
        self._thread.shutdown(wait=False)


@lru_cache(maxsize=8)
def _shared(requests: tuple[RequestParts, ...]) -> Any:
    """A corpus in Ray's object store, so that it crosses the network once."""
    return ray.put(requests)


def _actor(kind: type, node: Node, resources: dict[str, float]) -> Any:
    """An actor of that class on that node and no other. One that dies is not started again by Ray:
    a trial must know."""
    return ray.remote(kind).options(
        num_cpus=0,
        resources=resources,
        max_restarts=0,
        scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False),
    )


def _translated(reference: Any, lost: Callable[[str], ClusterError]) -> Future[Any]:
    """The result as a future; an error of the task as it was raised there, and Ray's own as
    ``lost``."""
    mine: Future[Any] = Future()

    def settle(theirs: Future[Any]) -> None:
        error = theirs.exception()
        if error is None:
            mine.set_result(theirs.result())
        elif isinstance(error, ray.exceptions.RayTaskError):
            mine.set_exception(error.cause or error)
        elif isinstance(error, ray.exceptions.RayError):
            mine.set_exception(lost(_in_short(error)))
        else:
            mine.set_exception(error)

    reference.future().add_done_callback(settle)
    return mine


def _in_short(error: Exception) -> str:
    """What Ray's many lines say."""
    text = " ".join(str(error).split())
    if "creation task" in text:
        return str(error).strip().splitlines()[-1].strip()
    if "unavailable" in text:
        return "its machine does not answer"
    if "node" in text and "dead" in text.lower():
        return "its machine is gone"
    if "worker" in text.lower() or "died" in text.lower():
        return "its process died"
    return text[:200]
