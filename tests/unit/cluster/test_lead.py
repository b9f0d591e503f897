"""A board over several nodes: whole blocks to a node, a lost node's blocks to another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from servemark.cluster import Leader
from servemark.cluster.station import Measured
from servemark.errors import ClusterError, StationLostError
from servemark.plan import Outlook
from servemark.records import (
    Battery,
    BatteryResult,
    CeilingResult,
    CellGroup,
    Entrant,
    Placement,
    Trial,
    TrialResult,
    Variant,
    Verification,
)
from servemark.stats import block_values
from servemark.store import RunFolder, create_run
from tests.unit.plan.test_plan import VARIANTS, board, noisy
from tests.unit.store.test_folder import header

T = TypeVar("T")


class FakeStation:
    """A node that answers at once, until it has done ``lasts`` trials."""

    def __init__(
        self, name: str, lasts: int = 10_000, sway: float = 0.0, no_battery: bool = False
    ) -> None:
        self.name = name
        self.verified: list[Variant] = []
        self.trials: list[Trial] = []
        self.was_put: list[Variant] = []
        self.ended = False
        self._no_battery = no_battery
        self._lasts = lasts
        self._outcome = noisy(sway)
        self._thread = ThreadPoolExecutor(1)

    def verify(self, variant: Variant) -> Future[Verification]:
        self.verified.append(variant)
        return self._answer(Verification(variant=variant, checks=()))

    def ceilings(
        self, block: int, variants: tuple[Variant, ...], known: Sequence[CeilingResult]
    ) -> Future[list[CeilingResult]]:
        raise AssertionError((block, variants, known))

    def measure(self, trial: Trial) -> Future[Measured]:
        if len(self.trials) == self._lasts:
            broken: Future[Measured] = Future()
            broken.set_exception(StationLostError("its machine is gone"))
            return broken
        self.trials.append(trial)
        result = self._outcome(trial)
        placement = Placement(server=self.name)
        changes = {"placement": placement, "start": len(self.trials), "samples": "samples/x"}
        return self._answer(Measured(result.model_copy(update=changes), b"columns"))

    def put(self, variant: Variant) -> Future[BatteryResult]:
        if self._no_battery:
            broken: Future[BatteryResult] = Future()
            broken.set_exception(StationLostError("its machine is gone"))
            return broken
        self.was_put.append(variant)
        return self._answer(BatteryResult(variant=variant, cases=()))

    def end(self) -> None:
        self.ended = True

    def _answer(self, what: T) -> Future[T]:
        return self._thread.submit(lambda: what)


class Heard:
    """A listener that remembers who was lost."""

    def __init__(self) -> None:
        self.nodes_lost: list[str] = []

    def verifying(self, variant: Variant, number: int, count: int) -> None: ...
    def verified(self, verification: Verification) -> None: ...
    def putting(self, variant: Variant, number: int, count: int) -> None: ...
    def put(self, result: BatteryResult) -> None: ...
    def measuring_ceiling(self, name: str, block: int) -> None: ...
    def measured(self, result: TrialResult) -> None: ...
    def measuring(self, trial: Trial, history: Sequence[TrialResult], outlook: Outlook) -> None: ...
    def lost(self, node: str, reason: str) -> None:
        self.nodes_lost.append(f"{node}: {reason}")


Make = Callable[..., RunFolder]


@pytest.fixture
def make_run(tmp_path: Path) -> Make:
    """A new run of those five contestants."""

    def make(**changes: object) -> RunFolder:
        whole = header()
        entrants = tuple(
            Entrant(
                variant=variant,
                title=variant.id,
                language="Python",
                homepage="https://example.org",
                division="standard",
                digest="0",
            )
            for variant in VARIANTS
        )
        values = {"board": board(**changes), "entrants": entrants}
        return create_run(tmp_path, whole.model_copy(update=values))

    return make


def lead(folder: RunFolder, *stations: FakeStation) -> Heard:
    heard = Heard()
    Leader(folder, stations, heard).lead()
    return heard


def places(folder: RunFolder) -> dict[int, list[str]]:
    """The nodes of each block, in the order of measuring."""
    found: dict[int, list[str]] = {}
    for each in folder.trials():
        assert each.placement is not None
        nodes = found.setdefault(each.trial.block, [])
        if each.placement.server not in nodes:
            nodes.append(each.placement.server)
    return found


def done_once(folder: RunFolder, blocks: int) -> bool:
    counts = Counter(
        (each.trial.block, each.trial.variant.id, each.trial.cell.id) for each in folder.trials()
    )
    return set(counts.values()) == {1} and len(counts) == blocks * len(VARIANTS) * 2


def test_a_block_is_measured_by_one_node_and_every_node_has_some(make_run: Make) -> None:
    folder, one, two = make_run(blocks=6), FakeStation("one"), FakeStation("two")
    lead(folder, one, two)
    assert done_once(folder, 6)
    assert all(len(nodes) == 1 for nodes in places(folder).values())
    assert one.trials
    assert two.trials
    assert len(one.verified) + len(two.verified) == len(VARIANTS)


def test_numbers_starts_and_samples_of_all_nodes_are_told_apart(make_run: Make) -> None:
    folder = make_run()
    lead(folder, FakeStation("one"), FakeStation("two"))
    trials = folder.trials()
    assert len({each.trial.number for each in trials}) == len(trials)
    assert len({each.start for each in trials}) == len(trials)
    assert len({each.samples for each in trials}) == len(trials)
    assert all((folder.path / str(each.samples)).read_bytes() == b"columns" for each in trials)


def test_a_lost_node_gives_its_block_back_and_no_finished_trial_is_lost(make_run: Make) -> None:
    folder, dying, other = make_run(), FakeStation("dying", lasts=4), FakeStation("other")
    heard = lead(folder, dying, other)
    assert heard.nodes_lost == ["dying: its machine is gone"]
    assert dying.ended
    assert done_once(folder, 3)
    (event,) = folder.nodes()
    assert (event.what, event.node, event.reason) == ("lost", "dying", "its machine is gone")
    (shared,) = [nodes for nodes in places(folder).values() if len(nodes) == 2]
    assert shared == ["dying", "other"]


def test_pairs_stay_on_one_machine_also_in_a_block_that_went_on_elsewhere(make_run: Make) -> None:
    folder, dying, other = make_run(), FakeStation("dying", lasts=4), FakeStation("other")
    lead(folder, dying, other)
    trials = folder.trials()
    cell = trials[0].trial.cell.id
    nodes_of: dict[int, set[str]] = {}
    for variant in VARIANTS:
        mine = [t for t in trials if t.trial.variant == variant and t.trial.cell.id == cell]
        assert len(block_values(mine, "throughput_per_s")) == 3
        for each in mine:
            assert each.placement is not None
            nodes_of.setdefault(each.replicate, set()).add(each.placement.server)
    assert all(len(nodes) == 1 for nodes in nodes_of.values())
    assert len(nodes_of) == 4


def test_without_any_node_the_run_stops_and_goes_on_with_another(make_run: Make) -> None:
    folder = make_run()
    with pytest.raises(ClusterError, match=r"No node is left.*--resume"):
        lead(folder, FakeStation("one", lasts=3), FakeStation("two", lasts=5))
    assert len(folder.trials()) == 8
    three = FakeStation("three")
    lead(folder, three)
    assert done_once(folder, 3)
    assert three.verified == []
    numbers = [each.trial.number for each in folder.trials()]
    assert len(set(numbers)) == len(numbers)


def test_a_node_that_falls_silent_is_given_up_after_its_time(make_run: Make) -> None:
    class Silent(FakeStation):
        def measure(self, trial: Trial) -> Future[Measured]:
            self.trials.append(trial)
            return Future()

    folder, heard, silent = make_run(), Heard(), Silent("silent")
    now = [0.0]

    class Quick(FakeStation):
        def measure(self, trial: Trial) -> Future[Measured]:
            now[0] += 60
            return super().measure(trial)

    Leader(folder, [silent, Quick("other")], heard, clock=lambda: now[0]).lead()
    assert heard.nodes_lost == ["silent: it did not answer in time"]
    assert done_once(folder, 3)


def test_further_blocks_are_decided_so_many_at_a_time_as_there_are_nodes(make_run: Make) -> None:
    cells = (CellGroup(workloads=("get", "multipart"), connections=(16,)),)
    folder = make_run(cells=cells, blocks=3, most_blocks=9, half_width=1e-9)
    lead(folder, FakeStation("one", sway=0.05), FakeStation("two", sway=0.05))
    found = places(folder)
    assert found.keys() == set(range(9))
    assert all(len(nodes) == 1 for nodes in found.values())
    # Two at a time: each pair of further blocks is shared by the two nodes, before the next pair.
    order = list(dict.fromkeys(each.trial.block for each in folder.trials()))
    for first in (3, 5, 7):
        assert set(order[first : first + 2]) == {first, first + 1}
        assert {found[first][0], found[first + 1][0]} == {"one", "two"}


def test_each_contestant_is_put_to_the_battery_once_by_some_node(make_run: Make) -> None:
    folder, failing, other = (
        make_run(battery=Battery()),
        FakeStation("failing", no_battery=True),
        FakeStation("other"),
    )
    heard = lead(folder, failing, other)
    assert heard.nodes_lost == ["failing: its machine is gone"]
    assert sorted(each.variant.id for each in folder.batteries()) == sorted(
        variant.id for variant in VARIANTS
    )
    again = FakeStation("again")
    lead(folder, again)
    assert again.was_put == []


def test_a_board_without_the_battery_puts_nobody_to_it(make_run: Make) -> None:
    folder, one = make_run(), FakeStation("one")
    lead(folder, one)
    assert one.was_put == []
    assert folder.batteries() == []
