"""What is done about a hypervisor that takes time from a load."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from servemark.run import undisturbed
from servemark.run.undisturbed import Undisturbed

NOTHING, MUCH, MORE = 0, 10**12, 10**18


@pytest.mark.parametrize(
    ("stolen_ns", "repeats", "kept", "note"),
    [
        ([NOTHING], 9, 1, None),
        ([MUCH, MUCH, NOTHING], 9, 3, "done again: 2. So disturbed, and counted all the same: 0."),
        (
            [MORE, MUCH, MORE, MORE],
            9,
            2,
            "done again: 3. So disturbed, and counted all the same: 1.",
        ),
        ([MORE, MUCH], 1, 2, "done again: 1. So disturbed, and counted all the same: 1."),
        ([MUCH, MORE], 1, 1, "done again: 1. So disturbed, and counted all the same: 1."),
        ([MUCH], 0, 1, "done again: 0. So disturbed, and counted all the same: 1."),
    ],
)
def test_a_load_that_the_hypervisor_disturbed_is_done_again_and_the_least_disturbed_is_kept(
    monkeypatch: pytest.MonkeyPatch,
    stolen_ns: Sequence[int],
    repeats: int,
    kept: int,
    note: str | None,
) -> None:
    def readings() -> Iterator[int]:
        for each in stolen_ns:
            yield 7
            yield 7 + each

    reading = readings()
    monkeypatch.setattr(undisturbed, "stolen_ns", lambda _: next(reading))
    quiet = Undisturbed({0, 1}, repeats)
    done = 0

    def load() -> int:
        nonlocal done
        with quiet.watched():
            done += 1
        return done

    assert quiet.found(load) == kept
    assert done == len(stolen_ns)
    said = quiet.note()
    assert said is None if note is None else said is not None and said.endswith(note)


def test_what_was_disturbed_in_all_cannot_be_more_than_may_be_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading = iter(range(0, 100 * MUCH, MUCH))
    monkeypatch.setattr(undisturbed, "stolen_ns", lambda _: next(reading))
    quiet = Undisturbed({0}, 4)
    done = 0

    def load() -> None:
        nonlocal done
        with quiet.watched():
            done += 1

    for _ in range(3):
        quiet.found(load)
    assert done == 3 + 4
