"""Targets: TOML files that say how a service of the user's own is asked, into its requests."""

from __future__ import annotations

import base64
import hashlib
import json
import mimetypes
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jsonpointer import JsonPointerException, resolve_pointer

from servemark.catalog.corpus import Picture, RequestParts, multipart
from servemark.catalog.documents import read_document
from servemark.catalog.protocols import PROTOCOLS
from servemark.errors import ManifestError
from servemark.records import Corpus, Expect, RequestGroup, Target

BINARY = "application/octet-stream"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a right answer is. Either ``values`` by JSON pointer, or the whole ``content``; neither
    where the status alone counts, or where the answer has still to be ``learned``."""

    status: tuple[int, ...]
    pointers: tuple[str, ...]
    tolerance: float
    values: tuple[tuple[str, Any], ...] | None = None
    content: bytes | None = None
    learned: bool = False

    def with_answer(self, content: bytes) -> Expected:
        """The same, with an answer that is taken as the right one.

        Raises ``ManifestError`` where it has not what is to be compared.
        """
        try:
            document = json.loads(content)
        except ValueError:
            if self.pointers:
                shown = content[:80].decode("utf-8", "replace")
                raise ManifestError(f"is not JSON, so that it has no pointers: {shown}") from None
            return replace(self, content=content)
        values = []
        for pointer in self.pointers or ("",):
            try:
                values.append((pointer, resolve_pointer(document, pointer)))
            except JsonPointerException:
                shown = content[:80].decode("utf-8", "replace")
                raise ManifestError(f"has nothing at '{pointer}': {shown}") from None
        return replace(self, values=tuple(values))


@dataclass(frozen=True, slots=True)
class TargetRequest:
    """One request to a target, by the name of what makes it."""

    name: str
    parts: RequestParts
    expected: Expected


def load_target(path: Path) -> Target:
    """The target of that file. Raises ``ManifestError``."""
    folder = str(path.parent.resolve())
    return read_document(path, Target, name=_name_of(path), folder=folder)


def target_requests(target: Target) -> list[TargetRequest]:
    """Every request of the target, in the order of its groups and of their files' names.

    Raises ``ManifestError`` where a file is missing or of no use.
    """
    folder = Path(target.folder)
    found: list[TargetRequest] = []
    for number, group in enumerate(target.requests, start=1):
        try:
            found += _requests_of(group, folder)
        except ManifestError as error:
            raise ManifestError(f"{target.name}, requests {number}: {error}") from error
    return found


def requests_digest(requests: Sequence[TargetRequest]) -> str:
    """SHA-256 over everything that is sent and expected, in hexadecimal."""
    total = hashlib.sha256()
    for each in requests:
        total.update(each.parts.whole("") + repr(each.expected).encode())
    return total.hexdigest()


def target_corpus(requests: Sequence[TargetRequest], which: Corpus) -> list[int]:
    """Which requests a corpus holds, as ``Model.corpus`` has it: ``alike`` are of one method, path
    and content type."""
    if which == "renewed":
        raise ValueError("requests of the user's own cannot be written in another way")
    if which == "all":
        return list(range(len(requests)))
    kinds = [(each.parts.method, each.parts.path, each.parts.content_type) for each in requests]
    (commonest, _), *_ = Counter(kinds).most_common(1)
    alike = [index for index, kind in enumerate(kinds) if kind == commonest]
    if which == "alike":
        return alike
    return [sorted(alike, key=lambda index: len(requests[index].parts.body))[len(alike) // 2]]


def ready_path(target: Target) -> str | None:
    """Where the protocol of the target's requests says whether its model is ready."""
    for group in target.requests:
        if group.protocol is not None:
            return PROTOCOLS[group.protocol].ready(group)
    return None


def _name_of(path: Path) -> str:
    """A file's name as one that records can have."""
    kept = "".join(each if each.isalnum() and each.isascii() else "-" for each in path.stem.lower())
    return kept.strip("-") or "target"


def _requests_of(group: RequestGroup, folder: Path) -> list[TargetRequest]:
    answers = None if group.expect.answers is None else _Answers(group.expect, folder)
    if not group.files:
        body = None if group.body is None else group.body.encode()
        return [TargetRequest(_method(group), _parts(group, None, body), _expected(group))]
    found = []
    for path in _files(group, folder):
        file = _read(path, group.content_type)
        expected = _expected(group)
        if answers is not None:
            expected = answers.of(path, expected)
        found.append(TargetRequest(file.name, _parts(group, file, _filled(group, file)), expected))
    return found


def _parts(group: RequestGroup, file: Picture | None, body: bytes | None) -> RequestParts:
    path = group.path or "/"
    content_type = group.content_type or (JSON if body is not None else None)
    if file is not None and group.protocol is not None:
        protocol = PROTOCOLS[group.protocol]
        path = group.path or protocol.path(group)
        content_type, body = protocol.body(group, file)
    elif file is not None and group.field is not None:
        content_type, body = multipart(file, group.field, group.fields)
    elif file is not None and body is None:
        content_type, body = file.media_type, file.content
    headers = tuple(group.headers.items())
    method = group.method or ("GET" if body is None else "POST")
    return RequestParts(method, path, content_type, body or b"", headers)


def _filled(group: RequestGroup, file: Picture) -> bytes | None:
    """The body's template with the file in it."""
    if group.body is None:
        return None
    text = group.body.replace("{name}", file.name)
    if "{base64}" in text:
        text = text.replace("{base64}", base64.b64encode(file.content).decode())
    if "{text}" in text:
        try:
            text = text.replace("{text}", file.content.decode())
        except UnicodeDecodeError:
            raise ManifestError(f"{file.name} is not text: use {{base64}} in body.") from None
    return text.encode()


def _method(group: RequestGroup) -> str:
    method = group.method or ("GET" if group.body is None else "POST")
    return f"{method} {group.path or '/'}"


def _files(group: RequestGroup, folder: Path) -> list[Path]:
    found: list[Path] = []
    for pattern in group.files:
        fitting = _fitting(folder, pattern)
        if not fitting:
            raise ManifestError(f"no file fits '{pattern}' in {folder}.")
        found += fitting
    return list(dict.fromkeys(found))


def _fitting(folder: Path, pattern: str) -> list[Path]:
    path = Path(pattern)
    if path.is_absolute():
        folder, pattern = Path(path.anchor), str(path.relative_to(path.anchor))
    return sorted(each for each in folder.glob(pattern) if each.is_file())


def _read(path: Path, content_type: str | None) -> Picture:
    guessed = content_type or mimetypes.guess_type(path.name)[0] or BINARY
    try:
        return Picture(path.name, path.read_bytes(), guessed)
    except OSError as error:
        raise ManifestError(f"{path} cannot be read ({error.strerror}).") from error


def _expected(group: RequestGroup) -> Expected:
    """Without the stored answers, which differ by file."""
    expect = group.expect
    pointers = expect.pointers
    if not pointers and group.protocol is not None:
        pointers = PROTOCOLS[group.protocol].pointers
    return Expected(
        status=expect.status,
        pointers=pointers if expect.body else (),
        tolerance=expect.tolerance,
        values=tuple(expect.values.items()) or None,
        learned=expect.body and not expect.values and expect.answers is None,
    )


class _Answers:
    """The stored answers of a group, in a folder or in one file."""

    def __init__(self, expect: Expect, folder: Path) -> None:
        self._place = folder / (expect.answers or "")
        self._by_name: Mapping[str, Any] | None = None
        self._pointers = expect.pointers
        if self._place.is_dir():
            return
        try:
            content = json.loads(self._place.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ManifestError(f"the answers {self._place} cannot be read: {error}.") from error
        if not isinstance(content, dict):
            raise ManifestError(f"{self._place} must be an object of file names and values.")
        if len(expect.pointers) != 1:
            raise ManifestError(
                f"{self._place} has one value for each file: name its place in expect.pointers."
            )
        self._by_name = content

    def of(self, path: Path, expected: Expected) -> Expected:
        """What is expected of the request with that file. Raises ``ManifestError``."""
        if self._by_name is not None:
            if path.name not in self._by_name:
                raise ManifestError(f"{self._place} has no answer for '{path.name}'.")
            return replace(expected, values=((self._pointers[0], self._by_name[path.name]),))
        fitting = [each for each in sorted(self._place.glob("*")) if each.stem == path.stem]
        if not fitting:
            raise ManifestError(f"{self._place} has no answer for '{path.name}'.")
        try:
            return expected.with_answer(fitting[0].read_bytes())
        except ManifestError as error:
            raise ManifestError(f"the answer {fitting[0]} {error}.") from error
