"""What every report shows: the records of ``docs/report.schema.json``."""

from __future__ import annotations

from typing import Literal

from servemark.records import BatteryResult, Cores, Division, Exclusion, Machine, Record, Slo

REPORT_SCHEMA_VERSION = 2


class Figure(Record):
    """A metric over the blocks of a run: the mean of the block means, and its 95 % interval."""

    value: float
    low: float | None
    """``None`` where one block is all there is: it says nothing of the noise."""
    high: float | None
    blocks: int

    @property
    def half_width(self) -> float | None:
        """Relative: the longer arm of the interval ÷ the value."""
        if self.low is None or self.high is None or self.value == 0:
            return None
        return max(self.value - self.low, self.high - self.value) / abs(self.value)


class Ratio(Record):
    """A ratio with its 95 % interval, from pairs within blocks."""

    value: float
    low: float | None
    high: float | None
    blocks: int


class EngineLatencies(Record):
    """Latencies as the engine states them, in ns: medians over blocks. ``source`` is a caveat."""

    source: str
    percentiles_ns: dict[str, float]


class Result(Record):
    """One variant in one cell."""

    variant: str
    cell: str
    rank: int | None
    """1 + the number of variants that are told apart from it and better: the best that its place
    may be."""
    last_rank: int | None
    """The number of variants − the number of those told apart from it and worse: the worst."""
    tied_with: tuple[str, ...]
    """The variants that cannot be told apart from it in this cell."""
    figures: dict[str, Figure]
    """By metric name; a metric that was not measured is missing."""
    throughput_by_block: dict[int, float]
    precise: bool | None
    """Whether the throughput is known as closely as the board asks; ``None`` in an open loop."""
    latency: EngineLatencies | None
    valid_trials: int
    invalid_trials: int


class Competitor(Record):
    """One variant of the run."""

    variant: str
    contestant: str
    title: str
    language: str
    server: str
    runtime: str
    model: str
    workers: int
    threads: int
    division: Division
    homepage: str
    digest: str
    versions: dict[str, str]
    limits: dict[str, str]
    """Lines of the contract that the server cannot keep, each with the reason."""
    state: Literal["measured", "failed", "not verified", "not yet measured"]
    twin_of: str | None
    """The variant that it repeats, where it is the second of an A/A pair."""
    installed_bytes: int | None
    lines_of_code: int | None


class Point(Record):
    """One rate of a capacity's curve: what was offered and what came of it."""

    rate_per_s: float
    share_in_time: float | None
    p50_ns: float | None
    p90_ns: float | None
    p99_ns: float | None
    goodput_per_s: float | None
    cpu_ns: float | None
    recovery_ns: int | None
    """Of an overload: from the end of the load to the last answer."""


class FoundCapacity(Record):
    """The highest Poisson rate at which a variant meets the objective."""

    variant: str
    rate_per_s: Figure | None
    by_block: dict[int, float]
    """Of the blocks whose search is over and found a long slice that met the objective."""
    reasons: tuple[str, ...]
    """Why there is no rate in a block, or none that was confirmed."""
    seconds: tuple[float, ...]
    """How long the search took in each block, with everything around its slices."""
    curve: tuple[Point, ...]
    """Every slice of every block that counts, by rate."""


class Tax(Record):
    """What a server takes beside decoding and inference, for one workload and load."""

    variant: str
    cell: str
    cpu_ns: dict[str, Figure]
    """CPU time per answer of the stages: null, receive, decode, full."""
    ceiling_per_s: Figure | None
    """Answers per second of the same decoding and inference in a loop without a server."""
    ceiling_decode_ns: float | None
    ceiling_infer_ns: float | None
    tax: Figure | None
    """1 − throughput ÷ ceiling, from pairs within blocks."""


class ServedModel(Record):
    """One of several models of a run: what choosing a server makes of it, in one cell."""

    model: str
    cell: str
    alone_ns: float | None
    """Decoding and inference of an image in a loop without a server: the least of the languages."""
    fastest: str
    slowest: str
    """Variants of one runtime, ranked among those that serve the model."""
    spread: Ratio
    """Throughput of the fastest ÷ that of the slowest."""
    tied: int
    """How many of its variants share their rank with the fastest."""
    least_tax: float | None
    most_tax: float | None


class Reversal(Record):
    """Two servers that change places: the first is faster with one model, the second with another.

    Both differences are told apart from noise. The servers are named without the model.
    """

    first: str
    second: str
    first_with: str
    second_with: str


class Caching(Record):
    """Throughput with one image repeated ÷ with many of its kind."""

    variant: str
    ratio: Ratio
    over_renewed: Ratio | None = None
    """÷ with that image written differently each time; ``None`` where requests cannot be."""
    caches: bool


class NoiseFloor(Record):
    """The two of an A/A pair in one cell: what they differ by is noise."""

    variant: str
    cell: str
    ratio: Ratio
    different: bool
    """Whether the interval calls them different, which is then a false alarm."""


class LatencyCurve(Record):
    """Percentiles of the raw samples of all valid trials of a variant in a cell, together.

    ``service_ns`` and ``response_ns`` hold the quantiles at the report's ``latency_shares``, to 1
    part in 1,024, as far as at least 10 samples lie above.
    """

    variant: str
    cell: str | None
    """``None``: Poisson arrivals at the capacity that was found."""
    count: int
    service_ns: tuple[int, ...]
    response_ns: tuple[int, ...] | None
    """``None`` in a closed loop, where a request is due when it is sent."""


class DecisionGroup(Record):
    """Variants that differ in one choice alone: the best against the worst of them."""

    held: str
    """What they have in common, in words."""
    best: str
    worst: str
    """Levels of the factor."""
    best_variant: str
    worst_variant: str
    ratio: Ratio
    """The larger figure ÷ the smaller one."""
    different: bool
    """Whether the two are told apart from noise."""


class Decision(Record):
    """How much one choice changes a metric where everything else is held: the largest first."""

    factor: str
    metric: str
    typical: float
    """The median of the groups' ratios."""
    groups: tuple[DecisionGroup, ...]


class ReportedCell(Record):
    """One cell of the board, with its id as results name it."""

    id: str
    workload: str
    connections: int
    rate_per_s: float | None = None
    """Of an open loop; the connections are then the most that it may use."""
    stage: str
    ranked_by: str = "throughput_per_s"
    """The metric of its ranks: the throughput of a closed loop; in an open one, where the rate is
    the same for all, the CPU time per answer."""


class ReportedNode(Record):
    """A node that served in a run on a cluster, or was left out of it."""

    node: str
    blocks: int
    """In how many blocks it measured something."""
    effect: Ratio | None
    """Its throughput ÷ the mean of the nodes', over the same variants and cells."""
    generators: tuple[str, ...]
    round_trip_ns: int | None
    """The longest of its generators', by medians; ``None`` where these are on the node itself."""
    least_bytes_per_s: float | None
    """The least bandwidth, of any generator and either way."""
    trouble: str | None
    """Why it was left out, or how it was lost."""


class Problem(Record):
    """Something that went wrong, by name, with what to do about it."""

    name: str
    where: str
    gate: str | None
    """The gate of a trial that did not hold."""
    reason: str
    remedy: str | None
    log_tail: str | None
    made_good: bool = False
    """Whether the trial was measured once more, and then was valid: it cost no figure."""


class MetricEntry(Record):
    """How to read a metric."""

    title: str
    unit: str
    better: str


class Report(Record):
    """A run, ready to be shown. Published as ``docs/report.schema.json``."""

    schema_version: Literal[2] = 2
    run: str
    board: str
    title: str
    description: str
    created_utc: str
    command: str
    servemark_version: str
    engine: str
    model: str
    seed: int
    blocks: int
    """The least number of blocks."""
    most_blocks: int
    half_width: float
    """The relative half-width that the board wants for throughputs."""
    warm_up_s: float
    slice_s: float
    slo: Slo | None
    core_hour_usd: float | None
    machine: Machine
    cores: Cores
    tools: dict[str, str]
    finished_trials: int
    finished: bool
    """Whether the board is done, as far as servers did not fail."""
    given_up: tuple[str, ...]
    """Variants that failed too often in a row."""
    measuring_s: float
    main_cell: str
    cells: tuple[ReportedCell, ...]
    metrics: dict[str, MetricEntry]
    competitors: tuple[Competitor, ...]
    results: tuple[Result, ...]
    capacities: tuple[FoundCapacity, ...]
    taxes: tuple[Tax, ...]
    served: tuple[ServedModel, ...] = ()
    """The models, where there are several: the quickest to infer first."""
    reversals: tuple[Reversal, ...] = ()
    latency_shares: tuple[float, ...] = ()
    latencies: tuple[LatencyCurve, ...] = ()
    """Where the engine keeps samples, and they were asked for."""
    decisions: tuple[Decision, ...] = ()
    """By metric, and for each the factor with the largest typical ratio first."""
    battery: tuple[BatteryResult, ...] = ()
    """What each variant did with every bad input, where the board asks for it."""
    caching: tuple[Caching, ...]
    quiet: bool
    """Whether the board insists on a quiet machine."""
    restarts: bool = True
    """Whether each block starts every server afresh."""
    notes: tuple[str, ...] = ()
    """What a reader must know of how it was measured, in sentences."""
    disturbed_trials: int
    """Trials in which something else kept the machine busy, and that are invalid for it; or valid,
    where the board does not insist."""
    noise: tuple[NoiseFloor, ...]
    nodes: tuple[ReportedNode, ...] = ()
    problems: tuple[Problem, ...]
    excluded: tuple[Exclusion, ...]
