"""What describes a run: machine, cores, entrants and the header of its folder."""

from __future__ import annotations

from servemark.records.base import Division, Record
from servemark.records.measured import Board, Exclusion, Variant
from servemark.records.target import Target


class Machine(Record):
    """Where a run was made."""

    cpu_model: str
    cpu_count: int
    memory_bytes: int
    kernel: str
    system: str
    python: str
    governor: str | None
    virtual_machine: str | None


class Cores(Record):
    """Which cores the server and the load engine are pinned to, and a warning if they share one."""

    server: tuple[int, ...]
    engine: tuple[int, ...]
    warning: str | None = None


class Entrant(Record):
    """A variant of the run with what a report says about it."""

    variant: Variant
    title: str
    language: str
    homepage: str
    division: Division
    digest: str
    versions: dict[str, str] = {}
    installed_bytes: int | None = None
    """Disk use of its environment: what the language's build has put there for it."""
    lines_of_code: int | None = None
    """Of its own source: the routes, without what the contestants of its language share."""
    limits: dict[str, str] = {}


class RunHeader(Record):
    """``run.json``."""

    schema_version: int
    servemark_version: str
    created_utc: str
    command: str
    board: Board
    machine: Machine
    cores: Cores
    tools: dict[str, str]
    model_digest: str
    golden_images: int
    entrants: tuple[Entrant, ...]
    excluded: tuple[Exclusion, ...]
    target: Target | None = None
    """Where the run is of services of the user's own: everything that says how they are asked."""
    notes: tuple[str, ...] = ()
    """What a reader must know of how it was measured, in sentences."""
