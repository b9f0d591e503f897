"""What every report shows, computed from a run folder alone."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Literal

from servemark.plan import Plan
from servemark.records import (
    Cell,
    Cores,
    Division,
    Exclusion,
    Machine,
    Open,
    Record,
    RunHeader,
    TrialResult,
    Verification,
)
from servemark.stats import METRICS, summarise
from servemark.store import RunFolder

REPORT_SCHEMA_VERSION = 1


class Figure(Record):
    """A metric over the blocks of a run: the median of the block means, and their range."""

    median: float
    low: float
    high: float
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
    """By median throughput among the variants with a valid trial in this cell; 1 is the fastest."""
    figures: dict[str, Figure]
    """By metric name; a metric that was not measured is missing."""
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
    workers: int
    threads: int
    division: Division
    homepage: str
    digest: str
    versions: dict[str, str]
    limits: dict[str, str]
    """Lines of the contract that the server cannot keep, each with the reason."""
    state: Literal["measured", "failed", "not verified", "not yet measured"]


class ReportedCell(Record):
    """One cell of the board, with its id as results name it."""

    id: str
    workload: str
    connections: int
    rate_per_s: float | None = None
    """Of an open loop; the connections are then the most that it may use."""
    stage: str


class Problem(Record):
    """Something that went wrong, by name, with what to do about it."""

    name: str
    where: str
    reason: str
    remedy: str | None
    log_tail: str | None


class MetricEntry(Record):
    """How to read a metric."""

    title: str
    unit: str
    better: str


class Report(Record):
    """A run, ready to be shown. Published as ``docs/report.schema.json``."""

    schema_version: Literal[1] = 1
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
    warm_up_s: float
    slice_s: float
    machine: Machine
    cores: Cores
    tools: dict[str, str]
    finished_trials: int
    planned_trials: int
    main_cell: str
    cells: tuple[ReportedCell, ...]
    metrics: dict[str, MetricEntry]
    competitors: tuple[Competitor, ...]
    results: tuple[Result, ...]
    problems: tuple[Problem, ...]
    excluded: tuple[Exclusion, ...]


def build_report(folder: RunFolder) -> Report:
    """The report of a run, finished or not. Raises ``StoreError``."""
    header = folder.header()
    trials = folder.trials()
    verifications = folder.verifications()
    cells = header.board.all_cells()
    failed = {each.variant.id for each in verifications if not each.passed}
    variants = tuple(e.variant for e in header.entrants if e.variant.id not in failed)
    return Report(
        run=folder.path.name,
        board=header.board.name,
        title=header.board.title,
        description=header.board.description,
        created_utc=header.created_utc,
        command=header.command,
        servemark_version=header.servemark_version,
        engine=header.board.engine,
        model=header.board.model,
        seed=header.board.seed,
        blocks=header.board.blocks,
        warm_up_s=header.board.warm_up_s,
        slice_s=header.board.slice_s,
        machine=header.machine,
        cores=header.cores,
        tools=header.tools,
        finished_trials=len(trials),
        planned_trials=len(Plan(header.board, variants).trials()),
        main_cell=main_cell(cells).id,
        cells=tuple(_reported(cell) for cell in cells),
        metrics={
            name: MetricEntry(title=m.title, unit=m.unit, better=m.better)
            for name, m in METRICS.items()
        },
        competitors=_competitors(header, trials, failed),
        results=_results(header, cells, trials),
        problems=_problems(verifications, trials),
        excluded=header.excluded,
    )


def main_cell(cells: Sequence[Cell]) -> Cell:
    """The cell that a reader with one minute should see: an upload as a form, well loaded.

    Where a board has none such, the first of its cells with the most connections.
    """
    by_id = {cell.id: cell for cell in cells}
    for wanted in ("multipart/c16", "raw/c16", "get/c16"):
        if wanted in by_id:
            return by_id[wanted]
    return max(cells, key=lambda cell: cell.load.connections)


def _reported(cell: Cell) -> ReportedCell:
    return ReportedCell(
        id=cell.id,
        workload=cell.workload,
        connections=cell.load.connections,
        rate_per_s=cell.load.rate_per_s if isinstance(cell.load, Open) else None,
        stage=cell.stage,
    )


def _competitors(
    header: RunHeader, trials: Sequence[TrialResult], failed: set[str]
) -> tuple[Competitor, ...]:
    measured = {result.trial.variant.id for result in trials if result.verdict.valid}
    tried = {result.trial.variant.id for result in trials}

    def state(
        variant: str,
    ) -> Literal["measured", "failed", "not verified", "not yet measured"]:
        if variant in failed:
            return "not verified"
        if variant in measured:
            return "measured"
        return "failed" if variant in tried else "not yet measured"

    return tuple(
        Competitor(
            variant=entrant.variant.id,
            contestant=entrant.variant.contestant,
            title=entrant.title,
            language=entrant.language,
            server=entrant.variant.server,
            runtime=entrant.variant.runtime,
            workers=entrant.variant.settings.workers,
            threads=entrant.variant.settings.threads,
            division=entrant.division,
            homepage=entrant.homepage,
            digest=entrant.digest,
            versions=entrant.versions,
            limits=entrant.limits,
            state=state(entrant.variant.id),
        )
        for entrant in header.entrants
    )


def _results(
    header: RunHeader, cells: Sequence[Cell], trials: Sequence[TrialResult]
) -> tuple[Result, ...]:
    grouped: dict[tuple[str, str], list[TrialResult]] = {}
    for result in trials:
        key = (result.trial.variant.id, result.trial.cell.id)
        grouped.setdefault(key, []).append(result)
    found: list[Result] = []
    for cell in cells:
        in_cell = [
            _result(entrant.variant.id, cell.id, grouped[entrant.variant.id, cell.id])
            for entrant in header.entrants
            if (entrant.variant.id, cell.id) in grouped
        ]
        found += _ranked(in_cell)
    return tuple(found)


def _result(variant: str, cell: str, trials: Sequence[TrialResult]) -> Result:
    figures = {}
    for name in METRICS:
        found = summarise(trials, name)
        if found is not None:
            figures[name] = Figure(
                median=found.median, low=found.low, high=found.high, blocks=found.blocks
            )
    valid = sum(trial.verdict.valid for trial in trials)
    return Result(
        variant=variant,
        cell=cell,
        rank=None,
        figures=figures,
        latency=_latency(trials),
        valid_trials=valid,
        invalid_trials=len(trials) - valid,
    )


def _ranked(results: Sequence[Result]) -> list[Result]:
    """The results with their ranks, best first; those without a throughput come last."""

    def speed(result: Result) -> float:
        figure = result.figures.get("throughput_per_s")
        return -1.0 if figure is None else figure.median

    order = sorted(results, key=speed, reverse=True)
    return [
        result.model_copy(update={"rank": rank if speed(result) >= 0 else None})
        for rank, result in enumerate(order, start=1)
    ]


def _latency(trials: Sequence[TrialResult]) -> EngineLatencies | None:
    stated = [t.load.latency for t in trials if t.verdict.valid and t.load and t.load.latency]
    if not stated:
        return None
    return EngineLatencies(
        source=stated[0].source,
        percentiles_ns={
            name: float(statistics.median(each.percentiles_ns[name] for each in stated))
            for name in stated[0].percentiles_ns
        },
    )


def _problems(
    verifications: Sequence[Verification], trials: Sequence[TrialResult]
) -> tuple[Problem, ...]:
    found = [
        Problem(
            name=each.variant.id,
            where="verification",
            reason=each.first_fault(),
            remedy=f"servemark verify {each.variant.contestant}",
            log_tail=each.log_tail,
        )
        for each in verifications
        if not each.passed
    ]
    for result in trials:
        found += [
            Problem(
                name=result.trial.variant.id,
                where=f"{result.trial.cell.id}, block {result.trial.block + 1}: {fault.gate}",
                reason=fault.reason,
                remedy=fault.remedy,
                log_tail=result.log_tail,
            )
            for fault in result.verdict.faults
        ]
    return tuple(found)
