"""How a run goes on in a terminal, and where there is none."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from servemark.cli.stages import Stages
from servemark.cli.watching import RunTalk, View
from servemark.plan import Outlook, Plan
from servemark.records import Board, TrialResult
from servemark.report.sofar import SoFar
from tests.conftest import ToyProject
from tests.unit.report.conftest import (
    FIELD,
    Known,
    default_board,
    header,
    trial_result,
    verification,
)

BOARD = default_board(blocks=2).model_copy(update={"most_blocks": 5, "half_width": 0.5})
SEQUENCES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
COLOURS = re.compile(r"\x1b\[[0-9;]*3[0-7][0-9;]*m")


def trials(board: Board, knowns: tuple[Known, ...]) -> Iterator[TrialResult]:
    by_id = {known.variant.id: known for known in knowns}
    plan, history = Plan(board, [known.variant for known in knowns]), list[TrialResult]()
    while (trial := plan.next(history)) is not None:
        history.append(trial_result(trial, by_id[trial.variant.id], None))
        yield history[-1]


def view_after(count: int, knowns: tuple[Known, ...] = FIELD, board: Board = BOARD) -> View:
    """The view at the beginning of the trial after so many."""
    head = header(board, knowns, (), None)
    sofar = SoFar(head)
    view = View(head, sofar)
    for number, result in enumerate(trials(board, knowns)):
        view.current = result.trial
        if number == count:
            break
        sofar.add(result)
        view.trials += 1
    view.outlook, view.spent_s = Outlook(100, 400), 300
    return view


def shown(view: View, width: int = 80, height: int = 40, *, terminal: bool = False) -> list[str]:
    output = io.StringIO()
    console = Console(
        file=output,
        width=width,
        height=height,
        force_terminal=terminal,
        color_system="truecolor" if terminal else None,
    )
    console.print(view)
    return output.getvalue().splitlines()


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 200])
@pytest.mark.parametrize("height", [12, 24, 60])
def test_it_fits_the_terminal(width: int, height: int) -> None:
    lines = shown(view_after(80), width, height)
    assert max(map(len, lines)) <= width
    assert len(lines) < height


def test_it_says_what_is_measured_now_how_long_the_rest_takes_and_what_is_known() -> None:
    view = view_after(120)
    assert view.current is not None
    lines = shown(view)
    assert lines[0] == "Ten servers, one model · block 2 of 2 to 5"
    assert lines[1].endswith("about 2 min left, at most 7 min")
    assert lines[2].startswith(f"now {view.current.variant.contestant}")
    assert lines[2].endswith(view.current.cell.id)
    best = next(line for line in lines if line.startswith("go/net-http"))
    # Two blocks of 5,200/s and 99 % of it: 5,174/s; Student's t over two means ± 5,200·0.005·12.7.
    assert best.split()[:4] == ["go/net-http", "5,170", "±", "6.4%"]
    assert best.split()[-1] == "2"
    assert "✓" in best  # 6.4 % is within the 50 % that this board asks for
    assert lines[-1] == "120 trials so far, 0 invalid"


def test_a_row_that_is_not_measured_yet_says_nothing_of_itself() -> None:
    (line,) = [line for line in shown(view_after(0)) if line.startswith("go/net-http")]
    assert line.split() == ["go/net-http", "–", "–"]


def test_at_60_columns_a_row_still_has_its_figure_interval_and_blocks() -> None:
    best = next(line for line in shown(view_after(120), 60) if line.startswith("go/net-http"))
    assert best.split() == ["go/net-http", "5,170", "±", "6.4%", "✓", "2"]


def test_where_not_all_rows_have_room_the_one_that_is_measured_now_has() -> None:
    for count in range(60, 80, 3):
        view = view_after(count)
        assert view.current is not None
        lines = shown(view, height=12)
        assert "and 9 more · " in lines[-1]
        contestant = view.current.variant.contestant
        assert any(line.startswith(contestant) for line in lines[4:])


def test_no_color_leaves_colours_out(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(shown(view_after(80), terminal=True))
    assert COLOURS.search(text)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not COLOURS.search("\n".join(shown(view_after(80), terminal=True)))


def test_hostile_text_is_shown_as_text() -> None:
    board = BOARD.model_copy(update={"title": "[red]\x1b[31m\x1b]0;taken\x07title[/nonsense]"})
    lines = shown(view_after(3, FIELD[:2], board))
    assert lines[0].startswith("[red]title[/nonsense]")
    assert "\x1b" not in "".join(lines)


def test_a_run_that_is_gone_on_with_shows_what_it_knew(capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no terminal: plain lines, one for a trial, and the time left for a block."""
    knowns = FIELD[:2]
    history = list(trials(default_board(2), knowns[:1]))
    right, wrong = verification(knowns[0].variant, None), verification(knowns[1].variant, "200")
    talk = RunTalk(Stages(), header(default_board(2), knowns, (), None), [right, wrong])
    talk.measuring(history[-1].trial, history[:-1], Outlook(20, 20))
    talk.measured(history[-1])
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Measuring block 2 of 2: about 20 s left"
    assert re.fullmatch(r"  block 2 \S+ \S+: [\d,]+/s", lines[1])
    view = talk.view
    assert view.trials == len(history)
    assert any("answers wrongly" in line for line in shown(view))


class Terminal:
    """servemark on a terminal of that size, and all that it writes there."""

    def __init__(self, toys: ToyProject, columns: int, *arguments: str, **changes: str) -> None:
        self._mine, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
        environment = {**os.environ, "SERVEMARK_HOME": str(toys.folder / ".servemark")}
        for name in ("NO_COLOR", "COLUMNS", "LINES"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "servemark", "--root", str(toys.folder), *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**environment, "TERM": "xterm-256color", **changes},
        )
        os.close(theirs)
        self.text = ""

    def read_until(self, wanted: str | None) -> str:
        """What it has written once that is in it; ``None`` for all, to its end."""
        while wanted is None or wanted not in self.text:
            try:
                self.text += os.read(self._mine, 65536).decode(errors="replace")
            except OSError:  # it has ended
                break
        return self.text

    def end(self) -> int:
        self.read_until(None)
        os.close(self._mine)
        return self.process.wait(timeout=60)


@pytest.mark.slow
def test_on_a_terminal_a_table_fills_up_and_makes_room_for_the_report(toys: ToyProject) -> None:
    toys.add("good", "slow")
    toys.board()
    terminal = Terminal(toys, 60, "run", "toys")
    assert terminal.end() == 0
    text = SEQUENCES.sub("", terminal.text)
    assert "Toys · block 1 of 2" in text
    assert "now toy/good · multipart/c2" in text
    # A restless machine may have made a trial of one of them invalid.
    assert re.search(r"toy/(good|slow) .*[\d.,]+ +± *[\d.]+% ", text)
    assert re.search(r"\n *1[^\n]{0,6} toy/good", text)  # the report's table
    assert terminal.text.count("\x1b[?25l") == terminal.text.count("\x1b[?25h")  # the cursor


def test_ctrl_c_on_a_terminal_gives_the_cursor_back_and_says_how_to_go_on(
    toys: ToyProject,
) -> None:
    toys.add("good")
    toys.board(blocks=9)
    terminal = Terminal(toys, 80, "run", "toys")
    terminal.read_until("block 2 of 9")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() != 0
    assert "servemark run --resume" in terminal.text
    assert terminal.text.count("\x1b[?25l") == terminal.text.count("\x1b[?25h")
    assert "Traceback" not in terminal.text


@pytest.mark.slow
def test_no_color_and_terminals_that_cannot_draw_are_respected(toys: ToyProject) -> None:
    toys.add("good")
    toys.board(blocks=1)
    plain = Terminal(toys, 80, "run", "toys", NO_COLOR="1")
    assert plain.end() == 0
    assert not COLOURS.search(plain.text)
    dumb = Terminal(toys, 80, "run", "toys", TERM="dumb")
    assert dumb.end() == 0
    assert "Measuring block 1 of 1" in dumb.text
    assert "\x1b" not in dumb.text


@pytest.mark.slow
def test_quiet_says_nothing_but_the_result(toys: ToyProject) -> None:
    toys.add("good")
    toys.board(blocks=1)
    for order in (["--quiet", "run", "toys"], ["run", "toys", "-q"]):
        done = toys.call(*order)
        assert (done.returncode, done.stderr) == (0, "")
        assert "toy/good" in done.stdout
    on_terminal = Terminal(toys, 80, "run", "toys", "-q")
    assert on_terminal.end() == 0
    assert "now toy/good" not in on_terminal.text
    assert "\x1b[?25l" not in on_terminal.text
    failed = toys.call("-q", "run", "nothing")
    assert failed.returncode == 2
    assert "There is no board 'nothing'" in failed.stderr


def completions(toys: ToyProject, words: str) -> list[str]:
    """What a shell is offered for the last of these words."""
    ended = subprocess.run(
        [str(Path(sys.executable).parent / "servemark")],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "_SERVEMARK_COMPLETE": "complete_bash",
            "COMP_WORDS": f"servemark --root {toys.folder} {words}",
            "COMP_CWORD": str(2 + len(words.split(" "))),
        },
    )
    return ended.stdout.split()


def test_a_shell_completes_commands_boards_contestants_and_runs(toys: ToyProject) -> None:
    toys.add("good", "slow")
    toys.board("mine")
    for name in ("20260101T000000Z-mine", "20260102T000000Z-mine"):
        (toys.folder / "runs" / name).mkdir(parents=True)
        (toys.folder / "runs" / name / "run.json").touch()
    assert "report" in completions(toys, "re")
    assert completions(toys, "run m") == ["mine"]
    assert completions(toys, "verify toy/") == ["toy/good", "toy/slow"]
    assert completions(toys, "verify sl") == ["slow"]
    newest_first = ["latest", "20260102T000000Z-mine", "20260101T000000Z-mine"]
    assert completions(toys, "report ") == newest_first
    assert completions(toys, "compare latest 20260101") == newest_first[2:]
    assert completions(toys, "run --only toy/g") == ["toy/good"]
