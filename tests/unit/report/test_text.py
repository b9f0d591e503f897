"""The terminal report at several widths, with and without colour."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from servemark.report import Report, render_text
from servemark.report.bars import bar, end_of_scale, whiskered
from servemark.report.model import Figure


def shown(report: Report, width: int = 80, *, terminal: bool = False) -> str:
    output = io.StringIO()
    console = Console(
        file=output,
        width=width,
        force_terminal=terminal,
        color_system="truecolor" if terminal else None,
    )
    console.print(render_text(report))
    return output.getvalue()


def row_of(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if re.match(rf" *\d+ +{name} ", line))


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_it_fits_the_width_and_cuts_no_name_off(report: Report, width: int) -> None:
    text = shown(report, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for name in ("node/express+onnxruntime", "python/werkzeug@gunicorn", "r/plumber"):
        assert any(name in line for line in text.splitlines())


def test_at_80_columns_a_row_has_speed_bar_interval_cost_of_the_upload_and_cpu(
    report: Report,
) -> None:
    cells = row_of(shown(report), "python/tornado").split()
    assert cells[:3] == ["7", "python/tornado", "1,650"]
    assert set(cells[3]) <= set("█▏▎▍▌▋▊▉")
    assert cells[4:] == ["1,610–1,690", "1.8×", "600", "µs"]


def test_a_wide_terminal_shows_every_column(report: Report) -> None:
    cells = row_of(shown(report, 130), "python/tornado").split()
    assert cells[4:] == (
        ["1,610–1,690", "2,900", "2,200", "1.8×", "600", "µs", "92.0", "MiB", "710", "ms"]
    )


def test_a_narrow_terminal_keeps_name_and_speed(report: Report) -> None:
    assert row_of(shown(report, 40), "go/net-http").split() == ["1", "go/net-http", "5,200"]


def test_a_name_wider_than_the_terminal_goes_on_in_the_next_line(
    make_report: Any, field: Sequence[Any]
) -> None:
    long = "python/" + "frame" * 12
    text = shown(make_report([replace(field[0], contestant=long)]), 40)
    assert max(map(len, text.splitlines())) <= 40
    assert "…" not in text
    assert long in "".join("".join(line.split()) for line in text.splitlines()).replace("5,200", "")


def test_the_legend_explains_the_columns_that_are_shown_and_no_other(report: Report) -> None:
    narrow, wide = shown(report, 80), shown(report, 130)
    assert "peak PSS" not in narrow
    assert "peak PSS" in wide
    assert "the mean over blocks" in " ".join(narrow.split())


def test_without_a_terminal_there_is_no_escape_sequence(report: Report) -> None:
    assert "\x1b" not in shown(report)
    assert "\x1b" in shown(report, terminal=True)


def test_no_color_leaves_colours_out(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    colour = "\x1b[33m"  # of warnings
    weak = report.model_copy(update={"blocks": 1})
    assert colour in shown(weak, terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert colour not in shown(weak, terminal=True)


def test_hostile_text_is_shown_as_text(make_report: Any, field: Sequence[Any]) -> None:
    reason = "[red]markup[/red] \x1b[31mred \x1b]0;title\x07 [/nonsense] \x07bell"
    text = shown(make_report(field[:2], failing={field[1].variant.id: reason}), 200)
    assert "[red]markup[/red] red [/nonsense] bell" in " ".join(text.split())
    assert "\x1b" not in text
    assert "\x07" not in text


def test_problems_come_with_reason_remedy_and_the_end_of_the_log(report: Report) -> None:
    text = shown(report, 200)
    assert "python/bottle@gunicorn+onnxruntime" in text
    assert "it died under load with signal 9" in " ".join(text.split())
    assert "| Traceback: out of memory" in text
    assert "→ servemark verify node/koa" in text
    assert "rust/axum@builtin+onnxruntime: cargo is not installed" in text
    assert "→ apt-get install cargo" in text


def test_a_variant_with_fewer_blocks_than_the_run_says_so(
    make_report: Any, field: Sequence[Any]
) -> None:
    cut_off = shown(make_report(field[:1], stop_after=10))  # five cells in two blocks
    assert " 2 of 3 " in row_of(cut_off, "go/net-http")
    assert " of " not in row_of(shown(make_report(field[:1])), "go/net-http")


def test_empty_runs_and_runs_of_failures_have_no_table(
    make_report: Any, field: Sequence[Any]
) -> None:
    assert "variant" not in shown(make_report(field, stop_after=0))
    failing = {known.variant.id: "no" for known in field[:2]}
    text = shown(make_report(field[:2], failing=failing))
    assert "No server could be ranked" in text
    assert "GET÷form" not in text


def test_variants_that_cannot_be_told_apart_are_joined(report: Report) -> None:
    third = {"python/aiohttp@builtin+onnxruntime", "python/aiohttp@gunicorn+onnxruntime"}
    tied = tuple(
        result.model_copy(update={"rank": 3, "last_rank": 4}) if result.variant in third else result
        for result in report.results
    )
    lines = shown(report.model_copy(update={"results": tied})).splitlines()
    ranks = {line.split()[1]: line.split()[0] for line in lines if re.match(r" *\d+", line)}
    assert ranks["python/aiohttp@builtin"] == "3–4╮"
    assert ranks["python/aiohttp@gunicorn"] == "3–4╯"
    assert ranks["go/net-http"] == "1"


def test_limits_that_are_alike_are_told_once(report: Report) -> None:
    threads = {"slow heads": "it occupies a thread", "slow bodies": "it occupies a thread"}
    limits = {
        "python/falcon@gunicorn+onnxruntime": threads,
        "python/flask@gunicorn+onnxruntime": threads | {"keep-alive": "it closes"},
    }
    limited = [
        each.model_copy(update={"limits": limits.get(each.variant, {})})
        for each in report.competitors
    ]
    text = shown(report.model_copy(update={"competitors": limited}), 100)
    _, told = text.split("What they cannot do\n")
    assert [line.strip() for line in told.splitlines()] == [
        "python/flask, python/falcon@gunicorn (slow heads, slow bodies): it occupies a thread",
        "python/flask (keep-alive): it closes",
    ]


def test_whiskers_span_the_interval_where_it_is_wider_than_a_character() -> None:
    wide = whiskered(Figure(value=50, low=31, high=85, blocks=3), 100, 10)
    assert wide.plain == "███├┼───┤"
    beyond = whiskered(Figure(value=50, low=42, high=300, blocks=3), 100, 8)
    assert beyond.plain == "███┼───→"
    assert whiskered(Figure(value=51, low=50.5, high=51.5, blocks=3), 100, 8).plain == "████▏"
    assert whiskered(Figure(value=50, low=None, high=None, blocks=1), 100, 8).plain == "████"
    assert whiskered(Figure(value=50, low=-9, high=60, blocks=2), 100, 10).plain == "├───┼┤"
    assert end_of_scale([Figure(value=2, low=1, high=9, blocks=2)]) == 3
    assert end_of_scale([]) == 1


def test_bars_are_in_proportion() -> None:
    assert bar(1, 10) == "█" * 10
    assert bar(0.5, 10) == "█" * 5
    assert bar(0.0001, 10) == "▏"
