"""The folder of a site: only what changed is written, and what is no longer part of it removed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import ValidationError

from servemark.errors import StoreError, UsageError
from servemark.records import Record

MANIFEST = "data/manifest.json"


class SiteFile(Record):
    """A file of the site: ``key`` says what it was made from."""

    key: str
    sha256: str


class KnownRun(Record):
    """A run of the site."""

    source: str
    """The digest of its own files."""
    track: str
    board: str
    created_utc: str
    machine: str
    servemark_version: str
    trials: int
    finished: bool
    battered: tuple[str, ...] = ()
    """The contestants that it put to the battery of bad inputs."""


class SiteManifest(Record):
    """``data/manifest.json``: what the site was made from. It holds no times, so that the same
    runs give the same bytes."""

    schema_version: Literal[1] = 1
    maker: str = ""
    """Digest of the program that made it."""
    runs: dict[str, KnownRun] = {}
    files: dict[str, SiteFile] = {}


class SiteFolder:
    """A site on the disk. Raises ``UsageError`` for a folder that holds something else."""

    def __init__(self, path: Path, maker: str) -> None:
        self.path = path
        self.maker = maker
        self.before = _read_manifest(path)
        self.same_maker = self.before.maker == maker
        self.written = self.unchanged = self.removed = 0
        self._files: dict[str, SiteFile] = {}
        if not self.before.files:  # so that it is known for a site even if this is cut off
            _write(path / MANIFEST, self.before.model_dump_json(indent=0).encode())

    def put(self, name: str, key: str, make: Callable[[], bytes]) -> bytes | None:
        """The file of that name, made anew unless it is there as it was made from that key.

        Returns the content where it was made.
        """
        known = self.before.files.get(name)
        if known is not None and known.key == key and self.same_maker and self._is_whole(name):
            self._files[name] = known
            self.unchanged += 1
            return None
        content = make()
        found = hashlib.sha256(content).hexdigest()
        if known is not None and known.sha256 == found and self._is_whole(name):
            self.unchanged += 1
        else:
            _write(self.path / name, content)
            self.written += 1
        self._files[name] = SiteFile(key=key, sha256=found)
        return content

    def put_content(self, name: str, content: bytes) -> None:
        """The file of that name with that content; written only where it is another."""
        self.put(name, hashlib.sha256(content).hexdigest(), lambda: content)

    def read(self, name: str) -> bytes | None:
        """A file as it was published before; ``None`` where it is not the same any more."""
        return (self.path / name).read_bytes() if self._is_whole(name) else None

    def sha256(self, name: str) -> str:
        """The digest of a file that was put."""
        return self._files[name].sha256

    def finish(self, runs: dict[str, KnownRun]) -> None:
        """Remove what was published before and not now, and say what the site was made from."""
        for name in sorted(self.before.files.keys() - self._files.keys()):
            path = self.path / name
            if path.is_file():
                path.unlink()
                self.removed += 1
            _remove_if_empty(path.parent, self.path)
        manifest = SiteManifest(
            maker=self.maker,
            runs=dict(sorted(runs.items())),
            files=dict(sorted(self._files.items())),
        )
        _write(self.path / MANIFEST, manifest.model_dump_json(indent=0).encode())

    def _is_whole(self, name: str) -> bool:
        known, path = self.before.files.get(name), self.path / name
        if known is None or not path.is_file():
            return False
        return hashlib.sha256(path.read_bytes()).hexdigest() == known.sha256


def _read_manifest(path: Path) -> SiteManifest:
    if not path.exists() or (path.is_dir() and all(map(_may_be_there, path.iterdir()))):
        return SiteManifest()
    manifest = path / MANIFEST
    if not manifest.is_file():
        raise UsageError(f"{path} is not a site of servemark: give --to an empty or a new folder.")
    try:
        found = SiteManifest.model_validate_json(manifest.read_bytes())
    except ValidationError as error:
        raise UsageError(f"{manifest} cannot be read: remove {path} and publish anew.") from error
    for name in found.files:
        if not _is_within(name):
            raise UsageError(f"{manifest} names {name}, which is no file of the site.")
    return found


def _may_be_there(path: Path) -> bool:
    """What a folder of GitHub Pages begins with: a repository, and the name of its host."""
    return path.name.startswith(".") or path.name == "CNAME"


def _is_within(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name


def _write(path: Path, content: bytes) -> None:
    """The file appears with all of its content or not at all."""
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written ({error.strerror}).") from error


def _remove_if_empty(folder: Path, root: Path) -> None:
    while folder != root and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def to_json(content: object) -> bytes:
    """Compact JSON with sorted keys: the same content gives the same bytes."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode()
