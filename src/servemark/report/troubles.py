"""What went wrong in a run, and what makes the whole of it weaker than it should be."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from servemark.records import Gate
from servemark.report.findings import Findings
from servemark.report.model import Problem, Report, Result
from servemark.report.wording import count, listing, percent, plain
from servemark.stats import blocks_for, deviation

FEWEST_BLOCKS = 3
MANY_BLOCKS = 30
"""More than this are not worth waiting for."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A problem, said once however often it came up."""

    name: str
    where: tuple[str, ...]
    reason: str
    remedy: str | None
    log_tail: str | None
    made_good: bool
    """Whether measuring once more was enough, each time."""

    @property
    def place(self) -> str:
        """Where it came up, cut to what fits on a line."""
        more = f" and {len(self.where) - 2} more" if len(self.where) > 2 else ""
        return "; ".join(self.where[:2]) + more


def troubles(report: Report) -> list[Trouble]:
    """The problems, each said once with every place where it came up.

    Faults of one gate differ in their figures alone: the first stands for all. A machine that
    is not quiet is nobody's fault, and said once; so is what one gate found in trials that were
    right when they were measured once more, which comes last.
    """
    groups: dict[tuple[str, ...], list[Problem]] = {}
    for problem in sorted(report.problems, key=lambda each: each.made_good):
        if problem.gate == Gate.QUIET_MACHINE:
            key: tuple[str, ...] = (problem.gate,)
        elif problem.made_good:
            key = (problem.gate or "", "made good")
        elif problem.gate is None or problem.gate == Gate.COMPLETED:
            key = (problem.name, problem.reason, problem.remedy or "")
        else:
            key = (problem.name, problem.gate)
        groups.setdefault(key, []).append(problem)
    return [_trouble(problems) for problems in groups.values()]


def _trouble(problems: Sequence[Problem]) -> Trouble:
    first = problems[0]
    quiet = first.gate == Gate.QUIET_MACHINE
    variants = len({problem.name for problem in problems})
    reasons = len({problem.reason for problem in problems})
    gate = f"{first.gate}: " if first.gate not in (None, Gate.COMPLETED) else ""
    places = [
        f"{each.name}, {each.where}" if quiet or variants > 1 else each.where for each in problems
    ]
    several = count(variants, "variant") if variants > 1 else plain(first.name)
    return Trouble(
        name="this machine" if quiet else several,
        where=tuple(dict.fromkeys(plain(place) for place in places)),
        reason=plain(gate + first.reason)
        + (f" (and {reasons - 1} more with other figures)" if reasons > 1 else "")
        + ("; right when measured once more" if first.made_good else ""),
        remedy=None if first.remedy is None else plain(first.remedy),
        log_tail=_tail(next((each.log_tail for each in problems if each.log_tail), None)),
        made_good=first.made_good,
    )


def _tail(log_tail: str | None) -> str | None:
    text = plain(log_tail or "").strip("\n")
    return text or None


def warnings(found: Findings) -> list[str]:
    """What makes the whole run weaker than it should be."""
    return list(_warnings(found))


def _warnings(found: Findings) -> Iterator[str]:
    report = found.report
    yield from (plain(note) for note in report.notes)
    if report.cores.warning:
        yield plain(report.cores.warning)
    if not report.finished:
        yield "The board is not done: the run goes on, or was cut off (--resume goes on with it)."
    if report.given_up:
        names = listing([found.names[each] for each in report.given_up if each in found.names])
        yield f"Given up after failing twice in a row: {names}."
    if report.blocks < FEWEST_BLOCKS:
        yield (
            f"Only {count(report.blocks, 'block')}: too few to tell neighbours in the ranking "
            f"apart. {FEWEST_BLOCKS} are the least."
        )
    if report.disturbed_trials:
        so = "were not ranked" if report.quiet else "were ranked all the same"
        yield (
            f"The machine was not quiet in {report.disturbed_trials:,} of "
            f"{report.finished_trials:,} trials, which {so}."
        )
    loose = [each for each in report.results if each.precise is False and each.figures]
    if loose and report.finished and report.blocks >= FEWEST_BLOCKS:
        total = sum(result.precise is not None for result in report.results)
        yield (
            f"{len(loose)} of {total} throughputs are not known to the "
            f"± {100 * report.half_width:g} % that the board asks for: its blocks or its time "
            f"were used up. They are marked ≈.{_what_it_takes(loose, report.half_width)}"
        )


def _what_it_takes(loose: Sequence[Result], half_width: float) -> str:
    """How noisy the blocks of these are, and what that means for the width asked for."""
    found = [deviation(list(each.throughput_by_block.values())) for each in loose]
    noise = statistics.median([each for each in found if each is not None] or [0.0])
    if noise == 0:
        return ""
    blocks = blocks_for(half_width, noise)
    said = (
        f" Their answers per second differ by {percent(noise)} from block to block (standard "
        f"deviation, in the median): ± {100 * half_width:g} % would take some "
        f"{count(blocks, 'block')}"
    )
    return f"{said}, so a quieter machine is what helps." if blocks > MANY_BLOCKS else f"{said}."
