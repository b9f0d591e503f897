"""The runs folder as the dashboard sees it: which runs there are, starting and stopping them."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from servemark.catalog.boards import board_names, load_board
from servemark.errors import ManifestError, ServemarkError, UsageError
from servemark.guard import log_tail
from servemark.records import Board
from servemark.report import Report
from servemark.report.findings import Findings
from servemark.report.headlines import headline
from servemark.store import RunFolder, list_runs
from servemark.ui.checkout import Checkout
from servemark.ui.following import Follower, State, is_done
from servemark.ui.resuming import resume_of

FILES = {"html": "report.html", "md": "report.md", "json": "report.json"}
ONLY = re.compile(r"[\w*?][\w./@+,=:#*?-]*")
CONSOLE_LINES = 40


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in a line of the list."""

    name: str
    title: str
    created_utc: str
    state: State | Literal["damaged"]
    said: str
    """The answer that its report gives, or what is wrong with it."""
    trials: int | None
    report: bool
    """Whether there is a page to be read."""


class Job:
    """A servemark that was started from a page. It goes on without the dashboard."""

    def __init__(
        self, number: int, title: str, argv: list[str], log: Path, before: frozenset[str]
    ) -> None:
        self.number = number
        self.title = title
        self.before = before
        """The runs that there were when it began."""
        self.command = shlex.join(["servemark", *argv])
        self.log = log
        self.run: str | None = None
        """The name of its run, once it has begun one."""
        self.is_settled = False
        """Whether it has ended, so that no run is to come."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "servemark", *argv],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def ended(self) -> int | None:
        """Its exit status, ``None`` while it goes on."""
        return self._process.poll()

    def stop(self) -> None:
        """Ctrl-C, as in a terminal."""
        if self.ended() is None:
            self._process.send_signal(signal.SIGINT)

    def console(self) -> str:
        """The end of what it has said."""
        return log_tail(self.log, CONSOLE_LINES)


class Runs:
    """Every run below the runs folder, by name. A name is never taken for a path."""

    def __init__(self, checkout: Checkout, starter: Executor) -> None:
        self._checkout = checkout
        self._starter = starter
        self._followers: dict[str, Follower] = {}
        self._summaries: dict[str, tuple[object, Summary]] = {}
        self._jobs: list[Job] = []
        self._lock = threading.Lock()

    def folders(self) -> list[RunFolder]:
        """The newest first; links that lead out of the runs folder are passed over."""
        root = self._checkout.runs.resolve()
        found = list_runs(self._checkout.runs)
        return [each for each in reversed(found) if each.path.resolve().parent == root]

    def folder(self, name: str) -> RunFolder:
        """The run of that name. Raises ``UsageError``."""
        for each in self.folders():
            if each.path.name == name:
                return each
        raise UsageError("There is no run of this name: the list of runs has all that there are.")

    def file(self, name: str, kind: str) -> Path:
        """A report of a run as a file of its folder. Raises ``UsageError``."""
        folder = self.folder(name).path
        if kind not in FILES:
            raise UsageError(f"There is no report '{kind}': there are {', '.join(FILES)}.")
        path = folder / FILES[kind]
        if not path.is_file() or path.resolve().parent != folder.resolve():
            raise UsageError(
                f"{name} has no {FILES[kind]} yet: it is written when the run ends, or by "
                f"servemark report {name}."
            )
        return path

    def follower(self, name: str) -> Follower:
        """Follows the run of that name. Raises ``UsageError`` or ``StoreError``."""
        with self._lock:
            known = self._followers.get(name)
            if known is None:
                known = self._followers[name] = Follower(self.folder(name))
            return known

    def going_on(self) -> str | None:
        """The run that is measured now, whoever started it; or what is about to become one."""
        for job in self.jobs():
            if job.ended() is None:
                return job.run or job.title
        return next((f.path.name for f in self.folders() if f.holder() is not None), None)

    def summary(self, folder: RunFolder) -> Summary:
        """A run in a line, from its report where that is of now."""
        path = folder.path
        held = folder.holder() is not None
        key = (held, *(_when(path / name) for name in ("trials.jsonl", *FILES.values())))
        known = self._summaries.get(path.name)
        if known is None or known[0] != key:
            known = (key, _summary(folder, held))
            self._summaries[path.name] = known
        return known[1]

    def boards(self) -> dict[str, Board | str]:
        """The boards of the checkout by name, or what is wrong with them."""
        found: dict[str, Board | str] = {}
        for name in board_names(self._checkout.boards):
            try:
                found[name] = load_board(self._checkout.boards, name)
            except ManifestError as error:
                found[name] = str(error)
        return found

    def start(self, board: str, only: list[str]) -> Job:
        """Begin a run of a board of the checkout. Raises ``UsageError``."""
        if board not in board_names(self._checkout.boards):
            raise UsageError("There is no board of this name: choose one of the list.")
        for name in only:
            if not ONLY.fullmatch(name):
                raise UsageError(f"'{name}' is no name of a contestant, such as python/flask.")
        chosen = [f"--only={name}" for name in only]
        return self._begin(f"the board {board}", ["run", board, *chosen])

    def resume(self, name: str) -> Job:
        """Go on with a run that was cut off. Raises ``UsageError``."""
        folder = self.folder(name)
        resume = resume_of(folder)
        if not resume.from_page:
            raise UsageError(f"{name} is gone on with in a terminal: {resume.command(name)}")
        job = self._begin(name, resume.arguments(str(folder.path)))
        job.run = name
        return job

    def stop(self, name: str) -> None:
        """Ctrl-C to whoever measures that run. Raises ``UsageError`` where nobody does."""
        pid = self.folder(name).holder()
        if pid is None:
            raise UsageError(f"{name} is not being measured, so there is nothing to stop.")
        os.kill(pid, signal.SIGINT)

    def job(self, number: int) -> Job:
        """A job of this dashboard. Raises ``UsageError``."""
        for each in self.jobs():
            if each.number == number:
                return each
        raise UsageError("This dashboard has not started such a run: see the list of runs.")

    def jobs(self) -> list[Job]:
        """What this dashboard has started, with the runs that came of it."""
        taken = {job.run for job in self._jobs}
        for job in self._jobs:
            if job.run is None and not job.is_settled:
                job.is_settled = job.ended() is not None
                job.run = self._run_of(job, taken)
        return self._jobs

    def _run_of(self, job: Job, taken: set[str | None]) -> str | None:
        """The run that the job holds, or that has come since it began."""
        new = [f for f in self.folders() if f.path.name not in job.before | taken]
        own = [folder for folder in new if folder.holder() == job.pid]
        return next((folder.path.name for folder in [*own, *reversed(new)]), None)

    def _begin(self, title: str, arguments: list[str]) -> Job:
        with self._lock:
            busy = self.going_on()
            if busy is not None:
                raise UsageError(
                    f"This machine is measuring {busy}: two runs at once would spoil each other."
                )
            number = len(self._jobs) + 1
            where = ["--root", str(self._checkout.root), "--runs", str(self._checkout.runs)]
            log = self._checkout.home / "logs" / f"dashboard-{os.getpid()}-{number}.log"
            before = frozenset(folder.path.name for folder in self.folders())
            argv = [*where, *arguments]
            job = self._starter.submit(Job, number, title, argv, log, before).result()
            self._jobs.append(job)
            return job


def _summary(folder: RunFolder, held: bool) -> Summary:
    name = folder.path.name
    try:
        header = folder.header()
        said, trials, finished = _reported(folder)
        if finished is None and not held:
            finished = is_done(header, folder.verifications(), folder.trials(), folder.abreast())
    except ServemarkError as error:
        return Summary(name, name, "", "damaged", str(error), None, report=False)
    state: State = "going on" if held else "done" if finished else "stopped"
    has_page = (folder.path / FILES["html"]).is_file()
    return Summary(name, header.board.title, header.created_utc, state, said, trials, has_page)


def _reported(folder: RunFolder) -> tuple[str, int | None, bool | None]:
    """What the report of the folder says: the answer, the trials, and whether the board is done;
    nothing where it is older than the trials, or of another version."""
    path = folder.path / FILES["json"]
    made, measured = _when(path), _when(folder.path / "trials.jsonl")
    if made is None or (measured is not None and measured > made):
        return "", None, None
    try:
        report = Report.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        return "", None, None
    return headline(Findings(report)), report.finished_trials, report.finished


def _when(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
