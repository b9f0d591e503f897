"""How long a board still takes, judged by how long its parts have taken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from servemark.records import Trial, TrialResult
from servemark.units import NS_PER_S

ASSUMED_START_S = 2.0
"""What a fresh start takes until one was measured."""
ASSUMED_SEARCH_S = 10.0
"""What a search for the capacity takes until one was measured."""
ASSUMED_CURVE_S = 8.0
"""The same for the curve, which only the first search has."""
Part = Literal["figures", "caching", "search", "curve"]
"""What a visit is made of."""
Known = dict[tuple[str, Part], float]
"""Seconds of a part of a visit, by the variant's id and the part."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """How long it still takes, as far as the history tells; ``most_s`` if every further block that
    the board allows is needed. In seconds of measuring, of all nodes together."""

    seconds: float
    most_s: float


def part_of(trial: Trial) -> Part:
    """The part of its visit that a trial belongs to."""
    if trial.purpose == "capacity":
        return "curve" if trial.step in ("curve", "overload") else "search"
    return "caching" if trial.purpose == "caching" else "figures"


def average_seconds(visits: Iterable[Sequence[TrialResult]]) -> Known:
    """What a part of a visit took on average over those visits that had it. Each of ``visits`` has
    the results of one."""
    taken: dict[tuple[str, Part], list[float]] = {}
    for results in visits:
        parts: dict[tuple[str, Part], float] = {}
        for result in results:
            key = result.trial.variant.id, part_of(result.trial)
            parts[key] = parts.get(key, 0.0) + seconds_of([result])
        for key, seconds in parts.items():
            taken.setdefault(key, []).append(seconds)
    return {key: sum(each) / len(each) for key, each in taken.items()}


def seconds_of(results: Sequence[TrialResult]) -> float:
    """How long it took to measure them."""
    return sum(result.elapsed_ns for result in results) / NS_PER_S
