"""Plans: complete blocks in random order, decided by the history alone."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

from servemark.catalog import load_board, load_contestants, load_model
from servemark.plan import Plan, cross, given_up
from servemark.records import Settings, Trial, TrialResult, Variant, Verdict

VARIANTS = tuple(
    Variant(contestant=f"python/{name}", server="builtin", runtime="onnxruntime")
    for name in ("aiohttp", "sanic", "tornado", "flask", "falcon")
)


def result(trial: Trial, failure: str | None = None) -> TrialResult:
    return TrialResult(
        trial=trial,
        started_utc="2026-11-22T12:00:00Z",
        start=1,
        cores_server=(0,),
        cores_engine=(1,),
        warm_up_ns=1,
        failure=failure,
        verdict=Verdict(),
    )


def test_every_block_has_every_variant_in_every_cell_once(root: Path) -> None:
    board = load_board(root / "boards", "default")
    trials = Plan(board, VARIANTS).trials()
    counts = Counter((t.block, t.variant.id, t.cell.id) for t in trials)
    assert set(counts.values()) == {1}
    assert len(counts) == board.blocks * len(VARIANTS) * len(board.all_cells())


def test_the_cells_of_a_variant_follow_one_another_in_a_block(root: Path) -> None:
    board = load_board(root / "boards", "default")
    visits = [(t.block, t.variant.id) for t in Plan(board, VARIANTS).trials()]
    changes = sum(a != b for a, b in pairwise(visits))
    assert changes == board.blocks * len(VARIANTS) - 1


def test_the_order_differs_between_blocks_and_between_seeds(root: Path) -> None:
    board = load_board(root / "boards", "default")

    def order(seed: int, block: int) -> list[str]:
        trials = Plan(board.model_copy(update={"seed": seed}), VARIANTS).trials()
        return list(dict.fromkeys(t.variant.id for t in trials if t.block == block))

    assert order(1, 0) == order(1, 0)
    assert len({tuple(order(1, block)) for block in range(3)}) > 1
    assert len({tuple(order(seed, 0)) for seed in range(5)}) > 1


def test_a_plan_cut_off_anywhere_goes_on_as_if_it_had_not_been(root: Path) -> None:
    plan = Plan(load_board(root / "boards", "quick"), VARIANTS)
    whole = plan.trials()
    for cut in (0, 1, 7, len(whole) - 1):
        assert plan.next([result(trial) for trial in whole[:cut]]) == whole[cut]
    assert plan.next([result(trial) for trial in whole]) is None


def test_a_variant_that_fails_twice_in_a_row_is_given_up(root: Path) -> None:
    plan = Plan(load_board(root / "boards", "quick"), VARIANTS)
    history: list[TrialResult] = []
    while (trial := plan.next(history)) is not None:
        broken = trial.variant.contestant == "python/flask"
        history.append(result(trial, "it died" if broken else None))
    tries = Counter(each.trial.variant.contestant for each in history)
    assert tries["python/flask"] == 2
    assert tries["python/sanic"] == 4
    assert given_up(history) == {"python/flask@builtin+onnxruntime"}


def test_one_failure_between_successes_does_not_end_a_variant(root: Path) -> None:
    trials = Plan(load_board(root / "boards", "quick"), VARIANTS[:1]).trials()
    outcomes = ["it died", None, "it died", None]
    history = [result(t, failure) for t, failure in zip(trials, outcomes, strict=True)]
    assert given_up(history) == set()


def test_variants_that_cannot_serve_the_model_are_left_out_with_the_reason(root: Path) -> None:
    contestants = load_contestants(root / "contestants")
    model = load_model(root / "models", "mnist")
    board = load_board(root / "boards", "default")
    many = board.model_copy(update={"settings": Settings(workers=2)})
    variants, excluded = cross(many, contestants.values(), model)
    assert "r/plumber" not in {variant.contestant for variant in variants}
    assert [each.reason for each in excluded] == ["it can have at most 1 workers, not 2"]


def test_the_default_board_has_thirteen_variants_and_both_runtimes_of_express(root: Path) -> None:
    variants, excluded = cross(
        load_board(root / "boards", "default"),
        load_contestants(root / "contestants").values(),
        load_model(root / "models", "mnist"),
    )
    ids = {variant.id for variant in variants}
    assert excluded == []
    assert {"node/express@builtin+onnxruntime", "node/express@builtin+tfjs"} <= ids
    assert "r/plumber@builtin+base-r" in ids
    assert len(ids) >= 13
