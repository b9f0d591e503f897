"""What ``servemark new`` makes is built and keeps the whole contract as it is."""

from __future__ import annotations

import shutil

import pytest

from tests.conftest import ROOT, ToyProject

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def checkout(toys: ToyProject) -> ToyProject:
    """A checkout with Go and Python, and none of their contestants."""
    for language in ("go", "python"):
        made = toys.folder / "contestants" / language
        made.mkdir()
        for path in (ROOT / "contestants" / language).iterdir():
            if path.is_file():
                shutil.copy(path, made)
            elif path.name in ("_predictor", "_template"):
                shutil.copytree(path, made / path.name)
    return toys


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("go/mine", ()),
        ("python/mine", ("--template", "asgi")),
        ("python/mine", ("--template", "wsgi")),
    ],
)
def test_a_new_contestant_passes_verify_at_once(
    checkout: ToyProject, name: str, options: tuple[str, ...]
) -> None:
    made = checkout.call("new", name, *options)
    assert made.returncode == 0, made.stderr
    verified = checkout.call("verify", name, "--golden", "16", "--json")
    assert verified.returncode == 0, verified.stderr + verified.stdout
