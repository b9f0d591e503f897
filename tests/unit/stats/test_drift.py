"""Changes of speed within a slice: found where they are, and not where there are none."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from numpy.typing import NDArray

from servemark.records.found import DriftSeen
from servemark.stats.drift import Drift, find_drift
from servemark.units import NS_PER_S
from tests.unit.stats.simulation import Floats, slices

SLICE_NS = 1_500_000_000


def found_in(many: Iterable[NDArray[np.int64]], duration_ns: int = SLICE_NS) -> list[Drift | None]:
    return [find_drift(done_ns, duration_ns, np.ones(len(done_ns), np.bool_)) for done_ns in many]


def share(found: list[Drift | None]) -> float:
    return float(np.mean([each is not None for each in found]))


def falling(at_s: Floats) -> Floats:
    """From 20 % above the mean to 20 % below it in 1.5 s."""
    return 1.2 - 0.4 * at_s / 1.5


def warming_up(at_s: Floats) -> Floats:
    """40 % too slow at first, as before a compiler has seen the code."""
    return 1 - 0.4 * np.exp(-at_s / 0.5)


def throttled(at_s: Floats) -> Floats:
    """A third slower from 0.9 s on."""
    return np.where(at_s < 0.9, 1.0, 2 / 3)


@pytest.mark.parametrize(
    ("every_s", "pause_s", "rate_per_s"),
    [(0.083, 0.005, 6_000), (0.2, 0.02, 3_000), (0.61, 0.02, 3_000), (0.05, 0.015, 300)],
)
def test_steady_slices_with_pauses_are_left_alone(
    every_s: float, pause_s: float, rate_per_s: float
) -> None:
    random = np.random.default_rng(20)
    steady = slices(random, 500, rate_per_s=rate_per_s, pause_every_s=every_s, pause_s=pause_s)
    assert share(found_in(steady)) < 0.005


@pytest.mark.parametrize("pause_s", [0.0, 0.01])
def test_steady_slices_whose_speed_wanders_a_little_are_left_alone(pause_s: float) -> None:
    random = np.random.default_rng(21)
    steady = slices(random, 1_500, wander=0.05, pause_every_s=0.3, pause_s=pause_s)
    assert share(found_in(steady)) < 0.005


def test_a_trend_is_found_with_its_size() -> None:
    random = np.random.default_rng(22)
    found = found_in(
        slices(random, 60, wander=0.03, pause_every_s=0.2, pause_s=0.01, speed=falling)
    )
    assert share(found) >= 0.9
    known = [each for each in found if each is not None]
    assert np.mean([each.kind == "trend" for each in known]) > 0.9
    # The thirds are at 1.2 − 0.4 / 6 and 0.8 + 0.4 / 6 of the mean.
    assert np.mean([each.change for each in known]) == pytest.approx(0.8667 / 1.1333 - 1, abs=0.02)
    assert all(each.at_ns is None for each in known if each.kind == "trend")


def test_warming_up_within_the_slice_is_found() -> None:
    random = np.random.default_rng(23)
    found = found_in(slices(random, 60, wander=0.03, speed=warming_up))
    assert share(found) >= 0.8
    assert all(each.change > 0.1 for each in found if each is not None)


def test_a_step_is_found_with_its_size_and_time() -> None:
    random = np.random.default_rng(24)
    many = slices(random, 60, wander=0.03, pause_every_s=0.2, pause_s=0.01, speed=throttled)
    found = found_in(many)
    assert share(found) >= 0.9
    steps = [each for each in found if each is not None and each.kind == "step"]
    assert len(steps) > 50
    times_s = [each.at_ns / NS_PER_S for each in steps if each.at_ns is not None]
    assert len(times_s) == len(steps)
    assert np.median(times_s) == pytest.approx(0.9, abs=0.05)
    assert np.mean([each.change for each in steps]) == pytest.approx(-1 / 3, abs=0.03)


def test_a_change_too_small_to_matter_is_left_alone_however_certain() -> None:
    random = np.random.default_rng(25)
    many = slices(random, 20, rate_per_s=30_000, speed=lambda at_s: np.where(at_s < 0.7, 1.0, 0.95))
    assert share(found_in(many)) == 0


def test_only_right_answers_within_the_slice_count() -> None:
    # A steady 2,000 a second; every other answer goes wrong in the second half.
    done_ns = np.arange(0, 2 * SLICE_NS, 500_000)
    right = (done_ns < SLICE_NS / 2) | (done_ns % 1_000_000 == 0)
    assert find_drift(done_ns, SLICE_NS, np.ones(len(done_ns), np.bool_)) is None
    found = find_drift(done_ns, SLICE_NS, right)
    assert found is not None
    assert found.kind == "step"
    assert found.change == pytest.approx(-0.5, abs=0.01)
    assert found.at_ns == pytest.approx(SLICE_NS / 2, rel=0.05)
    assert found.p_value < 0.001


def test_the_order_of_samples_does_not_matter() -> None:
    random = np.random.default_rng(26)
    (done_ns,) = slices(random, 1, speed=falling)
    shuffled = random.permutation(done_ns)
    assert found_in([done_ns]) == found_in([shuffled])
    assert found_in([done_ns]) != [None]


def test_too_few_answers_tell_nothing() -> None:
    random = np.random.default_rng(27)
    (done_ns,) = slices(random, 1, speed=falling)
    assert found_in([done_ns[::40]]) == [None]
    assert found_in([np.array([], dtype=np.int64)]) == [None]
    missing = np.full(1_000, -1)
    assert find_drift(missing, SLICE_NS, np.zeros(1_000, np.bool_)) is None


def test_a_server_that_stops_answering_is_found() -> None:
    done_ns = np.arange(0, SLICE_NS // 2, 500_000)
    found = find_drift(done_ns, SLICE_NS, np.ones(len(done_ns), np.bool_))
    assert found is not None
    assert found.change == -1
    assert found.sentence() == "it became 100 % slower 0.75 s into the slice"


@pytest.mark.parametrize("silent_ns", [SLICE_NS // 2, 3 * SLICE_NS // 5])
def test_a_server_that_is_silent_at_first_is_found(silent_ns: int) -> None:
    done_ns = np.arange(silent_ns, SLICE_NS, 500_000)
    found = find_drift(done_ns, SLICE_NS, np.ones(len(done_ns), np.bool_))
    assert found is not None
    assert found.change == np.inf
    assert found.at_ns == pytest.approx(silent_ns, rel=0.05)
    assert found.sentence().startswith("it answered nothing in the first 0.")


def test_a_server_that_is_silent_at_first_and_then_ever_faster_is_found() -> None:
    """Nothing before 0.36 of the slice, then a rate that rises in proportion to time."""
    random = np.random.default_rng(28)
    many = [0.36 + 0.64 * np.sqrt(random.random(400)) for _ in range(20)]
    found = found_in((each * SLICE_NS).astype(np.int64) for each in many)
    trends = [each for each in found if each is not None and each.kind == "trend"]
    assert len(trends) >= 18
    assert {each.sentence() for each in trends} == {
        "it answered nothing in the first third of the slice"
    }


def test_an_infinite_change_is_kept_in_a_run_folder() -> None:
    seen = DriftSeen(kind="step", change=np.inf, p_value=1e-6, at_ns=1)
    assert DriftSeen.model_validate_json(seen.model_dump_json()) == seen
