"""Boards: the ones that ship, and mistakes in one."""

from __future__ import annotations

from pathlib import Path

import pytest

from servemark.catalog import board_names, load_board
from servemark.engines import ENGINES
from servemark.errors import ManifestError, UsageError


def test_every_board_that_ships_is_well_formed(root: Path) -> None:
    names = board_names(root / "boards")
    assert {"default", "quick", "seed"} <= set(names)
    assert all(load_board(root / "boards", name).engine in ENGINES for name in names)


def test_the_seed_board_repeats_the_original_loads(root: Path) -> None:
    board = load_board(root / "boards", "seed")
    assert [cell.id for cell in board.all_cells()] == ["get/c1", "get/c100", "get/t10c100"]
    assert board.slice_s == 10


def test_the_default_board_has_every_workload_and_an_objective(root: Path) -> None:
    board = load_board(root / "boards", "default")
    assert {cell.id for cell in board.all_cells()} == {"get/c16", "raw/c16", "multipart/c16"}
    assert board.slo is not None
    assert board.slo_start() is not None
    assert board.quiet


def test_an_unknown_board_gets_a_suggestion(root: Path) -> None:
    with pytest.raises(UsageError, match="no board 'defualt': did you mean 'default'"):
        load_board(root / "boards", "defualt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("blocks = 0", "key 'blocks': input should be greater than or equal to 1, not 0"),
        ("slice_s = -1.0", "key 'slice_s'"),
        ("engine_threads = 9", "engine_threads must not be more than the connections"),
        ('name = "other"', "key 'name' is not for the file to say"),
    ],
)
def test_a_mistake_in_a_board_is_named(
    root: Path, tmp_path: Path, change: str, message: str
) -> None:
    text = (root / "boards" / "quick.toml").read_text()
    key = change.partition(" =")[0]
    kept = "\n".join(line for line in text.splitlines() if not line.startswith(f"{key} ="))
    if key == "engine_threads":
        kept, change = f"{kept}\n{change}\nconnections = [4]", ""
        kept = kept.replace("connections = [16]\n", "")
    path = tmp_path / "mine.toml"
    path.write_text(f"{change}\n{kept}\n")
    with pytest.raises(ManifestError, match=message):
        load_board(root / "boards", str(path))
