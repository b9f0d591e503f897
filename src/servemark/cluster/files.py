"""The files of a run, as they travel to a node: contestants and models, packed and unpacked."""

from __future__ import annotations

import fcntl
import hashlib
import io
import shutil
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from servemark.errors import ClusterError
from servemark.prepare.environments import IGNORED

MOST_BYTES = 512 * 1024 * 1024
"""More than this is not sent to every node."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """The files, gzipped, and what tells whether a node has them already."""

    content: bytes
    digest: str


def pack(root: Path, contestants: Iterable[str], models: Sequence[Path]) -> Bundle:
    """The languages of those contestants, the contestants themselves, and the models.

    Raises ``ClusterError`` where they are more than is sent.
    """
    names = set(contestants)
    files: dict[str, Path] = {}
    for language in sorted({name.partition("/")[0] for name in names}):
        for path in _files_below(root / "contestants" / language):
            place = path.relative_to(root / "contestants" / language)
            other = f"{language}/{place.parts[0]}"
            manifest = root / "contestants" / other / "contestant.toml"
            if other in names or place.parts[0].startswith("_") or not manifest.is_file():
                files[f"contestants/{language}/{place}"] = path
    for folder in models:
        for path in _files_below(folder):
            files[f"models/{folder.name}/{path.relative_to(folder)}"] = path
    size = sum(path.stat().st_size for path in files.values())
    if size > MOST_BYTES:
        raise ClusterError(
            f"Contestants and models are {size >> 20} MiB, more than the {MOST_BYTES >> 20} MiB "
            "that are sent to a node: give --only some contestants, or a smaller model."
        )
    digest = hashlib.sha256()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=3) as archive:
        for name, path in sorted(files.items()):
            archive.add(path.resolve(), arcname=name)
            digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return Bundle(buffer.getvalue(), digest.hexdigest())


def unpack(bundle: Bundle, home: Path) -> Path:
    """The folder below ``home`` with the bundle's files: the same one for the same files."""
    folder = home / "cluster" / bundle.digest[:16]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            with tarfile.open(fileobj=io.BytesIO(bundle.content)) as archive:
                archive.extractall(partial, filter="data")
            partial.rename(folder)
    return folder


def _files_below(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not IGNORED & set(path.relative_to(folder).parts)
    ]
