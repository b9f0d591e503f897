"""Two runs side by side, from runs whose figures are known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from servemark.errors import UsageError
from servemark.records import (
    CellGroup,
    Check,
    Cores,
    Exclusion,
    Gate,
    Slo,
    Verification,
    parse_variant,
)
from servemark.report import comparison
from servemark.report.comparison import Line, RunComparison, compare_runs
from servemark.report.comparison_markdown import render_comparison_markdown
from servemark.report.comparison_text import render_comparison
from servemark.report.comparison_wording import headline, short_ids
from servemark.report.gates import GateResult, judge_gates, parse_threshold
from servemark.report.model import FoundCapacity
from tests.unit.report.comparison_runs import (
    BOARD,
    FIELD,
    FLASK,
    GO,
    MACHINE,
    PLUMBER,
    SANIC,
    make_run,
    make_searched_run,
    steady,
)

FORM = "multipart/c16"


def compared(root: Path, a: Mapping[str, Any], b: Mapping[str, Any]) -> RunComparison:
    """A comparison of two runs, each given by the arguments of ``make_run``."""
    return compare_runs(make_run(root, **a), make_run(root, minute=5, **b))


def line_of(
    found: RunComparison, variant: str, metric: str = "throughput_per_s", cell: str = FORM
) -> Line:
    (line,) = [
        line
        for line in found.lines
        if (line.variant, line.cell, line.metric) == (variant, cell, metric)
    ]
    return line


def judged(found: RunComparison, gate: str) -> GateResult:
    (result,) = judge_gates(found, [parse_threshold(gate)])
    return result


def text_of(found: RunComparison, gates: tuple[GateResult, ...] = (), width: int = 100) -> str:
    console = Console(width=width, force_terminal=False)
    with console.capture() as captured:
        console.print(render_comparison(found, gates))
    return captured.get()


@pytest.fixture
def slower_flask(tmp_path: Path) -> RunComparison:
    """B has a Flask that is 15 % slower after an upgrade, and nothing else."""
    return compared(
        tmp_path,
        {"speeds": steady()},
        {
            "speeds": steady(flask=0.85),
            "digests": {FLASK: "b" * 64},
            "versions": {FLASK: "1.24.0"},
        },
    )


def test_the_ratio_is_b_to_a_with_the_interval_of_welch(slower_flask: RunComparison) -> None:
    line = line_of(slower_flask, FLASK)
    assert line.word == "slower"
    assert line.a is not None
    assert line.b is not None
    assert (line.a.value, line.b.value) == pytest.approx((1_000, 850), rel=1e-3)
    assert line.ratio is not None
    assert line.ratio.value == pytest.approx(0.85, rel=1e-3)
    # Three blocks of ±1 % on either side: 4 degrees of freedom, t = 2.776.
    arm = 2.776 * 0.01 * math.sqrt(2 / 3)
    assert line.ratio.low == pytest.approx(0.85 * math.exp(-arm), rel=2e-3)
    assert line.ratio.high == pytest.approx(0.85 * math.exp(arm), rel=2e-3)


def test_each_metric_has_its_words(slower_flask: RunComparison) -> None:
    assert line_of(slower_flask, FLASK, "p99_response_ns").word == "slower"
    assert line_of(slower_flask, FLASK, "server_cpu_ns").word == "worse"
    assert line_of(slower_flask, FLASK, "peak_pss_bytes").word == "same"
    assert line_of(slower_flask, FLASK, "error_share").word == "same"
    assert {line_of(slower_flask, name).word for name in (GO, SANIC, PLUMBER)} == {"same"}
    assert headline(slower_flask) == "B is slower for 1 of 4 variants (form, 16 connections)."
    assert [(each.variant, each.what) for each in slower_flask.changes] == [
        (FLASK, "onnxruntime 1.23.1 → 1.24.0")
    ]


def test_turned_round_it_is_faster_and_better(tmp_path: Path) -> None:
    found = compared(tmp_path, {"speeds": steady(flask=0.85)}, {"speeds": steady()})
    assert line_of(found, FLASK).word == "faster"
    assert line_of(found, FLASK, "server_cpu_ns").word == "better"
    assert headline(found) == "B is faster for 1 of 4 variants (form, 16 connections)."


def test_among_many_comparisons_a_small_difference_may_be_chance(tmp_path: Path) -> None:
    found = compared(tmp_path, {"speeds": steady()}, {"speeds": steady(sanic=1.03)})
    line = line_of(found, SANIC)
    assert (line.word, line.perhaps) == ("same", "faster")
    assert line.p_value is not None
    assert line.p_value > 0.05
    assert headline(found) == "No difference was found in 4 variants (form, 16 connections)."
    assert "same, perhaps faster" in text_of(found)


def test_many_equals_differ_in_nothing(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    names = [f"python/f{number}@builtin+numpy" for number in range(30)]
    a, b = (
        {name: list(1_000 * (1 + 0.03 * random.standard_normal(5))) for name in names}
        for _ in range(2)
    )
    found = compared(tmp_path, {"speeds": a}, {"speeds": b})
    assert not any(line.told_apart for line in found.lines)
    assert found.shift is None


def test_what_only_one_run_has_is_not_comparable(tmp_path: Path) -> None:
    without_go = {name: values for name, values in steady().items() if name != GO}
    found = compared(tmp_path, {"speeds": steady(), "failing": [SANIC]}, {"speeds": {**without_go}})
    go, sanic = line_of(found, GO), line_of(found, SANIC)
    assert (go.word, go.reason) == ("not comparable", "B did not enter")
    assert go.ratio is None
    assert (sanic.word, sanic.reason) == ("not comparable", "A has no valid trial")
    assert "not comparable: B did not enter" in text_of(found)


def test_a_variant_that_neither_run_could_measure_is_not_forgotten(tmp_path: Path) -> None:
    run = {"speeds": steady(), "failing": [GO, FLASK, SANIC, PLUMBER]}
    found = compared(tmp_path, run, run)
    reasons = {(line.word, line.reason) for line in found.lines}
    assert reasons == {("not comparable", "neither has a valid trial")}
    assert {line.variant for line in found.lines} == {GO, FLASK, SANIC, PLUMBER}
    assert "No comparison was made; 8 could not be compared." in text_of(found)


def test_one_block_is_not_comparable(tmp_path: Path) -> None:
    found = compared(tmp_path, {"speeds": {GO: [5_000.0]}}, {"speeds": {GO: [50.0]}})
    line = line_of(found, GO)
    assert (line.word, line.reason) == ("not comparable", "one block says nothing of the noise")
    assert line.ratio is not None
    assert line.ratio.value == pytest.approx(0.01)
    assert line.ratio.low is None
    assert headline(found) == "Nothing in the main cell can be compared."


def test_a_machine_that_became_slower_is_told_from_the_code(tmp_path: Path) -> None:
    slower = steady(flask=0.70, sanic=0.94, net_http=0.935, plumber=0.945)
    found = compared(
        tmp_path, {"speeds": steady()}, {"speeds": slower, "digests": {FLASK: "b" * 64}}
    )
    assert found.shift is not None
    assert found.shift.variants == 3
    assert found.shift.ratio.value == pytest.approx(0.94, abs=0.001)
    assert "The 3 variants that did not change are 6.0 % slower in B all the same" in " ".join(
        text_of(found).split()
    )


def test_capacities_are_compared_as_one_cell_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = BOARD.model_copy(update={"slo": Slo(percentile=99, bound_ms=25)})
    rates = iter([[2_000.0, 2_020.0, 1_980.0], [1_500.0, 1_515.0, 1_485.0]])

    def found_in(*_: object) -> tuple[FoundCapacity, ...]:
        by_block = dict(enumerate(next(rates)))
        return (
            FoundCapacity(
                variant=GO, rate_per_s=None, by_block=by_block, reasons=(), seconds=(), curve=()
            ),
        )

    monkeypatch.setattr(comparison, "capacities_found", found_in)
    found = compared(
        tmp_path, {"speeds": steady(), "board": board}, {"speeds": steady(), "board": board}
    )
    line = line_of(found, GO, "capacity_per_s", "slo")
    assert line.word == "slower"
    assert line.ratio is not None
    assert line.ratio.value == pytest.approx(0.75)
    assert found.cells["slo"] == "99 % within 25 ms"
    assert {each.variant for each in judged(found, "capacity:10%").broken} == {GO}
    assert "0.75!" in text_of(found)


# What must not be compared


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ({"machine": MACHINE.model_copy(update={"cpu_model": "Xeon"})}, "processor"),
        ({"machine": MACHINE.model_copy(update={"cpu_count": 4})}, "number of cores"),
        ({"machine": MACHINE.model_copy(update={"kernel": "6.12.3"})}, "kernel"),
        ({"cores": Cores(server=(0, 1), engine=(1,))}, "cores of the server"),
        ({"cores": Cores(server=(0,), engine=(2,))}, "cores of the engine"),
        ({"board": BOARD.model_copy(update={"slice_s": 5.0})}, "length of a slice"),
        ({"board": BOARD.model_copy(update={"engine": "wrk"})}, "engine"),
        ({"board": BOARD.model_copy(update={"slo": Slo()})}, "objective"),
        (
            {
                "board": BOARD.model_copy(
                    update={"cells": (CellGroup(workloads=("multipart",), connections=(16,)),)}
                )
            },
            "cells",
        ),
        ({"model_digest": "1" * 64}, "model"),
        ({"golden_images": 8}, "number of images"),
    ],
)
def test_what_differs_between_the_runs_is_named(
    tmp_path: Path, header: Mapping[str, Any], what: str
) -> None:
    found = compared(tmp_path, {"speeds": steady()}, {"speeds": steady(), "header": header})
    assert [each.what for each in found.obstacles] == [what]
    assert f"these runs should not be compared: {what}" in text_of(found)


def test_a_patch_of_the_kernel_another_board_name_and_seed_are_no_obstacles(
    tmp_path: Path,
) -> None:
    header = {
        "machine": MACHINE.model_copy(update={"kernel": "6.1.0-31-amd64"}),
        "board": BOARD.model_copy(update={"name": "again", "seed": 2}),
    }
    found = compared(tmp_path, {"speeds": steady()}, {"speeds": steady(), "header": header})
    assert found.obstacles == ()


# Gates


@pytest.mark.parametrize(
    ("speed", "gate", "broken", "undecided"),
    [
        (0.85, "slower:5%", True, False),
        (0.85, "slower:12%", True, False),
        (0.85, "slower:14%", False, True),  # the interval is 0.831 to 0.869
        (0.85, "slower:16%", False, True),
        (0.85, "slower:20%", False, False),
        (1.25, "slower:5%", False, False),
        (0.85, "p99:10%", True, False),
        (0.85, "p99:17%", False, True),
        (1.25, "p99:5%", False, False),
        (0.85, "cpu:10", True, False),
    ],
)
def test_a_gate_breaks_only_when_the_whole_interval_is_beyond_it(
    tmp_path: Path, speed: float, gate: str, broken: bool, undecided: bool
) -> None:
    found = compared(tmp_path, {"speeds": steady()}, {"speeds": steady(flask=speed)})
    result = judged(found, gate)
    assert result.judged == 8
    assert {line.variant for line in result.broken} == ({FLASK} if broken else set())
    assert (FLASK in {line.variant for line in result.undecided}) == undecided


def test_memory_and_errors_have_gates(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        {"speeds": steady()},
        {"speeds": steady(), "pss_bytes": {SANIC: 90e6}, "errors": {PLUMBER: 40}},
    )
    assert {line.variant for line in judged(found, "memory:40%").broken} == {SANIC}
    assert judged(found, "memory:60%").broken == ()
    errors = judged(found, "errors:10%")
    assert {line.variant for line in errors.broken} == {PLUMBER}
    assert "from 0" in text_of(found, (errors,))


def test_a_gate_with_nothing_to_judge_by_does_not_hold_in_silence(tmp_path: Path) -> None:
    found = compared(tmp_path, {"speeds": {GO: [1.0]}}, {"speeds": {GO: [1.0]}})
    with pytest.raises(UsageError, match="nothing to judge by"):
        judged(found, "slower:5%")
    with pytest.raises(UsageError, match="'Capacity'"):
        judged(found, "capacity:5%")


@pytest.mark.parametrize(
    "text", ["slower", "slower:", "slower:x%", "slower:-5%", "slower:0%", "fast:5%"]
)
def test_a_gate_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no gate: give one of slower, capacity"):
        parse_threshold(text)


# What B has lost


def test_a_variant_without_a_valid_trial_in_b_breaks_every_gate(tmp_path: Path) -> None:
    found = compared(tmp_path, {"speeds": steady()}, {"speeds": steady(), "failing": [SANIC]})
    for gate in ("slower:5%", "p99:50%", "memory:90%"):
        result = judged(found, gate)
        assert {(x.variant, x.lost, x.reason) for x in result.broken} == {
            (SANIC, True, "B has no valid trial")
        }
        assert (result.judged, result.not_judged) == (8, ())
    gates = (judged(found, "slower:5%"),)
    assert "python/sanic: Answers per second, form, 16 connections: lost: B has no valid trial" in (
        " ".join(text_of(found, gates).split())
    )
    said = render_comparison_markdown(found, gates)
    assert "**Gate `slower:5%` is broken:**" in said
    assert "`python/sanic`, Answers per second, form, 16 connections: lost: B has no valid" in said
    assert '"lost":true' in gates[0].model_dump_json()
    assert headline(found) == (
        "No difference was found in 3 variants (form, 16 connections). B has no figure for 1 "
        "variant of which A has one."
    )


def test_a_run_that_is_broken_outright_breaks_the_gate(tmp_path: Path) -> None:
    found = compared(
        tmp_path, {"speeds": steady()}, {"speeds": steady(), "failing": [GO, FLASK, SANIC, PLUMBER]}
    )
    assert len(judged(found, "slower:5%").broken) == 8


def test_who_was_not_chosen_for_b_is_not_judged_and_named(tmp_path: Path) -> None:
    chosen = {name: values for name, values in steady().items() if name != GO}
    found = compared(tmp_path, {"speeds": steady()}, {"speeds": chosen})
    gate = judged(found, "slower:5%")
    assert gate.broken == ()
    assert {(x.variant, x.lost) for x in gate.not_judged} == {(GO, False)}
    holds = "holds for 6; not judged: go/net-http (B did not enter)."
    assert f"Gate slower:5% {holds}" in text_of(found, (gate,))
    assert f"Gate `slower:5%` {holds}" in render_comparison_markdown(found, (gate,))


def test_who_could_not_take_part_in_b_is_lost(tmp_path: Path) -> None:
    chosen = {name: values for name, values in steady().items() if name != GO}
    failed = Exclusion(name=GO, reason="its build ended with 4")
    found = compared(
        tmp_path, {"speeds": steady()}, {"speeds": chosen, "header": {"excluded": (failed,)}}
    )
    gate = judged(found, "slower:5%")
    assert {x.reason for x in gate.broken} == {"B left it out (its build ended with 4)"}


def test_what_b_found_wrong_or_never_measured_is_said(tmp_path: Path) -> None:
    a = make_run(tmp_path, steady())
    b = make_run(tmp_path, {name: [] for name in steady()}, minute=5)
    check = Check(group="golden", name="x", passed=False, expected="1", seen="2")
    flask = parse_variant(FLASK)
    assert flask is not None
    b.append_verification(Verification(variant=flask, checks=(check,)))
    found = compare_runs(a, b)
    assert line_of(found, FLASK).reason == "B failed verification"
    assert line_of(found, GO).reason == "B has not measured it"


def test_what_is_new_in_b_is_no_loss(tmp_path: Path) -> None:
    without_go = {name: values for name, values in steady().items() if name != GO}
    found = compared(tmp_path, {"speeds": without_go}, {"speeds": steady()})
    gate = judged(found, "slower:5%")
    assert gate.broken == ()
    assert "not judged: go/net-http (A did not enter)" in text_of(found, (gate,))


def test_a_capacity_that_no_rate_meets_in_b_is_lost_with_its_reason(tmp_path: Path) -> None:
    a = make_searched_run(tmp_path, {GO: 900.0, FLASK: 800.0})
    b = make_searched_run(tmp_path, {GO: 900.0, FLASK: 800.0}, confirming=[GO], minute=5)
    found = compare_runs(a, b)
    line = line_of(found, FLASK, "capacity_per_s", "slo")
    assert line.word == "not comparable"
    assert line.reason is not None
    assert line.reason.startswith("B has no capacity (block 1: no long slice met the SLO")
    gate = judged(found, "capacity:10%")
    assert gate.broken == (line,)
    for said in (text_of(found, (gate,)), render_comparison_markdown(found, (gate,))):
        flat = " ".join(said.replace("`", "").split())
        assert "lost: B has no capacity" in flat
        assert "A has a figure of it, and B has none" in flat


def test_a_capacity_that_neither_run_has_is_not_judged(tmp_path: Path) -> None:
    runs = [
        make_searched_run(tmp_path, {GO: 900.0, FLASK: 800.0}, confirming=[GO], minute=minute)
        for minute in (0, 5)
    ]
    gate = judged(compare_runs(*runs), "capacity:10%")
    assert (gate.broken, gate.judged) == ((), 1)
    assert [x.variant for x in gate.not_judged] == [FLASK]


# Errors


def test_errors_that_make_trials_invalid_break_the_gate_of_errors(tmp_path: Path) -> None:
    one_percent = {name: round(0.02 * speed) for name, speed in FIELD.items()}
    found = compared(
        tmp_path,
        {"speeds": steady()},
        {
            "speeds": steady(),
            "errors": {SANIC: one_percent[SANIC]},
            "failing": [SANIC],
            "gate": Gate.ANSWERS,
        },
    )
    line = line_of(found, SANIC, "error_share")
    assert line.b is not None
    assert line.b.value == pytest.approx(0.01, rel=0.02)
    assert line.word == "worse"
    assert {x.variant for x in judged(found, "errors:10%").broken} == {SANIC}


def test_errors_of_trials_that_are_invalid_for_anything_else_say_nothing(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        {"speeds": steady(), "errors": {SANIC: 50}, "failing": [SANIC]},
        {"speeds": steady(), "errors": {SANIC: 50}},
    )
    assert line_of(found, SANIC, "error_share").a is None


def test_first_errors_that_may_be_chance_leave_the_gate_undecided(tmp_path: Path) -> None:
    found = compared(
        tmp_path, {"speeds": steady()}, {"speeds": steady(), "errors": {SANIC: [0, 0, 4]}}
    )
    gate = judged(found, "errors:10%")
    assert line_of(found, SANIC, "error_share").word == "same"
    assert gate.broken == ()
    assert {line.variant for line in gate.undecided} == {SANIC}


# Reports


@pytest.mark.parametrize("width", [60, 80, 140])
def test_the_text_keeps_to_the_width(slower_flask: RunComparison, width: int) -> None:
    text = text_of(slower_flask, (judged(slower_flask, "slower:5%"),), width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "B is slower for 1 of 4 variants" in " ".join(text.split())
    assert "Gate slower:5% is broken" in text


def test_the_text_lists_the_fastest_first_and_what_else_differs(
    slower_flask: RunComparison,
) -> None:
    lines = text_of(slower_flask).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("Answers per second"))
    ranking = [line.split()[0] for line in lines[start + 2 : start + 6]]
    assert ranking == ["go/net-http", "python/sanic", "python/flask", "r/plumber"]
    rows = [line.split() for line in lines if line.startswith("python/flask")]
    assert ["python/flask", "GET,", "16", "connections", "0.85!", "1.18!", "1.18!", "1.18!"] in rows


def test_nothing_that_differs_needs_no_second_table(tmp_path: Path) -> None:
    found = compared(tmp_path, {"speeds": steady()}, {"speeds": steady()})
    assert "all that differs" not in text_of(found)
    assert "0 of them told apart" in text_of(found)


def test_the_markdown_is_tables_that_a_renderer_understands(slower_flask: RunComparison) -> None:
    gates = (judged(slower_flask, "slower:5%"), judged(slower_flask, "memory:5%"))
    tables = list(_tables(render_comparison_markdown(slower_flask, gates)))
    assert [row[0] for row in tables[0]] == [
        "variant",
        "go/net-http",
        "python/sanic",
        "python/flask",
        "r/plumber",
    ]
    assert tables[0][3] == ["python/flask", "1,000", "850", "0.850 (0.831–0.869)", "slower"]
    assert all(row[-1] in ("", "slower", "worse") for row in tables[1])
    text = render_comparison_markdown(slower_flask, gates)
    assert text.startswith("### B is slower for 1 of 4 variants")
    assert "**Gate `slower:5%` is broken:**" in text
    assert "Gate `memory:5%` holds" in text


def test_names_cannot_break_the_markdown(tmp_path: Path) -> None:
    odd = "python/<b>|`x@builtin+numpy"
    found = compared(
        tmp_path, {"speeds": {odd: [1.0, 1.1, 0.9]}}, {"speeds": {odd: [9.0, 9.1, 8.9]}}
    )
    (table, _) = _tables(render_comparison_markdown(found, ()))
    assert [len(row) for row in table] == [5, 5]
    assert table[1][0] == "python/<b>|`x"


def _tables(text: str) -> Iterator[list[list[str]]]:
    """The cells of each table, as a renderer of GitHub's Markdown finds them."""
    table: list[list[str]] = []
    kind = ""
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "table_open":
            table = []
        elif token.type == "tr_open":
            table.append([])
        elif token.type == "table_close":
            yield table
        elif token.type == "inline" and kind in ("th_open", "td_open"):
            table[-1].append("".join(child.content for child in token.children or ()))
        kind = token.type


def test_ids_are_shortened_to_what_tells_them_apart() -> None:
    names = ["a/x@builtin+onnx", "a/y@s+onnx", "a/y@s+tf", "a/z@s+onnx", "a/z@u+onnx"]
    assert short_ids(names) == {
        "a/x@builtin+onnx": "a/x",
        "a/y@s+onnx": "a/y+onnx",
        "a/y@s+tf": "a/y+tf",
        "a/z@s+onnx": "a/z@s",
        "a/z@u+onnx": "a/z@u",
    }
    assert short_ids(["a/x@s+o", "a/x@s+o#2"])["a/x@s+o#2"] == "a/x@s+o#2"
