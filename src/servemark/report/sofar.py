"""What is known of a run while it goes on, as it is shown live: in a terminal and in a browser."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from servemark.plan import given_up
from servemark.records import Open, RunHeader, TrialResult, Verification
from servemark.report.comparison_wording import short_ids
from servemark.report.figures import figure_of
from servemark.report.model import Figure
from servemark.report.results import main_cell
from servemark.stats import CPU, METRICS, THROUGHPUT, summarise

State = Literal["measured", "waiting", "wrong", "given up"]


@dataclass(frozen=True, slots=True)
class Known:
    """One variant in the main cell, as far as it was measured."""

    variant: str
    name: str
    state: State
    figure: Figure | None
    """As the report will have it, from the blocks so far."""
    earlier: tuple[Figure, ...]
    """The same after each of the blocks before, the first one first."""
    trials: int
    """Of all cells."""
    invalid: int


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, in a sentence; ``remedy`` where it went wrong."""

    what: Literal["right", "wrong", "measured", "invalid"]
    name: str
    where: str
    said: str
    remedy: str | None = None


class SoFar:
    """What the trials and verifications of a run tell, kept up to date as they come in."""

    def __init__(self, header: RunHeader) -> None:
        self.cell = main_cell(header.board.all_cells())
        self.metric = CPU if isinstance(self.cell.load, Open) else THROUGHPUT
        self.half_width = header.board.half_width
        self.blocks = header.board.blocks
        self.names = short_ids([entrant.variant.id for entrant in header.entrants])
        self._originals = {
            entrant.variant.id: entrant.variant.original().id for entrant in header.entrants
        }
        self._wrong: set[str] = set()
        self._trials: dict[str, list[TrialResult]] = {name: [] for name in self.names}
        self._rows = {
            name: Known(name, short, "waiting", None, (), 0, 0)
            for name, short in self.names.items()
        }

    def name(self, variant: str) -> str:
        """What a variant is called among those of this run."""
        return self.names.get(variant, variant)

    def add(self, result: TrialResult) -> None:
        """A trial was measured."""
        variant = result.trial.variant.id
        if variant in self._trials:
            self._trials[variant].append(result)
            self._rows[variant] = self._known(variant)

    def set_verified(self, verifications: Iterable[Verification]) -> None:
        """The verifications of the run so far."""
        self._wrong = {each.variant.id for each in verifications if not each.passed}
        for variant in self._rows:
            if self._originals[variant] in self._wrong:
                self._rows[variant] = self._known(variant)

    def rows(self) -> list[Known]:
        """Every variant: those that are measured, the best first; then the others."""
        sign = 1 if self.metric == CPU else -1
        return sorted(
            self._rows.values(),
            key=lambda row: (
                row.figure is None,
                row.state == "wrong",
                sign * row.figure.value if row.figure else 0.0,
            ),
        )

    def _known(self, variant: str) -> Known:
        trials = self._trials[variant]
        own = [
            result
            for result in trials
            if result.trial.purpose == "figure" and result.trial.cell == self.cell
        ]
        figure = figure_of(summarise(own, self.metric))
        return Known(
            variant=variant,
            name=self.names[variant],
            state=self._state(variant, figure),
            figure=figure,
            earlier=self._earlier(own),
            trials=len(trials),
            invalid=sum(not result.verdict.valid for result in trials),
        )

    def _state(self, variant: str, figure: Figure | None) -> State:
        if self._originals[variant] in self._wrong:
            return "wrong"
        if given_up(self._trials[variant]):
            return "given up"
        return "waiting" if figure is None else "measured"

    def _earlier(self, own: list[TrialResult]) -> tuple[Figure, ...]:
        blocks = sorted({result.trial.block for result in own})
        found = (
            figure_of(summarise([r for r in own if r.trial.block <= block], self.metric))
            for block in blocks[:-1]
        )
        return tuple(figure for figure in found if figure is not None)


def event_of(result: TrialResult) -> Event:
    """What became of a trial, in a sentence."""
    trial = result.trial
    name, where = trial.variant.id, f"block {trial.block + 1}, {trial.cell.id}"
    if not result.verdict.valid:
        fault = result.verdict.faults[0]
        again = ", measured once more" if trial.attempt == 1 else ""
        return Event("invalid", name, where, f"{fault.reason}{again}", fault.remedy)
    seen = None if result.load is None else result.load.objective
    if trial.purpose == "capacity" and seen is not None:
        if seen.requests == 0:
            return Event("measured", name, where, "nothing was due")
        share = 1 - seen.over / seen.requests
        return Event("measured", name, where, f"{share:.1%} of {seen.requests:,} in time")
    rate = METRICS[THROUGHPUT].of(result)
    return Event("measured", name, where, "–" if rate is None else f"{rate:,.0f}/s")


def event_of_verification(verification: Verification) -> Event:
    """What became of a verification, in a sentence."""
    name = verification.variant.id
    if verification.passed:
        return Event("right", name, "", f"{len(verification.checks)} checks passed")
    return Event("wrong", name, "", verification.first_fault())
