"""The in-process ceilings of the languages that ship: right answers, and figures that add up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from servemark.catalog import load_contestants
from servemark.launch import measure_ceiling
from servemark.records import Settings, Variant
from servemark.records.ceiling import CeilingSource
from servemark.run import Workbench
from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def one_of_each() -> list[Variant]:
    """For each ceiling program of each language, and each of its runtimes, the first variant."""
    found: dict[tuple[str, str, str], Variant] = {}
    for contestant in load_contestants(ROOT / "contestants").values():
        for variant in contestant.variants(contestant.manifest.runtimes, Settings()):
            program = contestant.ceiling(variant.server)
            if program is not None:
                key = (contestant.language.name, program, variant.runtime)
                found.setdefault(key, variant)
    return list(found.values())


VARIANTS = one_of_each()
SOURCES: tuple[CeilingSource, ...] = ("golden", "test_image")
# Two rounds over 512 images would take a minute with keras, whose every call costs 50 ms.
SLOW = ("keras", "golden")

ROUNDS = [(v, source) for v in VARIANTS for source in SOURCES if (v.runtime, source) != SLOW]


@pytest.mark.parametrize(
    ("variant", "source"), ROUNDS, ids=[f"{variant.id}-{source}" for variant, source in ROUNDS]
)
def test_it_predicts_rightly_with_no_server(
    variant: Variant,
    source: CeilingSource,
    bench: Workbench,
    prepared: Callable[[Variant], None],
    tmp_path: Path,
) -> None:
    prepared(variant)
    launch = bench.launch(variant, tmp_path / "log")
    ceiling = measure_ceiling(launch, source, warm_up_s=0.1, measure_s=0.3)
    assert ceiling is not None
    assert ceiling.distinct == (512 if source == "golden" else 1)
    assert ceiling.images >= ceiling.distinct
    assert ceiling.decode_ns > 0
    assert ceiling.infer_ns > 0
    assert 0 <= ceiling.answer_ns < ceiling.duration_ns
    # One loop on one core cannot use more than all of it; R counts CPU time in milliseconds.
    assert ceiling.cpu_ns <= ceiling.duration_ns * 1.02 + 2_000_000


def test_every_language_that_ships_has_one() -> None:
    languages = {path.parent.name for path in (ROOT / "contestants").glob("*/runtime.toml")}
    assert {variant.contestant.partition("/")[0] for variant in VARIANTS} == languages
