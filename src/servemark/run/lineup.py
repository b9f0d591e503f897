"""Who takes part in a run, as the orchestrator sees them: contestants, or a user's own services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from servemark.catalog import RequestParts
from servemark.engines import LoadEngine
from servemark.guard import Exit
from servemark.records import Cell, Cores, Endpoint, StartUp, TreeUse, Trial, Variant, Verification
from servemark.run.workbench import Listener
from servemark.samples import Samples
from servemark.stats import Declared


class Running(Protocol):
    """A server that was started, or found running."""

    endpoint: Endpoint

    @property
    def apart(self) -> Sequence[int]:
        """Its processes that are not below this one."""
        ...

    def use(self) -> TreeUse | None:
        """What its processes have used so far; ``None`` where that cannot be known."""
        ...

    def exited(self) -> Exit | None:
        """How it ended, or ``None`` while it runs."""
        ...

    def log_tail(self) -> str | None:
        """The last lines that it wrote, where they are known."""
        ...

    def stop(self) -> object:
        """End the visit to it."""
        ...


R = TypeVar("R", bound=Running)


class Lineup(Protocol[R]):
    """The variants of a run: how each is started, asked and judged."""

    engine: LoadEngine
    cores: Cores
    engine_environment: Mapping[str, str]
    timeout_s: float
    grace_s: float
    """As ``Assignment`` has them."""

    def verify(self, variant: Variant) -> Verification:
        """Start it and see whether it answers as it must."""
        ...

    def open_block(self, block: int, variants: Sequence[Variant], listener: Listener) -> None:
        """Whatever is measured in a block besides trials, where it was not yet."""
        ...

    def close(self, variants: Sequence[Variant], listener: Listener) -> None:
        """Whatever is found out once all is measured, where it was not yet."""
        ...

    def start(self, trial: Trial, log: Path) -> R:
        """A fresh start for the trial, as far as there is one. Raises ``LaunchError``."""
        ...

    def greet(self, server: R, trial: Trial) -> StartUp | None:
        """Wait until it is ready and has answered once rightly. Raises ``LaunchError``."""
        ...

    def settle_s(self, variant: Variant) -> float:
        """How long a fresh one is loaded before anything is measured."""
        ...

    def requests(self, variant: Variant, cell: Cell) -> Sequence[RequestParts]:
        """The corpus of the cell."""
        ...

    def check(self, trial: Trial, samples: Samples) -> tuple[Samples, tuple[str, ...]]:
        """The samples once every answer was judged, and what must be said of that."""
        ...

    def declared(self, variant: Variant) -> Declared:
        """What it says of itself."""
        ...
