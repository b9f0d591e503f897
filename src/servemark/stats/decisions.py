"""Which decision matters: by how much figures differ where one choice changes and the rest is held.

Everything that was measured is a ``Made``: the level that it has of each factor (language, server,
runtime …) and its values by block. For a factor, those that agree in all other factors make a
group; a group's spread is its best against its worst.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from servemark.stats.comparison import Comparison, compare_paired


@dataclass(frozen=True, slots=True)
class Made:
    """One combination of choices: the level of each factor, and its values by block."""

    name: str
    levels: Mapping[str, str]
    values: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Spread:
    """The best and the worst of a group that differs in one factor alone.

    ``ratio`` is the larger value ÷ the smaller one, from pairs within blocks; ``held`` is what all
    of the group have in common.
    """

    best: Made
    worst: Made
    ratio: Comparison
    held: Mapping[str, str]
    levels: int


def spreads(
    made: Sequence[Made],
    factor: str,
    better: Literal["higher", "lower"],
    follows: Collection[str] = (),
) -> list[Spread]:
    """A spread for each group, the largest first; a group with one level of the factor has none.

    ``follows`` are factors that cannot be held because they change with this one, as a framework
    does with its language: each level is then stood for by its best.
    """
    groups: dict[tuple[tuple[str, str], ...], list[Made]] = {}
    for each in made:
        if each.values and factor in each.levels:
            held = {
                name: level
                for name, level in each.levels.items()
                if name != factor and name not in follows
            }
            groups.setdefault(tuple(sorted(held.items())), []).append(each)
    sign = 1 if better == "higher" else -1
    found = []
    for key, group in groups.items():
        ordered = sorted(group, key=lambda each: -sign * fmean(each.values.values()))
        level_bests: dict[str, Made] = {}
        for each in ordered:
            level_bests.setdefault(each.levels[factor], each)
        bests = list(level_bests.values())
        ratio = None if len(bests) < 2 else _between(bests[0], bests[-1], better)
        if ratio is not None:
            found.append(Spread(bests[0], bests[-1], ratio, dict(key), len(bests)))
    return sorted(found, key=lambda each: -each.ratio.ratio)


def _between(best: Made, worst: Made, better: Literal["higher", "lower"]) -> Comparison | None:
    larger, smaller = (best, worst) if better == "higher" else (worst, best)
    blocks = sorted(larger.values.keys() & smaller.values.keys())
    return compare_paired(
        [larger.values[block] for block in blocks], [smaller.values[block] for block in blocks]
    )
