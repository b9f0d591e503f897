"""What a run says of itself while it goes on."""

from __future__ import annotations

from typing import Literal

from servemark.records.base import Purpose, Record


class Progress(Record):
    """What is being done at a moment, and how long the rest takes: ``progress.json``.

    It is for whoever watches. Nothing is computed from it, and it may be missing.
    """

    phase: Literal["verifying", "measuring", "bad inputs"]
    variant: str
    since_utc: str
    done: int
    """Verifications, trials or variants put to the battery that are finished."""
    total: int | None = None
    """Of the verifications, or of the battery; how many trials there will be is not known."""
    cell: str | None = None
    block: int | None = None
    purpose: Purpose | None = None
    step: str = ""
    """Of the search for the capacity: what this rate is tried for."""
    spent_s: float = 0.0
    """Measuring so far, over all times that the run was gone on with."""
    left_s: float | None = None
    most_s: float | None = None
    """If every further block that the board allows is needed."""
