"""``scripts/setup`` on a machine whose programs only write down that they were called."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

PYTHON = """#!/bin/sh
if [ "$*" = "-m venv .venv" ]; then
    mkdir -p .venv/bin
    cp "$MACHINE/python" "$MACHINE/uv" .venv/bin
fi
"""
UV = """#!/bin/sh
echo "uv $*" >> "$MACHINE/called"
case "$*" in *engine*) exit "$ENGINE_STATUS" ;; esac
"""
APT = """#!/bin/sh
echo "apt-get $*" >> "$MACHINE/called"
"""
NOT_BUILT = "The native load engine is not built"


class Checkout:
    """As much of a checkout as the script looks at, and a machine with a cargo of some version."""

    def __init__(self, folder: Path, cargo: str) -> None:
        self.folder = folder / "checkout"
        self.machine = folder / "machine"
        for name in ("scripts/setup", "engine/Cargo.toml", "requirements-dev.txt"):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.folder / name)
        (self.folder / "pyproject.toml").touch()
        self.machine.mkdir()
        programs = {"python": PYTHON, "uv": UV, "apt-get": APT, "sudo": '#!/bin/sh\nshift\n"$@"\n'}
        programs["cargo"] = f"#!/bin/sh\necho 'cargo {cargo} (f2d3ce0bd 2026-03-21)'\n"
        for name, text in programs.items():
            (self.machine / name).write_text(text)
            (self.machine / name).chmod(0o755)

    def set_up(self, engine_status: int = 0) -> str:
        """What the script says; it must not fail."""
        done = subprocess.run(
            [self.folder / "scripts" / "setup"],
            env={
                "PATH": f"{self.machine}:{os.environ['PATH']}",
                "PYTHON": str(self.machine / "python"),
                "MACHINE": str(self.machine),
                "ENGINE_STATUS": str(engine_status),
            },
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stderr

    def called(self) -> str:
        return (self.machine / "called").read_text()


def test_it_does_nothing_when_everything_is_current(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, "1.95.0")
    said = checkout.set_up()
    assert "Making .venv" in said
    assert "Building the load engine" in said
    assert checkout.set_up() == ""


def test_a_moved_checkout_gets_a_venv_of_its_own(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, "1.95.0")
    checkout.set_up()
    checkout.folder = checkout.folder.rename(tmp_path / "elsewhere")
    assert "Making .venv" in checkout.set_up()
    assert checkout.set_up() == ""


@pytest.mark.parametrize(
    ("cargo", "new_enough"), [("1.85.0", True), ("1.100.0", True), ("1.63.0", False), ("", False)]
)
def test_the_engine_is_built_with_the_rust_that_it_names(
    tmp_path: Path, cargo: str, new_enough: bool
) -> None:
    checkout = Checkout(tmp_path, cargo)
    manifest = checkout.folder / "engine" / "Cargo.toml"
    manifest.write_text('rust-version = "1.85"\n')
    said = checkout.set_up()
    assert ("./engine/python" in checkout.called()) is new_enough
    assert ("apt-get install" in checkout.called()) is not new_enough
    assert (NOT_BUILT in said) is not new_enough
    if not new_enough:
        assert "Rust 1.85 or newer" in said
        assert "https://rustup.rs" in said


def test_an_engine_that_cannot_be_built_is_said_and_tried_again(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, "1.95.0")
    assert NOT_BUILT in checkout.set_up(engine_status=1)
    assert "Building the load engine" in checkout.set_up()
    assert checkout.set_up() == ""
