"""What the dashboard works with; the command line gives it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from servemark.catalog import Contestant, Model
from servemark.prepare import Toolbox


class Checkout(Protocol):
    """A checkout of servemark and the folders that it works with."""

    @property
    def root(self) -> Path:
        """The checkout."""

    @property
    def runs(self) -> Path:
        """Where run folders are."""

    @property
    def home(self) -> Path:
        """Where environments and logs are."""

    @property
    def boards(self) -> Path:
        """Where the boards are."""

    @property
    def models(self) -> Path:
        """Where the models are."""

    def contestants(self) -> dict[str, Contestant]:
        """Every contestant of the checkout."""

    def model(self, name: str) -> Model:
        """A model of the checkout."""

    def toolbox(self) -> Toolbox:
        """Tools on the user's search path."""

    def server_environment(self) -> dict[str, str]:
        """The environment that servers start from."""
