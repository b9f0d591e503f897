"""Talking to people: everything here goes to stderr, results go to stdout."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from servemark.plan import Outlook
from servemark.prepare import Environment, Prepared
from servemark.records import LoadResult, Trial, TrialResult, Variant, Verification
from servemark.stats import METRICS, summarise
from servemark.units import NS_PER_S, format_rate, spell_duration

talk = Console(stderr=True, highlight=False)
results = Console(highlight=False)
PER_MILLE = 1000
"""Total of a bar that shows a share of the time, and not steps."""


class Stages:
    """Shows how a long piece of work goes on: a bar on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        self._live = talk.is_terminal
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[rest]}"),
            console=talk,
            disable=not self._live,
        )
        self._task: TaskID | None = None
        self._title = ""

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def begin(self, title: str, total: int) -> None:
        """A new piece of work of ``total`` steps."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._title = title
        self._task = self._progress.add_task(title, total=total, count="", rest="")
        if not self._live:
            talk.print(title if total == PER_MILLE else f"{title}: {total}")

    def now(self, what: str, done: int, total: int) -> None:
        """What is being done at this moment."""
        if self._task is not None:
            description = f"{self._title} [bold]{escape(what)}[/bold]"
            self._progress.update(
                self._task,
                description=description,
                completed=done,
                total=total,
                count="" if total == PER_MILLE else f"{done}/{total}",
            )

    def left(self, seconds: float, most_s: float) -> None:
        """How long the rest takes, and at most."""
        said = f"about {spell_duration(seconds)} left"
        if most_s > 1.2 * seconds:
            said += f", at most {spell_duration(most_s)}"
        if self._task is not None:
            self._progress.update(self._task, rest=said)

    def step(self) -> None:
        """One step is done."""
        if self._task is not None:
            self._progress.advance(self._task)

    def say(self, line: str) -> None:
        """A line that stays, above the bar."""
        self._progress.console.print(line, soft_wrap=True)


class PrepareTalk:
    """How preparing goes on."""

    def __init__(self, stages: Stages, total: int) -> None:
        self._stages = stages
        self._done = 0
        self._total = total
        self._since: dict[str, float] = {}
        stages.begin("Preparing", total)

    def started(self, environment: Environment) -> None:
        self._since[environment.name] = time.monotonic()
        self._stages.now(environment.name, self._done, self._total)

    def finished(self, prepared: Prepared) -> None:
        self._done += 1
        name = prepared.environment.name
        seconds = time.monotonic() - self._since[name]
        if prepared.state == "built":
            self._stages.say(f"  [green]built[/green] {escape(name)} in {seconds:.0f} s")
        elif prepared.state == "failed":
            self._stages.say(
                f"  [red]left out[/red] {escape(name)}: {escape(str(prepared.problem))}"
            )
            if prepared.remedy:
                self._stages.say(f"    remedy: {escape(prepared.remedy)}")
            if prepared.log_tail:
                self._stages.say(indented(prepared.log_tail))
        self._stages.step()


class RunTalk:
    """How a board goes on; a ``Listener`` of ``run``."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._phase = ""

    def _enter(self, phase: str, total: int) -> None:
        if self._phase != phase:
            self._phase = phase
            self._stages.begin(phase, total)

    def verifying(self, variant: Variant, number: int, count: int) -> None:
        self._enter("Verifying", count)
        self._stages.now(variant.id, number, count)

    def verified(self, verification: Verification) -> None:
        self._stages.step()
        if verification.passed:
            count = len(verification.checks)
            self._stages.say(
                f"  [green]right[/green] {escape(verification.variant.id)}: {count} checks"
            )
            return
        self._stages.say(
            f"  [red]wrong[/red] {escape(verification.variant.id)}: "
            f"{escape(verification.first_fault())}"
        )
        if verification.log_tail:
            self._stages.say(indented(verification.log_tail))

    def measuring_ceiling(self, name: str, block: int) -> None:
        self._stages.say(f"  block {block + 1} {escape(name)}: the loop without a server")

    def measuring(self, trial: Trial, history: Sequence[TrialResult], outlook: Outlook) -> None:
        self._enter("Measuring", PER_MILLE)
        spent_s = sum(result.elapsed_ns for result in history) / NS_PER_S
        share = spent_s / (spent_s + outlook.seconds) if spent_s + outlook.seconds else 0.0
        what = f"block {trial.block + 1}, {trial.variant.id}, {trial.cell.id}"
        if trial.step:
            what += f" ({trial.step})"
        known = self._known_so_far(trial, history)
        self._stages.now(f"{what}{known}", round(PER_MILLE * share), PER_MILLE)
        self._stages.left(outlook.seconds, outlook.most_s)

    def _known_so_far(self, trial: Trial, history: Sequence[TrialResult]) -> str:
        """The throughput of that variant and cell over the blocks before, with its interval."""
        before = [
            result
            for result in history
            if result.trial.variant == trial.variant and result.trial.cell == trial.cell
        ]
        found = summarise(before, "throughput_per_s")
        if found is None or trial.purpose != "figure":
            return ""
        if found.blocks < 2:
            return f" · so far {format_rate(found.centre)}/s"
        return f" · so far {format_rate(found.centre)}/s ± {found.half_width:.1%}"

    def measured(self, result: TrialResult) -> None:
        trial = result.trial
        name = f"{trial.variant.id} {trial.cell.id}"
        if not result.verdict.valid:
            fault = result.verdict.faults[0]
            again = ", measured once more" if trial.attempt == 1 else ""
            self._stages.say(f"  [red]invalid[/red] {escape(name)}: {escape(fault.reason)}{again}")
        elif trial.purpose == "capacity" and result.load is not None and not talk.is_terminal:
            self._stages.say(f"  block {trial.block + 1} {escape(name)}: {_in_time(result.load)}")
        elif not talk.is_terminal:
            rate = format_rate(METRICS["throughput_per_s"].of(result))
            self._stages.say(f"  block {trial.block + 1} {escape(name)}: {rate}/s")


def _in_time(load: LoadResult) -> str:
    seen = load.objective
    if seen is None or seen.requests == 0:
        return "nothing was due"
    return f"{1 - seen.over / seen.requests:.1%} of {seen.requests:,} in time"


@contextmanager
def shown_stages() -> Iterator[Stages]:
    """A progress display for the length of the context."""
    with Stages() as stages:
        yield stages


def indented(text: str) -> str:
    """Log lines, set off from our own."""
    return "\n".join(f"    [dim]│ {escape(line)}[/dim]" for line in text.splitlines())
