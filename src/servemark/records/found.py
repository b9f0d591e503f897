"""What is found: the results of slices, trials, checks and verifications."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import ConfigDict

from servemark.records.base import Record
from servemark.records.cluster import Placement
from servemark.records.measured import Trial, Variant


class Endpoint(Record):
    """Where a started server listens."""

    host: str
    """Its address."""
    port: int
    name: str | None = None
    """What requests call the host, where it is not the address."""

    @property
    def address(self) -> str:
        """Where to connect to.

        >>> Endpoint(host="::1", port=80, name="localhost").address
        '[::1]:80'
        """
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def authority(self) -> str:
        """What requests say in ``Host``."""
        return self.address if self.name is None else f"{self.name}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"


class Counts(Record):
    """What became of the requests of one slice.

    ``ok`` is what was answered below status 400 and, where answers are looked at, rightly;
    ``wrong_answers`` is ``None`` where the engine does not keep them.
    """

    ok: int
    bad_status: int
    connect_errors: int
    read_errors: int
    write_errors: int
    timeouts: int
    wrong_answers: int | None = None
    malformed: int = 0
    unanswered: int = 0
    """Sent, but not answered when the grace was over."""
    not_sent: int = 0
    """Due within the slice of an open loop, but not sent before its end."""

    @property
    def answered(self) -> int:
        return self.ok + self.bad_status + (self.wrong_answers or 0)

    @property
    def errors(self) -> int:
        return (
            self.bad_status
            + self.connect_errors
            + self.read_errors
            + self.write_errors
            + self.timeouts
            + (self.wrong_answers or 0)
            + self.malformed
            + self.unanswered
            + self.not_sent
        )


class Distribution(Record):
    """Values in ns: percentiles by nearest rank, of which those above the median are ``None`` with
    fewer than 10 values above them."""

    count: int
    mean_ns: float
    min_ns: int
    p50_ns: int | None
    p75_ns: int | None
    p90_ns: int | None
    p99_ns: int | None
    p999_ns: int | None
    max_ns: int


class Latencies(Record):
    """Service time (done − sent), response time (done − intended) and lag (sent − intended)."""

    service: Distribution | None
    response: Distribution | None
    lag: Distribution | None


class EngineWork(Record):
    """What the load engine itself did: work, and waiting for due times by polling."""

    busy_ns: int
    spin_ns: int
    waited_ns: int | None = None
    """How long its threads were ready to run while something else had their cores."""
    unread_ns: int = 0
    """How long complete answers lay in the kernel before they were read, over all of them."""
    threads: int
    reconnects: int
    sent_bytes: int


class EngineLatency(Record):
    """Latencies as the engine itself states them, in ns; ``source`` says how far to trust them."""

    source: str
    mean_ns: float
    percentiles_ns: dict[str, int]


class Objective(Record):
    """How a slice stands to the service-level objective: requests due in it, and those of them that
    were not answered rightly within the bound."""

    requests: int
    over: int
    batches: Literal["meets", "misses", "undecided"]
    """The answer of the test by batch means, which minds that late requests come in groups."""
    recovery_ns: int | None
    """From the end of the load to the last answer; ``None`` where not all were awaited."""


class LoadResult(Record):
    """What a load engine saw in one slice."""

    engine: str
    engine_version: str
    duration_ns: int
    lasted_ns: int | None = None
    """From the start to the last answer: the slice, and what it took to answer all that was under
    way then. ``None`` where the engine does not tell."""
    counts: Counts
    bytes_read: int
    engine_cpu_ns: int
    latency: EngineLatency | None = None
    work: EngineWork | None = None
    latencies: Latencies | None = None
    ok_in_slice: int | None = None
    """Of ``ok``, those whose answer was complete before the slice was over."""
    mean_outstanding: float | None = None
    """Requests under way, averaged over the slice: Little's law in its exact form, λ·W."""
    drift: DriftSeen | None = None
    """A change of speed within the slice that is neither noise nor small."""
    objective: Objective | None = None
    """Of a slice of the search for the capacity."""
    warnings: tuple[str, ...] = ()

    @property
    def loaded_ns(self) -> int:
        """For so long server and engine worked: CPU time is a share of this. A server that was
        offered more than it can answer goes on after the slice."""
        return max(self.duration_ns, self.lasted_ns or 0)


class TreeUse(Record):
    """Resource use of a server's whole process tree at one moment; CPU and switches since spawn."""

    cpu_ns: int
    pss_bytes: int
    processes: int
    threads: int
    voluntary_switches: int
    involuntary_switches: int
    cpu_ns_by_process: dict[int, int] = {}


class ServerUse(Record):
    """Resource use of a server's whole process tree during one slice."""

    cpu_ns: int
    peak_pss_bytes: int
    processes: int
    threads: int
    voluntary_switches: int
    involuntary_switches: int
    busy_processes: int | None = None
    """Processes that each used a noticeable share of the tree's CPU time: those that serve."""


class Bystander(Record):
    """A process that has nothing to do with the trial, and the share of one core that it used."""

    name: str
    share: float


class Circumstances(Record):
    """What the machine did during a slice beside the trial; ``None`` where it cannot be told."""

    steal_share: float | None = None
    """Of the machine's time: taken by the hypervisor."""
    bystanders: tuple[Bystander, ...] = ()
    """The busiest of the processes that do not belong to the trial, busiest first."""
    asleep_ns: int = 0
    """How long the whole machine was suspended."""


class DriftSeen(Record):
    """A change of speed within a slice; ``change`` is relative (−0.2: a fifth slower), and infinite
    where nothing was answered before it."""

    model_config = ConfigDict(ser_json_inf_nan="strings")  # JSON has no infinity of its own

    kind: Literal["trend", "step"]
    change: float
    p_value: float
    at_ns: int | None = None


class StartUp(Record):
    """From spawning the process to its first ready answer and its first right prediction."""

    ready_ns: int
    first_answer_ns: int


class Gate(StrEnum):
    """The conditions that a trial must meet to be ranked."""

    COMPLETED = "completed"
    ANSWERS = "answers"
    LITTLE = "Little's law"
    ENGINE_HEADROOM = "engine headroom"
    SCHEDULE_KEPT = "schedule kept"
    OFFERED = "offered = achieved"
    ORDER = "order"
    QUIET_MACHINE = "quiet machine"
    PARITY = "parity"
    CONNECTIONS = "connections kept"
    STEADY = "steady speed"
    GENERATORS = "generators"
    NETWORK = "network"


class Fault(Record):
    """A gate that did not hold: why, and what to do about it."""

    gate: Gate
    reason: str
    remedy: str


class Verdict(Record):
    """Whether a trial may be ranked."""

    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    """Gates that did not hold, but that the board does not insist on."""

    @property
    def valid(self) -> bool:
        return not self.faults


PIECE = 1_000_000
"""More than a run has blocks."""


class TrialResult(Record):
    """One line of ``trials.jsonl``."""

    trial: Trial
    started_utc: str
    start: int
    """Counts the fresh starts of the run: trials with the same number shared one server process."""
    cores_server: tuple[int, ...]
    cores_engine: tuple[int, ...]
    warm_up_ns: int
    settle_ns: int = 0
    """How long the server was loaded after its start, before the first warm-up."""
    load: LoadResult | None = None
    server: ServerUse | None = None
    start_up: StartUp | None = None
    circumstances: Circumstances = Circumstances()
    elapsed_ns: int = 0
    """From the decision to measure it to its verdict, with the fresh start where there was one."""
    failure: str | None = None
    log_tail: str | None = None
    samples: str | None = None
    """File of the raw columns below the run folder, where the engine keeps samples."""
    placement: Placement | None = None
    """Where it ran, in a run on a cluster."""
    verdict: Verdict

    @property
    def replicate(self) -> int:
        """What its figures are paired by: the block. The rest of a block that went on on another
        node is a block of its own, so that pairs stay on one machine."""
        piece = 0 if self.placement is None else self.placement.piece
        return self.trial.block + PIECE * piece

    @property
    def slice_s(self) -> float | None:
        """Length of the slice in seconds."""
        return None if self.load is None else self.load.duration_ns / 1e9


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
