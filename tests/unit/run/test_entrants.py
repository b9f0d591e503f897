"""An entrant's digest: the same for the same contestant, and another for one started otherwise."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from servemark.catalog import load_contestants
from servemark.prepare import Toolbox
from servemark.records import Variant
from servemark.run import entrant_of
from tests.conftest import ToyProject

VARIANT = Variant(contestant="toy/good", server="builtin", runtime="numpy")


def digest(toys: ToyProject, home: Path) -> str:
    contestant = load_contestants(toys.folder / "contestants")["toy/good"]
    return entrant_of(home, contestant, VARIANT, Toolbox(home, dict(os.environ))).digest


def test_the_folder_that_it_is_prepared_in_does_not_count(toys: ToyProject, tmp_path: Path) -> None:
    toys.add("good")
    assert digest(toys, tmp_path / "one") == digest(toys, tmp_path / "two")


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (" {app}", " {app} --faster"),
        ("[servers.builtin]", '[start.environment]\nMALLOC = "fast"\n[servers.builtin]'),
        ("[servers.builtin]", "[start]\nsettle_s = 3\n[servers.builtin]"),
        ("[servers.builtin]", '[start]\nfolder = "{env}"\n[servers.builtin]'),
    ],
)
def test_how_it_is_started_counts(toys: ToyProject, tmp_path: Path, was: str, becomes: str) -> None:
    toys.add("good")
    before = digest(toys, tmp_path)
    manifest = toys.folder / "contestants" / "toy" / "runtime.toml"
    text = manifest.read_text()
    assert was in text
    manifest.write_text(text.replace(was, becomes))
    assert digest(toys, tmp_path) != before


def test_another_server_of_the_language_does_not_count(toys: ToyProject, tmp_path: Path) -> None:
    toys.add("good")
    before = digest(toys, tmp_path)
    manifest = toys.folder / "contestants" / "toy" / "runtime.toml"
    manifest.write_text(manifest.read_text() + '[servers.other]\ncommand = "true"\n')
    assert digest(toys, tmp_path) == before
