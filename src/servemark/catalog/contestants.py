"""The contestants: folders below ``contestants/``, each with a manifest."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from servemark.catalog.documents import read_document
from servemark.catalog.manifests import ContestantManifest, LanguageManifest, ServerEntry
from servemark.errors import ManifestError, UsageError
from servemark.records import Settings, Variant


@dataclass(frozen=True, slots=True)
class Language:
    """One folder below ``contestants/``."""

    name: str
    folder: Path
    manifest: LanguageManifest


@dataclass(frozen=True, slots=True)
class Contestant:
    """A framework in one language, serving the model."""

    name: str
    folder: Path
    language: Language
    manifest: ContestantManifest

    def server(self, name: str) -> ServerEntry:
        """The contestant's own server of that name, or else its language's."""
        own = self.manifest.server.get(name)
        return own if own is not None else self.language.manifest.servers[name]

    def ceiling(self, server: str) -> str | None:
        """The command of the in-process ceiling for that server, where there is one."""
        entry = self.server(server).ceiling or self.language.manifest.ceiling
        return None if entry is None else entry.command

    def format_of(self, runtime: str) -> str:
        """The exported format that a runtime loads."""
        return self.language.manifest.runtimes[runtime].format

    def variants(self, runtimes: Iterable[str], settings: Settings) -> list[Variant]:
        """Every server crossed with those of the runtimes that it has, or with its first."""
        manifest = self.manifest
        wanted = set(runtimes)
        chosen = [name for name in manifest.runtimes if name in wanted] or [manifest.runtimes[0]]
        return [
            Variant(contestant=self.name, server=server, runtime=runtime, settings=settings)
            for server in manifest.servers
            for runtime in chosen
        ]


def load_contestants(root: Path) -> dict[str, Contestant]:
    """Every contestant below ``root``, by name, in the order of their names.

    Folders whose names begin with ``_`` or ``.`` are not contestants. Raises ``ManifestError``.
    """
    if not root.is_dir():
        raise UsageError(f"{root} does not exist: start servemark in its checkout, or give --root.")
    found: dict[str, Contestant] = {}
    for folder in _subfolders(root):
        manifest_path = folder / "runtime.toml"
        members = [path for path in _subfolders(folder) if (path / "contestant.toml").exists()]
        if not manifest_path.exists():
            if members:
                raise ManifestError(f"{manifest_path} does not exist: a language needs one.")
            continue
        language = Language(
            folder.name, folder.resolve(), read_document(manifest_path, LanguageManifest)
        )
        for member in members:
            contestant = _load_contestant(language, member)
            found[contestant.name] = contestant
    return found


def select_contestants(
    contestants: dict[str, Contestant], patterns: Sequence[str]
) -> list[Contestant]:
    """Those that any pattern names: ``python/flask``, ``flask`` or a glob such as ``python/*``.

    Raises ``UsageError`` with a suggestion for a pattern that names none.
    """
    chosen: set[str] = set()
    for pattern in patterns:
        matched = {
            name
            for name in contestants
            if fnmatch.fnmatchcase(name, pattern)
            or fnmatch.fnmatchcase(name.partition("/")[2], pattern)
        }
        if not matched:
            short = [name.partition("/")[2] for name in contestants]
            raise UsageError(
                f"There is no contestant '{pattern}'{suggestion(pattern, [*contestants, *short])}"
            )
        chosen |= matched
    return [contestant for name, contestant in contestants.items() if name in chosen]


def suggestion(wrong: str, names: Iterable[str]) -> str:
    """The end of a sentence about a wrong name: the nearest right one, or all of them."""
    known = list(dict.fromkeys(names))
    near = difflib.get_close_matches(wrong, known, n=1)
    if near:
        return f": did you mean '{near[0]}'?"
    return f": there are {', '.join(known)}." if known else ": there are none."


def _subfolders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] not in "_.")


def _load_contestant(language: Language, folder: Path) -> Contestant:
    path = folder / "contestant.toml"
    manifest = read_document(path, ContestantManifest)
    contestant = Contestant(f"{language.name}/{folder.name}", folder.resolve(), language, manifest)
    servers = {**language.manifest.servers, **manifest.server}
    for name in manifest.servers:
        if name not in servers:
            raise ManifestError(
                f"{path}: key 'servers': '{name}' is defined neither in {language.name}/"
                f"runtime.toml nor under [server.{name}]{suggestion(name, servers)}"
            )
        interface = servers[name].interface
        if interface is not None and interface not in manifest.apps:
            raise ManifestError(
                f"{path}: key 'apps': expected '{interface}', which the server '{name}' hosts."
            )
    for name in manifest.server:
        if name not in manifest.servers:
            raise ManifestError(f"{path}: key 'server.{name}' is not listed in 'servers'.")
    for name in manifest.runtimes:
        if name not in language.manifest.runtimes:
            raise ManifestError(
                f"{path}: key 'runtimes': '{name}' is not a runtime of "
                f"{language.name}/runtime.toml{suggestion(name, language.manifest.runtimes)}"
            )
    return contestant
