"""From trials to the competitors, cells and ranked results of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from statistics import fmean, median
from typing import Literal

from servemark.plan import Plan
from servemark.records import Cell, Closed, Open, RunHeader, TrialResult, Variant, Verification
from servemark.report.figures import ByCell, by_cell, figure_over
from servemark.report.model import Caching, Competitor, EngineLatencies, ReportedCell, Result
from servemark.report.sections import caching_found
from servemark.stats import CPU, METRICS, THROUGHPUT, Standing, block_values, rank, values_by_block
from servemark.store import RunFolder


@dataclass(frozen=True, slots=True)
class ReadRun:
    """What every report of a run begins with."""

    header: RunHeader
    trials: Sequence[TrialResult]
    verifications: Sequence[Verification]
    finished: bool
    competitors: tuple[Competitor, ...]
    caching: tuple[Caching, ...]
    main: Cell
    cells: tuple[ReportedCell, ...]
    by_cell: ByCell

    @property
    def unranked(self) -> set[str]:
        """Ids of the variants that have no rank, because they cache answers."""
        return {each.variant for each in self.caching if each.caches}


def read_run(folder: RunFolder, trials: Sequence[TrialResult] | None = None) -> ReadRun:
    """A run, finished or not; ``trials`` are its own, where they have been read. Raises
    ``StoreError``."""
    header = folder.header()
    trials = folder.trials() if trials is None else trials
    verifications = folder.verifications()
    failed = {each.variant.id for each in verifications if not each.passed}
    variants = tuple(
        each.variant for each in header.entrants if each.variant.original().id not in failed
    )
    cells = header.board.all_cells()
    return ReadRun(
        header=header,
        trials=trials,
        verifications=verifications,
        finished=Plan(header.board, variants, folder.abreast()).next(trials) is None,
        competitors=_competitors(header, trials, failed),
        caching=caching_found(header.board, header.entrants, trials),
        main=main_cell(cells),
        cells=tuple(reported(cell, _ranked_by(cell, trials)) for cell in cells),
        by_cell=by_cell(trials),
    )


def main_cell(cells: Sequence[Cell]) -> Cell:
    """The cell that a reader with one minute should see: an upload as a form, well loaded.

    Where a board has none such, the first of its cells with the most connections; of a service of
    the user's own a closed loop rather than an open one.
    """
    by_id = {cell.id: cell for cell in cells}
    for wanted in ("multipart/c16", "raw/c16", "get/c16"):
        if wanted in by_id:
            return by_id[wanted]
    own = [cell for cell in cells if cell.workload == "target" and isinstance(cell.load, Closed)]
    return max(own or cells, key=lambda cell: cell.load.connections)


def reported(cell: Cell, ranked_by: str = THROUGHPUT) -> ReportedCell:
    """A cell of a board as reports have it; ``ranked_by`` is the metric of its ranks."""
    return ReportedCell(
        id=cell.id,
        workload=cell.workload,
        connections=cell.load.connections,
        rate_per_s=cell.load.rate_per_s if isinstance(cell.load, Open) else None,
        stage=cell.stage,
        ranked_by=ranked_by,
    )


def _ranked_by(cell: Cell, trials: Sequence[TrialResult]) -> str:
    """In an open loop the cost tells servers apart; that of a service elsewhere is not known."""
    if isinstance(cell.load, Closed):
        return THROUGHPUT
    of_cell = [result for result in trials if result.trial.cell == cell and result.load is not None]
    costed = not of_cell or any(result.server is not None for result in of_cell)
    return CPU if costed else THROUGHPUT


def _competitors(
    header: RunHeader, trials: Sequence[TrialResult], failed: Set[str]
) -> tuple[Competitor, ...]:
    tried: dict[str, bool] = {}
    for result in trials:
        name = result.trial.variant.id
        tried[name] = tried.get(name, False) or result.verdict.valid

    def state(
        variant: str,
    ) -> Literal["measured", "failed", "not verified", "not yet measured"]:
        if variant in failed:
            return "not verified"
        if tried.get(variant):
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
            model=entrant.variant.model or header.board.model,
            workers=entrant.variant.settings.workers,
            threads=entrant.variant.settings.threads,
            division=entrant.division,
            homepage=entrant.homepage,
            digest=entrant.digest,
            versions=entrant.versions,
            limits=entrant.limits,
            state=state(entrant.variant.id),
            twin_of=entrant.variant.original().id if entrant.variant.copy_number > 1 else None,
            installed_bytes=entrant.installed_bytes,
            lines_of_code=entrant.lines_of_code,
        )
        for entrant in header.entrants
    )


def results_found(run: ReadRun) -> tuple[Result, ...]:
    """The results of every cell, best first."""
    return tuple(
        _result(placed, cell, run.by_cell[placed.variant, cell.id], run.header.board.half_width)
        for cell in run.cells
        for placed in placed_in(cell, run)
    )


@dataclass(frozen=True, slots=True)
class Placed:
    """A variant in a cell, with its standing where it has one."""

    variant: str
    standing: Standing | None


def placed_in(cell: ReportedCell, run: ReadRun) -> list[Placed]:
    """The variants that were tried in a cell, best first: by rank, then by the metric of the ranks.

    Those of one model stand together. Second ones of pairs, and what caches, have no rank and come
    last.
    """
    metric, unranked = cell.ranked_by, run.unranked
    entered = {entrant.variant.id: entrant.variant for entrant in run.header.entrants}
    values = {
        name: block_values(run.by_cell[name, cell.id], metric)
        for name in entered
        if (name, cell.id) in run.by_cell
    }
    ranked = {
        name: found
        for name, found in values.items()
        if found and entered[name].copy_number == 1 and name not in unranked
    }
    standings = _standings(ranked, entered, metric)
    sign = -1 if METRICS[metric].better == "higher" else 1

    def place(name: str) -> tuple[float, float]:
        rank = standings[name].rank if name in standings else math.inf
        return rank, sign * fmean(values[name].values()) if values[name] else 0.0

    ordered = sorted(values, key=place)
    return [
        Placed(name, standings.get(name))
        for model in dict.fromkeys(each.model for each in entered.values())
        for name in ordered
        if entered[name].model == model
    ]


def _standings(
    values: Mapping[str, Mapping[int, float]], entered: Mapping[str, Variant], metric: str
) -> dict[str, Standing]:
    """Variants are ranked among those that serve the same model."""
    found: dict[str, Standing] = {}
    for model in dict.fromkeys(each.model for each in entered.values()):
        of_model = {name: blocks for name, blocks in values.items() if entered[name].model == model}
        found |= rank(of_model, METRICS[metric].better)
    return found


def _result(
    placed: Placed,
    cell: ReportedCell,
    trials: Sequence[TrialResult],
    wanted: float,
) -> Result:
    values = values_by_block(trials, METRICS)
    figures = {}
    for name, blocks in values.items():
        found = figure_over(blocks)
        if found is not None:
            figures[name] = found
    valid = sum(trial.verdict.valid for trial in trials)
    half_width = figures[THROUGHPUT].half_width if THROUGHPUT in figures else None
    standing = placed.standing
    return Result(
        variant=placed.variant,
        cell=cell.id,
        rank=None if standing is None else standing.rank,
        last_rank=None if standing is None else standing.last,
        tied_with=() if standing is None else standing.tied_with,
        figures=figures,
        throughput_by_block=values[THROUGHPUT],
        precise=(half_width is not None and half_width <= wanted)
        if cell.rate_per_s is None
        else None,
        latency=_latency(trials),
        valid_trials=valid,
        invalid_trials=len(trials) - valid,
    )


def _latency(trials: Sequence[TrialResult]) -> EngineLatencies | None:
    stated = [t.load.latency for t in trials if t.verdict.valid and t.load and t.load.latency]
    if not stated:
        return None
    return EngineLatencies(
        source=stated[0].source,
        percentiles_ns={
            name: float(median(each.percentiles_ns[name] for each in stated))
            for name in stated[0].percentiles_ns
        },
    )
