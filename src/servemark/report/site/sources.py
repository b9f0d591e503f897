"""What a contestant's page shows of its folder: its source, and how its servers are started."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, find_lexer_class_for_filename

from servemark.catalog import Contestant

LONGEST = 65_536
"""Bytes of a file; a longer one is data or made by a tool."""
NOT_SHOWN = frozenset({"__pycache__", "node_modules", "target"})
MADE_BY_TOOLS = ("requirements", "constraints", "package-lock.json", "go.sum", "go.mod")
"""How the names of pinned dependencies begin: they are as long as they are dull."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file, with its text as HTML with the classes of Pygments."""

    name: str
    lines: int
    html: str


@dataclass(frozen=True, slots=True)
class Started:
    """How a server of a contestant is started, and what of the contract it cannot keep."""

    server: str
    title: str
    command: str
    parallel: str
    limits: dict[str, str]


@dataclass(frozen=True, slots=True)
class Source:
    """What a checkout has of a contestant."""

    digest: str
    title: str
    homepage: str
    files: tuple[SourceFile, ...]
    servers: tuple[Started, ...]
    runtimes: tuple[str, ...]


def read_source(contestant: Contestant) -> Source:
    """The contestant's own files, and the commands with the placeholders of their manifest."""
    files = tuple(_files(contestant.folder))
    manifest = contestant.manifest
    servers = tuple(
        Started(
            server=name,
            title=contestant.server(name).title or name,
            command=contestant.server(name).command,
            parallel=contestant.server(name).parallel,
            limits=contestant.server(name).limits,
        )
        for name in manifest.servers
    )
    total = hashlib.sha256(repr((servers, manifest.runtimes, files)).encode())
    return Source(
        digest=total.hexdigest(),
        title=manifest.title,
        homepage=manifest.homepage,
        files=files,
        servers=servers,
        runtimes=manifest.runtimes,
    )


def _files(folder: Path) -> Iterator[SourceFile]:
    for path in sorted(folder.rglob("*")):
        within = path.relative_to(folder)
        if NOT_SHOWN & set(within.parts) or not path.is_file() or path.is_symlink():
            continue
        if path.name.startswith(MADE_BY_TOOLS) or path.suffix == ".lock":
            continue
        content = path.read_bytes()
        if len(content) <= LONGEST and b"\0" not in content:
            text = content.decode("utf-8", errors="replace")
            yield SourceFile(within.as_posix(), text.count("\n"), _html(path.name, text))


def _html(name: str, text: str) -> str:
    lexer = find_lexer_class_for_filename(name) or TextLexer
    marked = highlight(text, lexer(), HtmlFormatter(cssclass="source"))
    return marked.replace("<pre>", '<pre tabindex="0">', 1)  # so that keys can scroll it
