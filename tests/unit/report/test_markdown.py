"""The Markdown report, and that nothing in a run can break out of its place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from markdown_it import MarkdownIt

from servemark.report import REPORTS, Report, build_report
from servemark.report.markdown_parts import code, code_block, escape
from servemark.store import RunFolder

HOSTILE = "a|b <script>alert(1)</script> `c` *d* [e](javascript:f) \\ ![g](h)\n# i\n| j |"


def rendered(markdown: str) -> str:
    """As GitHub renders it, raw HTML let through."""
    return str(MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown))


def lines_of_table(markdown: str, heading: str) -> list[str]:
    start = markdown.index(heading)
    return re.findall(r"^\|.*\|$", markdown[start:].split("\n\n\n")[0], flags=re.MULTILINE)


def test_the_ranking_is_a_table_with_a_row_for_each_ranked_variant(report: Report) -> None:
    lines = lines_of_table(REPORTS["md"](report), "| # |")
    assert lines[2] == (
        "| 1 | `go/net-http` | **5,200** | 5,070–5,330 | 9,800 | 6,900 | 1.9× | 190 µs | "
        "58.0 MiB | 220 ms |"
    )
    assert lines[14].startswith("| 13 | `r/plumber` | **325** |")


def test_the_connections_have_a_table(report: Report) -> None:
    lines = lines_of_table(REPORTS["md"](report), "### Answers per second (form) by connections")
    assert lines[0] == "| variant | 1 | 16 | 64 |"
    assert lines[2] == "| `go/net-http` | 3,100 | 5,200 | 5,150 |"


def test_which_choice_matters_is_a_sentence_and_a_line_for_each_choice(report: Report) -> None:
    page = REPORTS["md"](report)
    lines = lines_of_table(page, "### Which choice matters")
    assert lines[0] == "| choice | Answers per second |"  # without samples there is no p99
    by_choice = {
        each.factor: each for each in report.decisions if each.metric == "throughput_per_s"
    }
    names = [line.split("|")[1].strip() for line in lines[2 : 2 + len(by_choice)]]
    assert names == list(by_choice)
    first = by_choice[names[0]]
    assert f"Choose the {names[0]} first: {first.typical:.1f}× the throughput" in page
    assert lines[2].split("|")[2].strip().startswith(f"{first.typical:.1f}×")


def test_a_run_without_choices_says_nothing_of_them(make_report: Any, field: Sequence[Any]) -> None:
    assert "Which choice matters" not in REPORTS["md"](make_report(field[:1], stop_after=0))


def test_the_worth_of_a_choice_for_the_tail_stands_beside_it(raw_run: RunFolder) -> None:
    report = build_report(raw_run)
    assert {each.metric for each in report.decisions} == {"throughput_per_s", "p99_response_ns"}
    lines = lines_of_table(REPORTS["md"](report), "### Which choice matters")
    assert lines[0] == "| choice | Answers per second | Response time, p99 |"


def test_problems_exclusions_and_the_command_are_there(report: Report) -> None:
    page = REPORTS["md"](report)
    assert "it died under load with signal 9" in page
    assert "cargo is not installed" in page
    assert "apt-get install cargo" in page
    assert "servemark run default" in page
    assert "AMD EPYC 7B13, 2 cores, 8.00 GiB" in page


def test_every_line_of_every_table_has_as_many_cells_as_its_head(report: Report) -> None:
    html = rendered(REPORTS["md"](report))
    for table in re.findall(r"<table>.*?</table>", html, flags=re.DOTALL):
        heads = table.count("<th ")
        rows = table.count("<tr>") - 1
        assert heads >= 2
        assert table.count("<td ") == heads * rows


@pytest.mark.parametrize("text", [HOSTILE, "<!-- -->", "&lt;b&gt;", "a_b_c ~~d~~ **e**"])
def test_escaped_text_is_shown_as_it_is(text: str) -> None:
    html = rendered(f"x {escape(text)}")
    assert "<script" not in html
    shown = MarkdownIt().parseInline(f"x {escape(text)}")[0].children
    assert shown is not None
    assert "".join(token.content for token in shown) == f"x {' '.join(text.split())}"


def test_escaped_text_stays_in_its_cell_of_a_table() -> None:
    html = rendered(f"| one | two |\n| --- | --- |\n| {escape(HOSTILE)} | end |")
    assert html.count("<td") == 2


def test_a_name_with_a_pipe_stays_in_its_cell(make_report: Any, field: Sequence[Any]) -> None:
    html = rendered(REPORTS["md"](make_report([replace(field[0], contestant="go/a|b")])))
    assert html.count("<code>go/a|b</code>") == 2  # in the ranking and by connections


@pytest.mark.parametrize("text", ["`", "a``b", "<b>", "python/flask@gunicorn"])
def test_code_is_shown_as_it_is(text: str) -> None:
    tokens = MarkdownIt().parseInline(code(text))[0].children
    assert tokens is not None
    assert [(token.type, token.content) for token in tokens] == [("code_inline", text)]


def test_a_block_of_code_cannot_be_ended_from_within() -> None:
    text = "```\n<script>alert(1)</script>\n````"
    (token,) = MarkdownIt().parse(code_block(text))
    assert token.content == text + "\n"


def test_a_hostile_run_leaves_no_element_in_the_page(
    make_report: Any, field: Sequence[Any]
) -> None:
    knowns = [replace(field[0], title=HOSTILE), field[1]]
    report = make_report(knowns, failing={field[1].variant.id: HOSTILE}, warning=HOSTILE)
    html = rendered(REPORTS["md"](report))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<script" not in html
    assert "<img" not in html
    assert "<a " not in html
    assert "<h1>" not in html


def test_a_run_without_trials_and_one_with_failures_alone_have_no_table(
    make_report: Any, field: Sequence[Any]
) -> None:
    empty = REPORTS["md"](make_report(field, stop_after=0))
    assert "Nothing has been measured yet." in empty
    failing = {known.variant.id: "no" for known in field}
    failures = REPORTS["md"](make_report(field, failing=failing))
    assert "every trial failed" in failures
    assert "| # |" not in empty + failures
