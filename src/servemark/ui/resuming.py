"""How a run that was cut off is gone on with: from its page, or by a command in a terminal."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from servemark.store import RunFolder

OWNED = "--i-own-this-target"


@dataclass(frozen=True, slots=True)
class Resume:
    """The arguments of servemark before and after the run."""

    before: tuple[str, ...]
    after: tuple[str, ...] = ()
    from_page: bool = True
    """Whether a page may start it: not what the user has to say in a terminal each time."""

    def arguments(self, run: str) -> list[str]:
        """The arguments for a run, given by its name or folder."""
        return [*self.before, run, *self.after]

    def command(self, run: str) -> str:
        """The same as it is typed."""
        return shlex.join(["servemark", *self.arguments(run)])


def resume_of(folder: RunFolder) -> Resume:
    """How that run is gone on with. Raises ``StoreError``."""
    header = folder.header()
    if header.target is not None:
        if OWNED in header.command.split():
            return Resume(("attack", "--resume"), (OWNED,), from_page=False)
        return Resume(("attack", "--resume"))
    if folder.nodes():
        return Resume(("run", "--cluster", "ADDRESS", "--resume"), from_page=False)
    return Resume(("run", "--resume"))
