"""The boards: TOML files in ``boards/``, or anywhere."""

from __future__ import annotations

from pathlib import Path

from servemark.catalog.contestants import suggestion
from servemark.catalog.documents import read_document
from servemark.errors import UsageError
from servemark.records import Board


def load_board(root: Path, name: str) -> Board:
    """The board of that name below ``root``, or at that path where it ends in ``.toml``."""
    path = Path(name) if name.endswith(".toml") else root / f"{name}.toml"
    if not path.exists():
        raise UsageError(f"There is no board '{name}'{suggestion(name, board_names(root))}")
    return read_document(path, Board, name=path.stem)


def board_names(root: Path) -> list[str]:
    """The names of the boards below ``root``."""
    return sorted(path.stem for path in root.glob("*.toml"))
