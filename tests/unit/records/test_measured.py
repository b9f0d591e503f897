"""What is to be measured, and what it is called."""

from __future__ import annotations

import pytest

from servemark.records import Cell, Open


@pytest.mark.parametrize(
    ("load", "name"),
    [
        (Open(rate_per_s=100), "get/r100"),
        (Open(rate_per_s=100, engine_threads=2), "get/t2r100"),
        (Open(rate_per_s=47.83, arrivals="constant"), "get/r47.83-constant"),
        (Open(rate_per_s=0.02304), "get/r0.02304"),
    ],
)
def test_open_loops_are_told_apart_by_rate_arrivals_and_engine_threads(
    load: Open, name: str
) -> None:
    assert Cell(workload="get", load=load).id == name
