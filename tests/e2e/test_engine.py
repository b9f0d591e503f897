"""The Rust side of the load engine passes its own tests and lints."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.conftest import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(
        shutil.which("cargo") is None, reason="no cargo: apt-get install cargo-web rustc-web"
    ),
]


def cargo(*arguments: str) -> str:
    done = subprocess.run(
        ["cargo", *arguments],
        cwd=ROOT / "engine",
        env={**os.environ, "CARGO_TARGET_DIR": str(ROOT / ".servemark" / "engine")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


@pytest.mark.load
def test_the_core_and_the_truth_server_pass_their_tests() -> None:
    assert "test result: ok" in cargo("test", "--locked", "--workspace", "--quiet")


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("fmt", ["fmt", "--all", "--check"]),
        ("clippy", ["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    ],
)
def test_the_code_keeps_its_form(tool: str, arguments: list[str]) -> None:
    if shutil.which(f"cargo-{tool}") is None:
        pytest.skip(f"cargo {tool} is not installed: rustup component add {tool}")
    cargo(*arguments)
