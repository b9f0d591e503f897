"""The run folder: append-only, versioned, and whole at any moment that it might be cut off."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from servemark.errors import StoreError, UsageError
from servemark.records import (
    BatteryResult,
    CeilingResult,
    NodeEvent,
    Progress,
    RunHeader,
    StoredAnswer,
    Trial,
    TrialResult,
    Verification,
)
from servemark.samples import Samples
from servemark.store.columns import read_latencies, read_samples, write_samples

SCHEMA_VERSION = 4
HEADER = "run.json"
TRIALS = "trials.jsonl"
VERIFICATIONS = "verifications.jsonl"
CEILINGS = "ceilings.jsonl"
NODES = "nodes.jsonl"
PROGRESS = "progress.json"
LOCK = "run.lock"
BATTERIES = "battery.jsonl"
ANSWERS = "answers.jsonl"

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]


def _unchanged(content: dict[str, Any]) -> dict[str, Any]:
    return content


def _trial_1_to_2(content: dict[str, Any]) -> dict[str, Any]:
    """Version 2 keeps the steal's share beside what else disturbed a trial."""
    content["circumstances"] = {"steal_share": content.pop("steal_share", None)}
    return content


UPGRADES: dict[int, Upgrade] = {1: _unchanged, 2: _unchanged, 3: _unchanged}
"""How a header of an old schema version becomes one of the next version."""
TRIAL_UPGRADES: dict[int, Upgrade] = {1: _trial_1_to_2, 2: _unchanged, 3: _unchanged}
"""The same for each line of the trials. Version 3 knows variants and boards of several models,
version 4 boards with the battery of bad inputs, services of the user's own, and where a trial ran
on a cluster."""

R = TypeVar("R", bound=BaseModel)


class RunFolder:
    """One run on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def logs(self) -> Path:
        """Logs of the servers that were started."""
        return self.path / "logs"

    def header(self) -> RunHeader:
        """What was run, where and how. Raises ``StoreError``."""
        path = self.path / HEADER
        content, version = self._raw_header()
        while version < SCHEMA_VERSION:
            content = UPGRADES[version](content)
            version += 1
        try:
            return RunHeader.model_validate(content)
        except ValidationError as error:
            raise StoreError(f"{path} is damaged: {_first_fault(error)}.") from error

    def _raw_header(self) -> tuple[dict[str, Any], int]:
        """The header as it was written, and its schema version. Raises ``StoreError``."""
        path = self.path / HEADER
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            version = content["schema_version"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path} cannot be read as the header of a run: {error}.") from error
        if not isinstance(version, int) or version > SCHEMA_VERSION:
            raise StoreError(
                f"{path} has schema version {version}, but this servemark knows up to "
                f"{SCHEMA_VERSION}: use a newer servemark."
            )
        return content, version

    def trials(self) -> list[TrialResult]:
        """Every finished trial, in the order of measuring. A last line cut short is passed over."""
        _, version = self._raw_header()
        steps = [TRIAL_UPGRADES[each] for each in range(version, SCHEMA_VERSION)]
        return self._read(TRIALS, TrialResult, steps)

    def trials_since(self, offset: int) -> tuple[list[TrialResult], int]:
        """The trials that were appended after that many bytes, and the offset for the next time:
        for whoever follows a run while it goes on."""
        _, version = self._raw_header()
        steps = [TRIAL_UPGRADES[each] for each in range(version, SCHEMA_VERSION)]
        return self._read_since(TRIALS, offset, TrialResult, steps)

    def verifications(self) -> list[Verification]:
        """Every finished verification."""
        return self._read(VERIFICATIONS, Verification)

    def ceilings(self) -> list[CeilingResult]:
        """Every measured ceiling, or why it could not be measured."""
        return self._read(CEILINGS, CeilingResult)

    def batteries(self) -> list[BatteryResult]:
        """Every variant that was put to the battery of bad inputs."""
        return self._read(BATTERIES, BatteryResult)

    def append_battery(self, result: BatteryResult) -> None:
        """Write one battery and wait until it is on the disk."""
        self._append(BATTERIES, result)

    def nodes(self) -> list[NodeEvent]:
        """What became of the nodes, in a run on a cluster; nothing where it was on one machine."""
        return self._read(NODES, NodeEvent)

    def abreast(self) -> int:
        """So many blocks were measured at the same time when the run was last begun or gone on
        with: one on each node that joined then; one on a machine without a cluster."""
        starts: list[set[str]] = [set()]
        for event in self.nodes():
            if event.what != "joined" or event.node in starts[-1]:
                starts.append(set())
            if event.what == "joined":
                starts[-1].add(event.node)
        return next((len(names) for names in reversed(starts) if names), 1)

    def append_node(self, event: NodeEvent) -> None:
        """Write what became of a node and wait until it is on the disk."""
        self._append(NODES, event)

    def append_ceiling(self, result: CeilingResult) -> None:
        """Write one ceiling and wait until it is on the disk."""
        self._append(CEILINGS, result)

    def answers(self) -> list[StoredAnswer]:
        """The answers that were stored as the right ones, of a service of the user's own."""
        return self._read(ANSWERS, StoredAnswer)

    def append_answer(self, answer: StoredAnswer) -> None:
        """Write one answer that all later ones are held to, and wait until it is on the disk."""
        self._append(ANSWERS, answer)

    def append_trial(self, result: TrialResult) -> None:
        """Write one trial and wait until it is on the disk."""
        self._append(TRIALS, result)

    def keep_samples(self, trial: Trial, samples: Samples) -> str:
        """Write a trial's samples. Returns the name of the file below the run folder."""
        name = f"samples/{trial.number:05d}.parquet"
        write_samples(self.path / name, samples)
        return name

    def keep_packed_samples(self, trial: Trial, content: bytes) -> str:
        """The same of a file that ``keep_samples`` wrote on another machine."""
        path = self.path / f"samples/{trial.number:05d}.parquet"
        try:
            path.parent.mkdir(exist_ok=True)
            _write_whole(path, content)
        except OSError as error:
            raise _write_error(path, error) from error
        return str(path.relative_to(self.path))

    def samples(self, result: TrialResult) -> Samples | None:
        """A trial's samples, where its engine kept them. Raises ``StoreError``."""
        return None if result.samples is None else read_samples(self.path / result.samples)

    def latencies(self, result: TrialResult) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """Service and response time in ns of a trial's answers, where its engine kept samples.
        Raises ``StoreError``."""
        return None if result.samples is None else read_latencies(self.path / result.samples)

    def append_verification(self, verification: Verification) -> None:
        """Write one verification and wait until it is on the disk."""
        self._append(VERIFICATIONS, verification)

    def note_progress(self, progress: Progress) -> None:
        """Say what is being done now. Whoever reads sees the former note or this one, whole."""
        path = self.path / PROGRESS
        partial = path.with_suffix(".partial")
        try:
            partial.write_text(progress.model_dump_json(), encoding="utf-8")
            partial.rename(path)
        except OSError as error:
            raise _write_error(path, error) from error

    def progress(self) -> Progress | None:
        """What the run last said that it does, where it said anything that can be read."""
        try:
            return Progress.model_validate_json((self.path / PROGRESS).read_bytes())
        except (OSError, ValueError):
            return None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time goes on with a run. Raises ``UsageError`` for the second.

        Its id is in a lock file of its own, so that ``holder`` can ask without being in the way.
        """
        with (self.path / HEADER).open("rb") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UsageError(f"Another servemark is working on {self.path}.") from None
            with (self.path / LOCK).open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                lock.write(str(os.getpid()))
                lock.flush()
                yield

    def holder(self) -> int | None:
        """The id of the process that works on the run now, or ``None`` where none does."""
        try:
            with (self.path / LOCK).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return None
        except BlockingIOError:
            said = (self.path / LOCK).read_text()
            return int(said) if said else None
        return None

    def _read(self, name: str, kind: type[R], upgrades: Sequence[Upgrade] = ()) -> list[R]:
        return self._read_since(name, 0, kind, upgrades)[0]

    def _read_since(
        self, name: str, offset: int, kind: type[R], upgrades: Sequence[Upgrade]
    ) -> tuple[list[R], int]:
        path = self.path / name
        try:
            with path.open("rb") as file:
                file.seek(offset)
                lines = file.read().split(b"\n")
        except FileNotFoundError:
            return [], 0
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error}.") from error
        found: list[R] = []
        for number, line in enumerate(lines[:-1], start=1):
            try:
                found.append(_record(kind, line, upgrades))
            except ValidationError as error:
                raise StoreError(f"{path}, line {number}: {_first_fault(error)}.") from error
            except ValueError as error:
                raise StoreError(f"{path}, line {number}: {error}.") from error
        return found, offset + sum(len(line) + 1 for line in lines[:-1])

    def _append(self, name: str, record: BaseModel) -> None:
        path = self.path / name
        try:
            with path.open("ab+") as file:
                _cut_partial_line(file.fileno())
                file.write(record.model_dump_json().encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _write_error(path, error) from error


def create_run(root: Path, header: RunHeader) -> RunFolder:
    """A new folder below ``root``, named by time and board. Raises ``StoreError``."""
    moment = datetime.fromisoformat(header.created_utc).astimezone(UTC)
    name = f"{moment:%Y%m%dT%H%M%SZ}-{header.board.name}"
    for attempt in range(1, 100):
        path = root / (name if attempt == 1 else f"{name}-{attempt}")
        try:
            path.mkdir(parents=True)
            (path / "logs").mkdir()
            _write_whole(path / HEADER, header.model_dump_json(indent=2).encode() + b"\n")
        except FileExistsError:
            continue
        except OSError as error:
            raise _write_error(path, error) from error
        return RunFolder(path)
    raise StoreError(f"{root / name} and 98 more of that name exist: remove some.")


def find_run(root: Path, name: str) -> RunFolder:
    """The run at that path, of that name below ``root``, or ``latest``. Raises ``UsageError``."""
    runs = list_runs(root)
    if name == "latest":
        if not runs:
            raise UsageError(f"There is no run in {root} yet: make one with servemark run.")
        return runs[-1]
    for path in (Path(name), root / name):
        if (path / HEADER).is_file():
            return RunFolder(path)
    raise UsageError(f"There is no run '{name}': give a folder with a {HEADER}, or 'latest'.")


def list_runs(root: Path) -> list[RunFolder]:
    """The runs below ``root``, oldest first."""
    return [RunFolder(path.parent) for path in sorted(root.glob(f"*/{HEADER}"))]


def _write_whole(path: Path, content: bytes) -> None:
    """The file appears with all of its content or not at all."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)


def _cut_partial_line(descriptor: int) -> None:
    """Remove what a write that was cut off left behind the last whole line."""
    size = os.fstat(descriptor).st_size
    if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n":
        return
    content = os.pread(descriptor, size, 0)
    os.ftruncate(descriptor, content.rfind(b"\n") + 1)


def _write_error(path: Path, error: OSError) -> StoreError:
    reason = error.strerror or str(error)
    return StoreError(
        f"{path} cannot be written ({reason}): free some space or give another folder with --runs; "
        "what was measured before is kept, and --resume goes on."
    )


def _record(kind: type[R], line: bytes, upgrades: Sequence[Upgrade]) -> R:
    if not upgrades:
        return kind.model_validate_json(line)
    content = json.loads(line)
    for upgrade in upgrades:
        content = upgrade(content)
    return kind.model_validate(content, strict=False)


def _first_fault(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
