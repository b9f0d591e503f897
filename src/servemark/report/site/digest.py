"""What the site keeps of a run: a small JSON file, from which all pages are made."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from servemark.records import Division, Record, TrialResult
from servemark.report.comparison import CAPACITY, SLO_CELL, conditions
from servemark.report.figures import ERRORS, error_shares
from servemark.report.findings import beside
from servemark.report.model import FoundCapacity
from servemark.report.results import Placed, ReadRun, placed_in, read_run
from servemark.report.sections import capacities_found
from servemark.report.wording import cell_title, short_names
from servemark.stats import interval, values_by_block
from servemark.store import RunFolder
from servemark.store.folder import BATTERIES, CEILINGS, HEADER, TRIALS, VERIFICATIONS

DIGEST_SCHEMA_VERSION = 1
SOURCES = (HEADER, TRIALS, VERIFICATIONS, CEILINGS, BATTERIES)
"""The files of a run folder that the site shows something of."""
KEPT = (
    "throughput_per_s",
    "p50_service_ns",
    "p99_service_ns",
    "p99_response_ns",
    "server_cpu_ns",
    "peak_pss_bytes",
    "first_answer_ns",
    "error_share",
)
"""The metrics that the site has; a capacity is one more, in a cell of its own."""

Bound = float | None


class Kept(NamedTuple):
    """A figure over blocks, and the mean and deviation of the block values' logarithms.

    The logarithms are what a comparison with another run is made from (Welch's t); they are missing
    where a value is not positive, the deviation also where there is one block.
    """

    value: float
    low: Bound
    high: Bound
    blocks: int
    log_mean: Bound
    log_deviation: Bound


class Standing(Record):
    """One variant in one cell."""

    variant: str
    rank: int | None
    last_rank: int | None
    """The best and the worst place that it may have."""
    figures: dict[str, Kept]


class KeptCell(Record):
    """A cell with everything that was measured in it, best first."""

    title: str
    workload: str
    beside_main: bool
    """Whether it differs from the main cell by its workload alone."""
    ranked_by: str
    standings: tuple[Standing, ...]


class Entry(Record):
    """A variant that entered; the second of an A/A pair is left out."""

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
    state: str
    name: str
    """What it is called among those of its run."""


class RunDigest(Record):
    """One run."""

    schema_version: Literal[1] = 1
    run: str
    source: str
    """SHA-256 over the run's files."""
    board: str
    title: str
    created_utc: str
    command: str
    servemark_version: str
    engine: str
    model: str
    machine: str
    conditions: dict[str, str]
    """What must be the same for runs to be compared."""
    finished: bool
    trials: int
    main_cell: str
    cells: dict[str, KeptCell]
    entries: tuple[Entry, ...]


def source_digest(folder: Path) -> str:
    """SHA-256 over the files of a run that the site shows something of, in hexadecimal."""
    total = hashlib.sha256(str(DIGEST_SCHEMA_VERSION).encode())
    for name in SOURCES:
        path = folder / name
        content = path.read_bytes() if path.is_file() else b""
        total.update(hashlib.sha256(content).digest())
    return total.hexdigest()


def digest_of(path: Path) -> RunDigest:
    """The digest of the run in that folder. Raises ``StoreError``."""
    folder = RunFolder(path)
    source = source_digest(path)
    run = read_run(folder)
    header, board = run.header, run.header.board
    names = short_names(run.competitors)
    return RunDigest(
        run=path.name,
        source=source,
        board=board.name,
        title=board.title,
        created_utc=header.created_utc,
        command=header.command,
        servemark_version=header.servemark_version,
        engine=board.engine,
        model=", ".join(board.all_models()),
        machine=f"{header.machine.cpu_model}, {header.machine.cpu_count} cores",
        conditions=conditions(header),
        finished=run.finished,
        trials=len(run.trials),
        main_cell=run.main.id,
        cells=_cells(run),
        entries=tuple(
            Entry(
                variant=each.variant,
                contestant=each.contestant,
                title=each.title,
                language=each.language,
                server=each.server,
                runtime=each.runtime,
                workers=each.workers,
                threads=each.threads,
                division=each.division,
                homepage=each.homepage,
                digest=each.digest,
                versions=each.versions,
                limits=each.limits,
                state=each.state,
                name=names[each.variant],
            )
            for each in run.competitors
            if each.twin_of is None
        ),
    )


def _cells(run: ReadRun) -> dict[str, KeptCell]:
    kept = {each.variant for each in run.competitors if each.twin_of is None}
    main = next(cell for cell in run.cells if cell.id == run.main.id)
    near = beside(main, run.cells)
    found = {
        cell.id: KeptCell(
            title=cell_title(cell),
            workload=cell.workload,
            beside_main=cell in near,
            ranked_by=cell.ranked_by,
            standings=tuple(
                _standing(placed, run.by_cell[placed.variant, cell.id])
                for placed in placed_in(cell, run)
                if placed.variant in kept
            ),
        )
        for cell in run.cells
    }
    board = run.header.board
    capacities = capacities_found(board, run.header.entrants, run.trials)
    if board.slo is not None and any(each.variant in kept for each in capacities):
        found[SLO_CELL] = KeptCell(
            title=f"{board.slo.percentile:g} % within {board.slo.bound_ms:g} ms",
            workload=board.slo.workload,
            beside_main=False,
            ranked_by=CAPACITY,
            standings=tuple(_capacity(each) for each in capacities if each.variant in kept),
        )
    return found


def _standing(placed: Placed, trials: Sequence[TrialResult]) -> Standing:
    values = values_by_block(trials, KEPT) | {ERRORS: error_shares(trials)}
    found = {name: _kept(blocks) for name, blocks in values.items()}
    ranked = placed.standing
    return Standing(
        variant=placed.variant,
        rank=None if ranked is None else ranked.rank,
        last_rank=None if ranked is None else ranked.last,
        figures={name: kept for name, kept in found.items() if kept is not None},
    )


def _capacity(found: FoundCapacity) -> Standing:
    kept = _kept(found.by_block)
    figures = {} if kept is None else {CAPACITY: kept}
    return Standing(variant=found.variant, rank=None, last_rank=None, figures=figures)


def _kept(blocks: Mapping[int, float]) -> Kept | None:
    found = interval(list(blocks.values()), least=0.0)
    if found is None:
        return None
    logs = [math.log(each) for each in blocks.values()] if min(blocks.values()) > 0 else []
    log_mean = math.fsum(logs) / len(logs) if logs else None
    log_deviation = None
    if log_mean is not None and len(logs) > 1:
        squares = math.fsum((each - log_mean) ** 2 for each in logs)
        log_deviation = math.sqrt(squares / (len(logs) - 1))
    several = found.blocks > 1
    return Kept(
        value=_short(found.centre),
        low=_short(found.low) if several else None,
        high=_short(found.high) if several else None,
        blocks=found.blocks,
        log_mean=None if log_mean is None else round(log_mean, 9),
        log_deviation=None if log_deviation is None else round(log_deviation, 9),
    )


def _short(value: float) -> float:
    """To seven significant digits: what is beyond is noise, and 1,000 runs are kept."""
    return float(f"{value:.7g}")
