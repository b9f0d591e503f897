"""Plans: randomised blocks, retries, precision on demand; decided by the history alone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from servemark.catalog import load_board, load_contestants, load_model
from servemark.plan import Plan, capacities, cross, given_up, schedule_of
from servemark.plan.probes import probe_of
from servemark.records import (
    Board,
    CellGroup,
    Closed,
    Counts,
    Fault,
    Gate,
    LoadResult,
    Objective,
    Open,
    Settings,
    Slo,
    Trial,
    TrialResult,
    Variant,
    Verdict,
    parse_variant,
)
from servemark.units import seconds_to_ns

VARIANTS = tuple(
    Variant(contestant=f"python/{name}", server="builtin", runtime="onnxruntime")
    for name in ("aiohttp", "sanic", "tornado", "flask", "falcon")
)
SPEEDS = dict(zip((each.id for each in VARIANTS), (2_000, 1_990, 1_500, 1_000, 900), strict=True))
TRIAL_NS = 2_000_000_000
Outcome = Callable[[Trial], TrialResult]


def board(**changes: object) -> Board:
    values: dict[str, object] = {
        "name": "made",
        "title": "Made",
        "engine": "fake",
        "seed": 7,
        "blocks": 3,
        "warm_up_s": 1,
        "slice_s": 1,
        "cells": (CellGroup(workloads=("get", "multipart"), connections=(16,)),),
    }
    return Board.model_validate(values | changes)


def result(trial: Trial, failure: str | None = None, *faults: Fault) -> TrialResult:
    return TrialResult(
        trial=trial,
        started_utc="2026-11-22T12:00:00Z",
        start=1,
        cores_server=(0,),
        cores_engine=(1,),
        warm_up_ns=1,
        elapsed_ns=TRIAL_NS,
        failure=failure,
        verdict=Verdict(faults=faults),
    )


def answered(trial: Trial, per_s: float) -> TrialResult:
    """A trial with that throughput; one of a search meets its objective up to 80 % of it."""
    counts = dict.fromkeys(Counts.model_fields, 0) | {"ok": round(per_s * 10)}
    objective = None
    if isinstance(trial.cell.load, Open):
        requests = round(trial.cell.load.rate_per_s * (trial.duration_s or 1))
        meets = trial.cell.load.rate_per_s <= 0.8 * per_s
        objective = Objective(
            requests=requests,
            over=0 if meets else requests // 2,
            batches="meets" if meets else "misses",
            recovery_ns=0,
        )
    load = LoadResult(
        engine="fake",
        engine_version="1",
        duration_ns=10_000_000_000,
        counts=Counts.model_validate(counts),
        bytes_read=1,
        engine_cpu_ns=1,
        objective=objective,
    )
    return result(trial).model_copy(update={"load": load})


def noisy(sway: float, speeds: Mapping[str, float] = SPEEDS) -> Outcome:
    """Speeds that sway from block to block, the same for the same trial."""

    def outcome(trial: Trial) -> TrialResult:
        seed = f"{trial.variant.id} {trial.cell.id} {trial.block}"
        factor = 1 + sway * random.Random(seed).gauss(0, 1)
        return answered(trial, speeds[trial.variant.original().id] * factor)

    return outcome


def always_late(made: Board, closed_per_s: float) -> Outcome:
    """A server that answers every request too late, under the arrivals that it really gets."""

    def outcome(trial: Trial) -> TrialResult:
        found = answered(trial, closed_per_s)
        if trial.purpose != "capacity":
            return found
        assert found.load is not None
        seed = (made.seed, trial.block, "slice", trial.number)
        due = schedule_of(trial.cell, seconds_to_ns(trial.duration_s or 1), 64, *seed).intended_ns
        assert due is not None
        late = Objective(requests=len(due), over=len(due), batches="undecided", recovery_ns=0)
        load = found.load.model_copy(update={"objective": late})
        return found.model_copy(update={"load": load})

    return outcome


def carried_out(plan: Plan, outcome: Outcome, most: int = 2_000) -> list[TrialResult]:
    history: list[TrialResult] = []
    while (trial := plan.next(history)) is not None:
        assert len(history) < most, "the plan does not end"
        history.append(outcome(trial))
    return history


def trials_of(plan: Plan, outcome: Outcome | None = None) -> list[Trial]:
    return [each.trial for each in carried_out(plan, outcome or noisy(0.001))]


def test_every_block_has_every_variant_in_every_cell_once() -> None:
    made = board()
    counts = Counter((t.block, t.variant.id, t.cell.id) for t in trials_of(Plan(made, VARIANTS)))
    assert set(counts.values()) == {1}
    assert len(counts) == made.blocks * len(VARIANTS) * len(made.all_cells())


def test_the_cells_of_a_variant_follow_one_another_in_a_block() -> None:
    made = board()
    visits = [(t.block, t.variant.id) for t in trials_of(Plan(made, VARIANTS))]
    changes = sum(a != b for a, b in pairwise(visits))
    assert changes == made.blocks * len(VARIANTS) - 1


def test_cells_of_one_stage_share_a_start_and_full_answers_come_last() -> None:
    group = CellGroup(
        workloads=("multipart",), connections=(1, 16), stages=("full", "receive", "decode")
    )
    stages = [t.cell.stage for t in trials_of(Plan(board(cells=(group,)), VARIANTS[:1]))]
    for block in range(3):
        visit = stages[6 * block : 6 * block + 6]
        assert sum(a != b for a, b in pairwise(visit)) == 2
        assert visit[-2:] == ["full", "full"]


def test_the_order_differs_between_blocks_and_between_seeds() -> None:
    def order(seed: int, block: int) -> list[str]:
        trials = trials_of(Plan(board(seed=seed), VARIANTS))
        return list(dict.fromkeys(t.variant.id for t in trials if t.block == block))

    assert order(1, 0) == order(1, 0)
    assert len({tuple(order(1, block)) for block in range(3)}) > 1
    assert len({tuple(order(seed, 0)) for seed in range(5)}) > 1


FULL = {
    "most_blocks": 6,
    "half_width": 0.02,
    "caching": True,
    "slo": Slo(bound_ms=25),
    "budget_s": 2_000.0,
}


@pytest.mark.parametrize("changes", [{}, FULL])
def test_a_plan_cut_off_anywhere_goes_on_as_if_it_had_not_been(changes: dict[str, object]) -> None:
    made = board(**changes)
    history = carried_out(Plan(made, VARIANTS[:3]), noisy(0.02))
    assert len(history) > 15
    for cut in range(len(history)):
        assert Plan(made, VARIANTS[:3]).next(history[:cut]) == history[cut].trial
    assert Plan(made, VARIANTS[:3]).next(history) is None


def test_a_clock_that_jumps_changes_no_decision() -> None:
    """Wall-clock times name a run and its trials; nothing is decided from them."""
    plan = Plan(board(), VARIANTS)
    history: list[TrialResult] = []
    jumped: list[TrialResult] = []
    years = random.Random(3)
    while (trial := plan.next(history)) is not None:
        assert plan.next(jumped) == trial
        found = answered(trial, SPEEDS[trial.variant.id])
        history.append(found)
        utc = f"{years.randint(1970, 2100)}-01-01T00:00:00Z"
        jumped.append(found.model_copy(update={"started_utc": utc}))
    assert plan.next(jumped) is None
    assert plan.outlook(jumped) == plan.outlook(history)


def test_a_variant_that_fails_twice_in_a_row_is_given_up() -> None:
    def outcome(trial: Trial) -> TrialResult:
        broken = trial.variant.contestant == "python/flask"
        return result(trial, "it died" if broken else None)

    history = carried_out(Plan(board(blocks=2), VARIANTS), outcome)
    tries = Counter(each.trial.variant.contestant for each in history)
    assert tries["python/flask"] == 2
    assert tries["python/sanic"] == 4
    assert given_up(history) == {"python/flask@builtin+onnxruntime"}


def test_one_failure_between_successes_does_not_end_a_variant() -> None:
    trials = trials_of(Plan(board(blocks=2), VARIANTS[:1]))
    outcomes = ["it died", None, "it died", None]
    history = [result(t, failure) for t, failure in zip(trials, outcomes, strict=True)]
    assert given_up(history) == set()


def test_an_invalid_trial_is_measured_once_more_and_no_oftener() -> None:
    fault = Fault(gate=Gate.QUIET_MACHINE, reason="a backup ran", remedy="wait")

    def outcome(trial: Trial) -> TrialResult:
        disturbed = trial.block == 1 and trial.cell.workload == "get"
        return result(trial, None, *([fault] if disturbed else []))

    history = carried_out(Plan(board(), VARIANTS[:2]), outcome)
    again = [each.trial for each in history if each.trial.attempt == 2]
    assert len(again) == 2
    assert {(t.block, t.cell.workload) for t in again} == {(1, "get")}
    assert max(each.trial.attempt for each in history) == 2


def test_further_blocks_go_to_those_that_need_them() -> None:
    """All but one are noisy, and that one is far from the others: it needs nothing more."""
    quiet = VARIANTS[3].id

    def outcome(trial: Trial) -> TrialResult:
        return noisy(0.0005 if trial.variant.id == quiet else 0.04, SPEEDS | {quiet: 100})(trial)

    trials = trials_of(Plan(board(most_blocks=8, half_width=0.02), VARIANTS), outcome)
    blocks = {v.id: {t.block for t in trials if t.variant.id == v.id} for v in VARIANTS}
    assert blocks[quiet] == {0, 1, 2}
    assert max(len(each) for each in blocks.values()) > 3


def test_neighbours_that_are_not_told_apart_get_blocks_until_they_are_or_are_equal() -> None:
    """The two fastest are 0.5 % apart: equal to within 3 %, so that nothing more is wanted."""
    plan = Plan(board(most_blocks=8, half_width=0.03), VARIANTS)
    trials = trials_of(plan, noisy(0.002))
    assert max(t.block for t in trials) == 2


@pytest.mark.parametrize(
    ("gates", "gets_more"),
    [
        ((Gate.QUIET_MACHINE,), True),
        ((Gate.GENERATORS,), True),
        ((Gate.PARITY,), False),
        ((Gate.PARITY, Gate.QUIET_MACHINE), False),
    ],
)
def test_a_variant_without_a_valid_trial_gets_blocks_if_the_machine_was_the_reason(
    gates: tuple[Gate, ...], gets_more: bool
) -> None:
    disturbed = VARIANTS[1].id
    faults = [Fault(gate=gate, reason="made", remedy="wait") for gate in gates]

    def outcome(trial: Trial) -> TrialResult:
        if trial.variant.id == disturbed and trial.block < 3:
            return result(trial, None, *faults)
        return noisy(0.0005)(trial)

    trials = trials_of(Plan(board(most_blocks=8), VARIANTS), outcome)
    blocks = {trial.block for trial in trials if trial.variant.id == disturbed}
    assert (max(blocks) > 2) is gets_more
    assert max(blocks) < 7  # no longer than until its throughput is known


def test_a_budget_ends_further_blocks_but_not_the_least_ones() -> None:
    made = board(most_blocks=50, half_width=0.001, budget_s=10.0)
    least = made.blocks * len(VARIANTS) * len(made.all_cells())
    assert len(trials_of(Plan(made, VARIANTS), noisy(0.05))) == least
    more = made.model_copy(update={"budget_s": 2.0 * least + 30})
    assert least < len(trials_of(Plan(more, VARIANTS), noisy(0.05))) <= least + 20


def test_the_outlook_falls_to_nothing_as_the_board_is_measured() -> None:
    plan = Plan(board(most_blocks=5, budget_s=500.0), VARIANTS)
    history = carried_out(plan, noisy(0.05))
    looks = [plan.outlook(history[:cut]) for cut in range(0, len(history) + 1, 7)]
    assert looks[0].seconds > 0
    assert all(each.most_s >= each.seconds >= 0 for each in looks)
    assert plan.outlook(history).seconds == 0


def test_the_outlook_knows_which_blocks_have_searches_and_which_have_not() -> None:
    """Caches are searched in three blocks and capacities in two: of six, the last are short."""
    made = board(blocks=6, caching=True, slo=Slo(blocks=2))

    def outcome(trial: Trial) -> TrialResult:
        elapsed_ns = seconds_to_ns((trial.duration_s or made.slice_s) + 1)
        found = answered(trial, SPEEDS[trial.variant.id])
        return found.model_copy(update={"elapsed_ns": elapsed_ns})

    plan = Plan(made, VARIANTS)
    history = carried_out(plan, outcome)
    taken_s = [each.elapsed_ns / 1e9 for each in history]
    for block in range(1, made.blocks):
        cut = next(n for n, each in enumerate(history) if each.trial.block == block)
        look = plan.outlook(history[:cut])
        assert look.seconds == look.most_s == pytest.approx(sum(taken_s[cut:]), rel=0.15)


def test_the_budget_bounds_the_outlook_as_soon_as_the_last_least_block_is_over() -> None:
    made = board(most_blocks=8, half_width=0.001)
    plan = Plan(made, VARIANTS)
    least = made.blocks * len(VARIANTS) * len(made.all_cells())
    history = carried_out(plan, noisy(0.05))[:least]
    per_block_s = least // made.blocks * 2.0
    assert plan.outlook(history).most_s == pytest.approx(5 * per_block_s)
    spent_s = least * 2.0
    for left_s in (-10.0, 0.0, 7.0):
        short = Plan(made.model_copy(update={"budget_s": spent_s + left_s}), VARIANTS)
        assert short.outlook(history).most_s == max(left_s, 0.0)
        assert (short.next(history) is None) is (left_s <= 0)


def test_a_visit_that_was_begun_is_in_the_outlook_whatever_the_budget() -> None:
    made = board(most_blocks=8, half_width=0.001)
    least = made.blocks * len(VARIANTS) * len(made.all_cells())
    history = carried_out(Plan(made, VARIANTS), noisy(0.05))[: least + 1]
    spent = Plan(made.model_copy(update={"budget_s": 1.0}), VARIANTS)
    assert spent.next(history) is not None
    assert spent.outlook(history).seconds == spent.outlook(history).most_s == 2.0


def test_blocks_measured_abreast_have_the_budget_each() -> None:
    made = board(most_blocks=20, half_width=0.001, budget_s=100.0)
    plan = Plan(made, VARIANTS, abreast=2)
    history = carried_out(plan, noisy(0.2))
    for cut in range(30, len(history)):
        left_s = 2 * 100.0 - 2.0 * cut
        assert plan.outlook(history[:cut]).most_s == pytest.approx(left_s, abs=4)


def test_an_a_a_pair_is_measured_like_any_other_but_holds_nobody_up() -> None:
    variants = (VARIANTS[0], VARIANTS[3], VARIANTS[0].twin())
    trials = trials_of(Plan(board(most_blocks=8), variants), noisy(0.001))
    assert Counter(t.variant.id for t in trials) == dict.fromkeys((v.id for v in variants), 6)


def test_caching_is_tried_with_one_image_and_with_many_like_it_in_every_least_block() -> None:
    trials = trials_of(Plan(board(caching=True, most_blocks=6), VARIANTS), noisy(0.05))
    found = [t for t in trials if t.purpose == "caching"]
    cells = {f"multipart/c16/{corpus}" for corpus in ("alike", "one", "renewed")}
    assert {t.cell.id for t in found} == cells
    assert {t.block for t in found} == {0, 1, 2}
    assert len(found) == 3 * 3 * len(VARIANTS)


def test_the_capacity_is_searched_after_the_closed_loop_that_it_begins_from() -> None:
    trials = trials_of(Plan(board(slo=Slo()), VARIANTS[:1]))
    for block in range(3):
        visit = [t for t in trials if t.block == block]
        searching = [t.purpose == "capacity" for t in visit]
        assert searching == sorted(searching)
        rates = [t.cell.load.rate_per_s for t in visit if isinstance(t.cell.load, Open)]
        assert rates
        assert max(rates) <= 1.5 * 2_000 * 1.05
    assert all(isinstance(t.cell.load, Closed) for t in trials if t.purpose == "figure")


@pytest.mark.parametrize("closed_per_s", [1, 3, 5, 10, 30])
def test_a_slow_server_that_is_always_late_gets_no_rate(closed_per_s: float) -> None:
    """Many a slice of its search would see no request at all if it were as short as any."""
    for seed in range(10):
        made = board(slo=Slo(), seed=seed)
        history = carried_out(Plan(made, VARIANTS[:1]), always_late(made, closed_per_s))
        start = made.slo_start()
        assert made.slo is not None
        assert start is not None
        found = capacities(history, made.slo, start)
        assert len(found) == made.blocks
        assert all(each.rate_per_s is None and each.reason for each in found.values())


def test_a_slice_without_any_request_does_not_count() -> None:
    trial = next(t for t in trials_of(Plan(board(slo=Slo()), VARIANTS[:1])) if t.step == "confirm")
    nothing = Objective(requests=0, over=0, batches="undecided", recovery_ns=0)
    found = answered(trial, 2_000)
    assert probe_of(found).fault is None
    assert found.load is not None
    empty = found.model_copy(update={"load": found.load.model_copy(update={"objective": nothing})})
    assert probe_of(empty).fault == "no request was due in the slice"


@pytest.mark.parametrize("closed_per_s", [0.02, 0.6, 53.27])
def test_the_rate_that_is_measured_is_the_one_that_is_reported(closed_per_s: float) -> None:
    made = board(slo=Slo(bound_ms=3000))
    history = carried_out(Plan(made, VARIANTS[:1]), lambda trial: answered(trial, closed_per_s))
    start = made.slo_start()
    assert made.slo is not None
    assert start is not None
    tried: dict[int, set[float]] = {}
    for trial in (each.trial for each in history if isinstance(each.trial.cell.load, Open)):
        assert isinstance(trial.cell.load, Open)
        tried.setdefault(trial.block, set()).add(trial.cell.load.rate_per_s)
        assert len(trial.cell.id) <= len("multipart/r") + len("0.01234")
    for block, found in capacities(history, made.slo, start).items():
        assert found.rate_per_s in tried[block] | {None}


def test_open_loops_that_differ_in_engine_threads_alone_are_measured_both() -> None:
    groups = (
        CellGroup(workloads=("get",), rates_per_s=(100,)),
        CellGroup(workloads=("get",), rates_per_s=(100,), engine_threads=2),
    )
    trials = trials_of(Plan(board(cells=groups), VARIANTS[:1]))
    counts = Counter(trial.cell.load.engine_threads for trial in trials)
    assert counts == {1: 3, 2: 3}
    assert {trial.cell.id for trial in trials} == {"get/r100", "get/t2r100"}


def test_variants_that_cannot_serve_the_model_are_left_out_with_the_reason(root: Path) -> None:
    contestants = load_contestants(root / "contestants")
    model = load_model(root / "models", "mnist")
    many = load_board(root / "boards", "default").model_copy(
        update={"settings": Settings(workers=2)}
    )
    variants, excluded = cross(many, contestants.values(), [model])
    assert "r/plumber" not in {variant.contestant for variant in variants}
    assert "it can have at most 1 workers, not 2" in {each.reason for each in excluded}


def test_with_several_models_every_variant_enters_with_each_that_it_can_serve(root: Path) -> None:
    contestants = load_contestants(root / "contestants")
    chosen = [contestants["python/aiohttp"], contestants["r/plumber"]]
    models = [load_model(root / "models", name) for name in ("mnist", "mnist-cnn")]
    board = load_board(root / "boards", "models")
    variants, excluded = cross(board, chosen, models)
    assert {(v.contestant, v.model) for v in variants} == {
        ("python/aiohttp", "mnist"),
        ("python/aiohttp", "mnist-cnn"),
        ("r/plumber", "mnist"),
    }
    (without,) = excluded
    assert without.name == "r/plumber@builtin+base-r:mnist-cnn"
    assert "needs the format 'dense'" in without.reason
    assert all(parse_variant(variant.id) == variant for variant in variants)


def test_with_several_set_ups_every_variant_enters_with_each(root: Path) -> None:
    contestants = load_contestants(root / "contestants")
    board = load_board(root / "boards", "quick")
    set_ups = (Settings(), Settings(threads=2), Settings(workers=2))
    variants, excluded = cross(
        board.model_copy(update={"set_ups": set_ups}),
        [contestants["go/net-http"], contestants["r/plumber"]],
        [load_model(root / "models", "mnist")],
    )
    assert {(v.contestant, v.settings.workers, v.settings.threads) for v in variants} == {
        ("go/net-http", 1, 1),
        ("go/net-http", 1, 2),
        ("go/net-http", 2, 1),
        ("r/plumber", 1, 1),
        ("r/plumber", 1, 2),
    }
    assert [each.name for each in excluded] == ["r/plumber@builtin+base-r,workers=2"]
    assert all(parse_variant(variant.id) == variant for variant in variants)


def test_a_runtime_that_the_model_has_is_taken_where_the_board_names_none(root: Path) -> None:
    express = load_contestants(root / "contestants")["node/express"]
    convolutional = load_model(root / "models", "mnist-cnn")
    formats = {"tfjs": convolutional.description.formats["tfjs"]}
    only_tfjs = replace(
        convolutional,
        description=convolutional.description.model_copy(update={"formats": formats}),
    )
    field = load_board(root / "boards", "field")
    variants, excluded = cross(field, [express], [only_tfjs])
    assert [variant.runtime for variant in variants] == ["tfjs"]
    assert excluded == []


def lost_generator(trial: Trial) -> TrialResult:
    return result(trial, None, Fault(gate=Gate.GENERATORS, reason="right was lost", remedy="look"))


def test_a_trial_that_lost_its_load_generator_is_begun_anew_and_is_no_attempt() -> None:
    plan = Plan(board(blocks=1), VARIANTS[:1])
    fault = Fault(gate=Gate.LITTLE, reason="busy", remedy="wait")
    outcomes = [lost_generator, lambda t: result(t, None, fault), lost_generator]

    def outcome(trial: Trial) -> TrialResult:
        tried = trial.attempt - 1
        return outcomes[tried](trial) if tried < 3 else answered(trial, 1000)

    history = carried_out(plan, outcome)
    first = [each for each in history if each.trial.cell.id == history[0].trial.cell.id]
    assert [each.trial.attempt for each in first] == [1, 2, 3, 4]
    assert first[-1].verdict.valid
    endless = carried_out(plan, lost_generator)
    assert len(endless) == 2 * 4
    assert given_up(endless) == set()
