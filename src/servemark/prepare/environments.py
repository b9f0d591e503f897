"""Environments: what a contestant's build command makes, and when it has to be made again."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import shutil
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from servemark.catalog import Contestant
from servemark.catalog.manifests import Need
from servemark.errors import PrepareError
from servemark.guard import Command, Guarded, log_tail
from servemark.prepare.tools import Tool, Toolbox, locked

BUILD_TIMEOUT_S = 1800
ELSEWHERE = "installed.txt"
"""In an environment: paths outside of it that belong to it, one a line."""
IGNORED = frozenset({"__pycache__", "node_modules", "target", ".mypy_cache", ".ruff_cache"})

State = Literal["ready", "built", "stale", "failed"]


@dataclass(frozen=True, slots=True)
class Environment:
    """What one contestant needs to be started with one runtime."""

    contestant: Contestant
    runtime: str
    folder: Path
    log: Path

    @property
    def name(self) -> str:
        """What a user calls it: the contestant, and the runtime where that makes a difference."""
        per_runtime = self.contestant.language.manifest.build.per_runtime
        return f"{self.contestant.name}+{self.runtime}" if per_runtime else self.contestant.name

    @property
    def _stamp(self) -> Path:
        return self.folder.with_name(self.folder.name + ".digest")

    def digest(self, tools: Iterable[Tool] = ()) -> str:
        """SHA-256 over everything that the environment is made from, in hexadecimal."""
        build = self.contestant.language.manifest.build
        total = hashlib.sha256()
        facts = [build.command, platform.python_version()]
        facts += [self.runtime] if build.per_runtime else []
        facts += [f"{tool.name} {tool.version}" for tool in tools]
        total.update(json.dumps(facts).encode())
        for path in _input_files(self.contestant.folder, build.inputs):
            total.update(str(path.relative_to(self.contestant.folder.parent.parent)).encode())
            total.update(hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()

    def is_current(self, digest: str) -> bool:
        """Whether it was made here from inputs of that digest, and what it needs is still there."""
        return (
            self.folder.is_dir()
            and self._stamp.is_file()
            and self._stamp.read_text() == self._made_from(digest)
            and all(path.exists() for path in installed_elsewhere(self.folder))
        )

    def mark_current(self, digest: str) -> None:
        self._stamp.write_text(self._made_from(digest))

    def _made_from(self, digest: str) -> str:
        """What its stamp says. Programs in it name the folder, so a copy elsewhere is not current;
        the digest alone is the same wherever it is made."""
        return f"{digest} {self.folder}\n"

    def clear(self) -> None:
        self._stamp.unlink(missing_ok=True)
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def versions(self) -> dict[str, str]:
        """Versions of what is installed, where the build left them in ``versions.json``."""
        path = self.folder / "versions.json"
        if not path.is_file():
            return {}
        return {str(name): str(version) for name, version in json.loads(path.read_text()).items()}


@dataclass(frozen=True, slots=True)
class Prepared:
    """What became of an environment; a problem comes with what the user can do."""

    environment: Environment
    state: State
    problem: str | None = None
    remedy: str | None = None
    log_tail: str | None = None


def environment_of(home: Path, contestant: Contestant, runtime: str) -> Environment:
    """The environment in which that contestant runs with that runtime."""
    key = contestant.name.replace("/", "-")
    if contestant.language.manifest.build.per_runtime:
        key += f"-{runtime}"
    return Environment(contestant, runtime, home / "envs" / key, home / "logs" / f"build-{key}.log")


def inspect(environments: Sequence[Environment], toolbox: Toolbox) -> list[Prepared]:
    """Whether each environment is ready, without changing anything."""
    _look_around(environments, toolbox)
    return [_inspect(environment, toolbox) for environment in environments]


def _look_around(environments: Iterable[Environment], toolbox: Toolbox) -> None:
    toolbox.look_all(need for each in environments for need in _needs(each).items())


def _inspect(environment: Environment, toolbox: Toolbox) -> Prepared:
    tools = [toolbox.look(name, need) for name, need in _needs(environment).items()]
    missing = [tool for tool in tools if tool.version is None]
    if missing:
        return Prepared(environment, "failed", missing[0].problem, missing[0].remedy)
    if environment.is_current(environment.digest(tools)):
        return Prepared(environment, "ready")
    return Prepared(environment, "stale", "not built yet", "servemark prepare")


def prepare_all(
    environments: Sequence[Environment],
    toolbox: Toolbox,
    jobs: int,
    on_start: Callable[[Environment], None],
    on_done: Callable[[Prepared], None],
) -> list[Prepared]:
    """Bring tools and build what is not current, several at a time; a failure stops no other."""
    distinct = {environment.folder: environment for environment in environments}
    cancelled = threading.Event()
    done: dict[Path, Prepared] = {}

    def work(environment: Environment) -> Prepared:
        on_start(environment)
        return _prepare(environment, toolbox, cancelled)

    _look_around(distinct.values(), toolbox)
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        futures = [pool.submit(work, environment) for environment in distinct.values()]
        try:
            for future in as_completed(futures):
                prepared = future.result()
                done[prepared.environment.folder] = prepared
                on_done(prepared)
        except BaseException:
            cancelled.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return [done[folder] for folder in distinct]


def _needs(environment: Environment) -> dict[str, Need]:
    return environment.contestant.language.manifest.needs


def _prepare(environment: Environment, toolbox: Toolbox, cancelled: threading.Event) -> Prepared:
    tools = [toolbox.bring(name, need) for name, need in _needs(environment).items()]
    missing = [tool for tool in tools if tool.version is None]
    if missing:
        return Prepared(environment, "failed", missing[0].problem, missing[0].remedy)
    digest = environment.digest(tools)
    try:
        with locked(environment.folder.with_name(environment.folder.name + ".lock")):
            return _made(environment, digest, toolbox, cancelled)
    except OSError as error:
        return _unwritable(environment, error)


def _made(
    environment: Environment, digest: str, toolbox: Toolbox, cancelled: threading.Event
) -> Prepared:
    if environment.is_current(digest):
        return Prepared(environment, "ready")
    environment.clear()
    problem = _build(environment, toolbox, cancelled)
    if problem is not None:
        tail = log_tail(environment.log, 12)
        remedy = f"the whole log is in {environment.log}"
        return Prepared(environment, "failed", problem, remedy, tail)
    environment.mark_current(digest)
    return Prepared(environment, "built")


def _unwritable(environment: Environment, error: OSError) -> Prepared:
    """Mostly root has made the folders."""
    home = environment.folder.parent.parent
    problem = f"{error.filename or home}: {error.strerror or error}"
    remedy = "SERVEMARK_HOME=FOLDER servemark prepare, with a folder that you may write to"
    if isinstance(error, PermissionError) and home.exists():
        remedy = f"sudo chown -R {os.getuid()} {shlex.quote(str(home))}"
    return Prepared(environment, "failed", problem, remedy)


def _build(environment: Environment, toolbox: Toolbox, cancelled: threading.Event) -> str | None:
    """Run the build command. Returns what went wrong, or ``None``."""
    contestant = environment.contestant
    environment.folder.mkdir(parents=True)
    environment.log.parent.mkdir(parents=True, exist_ok=True)
    environment.log.write_bytes(b"")
    values = {
        "env": str(environment.folder),
        "runtime": environment.runtime,
        "python": sys.executable,
        "home": str(environment.folder.parent.parent),
    }
    argv = [
        part.format(**values) for part in shlex.split(contestant.language.manifest.build.command)
    ]
    command = Command(argv, contestant.folder, toolbox.environment, environment.log)
    with Guarded(command) as build:
        for _ in range(BUILD_TIMEOUT_S * 5):
            ended = build.wait(timeout_s=0.2)
            if ended is not None:
                return None if ended.status == 0 else f"its build ended with {ended.status}"
            if cancelled.is_set():
                raise PrepareError("The build was cancelled.")
    return f"its build took more than {BUILD_TIMEOUT_S} s"


def installed_elsewhere(folder: Path) -> list[Path]:
    """What the build of an environment has named as its own outside of the folder."""
    listing = folder / ELSEWHERE
    if not listing.is_file():
        return []
    return [Path(line) for line in listing.read_text(encoding="utf-8").splitlines() if line]


def _input_files(folder: Path, inputs: Sequence[str]) -> list[Path]:
    found: set[Path] = set()
    for start in (folder, *(folder / name for name in inputs)):
        start = start.resolve()
        if start.is_file():
            found.add(start)
        elif start.is_dir():
            found |= {
                path
                for path in start.rglob("*")
                if path.is_file() and not IGNORED & set(path.relative_to(start).parts)
            }
        else:
            raise PrepareError(f"{start} does not exist, but the build of {folder.name} names it.")
    return sorted(found)
