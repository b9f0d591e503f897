"""Following a run through its folder: what is new is read, and nothing is read twice."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from servemark.guard import log_tail
from servemark.plan import Plan
from servemark.records import Progress, RunHeader, TrialResult, Verification
from servemark.report.sofar import Event, Known, SoFar, event_of, event_of_verification
from servemark.store import RunFolder
from servemark.ui.resuming import Resume, resume_of

LAST_EVENTS = 14
LAST_TROUBLES = 30
LOG_LINES = 14
LOG_BYTES = 20_000

State = Literal["going on", "done", "stopped"]


@dataclass(frozen=True, slots=True)
class View:
    """A run at a moment."""

    version: int
    """Grows with every change."""
    run: str
    header: RunHeader
    state: State
    resume: Resume
    """How it is gone on with where it is stopped."""
    progress: Progress | None
    rows: tuple[Known, ...]
    main_cell: str
    is_by_cost: bool
    verified: int
    wrong: int
    trials: int
    invalid: int
    events: tuple[Event, ...]
    """The last ones, newest first."""
    troubles: tuple[Event, ...]
    """The last ones that went wrong, newest first."""
    log_name: str | None
    log: str
    """The end of what the server that was started last has written."""

    @property
    def share(self) -> float | None:
        """How much of the time is over, between 0 and 1; ``None`` where it cannot be told."""
        if self.state == "done":
            return 1.0
        seen = self.progress
        if seen is None:
            return None
        if seen.phase != "measuring":
            return seen.done / seen.total if seen.total else None
        if seen.left_s is None or seen.spent_s + seen.left_s == 0:
            return None
        return seen.spent_s / (seen.spent_s + seen.left_s)


class Follower:
    """Follows one run, for any number of pages. Raises ``StoreError`` where it cannot be read."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._header = folder.header()
        self._sofar = SoFar(self._header)
        self._verifications: list[Verification] = []
        self._history: list[TrialResult] = []
        self._offset = 0
        self._events: deque[Event] = deque(maxlen=LAST_EVENTS)
        self._troubles: deque[Event] = deque(maxlen=LAST_TROUBLES)
        self._seen: tuple[object, ...] = ()
        self._view: View | None = None
        self._lock = threading.Lock()

    def view(self) -> View:
        """The run now. It costs a few looks at files where nothing has changed."""
        with self._lock:
            seen = self._look()
            if self._view is None or seen != self._seen:
                self._seen = seen
                self._read()
                self._view = self._made()
            return self._view

    def _look(self) -> tuple[object, ...]:
        path = self._folder.path
        names = ("trials.jsonl", "verifications.jsonl", "progress.json", "report.json")
        return (*(_stamp(path / name) for name in names), self._folder.holder() is None)

    def _read(self) -> None:
        verifications = self._folder.verifications()
        for each in verifications[len(self._verifications) :]:
            self._tell(event_of_verification(each))
        if len(verifications) > len(self._verifications):
            self._verifications = verifications
            self._sofar.set_verified(verifications)
        found, self._offset = self._folder.trials_since(self._offset)
        for result in found:
            self._history.append(result)
            self._sofar.add(result)
            self._tell(event_of(result))

    def _tell(self, event: Event) -> None:
        self._events.appendleft(event)
        if event.what in ("wrong", "invalid"):
            self._troubles.appendleft(event)

    def _made(self) -> View:
        log = _last_log(self._folder.logs)
        sofar = self._sofar
        return View(
            version=1 if self._view is None else self._view.version + 1,
            run=self._folder.path.name,
            header=self._header,
            state=self._state(),
            resume=resume_of(self._folder),
            progress=self._folder.progress(),
            rows=tuple(sofar.rows()),
            main_cell=sofar.cell.id,
            is_by_cost=sofar.metric != "throughput_per_s",
            verified=len(self._verifications),
            wrong=sum(not each.passed for each in self._verifications),
            trials=len(self._history),
            invalid=sum(not result.verdict.valid for result in self._history),
            events=tuple(self._events),
            troubles=tuple(self._troubles),
            log_name=None if log is None else log.name,
            log="" if log is None else log_tail(log, LOG_LINES)[-LOG_BYTES:],
        )

    def _state(self) -> State:
        if self._folder.holder() is not None:
            return "going on"
        abreast = self._folder.abreast()
        done = is_done(self._header, self._verifications, self._history, abreast)
        return "done" if done else "stopped"


def is_done(
    header: RunHeader,
    verifications: Sequence[Verification],
    history: Sequence[TrialResult],
    abreast: int = 1,
) -> bool:
    """Whether nothing of the board is left to be measured; ``abreast`` as ``Plan`` has it."""
    known = {each.variant.id: each.passed for each in verifications}
    variants = [entrant.variant for entrant in header.entrants]
    if any(variant.original().id not in known for variant in variants):
        return False
    passed = [variant for variant in variants if known[variant.original().id]]
    return Plan(header.board, passed, abreast).next(history) is None


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns


def _last_log(folder: Path) -> Path | None:
    try:
        logs = [
            (entry.stat().st_mtime_ns, Path(entry.path))
            for entry in os.scandir(folder)
            if entry.is_file(follow_symlinks=False) and entry.name.endswith(".log")
        ]
    except OSError:
        return None
    return max(logs, default=(0, None))[1]
