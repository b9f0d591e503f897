"""What tests share: the checkout, its model, and a project of its own with toy contestants."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from servemark.catalog import Model, load_contestants, load_model
from servemark.launch import Launch
from servemark.prepare.tools import locked
from servemark.records import Variant

# What runs in the background ignores SIGINT, and so would every program that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    # Below nohup the same goes for SIGHUP. The tests themselves still survive it.
    signal.signal(signal.SIGHUP, lambda *_: None)

ROOT = Path(__file__).parent.parent
TOY = Path(__file__).parent / "toy" / "server.py"

RUNTIME_TOML = """
title = "Toy"
[build]
command = "mkdir -p {{env}}/bin"
[runtimes.numpy]
format = "dense"
[servers.builtin]
command = "{python} {toy} {{app}}"
interface = "mode"
"""

CONTESTANT_TOML = """
title = "The {mode} one"
homepage = "https://example.org"
servers = ["builtin"]
runtimes = ["numpy"]
apps = {{ mode = "{mode}" }}
"""


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def mnist() -> Model:
    """The model that ships."""
    return load_model(ROOT / "models", "mnist")


class ToyProject:
    """A checkout whose contestants are toys: ``toy/<mode>`` for each mode asked for. It is made
    where it is not there yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not folder.exists():
            self._make(folder)

    def _make(self, folder: Path) -> None:
        (folder / "contestants" / "toy").mkdir(parents=True)
        (folder / "boards").mkdir()
        (folder / "models").symlink_to(ROOT / "models")
        manifest = RUNTIME_TOML.format(python=sys.executable, toy=TOY)
        (folder / "contestants" / "toy" / "runtime.toml").write_text(manifest)

    def add(self, *modes: str) -> None:
        for mode in modes:
            contestant = self.folder / "contestants" / "toy" / mode
            contestant.mkdir()
            (contestant / "contestant.toml").write_text(CONTESTANT_TOML.format(mode=mode))

    def board(self, name: str = "toys", tables: str = "", **changes: object) -> None:
        """A board on the fake engine, as short as can be; ``changes`` are TOML values, ``tables``
        what follows them."""
        lines: dict[str, object] = {
            "title": '"Toys"',
            "engine": '"fake"',
            "seed": 1,
            "blocks": 2,
            "warm_up_s": 0.1,
            "slice_s": 0.2,
            "golden_images": 8,
            "quiet": "false",
            **changes,
        }
        text = "\n".join(f"{key} = {value}" for key, value in lines.items())
        cells = '[[cells]]\nworkloads = ["get", "multipart"]\nconnections = [2]\n'
        (self.folder / "boards" / f"{name}.toml").write_text(f"{text}\n\n{tables or cells}")

    def launch(self, mode: str, log: Path) -> Launch:
        """How one of its contestants is started."""
        name = f"toy/{mode}"
        return Launch(
            contestant=load_contestants(self.folder / "contestants")[name],
            variant=Variant(contestant=name, server="builtin", runtime="numpy"),
            environment_folder=self.folder / "none",
            model=load_model(self.folder / "models", "mnist"),
            log=log,
            base_environment={"PATH": os.environ["PATH"]},
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """servemark in this project, as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "servemark", "--root", str(self.folder), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "SERVEMARK_HOME": str(self.folder / ".servemark")},
        )

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """servemark in this project, run to its end."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def runs(self) -> list[Path]:
        """The folders of its runs, oldest first; one that is being made is none yet."""
        return [header.parent for header in sorted((self.folder / "runs").glob("*/run.json"))]


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """What ``make`` puts into a folder of that name: once, however many workers ask for it."""
    place = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent
    folder, made = place / name, place / f"{name}.made"
    with locked(place / f"{name}.lock"):
        if not made.exists():
            make(folder)
            made.touch()
    return folder


@pytest.fixture
def toys(tmp_path: Path) -> ToyProject:
    """A project without contestants yet."""
    return ToyProject(tmp_path / "project")


@pytest.fixture
def marked_processes() -> Callable[[str], list[int]]:
    """Finds living processes whose command line or working folder holds a text. Tests run side by
    side: the text must be of one test alone, such as a path below its ``tmp_path``."""

    def find(mark: str) -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    place = str((entry / "cwd").readlink())
                except OSError:
                    continue
                if mark in line or mark in place:
                    found.append(int(entry.name))
        return found

    return find


@pytest.fixture
def full_disk() -> Iterator[Path]:
    """A folder on a file system of 64 KiB."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a full disk needs root to mount a tmpfs: run the tests as root")
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.rmdir()
