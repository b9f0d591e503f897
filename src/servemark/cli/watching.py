"""How a board goes on: a live view on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from servemark.cli.battering import battery_lines
from servemark.cli.stages import Stages, indented
from servemark.plan import Outlook
from servemark.records import (
    BatteryResult,
    Board,
    RunHeader,
    Trial,
    TrialResult,
    Variant,
    Verification,
)
from servemark.report.bars import end_of_scale, whiskered
from servemark.report.sofar import Known, SoFar, event_of
from servemark.report.wording import count, plain, value_of
from servemark.units import NS_PER_S, spell_duration

WIDEST = 100
LEAST_CHART, MOST_CHART = 8, 40
LINES_AROUND = 8
"""Of the view, around the rows of its table, with a line that stays free."""
LEAST_ROWS = 3
NUMBERS = 28
"""Characters that the columns of numbers take."""
GAP = 2
MARKS = {"wrong": "answers wrongly", "given up": "given up", "waiting": "–", "measured": ""}


class View:
    """What is measured now, how long the rest takes, and what is known so far, in as many columns
    and lines as the terminal has."""

    def __init__(self, header: RunHeader, sofar: SoFar) -> None:
        self._board = header.board
        self._sofar = sofar
        self.current: Trial | None = None
        self.ceiling: str | None = None
        """What is measured without a server at this moment."""
        self.outlook = Outlook(0.0, 0.0)
        self.spent_s = 0.0
        self.trials = 0
        self.invalid = 0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        narrow = options.update(width=min(options.max_width, WIDEST))
        title = Text.assemble((plain(self._board.title), "bold"), f" · {self._block()}")
        for part in (title, self._progress(narrow), self._now()):
            yield from console.render(part, narrow.update(no_wrap=True, overflow="ellipsis"))
        yield Text("")
        rows = self._sofar.rows()
        most = max(console.height - LINES_AROUND, LEAST_ROWS)
        shown = self._shown(rows, most)
        yield from console.render(self._table(shown, narrow), narrow)
        foot = f"{count(self.trials, 'trial')} so far, {self.invalid} invalid"
        if len(shown) < len(rows):
            foot = f"and {len(rows) - len(shown)} more · {foot}"
        yield Text(foot, "dim")

    def _progress(self, options: ConsoleOptions) -> Table:
        said = left_text(self.outlook.seconds, self.outlook.most_s)
        cells = max(min(options.max_width - len(said) - GAP, MOST_CHART), 1)
        whole = self.spent_s + self.outlook.seconds or 1.0
        grid = Table.grid(padding=(0, GAP, 0, 0))
        grid.add_column()
        grid.add_column(no_wrap=True, overflow="ellipsis")
        grid.add_row(ProgressBar(whole, self.spent_s, width=cells), Text(said, "bold"))
        return grid

    def _block(self) -> str:
        return "" if self.current is None else block_text(self.current, self._board)

    def _now(self) -> Text:
        if self.ceiling is not None:
            return Text.assemble("now ", (self.ceiling, "bold"), ": the loop without a server")
        if self.current is None:
            return Text("")
        step = f" ({self.current.step})" if self.current.step else ""
        name = self._sofar.name(self.current.variant.id)
        return Text.assemble("now ", (name, "bold"), f" · {self.current.cell.id}{step}")

    def _shown(self, rows: list[Known], most: int) -> list[Known]:
        """The first rows, and the one that is measured now in any case."""
        if len(rows) <= most:
            return rows
        now = None if self.current is None else self.current.variant.id
        shown = rows[:most]
        if now is not None and all(row.variant != now for row in shown):
            shown[-1] = next((row for row in rows if row.variant == now), shown[-1])
        return shown

    def _table(self, rows: Sequence[Known], options: ConsoleOptions) -> Table:
        is_rate = self._sofar.metric == "throughput_per_s"
        unit = "1/s" if is_rate else "ns"
        end = end_of_scale(row.figure for row in rows if row.figure is not None)
        names = max((len(row.name) for row in rows), default=0)
        room = options.max_width - names - len("  blocks ± 100.0 % ✓ 100,000") - 5 * GAP
        table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="dim")
        most = max(options.max_width - NUMBERS, LEAST_CHART)
        table.add_column(
            Text(self._sofar.cell.id), no_wrap=True, overflow="ellipsis", max_width=most
        )
        table.add_column(Text("per s" if is_rate else "CPU"), justify="right", no_wrap=True)
        table.add_column("95 %", justify="right", no_wrap=True)
        has_chart = room >= LEAST_CHART and not options.ascii_only
        if has_chart:
            table.add_column("", no_wrap=True, width=min(room, MOST_CHART))
        table.add_column("blocks", justify="right", no_wrap=True, style="dim")
        for row in rows:
            chart = Text("")
            if has_chart and row.figure is not None:
                chart = whiskered(row.figure, end, min(room, MOST_CHART))
            table.add_row(
                self._name(row),
                Text(value_of(row.figure, unit), "bold" if row.figure else "dim"),
                self._interval(row),
                *([chart] if has_chart else []),
                Text(str(row.figure.blocks) if row.figure else ""),
            )
        return table

    def _name(self, row: Known) -> Text:
        style = "red" if row.state in ("wrong", "given up") else ""
        if self.current is not None and row.variant == self.current.variant.id:
            style = "reverse"
        said = Text(row.name, style)
        if row.invalid:
            said.append(f" {row.invalid} invalid", "red")
        return said

    def _interval(self, row: Known) -> Text:
        if row.figure is None:
            return Text(MARKS[row.state], "red" if row.state in ("wrong", "given up") else "dim")
        wide = row.figure.half_width
        if wide is None:
            return Text("–", "dim")
        text = f"± {wide:.0%}" if wide >= 0.1 else f"± {wide:.1%}"
        return Text(f"{text} ✓", "green") if wide <= self._sofar.half_width else Text(f"{text}  ")


class RunTalk:
    """How a board goes on; a ``Listener`` of ``run``."""

    def __init__(
        self, stages: Stages, header: RunHeader, verifications: Iterable[Verification] = ()
    ) -> None:
        self._stages = stages
        self._board = header.board
        self._verifications = list(verifications)
        self._sofar = SoFar(header)
        self.view = View(header, self._sofar)
        self._is_verifying = self._is_putting = False
        self._block = -1

    def verifying(self, variant: Variant, number: int, count: int) -> None:
        if not self._is_verifying:
            self._is_verifying = True
            self._stages.begin("Verifying", count)
        self._stages.now(variant.id, number, count)

    def verified(self, verification: Verification) -> None:
        self._verifications.append(verification)
        self._stages.step()
        if verification.passed:
            count = len(verification.checks)
            self._stages.say(
                f"  [green]right[/green] {escape(verification.variant.id)}: {count} checks"
            )
            return
        self._stages.say(
            f"  [red]wrong[/red] {escape(verification.variant.id)}: "
            f"{escape(plain(verification.first_fault()))}"
        )
        if verification.log_tail:
            self._stages.say(indented(verification.log_tail))

    def putting(self, variant: Variant, number: int, count: int) -> None:
        if not self._is_putting:
            self._is_putting = True
            self._stages.begin("Bad inputs", count)
        self._stages.now(variant.id, number, count)

    def put(self, result: BatteryResult) -> None:
        self._stages.step()
        for line in battery_lines(result):
            self._stages.say(line)

    def measuring_ceiling(self, name: str, block: int) -> None:
        self.view.ceiling = name
        self._stages.redraw()
        if not self._stages.is_live or self.view.current is None:
            self._stages.say(f"  block {block + 1} {escape(name)}: the loop without a server")

    def measuring(self, trial: Trial, history: Sequence[TrialResult], outlook: Outlook) -> None:
        view = self.view
        is_first = view.current is None
        view.current, view.ceiling, view.outlook = trial, None, outlook
        view.spent_s = sum(result.elapsed_ns for result in history) / NS_PER_S
        if is_first:
            self._begin(history)
        self._stages.redraw()
        if not self._stages.is_live and trial.block != self._block:
            left = left_text(outlook.seconds, outlook.most_s)
            self._stages.say(f"Measuring {block_text(trial, self._board)}: {left}")
        self._block = trial.block

    def _begin(self, history: Sequence[TrialResult]) -> None:
        """What was measured and verified before is known already."""
        self._sofar.set_verified(self._verifications)
        for result in history:
            self._add(result)
        self._stages.watch(self.view)

    def _add(self, result: TrialResult) -> None:
        self._sofar.add(result)
        self.view.trials += 1
        self.view.invalid += not result.verdict.valid

    def measured(self, result: TrialResult) -> None:
        self._add(result)
        event = event_of(result)
        name = f"{event.name} {result.trial.cell.id}"
        if event.what == "invalid":
            self._stages.say(f"  [red]invalid[/red] {escape(name)}: {escape(plain(event.said))}")
        elif not self._stages.is_live:
            self._stages.say(f"  block {result.trial.block + 1} {escape(name)}: {event.said}")


def left_text(left_s: float, most_s: float) -> str:
    """How long the rest takes, and at most where that is much more.

    >>> left_text(100, 100), left_text(100, 400)
    ('about 2 min left', 'about 2 min left, at most 7 min')
    """
    said = f"about {spell_duration(left_s)} left"
    return said if most_s <= 1.2 * left_s else f"{said}, at most {spell_duration(most_s)}"


def block_text(trial: Trial, board: Board) -> str:
    """Which block of how many."""
    most = board.most_blocks or board.blocks
    of = f"{board.blocks}" if most == board.blocks else f"{board.blocks} to {most}"
    return f"block {trial.block + 1} of {of}"
