"""What is to be measured: variants, loads, cells, boards and trials."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from servemark.records.base import (
    Name,
    PositiveFloat,
    PositiveInt,
    Record,
    Stage,
    Workload,
)


class Settings(Record):
    """How much of the machine a variant may use."""

    workers: PositiveInt = 1
    threads: PositiveInt = 1

    def suffix(self) -> str:
        """What the settings add to a variant's id: nothing where they are the defaults."""
        changed = [
            f"{name}={value}"
            for name, value in self.model_dump().items()
            if value != type(self).model_fields[name].default
        ]
        return "".join(f",{part}" for part in changed)


class Variant(Record):
    """What is actually started: contestant, server, runtime and settings.

    >>> Variant(contestant="python/flask", server="gunicorn", runtime="onnxruntime").id
    'python/flask@gunicorn+onnxruntime'
    """

    contestant: str
    server: Name
    runtime: Name
    settings: Settings = Settings()

    @property
    def id(self) -> str:
        return f"{self.contestant}@{self.server}+{self.runtime}{self.settings.suffix()}"


class Closed(Record):
    """Closed loop: each connection has one request outstanding at any time."""

    kind: Literal["closed"] = "closed"
    connections: PositiveInt
    engine_threads: PositiveInt = 1

    @property
    def id(self) -> str:
        threads = f"t{self.engine_threads}" if self.engine_threads > 1 else ""
        return f"{threads}c{self.connections}"


class Open(Record):
    """Open loop: requests become due at times computed beforehand, whatever the server does.

    A request that finds none of the ``connections`` free waits, and its wait counts.
    """

    kind: Literal["open"] = "open"
    rate_per_s: PositiveFloat
    arrivals: Name = "poisson"
    connections: PositiveInt = 256
    engine_threads: PositiveInt = 1

    @property
    def id(self) -> str:
        process = "" if self.arrivals == "poisson" else f"-{self.arrivals}"
        return f"r{self.rate_per_s:g}{process}"


Load = Annotated[Closed | Open, Field(discriminator="kind")]


class Cell(Record):
    """One way of asking a variant: workload, load and stage."""

    workload: Workload
    load: Load
    stage: Stage = "full"

    @property
    def id(self) -> str:
        stage = "" if self.stage == "full" else f"/{self.stage}"
        return f"{self.workload}/{self.load.id}{stage}"


class CellGroup(Record):
    """A product of cells, as a board writes it: closed loops by ``connections``, or open loops by
    ``rates_per_s``."""

    workloads: Annotated[tuple[Workload, ...], Field(min_length=1)]
    connections: tuple[PositiveInt, ...] = ()
    rates_per_s: tuple[PositiveFloat, ...] = ()
    arrivals: Name = "poisson"
    engine_threads: PositiveInt = 1
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)] = ("full",)

    @model_validator(mode="after")
    def _one_kind_of_load(self) -> Self:
        if bool(self.connections) == bool(self.rates_per_s):
            raise ValueError("expected either connections or rates_per_s")
        if self.engine_threads > min(self.connections, default=self.engine_threads):
            raise ValueError("engine_threads must not be more than the connections")
        return self

    def cells(self) -> list[Cell]:
        return [
            Cell(workload=workload, load=load, stage=stage)
            for workload in self.workloads
            for load in self._loads()
            for stage in self.stages
        ]

    def _loads(self) -> list[Closed | Open]:
        threads = self.engine_threads
        closed = [Closed(connections=n, engine_threads=threads) for n in self.connections]
        opened = [
            Open(rate_per_s=rate, arrivals=self.arrivals, engine_threads=threads)
            for rate in self.rates_per_s
        ]
        return [*closed, *opened]


class Board(Record):
    """Which cells are measured, on which variants, and for how long."""

    name: Name
    title: str
    description: str = ""
    model: Name = "mnist"
    engine: Name
    seed: Annotated[int, Field(ge=0)]
    blocks: PositiveInt
    warm_up_s: PositiveFloat
    slice_s: PositiveFloat
    contestants: Annotated[tuple[str, ...], Field(min_length=1)] = ("*",)
    runtimes: tuple[Name, ...] = ()
    settings: Settings = Settings()
    golden_images: PositiveInt | None = None
    cells: Annotated[tuple[CellGroup, ...], Field(min_length=1)]

    def all_cells(self) -> list[Cell]:
        """The cells of every group in the order of the board, each once."""
        return list(dict.fromkeys(cell for group in self.cells for cell in group.cells()))


class Exclusion(Record):
    """A variant or contestant that a run leaves out, and what would bring it in."""

    name: str
    reason: str
    remedy: str | None = None


class Trial(Record):
    """One slice to be measured: the ``number``-th of the run, in its block."""

    number: int
    block: int
    variant: Variant
    cell: Cell


_VARIANT = re.compile(
    r"^(?P<contestant>[^@+,]+)@(?P<server>[^@+,]+)\+(?P<runtime>[^@+,]+)(?P<settings>(,\w+=\d+)*)$"
)


def parse_variant(text: str) -> Variant | None:
    """The variant that an id names, or ``None`` where the text is not an id.

    >>> parse_variant("python/flask@gunicorn+onnxruntime,workers=2").settings.workers
    2
    """
    match = _VARIANT.match(text)
    if match is None:
        return None
    pairs = (part.split("=") for part in match["settings"].split(",") if part)
    return Variant(
        contestant=match["contestant"],
        server=match["server"],
        runtime=match["runtime"],
        settings=Settings(**{name: int(value) for name, value in pairs}),
    )
