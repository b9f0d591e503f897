"""What the orchestrator works with: everything that a variant needs in order to be started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from servemark.catalog import Contestant, Model
from servemark.engines import LoadEngine
from servemark.launch import HOST, Launch
from servemark.plan import Outlook
from servemark.prepare import environment_of
from servemark.records import (
    BatteryResult,
    Cores,
    Stage,
    Trial,
    TrialResult,
    Variant,
    Verification,
)


@dataclass(frozen=True, slots=True)
class Workbench:
    """Contestants, models, engine and cores of one run."""

    contestants: Mapping[str, Contestant]
    model: Model
    engine: LoadEngine
    cores: Cores
    home: Path
    server_environment: Mapping[str, str]
    engine_environment: Mapping[str, str]
    models: Mapping[str, Model] = field(default_factory=dict)
    """By name, where variants name the models that they serve."""
    host: str = HOST
    """The address that servers listen on."""

    def model_of(self, variant: Variant) -> Model:
        """The model that the variant serves."""
        return self.model if variant.model is None else self.models[variant.model]

    def launch(
        self,
        variant: Variant,
        log: Path,
        stage: Stage = "full",
        changes: Mapping[str, str | None] | None = None,
    ) -> Launch:
        """How that variant is started."""
        contestant = self.contestants[variant.contestant]
        return Launch(
            contestant=contestant,
            variant=variant,
            environment_folder=environment_of(self.home, contestant, variant.runtime).folder,
            model=self.model_of(variant),
            log=log,
            base_environment=self.server_environment,
            cores=self.cores.server,
            stage=stage,
            changes=changes or {},
            host=self.host,
        )


class Listener(Protocol):
    """Whoever wants to know how a run goes on."""

    def verifying(self, variant: Variant, number: int, count: int) -> None:
        """A variant is about to be verified."""

    def verified(self, verification: Verification) -> None:
        """A variant was verified."""

    def putting(self, variant: Variant, number: int, count: int) -> None:
        """A variant is about to be put to the battery of bad inputs."""

    def put(self, result: BatteryResult) -> None:
        """A variant was put to the battery, and what came of it is on the disk."""

    def measuring_ceiling(self, name: str, block: int) -> None:
        """Decoding and inference without a server are about to be measured."""

    def measuring(self, trial: Trial, history: Sequence[TrialResult], outlook: Outlook) -> None:
        """A trial is about to be measured; what was before it, and how long the rest takes."""

    def measured(self, result: TrialResult) -> None:
        """A trial was measured and is on the disk."""


def log_name(variant: Variant) -> str:
    """A file name for a variant."""
    return variant.id.replace("/", "-").replace(":", "-")
