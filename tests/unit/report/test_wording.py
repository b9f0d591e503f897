"""Numbers and names as people read them."""

from __future__ import annotations

import pytest

from servemark.records import Cell, Open
from servemark.report.model import Figure
from servemark.report.results import reported
from servemark.report.wording import cell_title, factor, interval_of, load_label, number, plain


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (98_765.4, "1/s", "98,800"),
        (1_234.5, "1/s", "1,230"),
        (12.345, "1/s", "12.3"),
        (1_999_999, "ns", "2.00 ms"),
        (999.6e6, "ns", "1.00 s"),
        (62_914_560, "bytes", "60.0 MiB"),
        (0, "share", "0 %"),
        (None, "ns", "–"),
    ],
)
def test_numbers_have_three_significant_digits(value: float | None, unit: str, text: str) -> None:
    assert number(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"), [(1.04, "1.0×"), (9.94, "9.9×"), (9.96, "10×"), (16.0, "16×"), (None, "–")]
)
def test_factors_have_no_more_digits_than_can_be_used(value: float | None, text: str) -> None:
    assert factor(value) == text


def test_an_open_loop_says_how_many_engine_threads_it_has() -> None:
    cell = reported(Cell(workload="get", load=Open(rate_per_s=100, engine_threads=2)))
    assert load_label(cell) == "100/s offered (2 threads)"
    assert cell_title(cell).endswith(", 100 requests/s offered, 2 engine threads")


def test_one_block_has_no_interval() -> None:
    assert interval_of(Figure(value=5, low=None, high=None, blocks=1), "1/s") == "–"


def test_plain_text_cannot_steer_a_terminal_or_turn_the_line_round() -> None:
    assert plain("a\x1b[2Jb\x1b]8;;http://x\x1b\\c\u202ed\x9be\tf\ng") == "abcde\tf\ng"
