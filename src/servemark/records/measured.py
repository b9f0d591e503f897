"""What is to be measured: variants, loads, cells, boards and trials."""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from servemark.records.base import (
    Corpus,
    Name,
    PositiveFloat,
    PositiveInt,
    Purpose,
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
        return _suffix(tuple(self))


@cache  # ids are asked for some ten thousand times in a report
def _suffix(settings: tuple[tuple[str, int], ...]) -> str:
    changed = [
        f"{name}={value}"
        for name, value in settings
        if value != Settings.model_fields[name].default
    ]
    return "".join(f",{part}" for part in changed)


OWN = "own"
"""Server and runtime of a service of the user's own: what it says of neither."""


class Variant(Record):
    """What is actually started: contestant, server, runtime and settings.

    >>> Variant(contestant="python/flask", server="gunicorn", runtime="onnxruntime").id
    'python/flask@gunicorn+onnxruntime'

    A service of the user's own names neither server nor runtime: its id is its name.
    """

    contestant: str
    server: Name = OWN
    runtime: Name = OWN
    settings: Settings = Settings()
    model: Name | None = None
    """The model that it serves, where the board has several; ``None`` for the board's only one."""
    copy_number: PositiveInt = 1
    """2 for the second of an A/A pair: the same once more, under a name of its own."""

    @property
    def id(self) -> str:
        again = "" if self.copy_number == 1 else f"#{self.copy_number}"
        model = "" if self.model is None else f":{self.model}"
        hosted = "" if self.is_service else f"@{self.server}+{self.runtime}"
        made = f"{self.contestant}{hosted}"
        return f"{made}{self.settings.suffix()}{model}{again}"

    @property
    def is_service(self) -> bool:
        """Whether it is a service of the user's own."""
        return self.server == OWN and self.runtime == OWN

    def original(self) -> Variant:
        """The first of an A/A pair; itself where it is no second."""
        return self.model_copy(update={"copy_number": 1})

    def twin(self) -> Variant:
        """The same, as the second of an A/A pair."""
        return self.model_copy(update={"copy_number": 2})


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
        threads = f"t{self.engine_threads}" if self.engine_threads > 1 else ""
        process = "" if self.arrivals == "poisson" else f"-{self.arrivals}"
        return f"{threads}r{self.rate_per_s:g}{process}"


Load = Annotated[Closed | Open, Field(discriminator="kind")]


class Cell(Record):
    """One way of asking a variant: workload, load and stage."""

    workload: Workload
    load: Load
    stage: Stage = "full"
    corpus: Corpus = "all"

    @property
    def id(self) -> str:
        stage = "" if self.stage == "full" else f"/{self.stage}"
        corpus = "" if self.corpus == "all" else f"/{self.corpus}"
        return f"{self.workload}/{self.load.id}{stage}{corpus}"


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


class Slo(Record):
    """A service-level objective: ``percentile`` % of the requests of ``workload`` are answered
    rightly within ``bound_ms`` of the moment when they were due."""

    percentile: Annotated[float, Field(gt=50, lt=100)] = 99.0
    bound_ms: PositiveFloat = 25.0
    workload: Workload = "multipart"
    blocks: PositiveInt = 3
    """The search is done in so many of the first blocks; it takes longer than anything else. A
    board with fewer ``blocks`` does it in all of these: blocks beyond them are for throughput."""

    @property
    def share(self) -> float:
        """The share that must be in time, between 0 and 1."""
        return self.percentile / 100

    @property
    def bound_ns(self) -> int:
        """The bound in ns."""
        return round(self.bound_ms * 1_000_000)


class Battery(Record):
    """The battery of bad inputs, and how much of each."""

    bad_requests: Annotated[int, Field(ge=100)] = 10_000
    """Over so many the memory is watched, and up to four times as many while it grows."""
    idle_connections: PositiveInt = 1_000
    slow_senders: PositiveInt = 16
    hold_s: Annotated[float, Field(ge=2.5)] = 4.0
    """How long slow senders take and idle connections are held: longer than others may wait."""


class Board(Record):
    """Which cells are measured, on which variants, for how long, and when to stop."""

    name: Name
    title: str
    description: str = ""
    model: Name = "mnist"
    models: tuple[Name, ...] = ()
    """Several models, each served by every variant, instead of the one ``model``."""
    engine: Name
    seed: Annotated[int, Field(ge=0)]
    blocks: PositiveInt
    """The least number of blocks: every variant and every cell is in each of these."""
    most_blocks: PositiveInt | None = None
    """Up to so many blocks for the variants that need them; ``None`` for no more than the least."""
    half_width: PositiveFloat = 0.03
    """The wanted half-width of the 95 % interval of the throughput, relative."""
    budget_s: PositiveFloat | None = None
    """No block beyond the least is begun once measuring has taken so long."""
    warm_up_s: PositiveFloat
    slice_s: PositiveFloat
    contestants: Annotated[tuple[str, ...], Field(min_length=1)] = ("*",)
    runtimes: tuple[Name, ...] = ()
    settings: Settings = Settings()
    set_ups: tuple[Settings, ...] = ()
    """Several settings, each of which every variant is started with, instead of ``settings``."""
    golden_images: PositiveInt | None = None
    quiet: bool = True
    """Whether a trial on a busy machine is invalid; otherwise it is only said."""
    a_a: tuple[str, ...] = ()
    """Contestants whose variants enter twice, so that the difference found is the noise floor."""
    caching: bool = False
    """Whether one image repeated is compared with many, which finds servers that cache answers."""
    ceiling: bool = False
    """Whether decoding and inference are also measured in a loop, without a server."""
    core_hour_usd: PositiveFloat | None = None
    """The price of one core for an hour, for predictions per dollar."""
    slo: Slo | None = None
    """Where it is given, the highest rate that meets it is searched for each variant."""
    battery: Battery | None = None
    """Where it is given, each variant is put to the battery of bad inputs once."""
    cells: Annotated[tuple[CellGroup, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.most_blocks is not None and self.most_blocks < self.blocks:
            raise ValueError("most_blocks must not be less than blocks")
        if self.slo is not None and self.slo_start() is None:
            raise ValueError(
                f"slo needs a cell of workload '{self.slo.workload}' with connections: "
                "the search begins from its throughput"
            )
        if self.caching and self.caching_base() is None:
            raise ValueError("caching needs a cell of an upload with connections")
        return self

    def all_models(self) -> tuple[Name, ...]:
        """The models that are served."""
        return self.models or (self.model,)

    def all_settings(self) -> tuple[Settings, ...]:
        """The settings that variants are started with."""
        return self.set_ups or (self.settings,)

    def all_cells(self) -> list[Cell]:
        """The cells of every group in the order of the board, each once."""
        return list(dict.fromkeys(cell for group in self.cells for cell in group.cells()))

    def slo_start(self) -> Cell | None:
        """The closed loop whose throughput the search for the capacity begins from."""
        if self.slo is None:
            return None
        return self._busiest({self.slo.workload})

    def caching_base(self) -> Cell | None:
        """The closed loop that is repeated with images that are alike, and with one alone."""
        for workload in ("multipart", "raw", "target"):
            found = self._busiest({workload})
            if found is not None:
                return found
        return None

    def _busiest(self, workloads: set[Workload]) -> Cell | None:
        """The closed loop of full answers with the most connections but one engine thread."""
        found = [
            cell
            for cell in self.all_cells()
            if cell.workload in workloads
            and cell.stage == "full"
            and isinstance(cell.load, Closed)
            and cell.load.engine_threads == 1
        ]
        return max(found, key=lambda cell: cell.load.connections, default=None)


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
    purpose: Purpose = "figure"
    step: str = ""
    """Of the search for the capacity: what this rate is tried for."""
    attempt: PositiveInt = 1
    """2 where the first one was invalid and it was measured once more."""
    duration_s: PositiveFloat | None = None
    """Of the slice; ``None`` for the board's."""


_VARIANT = re.compile(
    r"^(?P<contestant>[^@+,:#]+)(@(?P<server>[^@+,:#]+)\+(?P<runtime>[^@+,:#]+))?"
    r"(?P<settings>(,\w+=\d+)*)(:(?P<model>[^@+,:#]+))?(#(?P<copy>\d+))?$"
)


def parse_variant(text: str) -> Variant | None:
    """The variant that an id names, or ``None`` where the text is not an id.

    >>> parse_variant("python/flask@gunicorn+onnxruntime,workers=2").settings.workers
    2
    >>> parse_variant("python/flask@gunicorn+onnxruntime:mnist-cnn").model
    'mnist-cnn'
    >>> parse_variant("digits").is_service
    True
    """
    match = _VARIANT.match(text)
    if match is None:
        return None
    pairs = (part.split("=") for part in match["settings"].split(",") if part)
    return Variant(
        contestant=match["contestant"],
        server=match["server"] or OWN,
        runtime=match["runtime"] or OWN,
        settings=Settings(**{name: int(value) for name, value in pairs}),
        model=match["model"],
        copy_number=int(match["copy"] or 1),
    )
