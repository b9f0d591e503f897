"""Capacities as reports have them: what was sustained, and why there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from servemark.report import build_report, render_text
from servemark.report.findings import Findings
from servemark.report.headlines import capacity_headline
from servemark.report.html_tables import capacity_table
from servemark.report.markdown import render_markdown
from servemark.report.model import FoundCapacity, Report
from servemark.report.sections import capacities_found
from servemark.store import RunFolder
from tests.unit.report.comparison_runs import FLASK, GO, make_searched_run


def found_in(folder: RunFolder) -> dict[str, FoundCapacity]:
    header = folder.header()
    found = capacities_found(header.board, header.entrants, folder.trials())
    return {each.variant: each for each in found}


def text_of(report: Report) -> str:
    console = Console(width=160, force_terminal=False)
    with console.capture() as captured:
        console.print(render_text(report))
    return captured.get()


def test_the_rate_is_that_of_slices_that_met_the_objective(tmp_path: Path) -> None:
    found = found_in(make_searched_run(tmp_path, {GO: 900.0}))[GO]
    assert found.rate_per_s is not None
    assert found.rate_per_s.blocks == 3
    assert 0.95 * 900 <= found.rate_per_s.value <= 900


def test_a_guess_that_no_long_slice_met_is_no_capacity(tmp_path: Path) -> None:
    found = found_in(make_searched_run(tmp_path, {GO: 900.0}, confirming=[]))[GO]
    assert (found.rate_per_s, found.by_block) == (None, {})
    assert len(found.reasons) == 3
    assert all("no long slice met the SLO" in reason for reason in found.reasons)


def test_a_search_that_was_cut_off_has_no_capacity_yet(tmp_path: Path) -> None:
    whole = make_searched_run(tmp_path / "whole", {GO: 900.0})
    trials = whole.trials()
    header = whole.header()
    steps = [each.trial.step for each in trials if each.trial.block == 0]
    first = steps.index("confirm")
    assert steps[first + 1] == "confirm"  # so that the search goes on after the first one met
    (cut,) = capacities_found(header.board, header.entrants, trials[: first + 1])
    assert (cut.rate_per_s, cut.reasons) == (None, ("block 1: the search is not over",))
    (over,) = capacities_found(header.board, header.entrants, trials[: steps.index("curve")])
    assert over.rate_per_s is not None


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A run in which Go sustains a rate and Flask none."""
    root = tmp_path_factory.mktemp("half")
    return build_report(make_searched_run(root, {GO: 900.0, FLASK: 800.0}, confirming=[GO]))


def test_the_reports_say_why_there_is_none(half: Report) -> None:
    note = "no capacity; block 1: no long slice met the SLO"
    assert "sustains" in (capacity_headline(Findings(half)) or "")
    assert "For 1 other none was found." in (capacity_headline(Findings(half)) or "")
    text = text_of(half)
    assert f"python/flask: {note}" in text
    assert "(and 2 more)" in text
    rows = [line.split() for line in text.splitlines()]
    (row,) = [cells for cells in rows if "python/flask" in cells and cells[0].startswith("1–2")]
    assert "–" in row
    markdown = render_markdown(half)
    assert f"- `python/flask`: {note}" in markdown
    assert "| `python/flask` | **–** |" in markdown
    table = capacity_table(Findings(half))
    assert table is not None
    assert any(note in (row[0].detail or "") for row in table.rows)


def test_where_nobody_has_one_the_headline_says_so(tmp_path: Path) -> None:
    report = build_report(make_searched_run(tmp_path, {GO: 900.0, FLASK: 800.0}, confirming=[]))
    assert capacity_headline(Findings(report)) == (
        "Held to 99 % right answers within 25 ms, no rate was found for any of 2 variants."
    )
