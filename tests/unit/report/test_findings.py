"""The sentences and warnings of a run, against figures worked out by hand from the fixtures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from servemark.records import Board, CellGroup, Fault, Gate, Slo, TrialResult, Verdict
from servemark.report import REPORTS, Report, build_report
from servemark.report.findings import Findings
from servemark.report.headlines import capacity_headline, doubt, headline, upload_headline
from servemark.report.model import Figure, FoundCapacity, Point, Problem
from servemark.report.troubles import troubles, warnings
from tests.unit.report.conftest import default_board

ARM = 0.01 * 4.302653 / 3**0.5
"""Student's t for 2 degrees of freedom × the standard error of blocks that sway by 1 %."""


def test_the_headline_names_the_winner_and_how_far_the_others_are(report: Report) -> None:
    # 5,200 ÷ 325 = 16; the seventh of 13 is tornado with 1,650, and 5,200 ÷ 1,650 = 3.15
    assert headline(Findings(report)) == (
        "For an image uploaded as a form, on 1 core with 16 connections, go/net-http answers 5,200 "
        "a second: 16× what r/plumber does, the slowest of 13, and 3.2× the median; it takes 58.0 "
        "MiB, 69 % of the memory of r/plumber."  # 58 ÷ 84
    )


def test_the_second_sentence_says_by_how_much_reading_from_disk_flatters(report: Report) -> None:
    # 420 ÷ 325 = 1.29, 5,900 ÷ 1,900 = 3.11; the median of all is falcon's 2,600 ÷ 1,400 = 1.86
    assert upload_headline(Findings(report)) == (
        "Asked to read the image from disk instead of receiving it (GET ÷ form), servers answer "
        "1.9× as many in the median, from 1.3× (r/plumber) to 3.1× (python/falcon@uvicorn)."
    )


def test_the_ranking_is_by_the_main_cell_and_leaves_out_what_failed(report: Report) -> None:
    rows = Findings(report).ranking()
    assert [row.rank for row in rows] == list(range(1, 14))
    assert [row.throughput.value for row in rows] == sorted(
        (5200, 2500, 2100, 2060, 1900, 1800, 1650, 1500, 1400, 1250, 1000, 650, 325), reverse=True
    )
    assert "python/bottle" not in {row.name for row in rows}
    aiohttp = rows[2]
    assert aiohttp.competitor.variant == "python/aiohttp@builtin+onnxruntime"
    assert aiohttp.upload_cost == pytest.approx(4100 / 2100)
    assert aiohttp.others["raw/c16"].value == 3000
    assert aiohttp.throughput.low == pytest.approx(2100 * (1 - ARM))
    assert aiohttp.throughput.high == pytest.approx(2100 * (1 + ARM))


def test_a_runner_up_that_cannot_be_told_apart_shares_the_place(
    make_report: Any, field: Sequence[Any]
) -> None:
    findings = Findings(make_report([field[0], replace(field[1], per_s=field[0].per_s)]))
    assert doubt(findings) == (
        "But python/aiohttp cannot be told apart from go/net-http, so that first place is shared."
    )
    assert [row.place for row in findings.ranking()] == ["1–2", "1–2"]


def test_who_is_behind_others_does_not_share_the_place(
    make_report: Any, field: Sequence[Any]
) -> None:
    """A third of which little is known, but that a second is better than it."""
    report: Report = make_report(field[:3])
    first, second, third = (row.competitor.variant for row in Findings(report).ranking())
    ties = {first: (third,), second: (), third: (first,)}
    results = [each.model_copy(update={"tied_with": ties[each.variant]}) for each in report.results]
    assert doubt(Findings(report.model_copy(update={"results": tuple(results)}))) is None


def test_a_winner_out_of_reach_is_not_doubted(report: Report) -> None:
    assert doubt(Findings(report)) is None


def test_one_contestant_is_compared_with_nothing(make_report: Any, field: Sequence[Any]) -> None:
    findings = Findings(make_report(field[:1]))
    assert headline(findings) == (
        "For an image uploaded as a form, on 1 core with 16 connections, go/net-http answers 5,200 "
        "a second; nothing else was measured to compare it with."
    )
    assert warnings(findings) == []


def test_a_run_without_trials_says_so(make_report: Any, field: Sequence[Any]) -> None:
    findings = Findings(make_report(field, stop_after=0))
    assert headline(findings) == "Nothing has been measured yet."
    assert upload_headline(findings) is None
    assert findings.ranking() == []
    assert warnings(findings)[0].startswith("The board is not done")


def test_a_run_with_failures_alone_says_so(make_report: Any, field: Sequence[Any]) -> None:
    failing = {known.variant.id: "it died under load" for known in field}
    findings = Findings(make_report(field, failing=failing))
    assert headline(findings) == "No server could be ranked: every trial failed."
    assert findings.ranking() == []
    assert len(troubles(findings.report)) == 13


def test_what_makes_a_run_weak_is_warned_of(make_report: Any, field: Sequence[Any]) -> None:
    board = Board(
        name="quick",
        title="Quick",
        engine="wrk",
        seed=1,
        blocks=2,
        warm_up_s=1,
        slice_s=1,
        cells=(CellGroup(workloads=("get", "multipart"), connections=(16,)),),
    )
    report = make_report(field[:2], board=board, stop_after=5, warning="One core for both.")
    shared, missing, blocks = warnings(Findings(report))
    assert shared == "One core for both."
    assert missing.startswith("The board is not done")
    assert blocks.startswith("Only 2 blocks")


@pytest.mark.parametrize(
    ("wanted", "takes"),
    [
        # Student's t for 6 degrees of freedom × 1 % ÷ √7 is 0.92 %, for 5 and √6 1.05 %.
        (0.01, "± 1 % would take some 7 blocks."),
        # 1.9845 × 1 % ÷ √99 is 0.1994 %, 1.9847 and √98 0.2005 %.
        (0.002, "± 0.2 % would take some 99 blocks, so a quieter machine is what helps."),
    ],
)
def test_throughputs_that_are_not_known_well_enough_say_what_that_would_take(
    make_report: Any, field: Sequence[Any], wanted: float, takes: str
) -> None:
    board = default_board().model_copy(update={"half_width": wanted})
    (said,) = warnings(Findings(make_report(field[:2], board=board)))
    assert said.startswith(f"10 of 10 throughputs are not known to the ± {100 * wanted:g} %")
    assert "differ by 1.0 % from block to block" in said
    assert said.endswith(takes)


def test_a_problem_that_comes_up_again_is_told_once_with_its_places(report: Report) -> None:
    found = {trouble.name: trouble for trouble in troubles(report)}
    died = found["python/bottle@gunicorn+onnxruntime"]
    assert len(died.where) == 2  # after the second in a row it is given up
    assert died.log_tail == "Traceback: out of memory"
    assert found["node/koa@builtin+onnxruntime"].reason == (
        "an empty body is refused: expected 400, saw 500"
    )


def test_what_measuring_once_more_made_good_is_told_once_for_all_and_last(report: Report) -> None:
    def unsteady(name: str, share: str, *, made_good: bool) -> Problem:
        return Problem(
            name=name,
            where="get/c16, block 1",
            gate=Gate.STEADY,
            reason=f"it became {share} faster",
            remedy="a longer warm-up",
            log_tail=None,
            made_good=made_good,
        )

    problems = (
        unsteady("go/gin", "9 %", made_good=True),
        unsteady("go/chi", "8 %", made_good=True),
        unsteady("go/chi", "7 %", made_good=False),
    )
    findings = Findings(report.model_copy(update={"problems": problems}))
    assert [(each.name, each.reason, each.place) for each in troubles(findings.report)] == [
        ("go/chi", "steady speed: it became 7 % faster", "get/c16, block 1"),
        (
            "2 variants",
            "steady speed: it became 9 % faster (and 1 more with other figures); "
            "right when measured once more",
            "go/gin, get/c16, block 1; go/chi, get/c16, block 1",
        ),
    ]


def test_names_are_as_short_as_tells_them_apart(report: Report) -> None:
    names = Findings(report).names
    assert names["python/flask@gunicorn+onnxruntime"] == "python/flask"
    assert names["python/falcon@uvicorn+onnxruntime"] == "python/falcon@uvicorn"
    assert names["node/express@builtin+tfjs"] == "node/express+tfjs"
    assert len(set(names.values())) == len(names)


def test_loads_of_one_workload_come_by_connections(
    report: Report, make_report: Any, field: Sequence[Any], seed_board: Board
) -> None:
    assert [cell.id for cell in Findings(report).loads()] == [
        "multipart/c1",
        "multipart/c16",
        "multipart/c64",
    ]
    speeds = {"get/c1": 100, "get/c100": 300, "get/t10c100": 290}
    seed = make_report([replace(field[0], per_s=speeds)], board=seed_board)
    assert [cell.id for cell in Findings(seed).loads()] == ["get/c1", "get/c100", "get/t10c100"]
    assert Findings(seed).upload_pair() is None


def test_at_one_rate_for_all_the_ranking_is_by_what_an_answer_costs(
    make_report: Any, field: Sequence[Any]
) -> None:
    group = CellGroup(workloads=("multipart",), rates_per_s=(250,))
    board = default_board().model_copy(update={"engine": "native", "cells": (group,)})
    at_a_rate = [replace(known, per_s={"multipart/r250": 250.0}) for known in field]
    found = Findings(make_report(at_a_rate, board=board))
    dearest_last = [known.variant.id for known in sorted(field, key=lambda each: each.cpu_us)]
    assert [row.competitor.variant for row in found.ranking()] == dearest_last
    assert [row.rank for row in found.ranking()] == list(range(1, len(field) + 1))
    assert headline(found) == (
        "For an image uploaded as a form, with 250 requests offered a second to each, "
        "go/net-http spends 190 µs of CPU time on an answer; r/plumber, the dearest of 13, "
        "16× that."
    )
    assert "CPU time per answer, the least first" in REPORTS["md"](found.report)


def test_the_sentence_on_capacities_says_of_how_many_there_is_none(
    make_report: Any, field: Sequence[Any]
) -> None:
    report: Report = make_report(field[:4])
    variants = [each.variant for each in report.competitors]
    found = tuple(
        FoundCapacity(
            variant=variant,
            rate_per_s=Figure(value=rate, low=None, high=None, blocks=1),
            by_block={0: rate},
            reasons=(),
            seconds=(),
            curve=(),
        )
        for variant, rate in zip(variants, (3000.0, 1500.0), strict=False)
    )
    slo = Slo(percentile=99, bound_ms=25, workload="multipart")
    held = report.model_copy(update={"slo": slo, "capacities": found})
    assert capacity_headline(Findings(held)) == (
        "Held to 99 % right answers within 25 ms, go/net-http sustains 3,000 a second, 2.0× what "
        f"{Findings(held).names[variants[1]]} does. For 2 others none was found."
    )


def test_the_p99_at_a_capacity_is_that_of_slices_that_met_the_objective(report: Report) -> None:
    def point(share_in_time: float, p99_ms: float) -> Point:
        unknown = dict.fromkeys(Point.model_fields)
        known = {"rate_per_s": 1000.0, "share_in_time": share_in_time, "p99_ns": p99_ms * 1e6}
        return Point.model_validate(unknown | known)

    capacity = FoundCapacity(
        variant="go/net-http@builtin+onnxruntime",
        rate_per_s=Figure(value=1000.0, low=990.0, high=1010.0, blocks=3),
        by_block={0: 1000.0},
        reasons=(),
        seconds=(9.0,),
        curve=(point(0.995, 20), point(0.95, 80)),
    )
    found = Findings(report.model_copy(update={"slo": Slo(), "capacities": (capacity,)}))
    assert found.p99_at_capacity(capacity) == 20e6


def test_the_slowest_is_so_by_its_figure_and_not_by_its_place(
    make_report: Any, field: Sequence[Any]
) -> None:
    report = make_report(field[:3])
    assert ", the slowest of 3" in headline(Findings(turned_round(report)))
    assert "what python/aiohttp@gunicorn does" in headline(Findings(turned_round(report)))


def test_the_dearest_is_so_by_its_figure_and_not_by_its_place(
    make_report: Any, field: Sequence[Any]
) -> None:
    group = CellGroup(workloads=("multipart",), rates_per_s=(250,))
    board = default_board().model_copy(update={"engine": "native", "cells": (group,)})
    at_a_rate = [replace(known, per_s={"multipart/r250": 250.0}) for known in field[:3]]
    found = Findings(turned_round(make_report(at_a_rate, board=board)))
    assert "python/aiohttp@gunicorn, the dearest of 3" in headline(found)


def turned_round(report: Report) -> Report:
    """The same with the last two of three in each other's place, as where blocks are missing."""
    places = {2: 3, 3: 2}
    results = [
        each.model_copy(update={"rank": places.get(each.rank, each.rank)})
        for each in report.results
        if each.rank is not None
    ]
    return report.model_copy(update={"results": tuple(results)})


def test_what_was_ranked_on_a_busy_machine_counts_without_what_was_invalid_anyway(
    make_run: Any, field: Sequence[Any]
) -> None:
    board = default_board().model_copy(update={"quiet": False})
    folder = make_run(field[:2], board=board)
    noise = Fault(gate=Gate.QUIET_MACHINE, reason="a backup ran", remedy="wait")
    wrong = Fault(gate=Gate.ANSWERS, reason="made up", remedy="none")

    def disturbed(result: TrialResult, *faults: Fault) -> TrialResult:
        return result.model_copy(update={"verdict": Verdict(faults=faults, warnings=(noise,))})

    first, second, *rest = folder.trials()
    report = build_report(folder, [disturbed(first), disturbed(second, wrong), *rest])
    found = [each for each in warnings(Findings(report)) if "not quiet" in each]
    assert found == ["The machine was not quiet in 1 of 30 trials, which were ranked all the same."]
