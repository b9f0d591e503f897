"""How a long piece of work goes on, for those who watch it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from rich.console import RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from servemark.cli.console import complaints, talk
from servemark.prepare import Environment, Prepared
from servemark.report.wording import plain


class Stages:
    """Shows how a long piece of work goes on: a bar or a view on a terminal, plain lines
    elsewhere."""

    def __init__(self) -> None:
        self.is_live = talk.is_terminal and not talk.is_dumb_terminal and not talk.quiet
        """Whether what is shown can be drawn anew."""
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TimeElapsedColumn(),
            console=talk,
            disable=not self.is_live,
            transient=True,
        )
        self._task: TaskID | None = None
        self._title = ""
        self._view: Live | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.unwatch()
        self._progress.stop()

    def begin(self, title: str, total: int) -> None:
        """A new piece of work of ``total`` steps."""
        self.unwatch()
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._title = title
        self._task = self._progress.add_task(title, total=total)
        self._progress.start()
        if not self.is_live:
            talk.print(f"{title}: {total}")

    def now(self, what: str, done: int, total: int) -> None:
        """What is being done at this moment."""
        if self._task is not None:
            description = f"{self._title} [bold]{escape(what)}[/bold]"
            self._progress.update(self._task, description=description, completed=done, total=total)

    def step(self) -> None:
        """One step is done."""
        if self._task is not None:
            self._progress.advance(self._task)

    def say(self, line: str) -> None:
        """A line that stays, above what is drawn anew."""
        talk.print(line, soft_wrap=True)

    def insist(self, line: str) -> None:
        """The same, with ``--quiet`` too."""
        (complaints if talk.quiet else talk).print(line, soft_wrap=True)

    def watch(self, view: RenderableType) -> None:
        """That in place of the bar, where anything can be drawn anew.

        It is drawn when ``redraw`` is called and at no other time: while a slice is measured,
        nothing moves, as the load engine's core is the one that it would be drawn on.
        """
        if self.is_live:
            self._progress.stop()
            self._view = Live(view, console=talk, auto_refresh=False, transient=True)
            self._view.start(refresh=True)

    def redraw(self) -> None:
        """Draw the view as it is now."""
        if self._view is not None:
            self._view.refresh()

    def unwatch(self) -> None:
        """No view any more."""
        if self._view is not None:
            self._view.stop()
            self._view = None


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


@contextmanager
def shown_stages() -> Iterator[Stages]:
    """A progress display for the length of the context."""
    with Stages() as stages:
        yield stages


def indented(text: str) -> str:
    """Log lines, set off from our own."""
    return "\n".join(f"    [dim]│ {escape(line)}[/dim]" for line in plain(text).splitlines())
