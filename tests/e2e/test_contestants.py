"""Every contestant that can run here keeps the whole contract, with every one of its runtimes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from servemark.catalog import load_contestants
from servemark.records import Settings, Variant, Verification
from servemark.run import Workbench, verify_running, verify_whole
from tests.conftest import ROOT

CONTESTANTS = load_contestants(ROOT / "contestants")
FIRST = [
    variant
    for contestant in CONTESTANTS.values()
    for variant in contestant.variants(contestant.manifest.runtimes[:1], Settings())
]
# Runtimes live in the library that the contestants of a language share: one contestant of each
# language shows them all. On servers other than its first one they are tried with the wide field.
SHOWN = ("python/flask", "node/express")
OTHERS = [
    variant
    for name in SHOWN
    for variant in CONTESTANTS[name].variants(CONTESTANTS[name].manifest.runtimes[1:], Settings())
]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def is_on_its_first_server(variant: Variant) -> bool:
    first, *_ = CONTESTANTS[variant.contestant].manifest.servers
    return variant.server == first


def assert_right(verification: Verification) -> None:
    assert verification.failure is None, f"{verification.failure}\n{verification.log_tail}"
    wrong = [f"{c.group}: {c.name}: {c.seen}" for c in verification.checks if not c.passed]
    assert wrong == []


@pytest.mark.parametrize("variant", FIRST, ids=[variant.id for variant in FIRST])
def test_it_keeps_the_whole_contract(
    variant: Variant, bench: Workbench, prepared: Callable[[Variant], None], tmp_path: Path
) -> None:
    prepared(variant)
    assert_right(verify_whole(bench, variant, tmp_path, None))


@pytest.mark.parametrize(
    "variant",
    [
        pytest.param(v, id=v.id, marks=[] if is_on_its_first_server(v) else [pytest.mark.field])
        for v in OTHERS
    ],
)
def test_its_other_runtimes_answer_as_the_reference(
    variant: Variant, bench: Workbench, prepared: Callable[[Variant], None], tmp_path: Path
) -> None:
    prepared(variant)
    assert_right(verify_running(bench, variant, tmp_path, 64))


def test_every_runtime_of_every_language_is_shown() -> None:
    shown = {(v.contestant.partition("/")[0], v.runtime) for v in (*FIRST, *OTHERS)}
    declared = {
        (contestant.language.name, runtime)
        for contestant in CONTESTANTS.values()
        for runtime in contestant.manifest.runtimes
    }
    assert shown == declared
