"""Leading a board over several nodes: whole blocks to a node, results into the one run folder."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, Protocol, TypeVar

from servemark.cluster.station import Measured
from servemark.errors import ClusterError
from servemark.plan import Outlook, Plan
from servemark.records import (
    BatteryResult,
    Board,
    CeilingResult,
    NodeEvent,
    Placement,
    Trial,
    TrialResult,
    Variant,
    Verification,
)
from servemark.run import Listener, Noting
from servemark.store import RunFolder

POLL_S = 0.5
OUTLOOK_S = 5.0
VERIFY_TIMEOUT_S = 900.0
CEILINGS_TIMEOUT_S = 1800.0
BATTERY_TIMEOUT_S = 1800.0
TRIAL_MARGIN_S = 240.0
"""What a trial may take beyond warm-up and slice: a slow start, and generators that are awaited."""


class StationHand(Protocol):
    """A node that serves, as the leader sees it. Futures raise ``StationLostError``."""

    name: str

    def verify(self, variant: Variant) -> Future[Verification]:
        """See ``Station.verify``."""
        ...

    def ceilings(
        self, block: int, variants: tuple[Variant, ...], known: Sequence[CeilingResult]
    ) -> Future[list[CeilingResult]]:
        """See ``Station.ceilings``."""
        ...

    def measure(self, trial: Trial) -> Future[Measured]:
        """See ``Station.measure``."""
        ...

    def put(self, variant: Variant) -> Future[BatteryResult]:
        """See ``Station.put``."""
        ...

    def end(self) -> None:
        """Let it go, with its server and generators."""
        ...


class ClusterListener(Listener, Protocol):
    """Whoever wants to know how a run on a cluster goes on."""

    def lost(self, node: str, reason: str) -> None:
        """A node was lost; its block goes to another one."""


@dataclass(slots=True)
class Post:
    """What one node is at."""

    station: StationHand
    block: int | None = None
    task: Future[Any] | None = None
    done: Callable[[Any], None] = lambda _: None
    give_back: Callable[[], None] = lambda: None
    deadline: float = 0.0
    starts: dict[int, int] = field(default_factory=dict)
    """The run's number of each fresh start, by the node's own."""


F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Errand(Generic[F]):
    """Something that each variant needs once, on any node."""

    begin: Callable[[StationHand, Variant], Future[F]]
    keep: Callable[[F], None]
    tell: Callable[[Variant, int, int], None]
    timeout_s: float


class Leader:
    """Gives nodes what is to be done next, and writes down what they found, until all is done."""

    def __init__(
        self,
        folder: RunFolder,
        stations: Sequence[StationHand],
        listener: ClusterListener,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._posts = [Post(station) for station in stations]
        self._told = listener
        self._listener = Noting(folder, listener)
        self._clock = clock
        header = folder.header()
        self._board: Board = header.board
        self._variants = [entrant.variant for entrant in header.entrants]
        self._history = folder.trials()
        self._number = max((each.trial.number for each in self._history), default=-1) + 1
        self._ceiled: set[int] = set()
        self._known_outlook = Outlook(0.0, 0.0)
        self._look_again = -math.inf
        self._starts = max((each.start for each in self._history), default=0)

    def lead(self) -> None:
        """Do whatever of the run is not done yet. What is done is on the disk at any moment.

        Raises ``ClusterError`` where no node is left.
        """
        with self._folder.locked():
            plan = Plan(self._board, self._verified(), abreast=len(self._posts))
            self._until_done(lambda post: self._next_of_board(post, plan))
            self._put_to_battery(plan.variants)

    def _verified(self) -> tuple[Variant, ...]:
        """Each variant on one node; all nodes have the same files and environments."""
        known = {each.variant.id: each for each in self._folder.verifications()}

        def keep(found: Verification) -> None:
            self._folder.append_verification(found)
            known[found.variant.id] = found
            self._listener.verified(found)

        errand = Errand(
            lambda station, variant: station.verify(variant),
            keep,
            self._listener.verifying,
            VERIFY_TIMEOUT_S,
        )
        self._run_each(self._variants, known, errand)
        return tuple(each for each in self._variants if known[each.original().id].passed)

    def _put_to_battery(self, variants: Sequence[Variant]) -> None:
        """Each variant on one node, where the board asks for it and it was not yet."""
        if self._board.battery is None:
            return
        done = {each.variant.id for each in self._folder.batteries()}

        def keep(found: BatteryResult) -> None:
            self._folder.append_battery(found)
            done.add(found.variant.id)
            self._listener.put(found)

        errand = Errand(
            lambda station, variant: station.put(variant),
            keep,
            self._listener.putting,
            BATTERY_TIMEOUT_S,
        )
        self._run_each(variants, done, errand)

    def _run_each(
        self, variants: Sequence[Variant], done: Collection[str], errand: Errand[F]
    ) -> None:
        """Once for each variant that is not among ``done`` (to which the errand adds), on whichever
        node is free; a lost node's goes to another."""
        originals = [variant for variant in variants if variant.copy_number == 1]
        waiting = [variant for variant in originals if variant.id not in done]

        def give(post: Post) -> bool:
            if not waiting:
                return False
            variant = waiting.pop(0)
            errand.tell(variant, len(done), len(originals))
            post.task = errand.begin(post.station, variant)
            post.done, post.give_back = errand.keep, lambda: waiting.insert(0, variant)
            post.deadline = self._clock() + errand.timeout_s
            return True

        self._until_done(give)

    def _until_done(self, give: Callable[[Post], bool]) -> None:
        """Keep every node at work with what ``give`` has for it, until nobody has any."""
        while True:
            for post in list(self._posts):
                if post.task is None:
                    give(post)
            at_work = {post.task: post for post in self._posts if post.task is not None}
            if not at_work:
                return
            done, _ = wait(at_work, timeout=POLL_S, return_when=FIRST_COMPLETED)
            for task in done:
                self._settle(at_work[task])
            for post in list(self._posts):
                if post.task is not None and self._clock() > post.deadline:
                    self._lose(post, "it did not answer in time")

    def _settle(self, post: Post) -> None:
        assert post.task is not None
        try:
            found = post.task.result()
        except ClusterError as error:
            self._lose(post, str(error))
            return
        post.task = None
        post.done(found)

    def _lose(self, post: Post, reason: str) -> None:
        """Its block is free for another node; what it was at is done there."""
        self._posts.remove(post)
        post.give_back()
        post.station.end()
        name = post.station.name
        self._folder.append_node(NodeEvent(at_utc=now_utc(), node=name, what="lost", reason=reason))
        self._told.lost(name, reason)
        if not self._posts:
            raise ClusterError(
                f"No node is left that serves (the last one, {name}: {reason.rstrip('.')}): start "
                "one again, and go on with --resume."
            )

    def _next_of_board(self, post: Post, plan: Plan) -> bool:
        """The next trial of the node's block, or of the next block that nobody has."""
        trial = None if post.block is None else plan.next_in(post.block, self._history)
        if trial is None:
            taken = {each.block for each in self._posts if each is not post}
            free = [each for each in plan.open_blocks(self._history) if each not in taken]
            post.block = free[0] if free else None
            if post.block is None:
                return False
            trial = plan.next_in(post.block, self._history)
        if trial is None:
            return False
        if self._begin_ceilings(post, trial.block, plan):
            return True
        trial = trial.model_copy(update={"number": self._number})
        self._number += 1
        self._listener.measuring(trial, self._history, self._outlook(plan))
        post.task = post.station.measure(trial)
        post.done = lambda measured: self._keep(post, measured)
        post.give_back = lambda: None
        length_s = self._board.warm_up_s + (trial.duration_s or self._board.slice_s)
        post.deadline = self._clock() + length_s + TRIAL_MARGIN_S
        return True

    def _outlook(self, plan: Plan) -> Outlook:
        """How long the rest takes on all nodes; looked at anew now and then, as it takes long."""
        if self._clock() >= self._look_again:
            found = plan.outlook(self._history)
            self._known_outlook = Outlook(
                found.seconds / len(self._posts), found.most_s / len(self._posts)
            )
            self._look_again = self._clock() + OUTLOOK_S
        return self._known_outlook

    def _begin_ceilings(self, post: Post, block: int, plan: Plan) -> bool:
        if not self._board.ceiling or block >= self._board.blocks or block in self._ceiled:
            return False
        known = [each for each in self._folder.ceilings() if each.block == block]
        self._listener.measuring_ceiling("decoding and inference", block)

        def keep(found: list[CeilingResult]) -> None:
            for each in found:
                self._folder.append_ceiling(each)

        self._ceiled.add(block)
        post.task = post.station.ceilings(block, plan.variants, known)
        post.done, post.give_back = keep, lambda: self._ceiled.discard(block)
        post.deadline = self._clock() + CEILINGS_TIMEOUT_S
        return True

    def _keep(self, post: Post, measured: Measured) -> None:
        result = measured.result
        if result.start not in post.starts:
            self._starts += 1
            post.starts[result.start] = self._starts
        placement = result.placement or Placement(server=post.station.name)
        placement = placement.model_copy(update={"piece": self._piece(result, post.station.name)})
        changes: Mapping[str, object] = {
            "start": post.starts[result.start],
            "placement": placement,
            "samples": None
            if measured.samples is None
            else self._folder.keep_packed_samples(result.trial, measured.samples),
        }
        result = result.model_copy(update=dict(changes))
        self._folder.append_trial(result)
        self._history.append(result)
        self._listener.measured(result)

    def _piece(self, result: TrialResult, node: str) -> int:
        """How many other nodes had that block before this one."""
        before = [
            each.placement.server
            for each in self._history
            if each.trial.block == result.trial.block and each.placement is not None
        ]
        order = list(dict.fromkeys([*before, node]))
        return order.index(node)


def now_utc() -> str:
    """This moment, for people."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
