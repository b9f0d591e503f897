"""What every record is made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Workload = Literal["get", "multipart", "raw", "null", "target"]
"""How the image reaches the server; ``null`` asks for ``/healthz`` and brings none. ``target``: the
requests of a service of the user's own, which no board in ``boards/`` has."""
Corpus = Literal["all", "alike", "one", "renewed"]
"""Which images are sent: all of the golden set, those of the commonest kind, one of these over and
over, or that one written differently each time."""
Purpose = Literal["figure", "caching", "capacity"]
"""What a trial is for: a figure of the board, the search for caches, or that for the capacity."""
Stage = Literal["full", "decode", "receive"]
Division = Literal["standard", "tuned"]

PositiveInt = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]


class Record(BaseModel):
    """Base of every record: immutable, and unknown fields are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
