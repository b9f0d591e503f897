"""Where things are: the one place that looks at the environment and at the current folder."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from servemark.catalog import Contestant, Model
    from servemark.prepare import Toolbox


@dataclass(frozen=True, slots=True)
class Project:
    """A checkout of servemark and the folders that it works with.

    What it needs to read them is imported when it is asked: a shell that completes a word, and
    ``--help``, only want to know where they are.
    """

    root: Path
    runs: Path
    home: Path

    @property
    def boards(self) -> Path:
        return self.root / "boards"

    @property
    def models(self) -> Path:
        return self.root / "models"

    def contestants(self) -> dict[str, Contestant]:
        """Every contestant of the checkout. Raises ``ManifestError``."""
        from servemark.catalog import load_contestants

        return load_contestants(self.root / "contestants")

    def model(self, name: str) -> Model:
        """A model of the checkout. Raises ``UsageError`` or ``ManifestError``."""
        from servemark.catalog import load_model

        return load_model(self.models, name)

    def toolbox(self) -> Toolbox:
        """Tools on the user's search path, with servemark's own programs (uv) behind them."""
        from servemark.prepare import Toolbox

        own = str(Path(sys.executable).parent)
        path = os.pathsep.join([os.environ.get("PATH", os.defpath), own])
        return Toolbox(self.home, {**os.environ, "PATH": path})

    def server_environment(self) -> dict[str, str]:
        """The environment that servers start from."""
        from servemark.launch import server_environment

        return server_environment(self.toolbox().environment)


def find_project(root: Path | None, runs: Path | None) -> Project:
    """The checkout at ``root``, or the one around the current folder, or servemark's own."""
    found = root or _around(Path.cwd()) or _around(Path(__file__)) or Path.cwd()
    found = found.resolve()
    home = os.environ.get("SERVEMARK_HOME")
    return Project(
        root=found,
        runs=(runs or found / "runs").absolute(),
        home=Path(home).absolute() if home else found / ".servemark",
    )


def _around(place: Path) -> Path | None:
    for folder in (place, *place.parents):
        if (folder / "contestants").is_dir() and (folder / "boards").is_dir():
            return folder
    return None
