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

from pydantic import BaseModel, ValidationError

from servemark.errors import StoreError, UsageError
from servemark.records import CeilingResult, RunHeader, Trial, TrialResult, Verification
from servemark.samples import Samples
from servemark.store.columns import read_samples, write_samples

SCHEMA_VERSION = 3
HEADER = "run.json"
TRIALS = "trials.jsonl"
VERIFICATIONS = "verifications.jsonl"
CEILINGS = "ceilings.jsonl"

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]


def _unchanged(content: dict[str, Any]) -> dict[str, Any]:
    return content


def _trial_1_to_2(content: dict[str, Any]) -> dict[str, Any]:
    """Version 2 keeps the steal's share beside what else disturbed a trial."""
    content["circumstances"] = {"steal_share": content.pop("steal_share", None)}
    return content


UPGRADES: dict[int, Upgrade] = {1: _unchanged, 2: _unchanged}
"""How a header of an old schema version becomes one of the next version."""
TRIAL_UPGRADES: dict[int, Upgrade] = {1: _trial_1_to_2, 2: _unchanged}
"""The same for each line of the trials. Version 3 knows variants and boards of several models."""

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

    def verifications(self) -> list[Verification]:
        """Every finished verification."""
        return self._read(VERIFICATIONS, Verification)

    def ceilings(self) -> list[CeilingResult]:
        """Every measured ceiling, or why it could not be measured."""
        return self._read(CEILINGS, CeilingResult)

    def append_ceiling(self, result: CeilingResult) -> None:
        """Write one ceiling and wait until it is on the disk."""
        self._append(CEILINGS, result)

    def append_trial(self, result: TrialResult) -> None:
        """Write one trial and wait until it is on the disk."""
        self._append(TRIALS, result)

    def keep_samples(self, trial: Trial, samples: Samples) -> str:
        """Write a trial's samples. Returns the name of the file below the run folder."""
        name = f"samples/{trial.number:05d}.parquet"
        write_samples(self.path / name, samples)
        return name

    def samples(self, result: TrialResult) -> Samples | None:
        """A trial's samples, where its engine kept them. Raises ``StoreError``."""
        return None if result.samples is None else read_samples(self.path / result.samples)

    def append_verification(self, verification: Verification) -> None:
        """Write one verification and wait until it is on the disk."""
        self._append(VERIFICATIONS, verification)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time goes on with a run. Raises ``UsageError`` for the second."""
        with (self.path / HEADER).open("rb") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UsageError(f"Another servemark is working on {self.path}.") from None
            yield

    def _read(self, name: str, kind: type[R], upgrades: Sequence[Upgrade] = ()) -> list[R]:
        path = self.path / name
        try:
            lines = path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
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
        return found

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
