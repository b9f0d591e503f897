"""The frozen records that the stages exchange. Units are in the names; missing is ``None``."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Workload = Literal["get", "multipart", "raw"]
Stage = Literal["full", "decode", "receive"]
Division = Literal["standard", "tuned"]

PositiveInt = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]


class Record(BaseModel):
    """Base of every record: immutable, and unknown fields are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# --- what is measured -------------------------------------------------------------------------


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


class Cell(Record):
    """One way of asking a variant: workload, load and stage."""

    workload: Workload
    load: Closed
    stage: Stage = "full"

    @property
    def id(self) -> str:
        stage = "" if self.stage == "full" else f"/{self.stage}"
        return f"{self.workload}/{self.load.id}{stage}"


class CellGroup(Record):
    """A product of cells, as a board writes it."""

    workloads: Annotated[tuple[Workload, ...], Field(min_length=1)]
    connections: Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
    engine_threads: PositiveInt = 1
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)] = ("full",)

    @model_validator(mode="after")
    def _a_thread_needs_a_connection(self) -> Self:
        if self.engine_threads > min(self.connections):
            raise ValueError("engine_threads must not be more than the connections")
        return self

    def cells(self) -> list[Cell]:
        return [
            Cell(
                workload=workload,
                load=Closed(connections=connections, engine_threads=self.engine_threads),
                stage=stage,
            )
            for workload in self.workloads
            for connections in self.connections
            for stage in self.stages
        ]


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


# --- what is found ----------------------------------------------------------------------------


class Endpoint(Record):
    """Where a started server listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


class Counts(Record):
    """What became of the requests of one slice. ``ok`` is what was answered below status 400."""

    ok: int
    bad_status: int
    connect_errors: int
    read_errors: int
    write_errors: int
    timeouts: int

    @property
    def answered(self) -> int:
        return self.ok + self.bad_status

    @property
    def errors(self) -> int:
        return (
            self.bad_status
            + self.connect_errors
            + self.read_errors
            + self.write_errors
            + self.timeouts
        )


class EngineLatency(Record):
    """Latencies as the engine itself states them, in ns; ``source`` says how far to trust them."""

    source: str
    mean_ns: float
    percentiles_ns: dict[str, int]


class LoadResult(Record):
    """What a load engine saw in one slice."""

    engine: str
    engine_version: str
    duration_ns: int
    counts: Counts
    bytes_read: int
    engine_cpu_ns: int
    latency: EngineLatency | None = None


class TreeUse(Record):
    """Resource use of a server's whole process tree at one moment; CPU and switches since spawn."""

    cpu_ns: int
    pss_bytes: int
    processes: int
    threads: int
    voluntary_switches: int
    involuntary_switches: int


class ServerUse(Record):
    """Resource use of a server's whole process tree during one slice."""

    cpu_ns: int
    peak_pss_bytes: int
    processes: int
    threads: int
    voluntary_switches: int
    involuntary_switches: int


class StartUp(Record):
    """From spawning the process to its first ready answer and its first right prediction."""

    ready_ns: int
    first_answer_ns: int


class Gate(StrEnum):
    """The conditions that a trial must meet to be ranked."""

    COMPLETED = "completed"
    ANSWERS = "answers"
    ENGINE_HEADROOM = "engine headroom"
    QUIET_MACHINE = "quiet machine"


class Fault(Record):
    """A gate that did not hold: why, and what to do about it."""

    gate: Gate
    reason: str
    remedy: str


class Verdict(Record):
    """Whether a trial may be ranked."""

    faults: tuple[Fault, ...] = ()

    @property
    def valid(self) -> bool:
        return not self.faults


class TrialResult(Record):
    """One line of ``trials.jsonl``."""

    trial: Trial
    started_utc: str
    start: int
    """Counts the fresh starts of the run: trials with the same number shared one server process."""
    cores_server: tuple[int, ...]
    cores_engine: tuple[int, ...]
    warm_up_ns: int
    load: LoadResult | None = None
    server: ServerUse | None = None
    start_up: StartUp | None = None
    steal_share: float | None = None
    failure: str | None = None
    log_tail: str | None = None
    verdict: Verdict


class Check(Record):
    """One line of the contract, tried out. ``group`` is the part of the contract.

    ``limit`` is the reason that the manifest gives where the server cannot keep that line.
    """

    group: str
    name: str
    passed: bool
    expected: str
    seen: str
    limit: str | None = None


class Verification(Record):
    """Every check of one variant."""

    variant: Variant
    checks: tuple[Check, ...]
    failure: str | None = None
    log_tail: str | None = None

    @property
    def passed(self) -> bool:
        return self.failure is None and all(check.passed for check in self.checks)

    def first_fault(self) -> str:
        """Why it did not pass, in a sentence."""
        if self.failure is not None:
            return self.failure
        faults = [check for check in self.checks if not check.passed]
        first = f"{faults[0].name}: expected {faults[0].expected}, saw {faults[0].seen}"
        return first if len(faults) == 1 else f"{first} (and {len(faults) - 1} more)"


# --- what describes a run ---------------------------------------------------------------------


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
