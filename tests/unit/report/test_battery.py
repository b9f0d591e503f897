"""The battery's matrix says who stood what, in every report, and nothing in a run breaks out."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from rich.console import Console

from servemark.records import BadInput, BatteryResult, Growth, Others, Variant
from servemark.report.battery import battery_text, headline, matrix_rows, remarks
from servemark.report.battery_markdown import battery_markdown
from servemark.report.battery_tables import cases_tables, matrix_table

HOSTILE = "a|b <script>alert(1)</script> `c` \x1b[31m*d*\n# e"
MIB = 1 << 20


def case(
    group: str, name: str, *, as_expected: bool = True, limit: str | None = None, seen: str = "422"
) -> BadInput:
    return BadInput(
        group=group,
        name=name,
        times=5,
        expected="422 with an error body",
        seen=seen,
        as_expected=as_expected,
        alive=True,
        others=Others(asked=40, wrong=0, unanswered=0, slowest_ns=3_000_000),
        limit=limit,
    )


def result(contestant: str, *cases: BadInput, failure: str | None = None) -> BatteryResult:
    growth = Growth(step_requests=5000, pss_bytes=(100 * MIB, 101 * MIB, 102 * MIB))
    variant = Variant(contestant=contestant, server="builtin", runtime="numpy")
    return BatteryResult(variant=variant, cases=cases, growth=growth, failure=failure)


WHOLE = result("go/whole", case("bomb", "GIF"), case("idle", "idle connections"))
LIMITED = result(
    "py/limited",
    case("bomb", "GIF"),
    case("idle", "idle connections", as_expected=False, limit="one at a time"),
)
FALLEN = result(
    "r/fallen",
    case("bomb", "GIF", as_expected=False, seen=HOSTILE),
    case("bomb", "JPEG", as_expected=False, seen="200"),
    case("idle", "idle connections", as_expected=False, seen="closed"),
)
ALL = (WHOLE, LIMITED, FALLEN)
NAMES = {each.variant.id: each.variant.contestant for each in ALL}


def test_the_headline_counts_who_stood_all_of_it() -> None:
    assert headline(ALL) == (
        "1 of 3 variants stood all 3 bad inputs, 1 more all but what their manifests declare as "
        "limits."
    )


def test_a_row_has_a_mark_for_each_kind() -> None:
    marks = {row.name: [cell.mark for cell in row.cells] for row in matrix_rows(ALL, NAMES)}
    assert marks == {
        "go/whole": ["✓", "✓"],
        "py/limited": ["✓", "limit"],
        "r/fallen": ["✗ 2", "✗"],
    }
    assert matrix_rows(ALL, NAMES)[0].memory == "100 MiB +2.0"
    assert matrix_rows(ALL, NAMES)[0].slowest_other == "3.00 ms"


def test_faults_come_before_limits_and_both_have_their_reasons() -> None:
    found = [(each.state, each.case, each.names) for each in remarks(ALL, NAMES)]
    assert found == [
        ("fails", "GIF", ("r/fallen",)),
        ("fails", "JPEG", ("r/fallen",)),
        ("fails", "idle connections", ("r/fallen",)),
        ("limit", "idle connections", ("py/limited",)),
    ]
    assert remarks(ALL, NAMES)[1].said == "expected 422 with an error body, saw 200"
    assert remarks(ALL, NAMES)[3].said == "one at a time"


def test_a_battery_that_was_not_finished_says_why() -> None:
    broken = result("go/whole", case("bomb", "GIF"), failure="it was not ready within 90 s")
    assert headline([broken]).startswith("0 of 1 variant ")
    assert "it was not ready within 90 s" in battery_markdown([broken], NAMES)


def test_the_markdown_is_a_table_that_nothing_breaks_out_of() -> None:
    html = (
        MarkdownIt("commonmark", {"html": True})
        .enable("table")
        .render(battery_markdown(ALL, NAMES))
    )
    assert html.count("<th ") + html.count("<th>") == 5
    assert len(re.findall(r"<td", html)) == 3 * 5
    assert "<script>" not in html
    assert "<h1>" not in html
    assert battery_markdown([], NAMES) == ""


def test_the_table_of_the_page_sorts_what_failed_first_and_by_figures() -> None:
    table = matrix_table(ALL, NAMES)
    assert [column.head for column in table.columns] == [
        *("variant", "bomb", "idle", "slowest other", "memory")
    ]
    bombs = {row[0].text: row[1] for row in table.rows}
    assert sorted(bombs, key=lambda name: str(bombs[name].value))[0] == "r/fallen"
    assert [each.state for each in table.rows[1]] == [None, "holds", "limit", None, None]
    assert (table.rows[0][3].text, table.rows[0][3].value) == ("3.00 ms", 3_000_000)
    assert (table.rows[0][4].text, table.rows[0][4].detail) == ("100 MiB", "+2.0 MiB")


def test_each_bad_input_has_its_line_with_the_reason() -> None:
    variants, names, summaries, tables = zip(*cases_tables(ALL, NAMES), strict=True)
    assert variants == tuple(each.variant.id for each in ALL)
    assert names == ("go/whole", "py/limited", "r/fallen")
    assert summaries[1] == (
        "1 of 2 bad inputs stood, 1 beyond what its server can do. Others waited 3.00 ms at most; "
        "memory 100 MiB +2.0 MiB over 10,000 bad requests."
    )
    assert [each.text for each in tables[2].rows[1]] == [
        *("bomb", "JPEG", "422 with an error body", "200", "40 asked, 3.00 ms at most"),
        "not stood",
    ]
    assert tables[2].rows[1][3].detail == "expected 422 with an error body, saw 200"
    assert tables[1].rows[1][3].detail == "one at a time"


def test_the_terminal_shows_the_matrix_in_80_columns() -> None:
    console = Console(width=80, force_terminal=False)
    with console.capture() as capture:
        console.print(battery_text(ALL, NAMES))
    text = capture.get()
    assert re.search(r"go/whole +✓ +✓ +3\.00 ms", text)
    assert re.search(r"py/limited +✓ +~ ", text)
    assert re.search(r"r/fallen +✗ +✗ ", text)
    assert "a bomb, b idle" in text
    assert "py/limited limit idle connections: one at a time" in text
    assert "\x1b" not in text
