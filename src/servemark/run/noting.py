"""Notes of what a run does now, for whoever watches it: ``progress.json`` in its folder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from servemark.plan import Outlook
from servemark.records import (
    BatteryResult,
    Progress,
    Trial,
    TrialResult,
    Variant,
    Verification,
)
from servemark.run.workbench import Listener
from servemark.store import RunFolder
from servemark.units import NS_PER_S


class Noting:
    """A ``Listener`` that notes what goes on, and passes everything on to another one."""

    def __init__(self, folder: RunFolder, listener: Listener) -> None:
        self._folder = folder
        self._listener = listener

    def verifying(self, variant: Variant, number: int, count: int) -> None:
        self._folder.note_progress(
            Progress(
                phase="verifying", variant=variant.id, since_utc=_now(), done=number, total=count
            )
        )
        self._listener.verifying(variant, number, count)

    def verified(self, verification: Verification) -> None:
        self._listener.verified(verification)

    def putting(self, variant: Variant, number: int, count: int) -> None:
        self._folder.note_progress(
            Progress(
                phase="bad inputs", variant=variant.id, since_utc=_now(), done=number, total=count
            )
        )
        self._listener.putting(variant, number, count)

    def put(self, result: BatteryResult) -> None:
        self._listener.put(result)

    def measuring_ceiling(self, name: str, block: int) -> None:
        self._listener.measuring_ceiling(name, block)

    def measuring(self, trial: Trial, history: Sequence[TrialResult], outlook: Outlook) -> None:
        self._folder.note_progress(
            Progress(
                phase="measuring",
                variant=trial.variant.id,
                since_utc=_now(),
                done=len(history),
                cell=trial.cell.id,
                block=trial.block,
                purpose=trial.purpose,
                step=trial.step,
                spent_s=sum(result.elapsed_ns for result in history) / NS_PER_S,
                left_s=outlook.seconds,
                most_s=outlook.most_s,
            )
        )
        self._listener.measuring(trial, history, outlook)

    def measured(self, result: TrialResult) -> None:
        self._listener.measured(result)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
