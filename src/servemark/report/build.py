"""From a run folder alone to what every report shows."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence, Set
from functools import partial
from typing import Literal

from servemark.plan import Plan, given_up
from servemark.records import (
    Board,
    Cell,
    Closed,
    Gate,
    Open,
    RunHeader,
    TrialResult,
    Verification,
)
from servemark.report.figures import by_cell, figure_of
from servemark.report.model import (
    Caching,
    Competitor,
    EngineLatencies,
    MetricEntry,
    Problem,
    Report,
    ReportedCell,
    Result,
)
from servemark.report.sections import (
    caching_found,
    capacities_found,
    noise_found,
    taxes_found,
)
from servemark.report.served import models_found
from servemark.stats import METRICS, Standing, block_values, rank, summarise
from servemark.store import RunFolder
from servemark.units import NS_PER_S

THROUGHPUT = "throughput_per_s"
CPU = "server_cpu_ns"


def build_report(folder: RunFolder) -> Report:
    """The report of a run, finished or not. Raises ``StoreError``."""
    header = folder.header()
    trials = folder.trials()
    verifications = folder.verifications()
    cells = header.board.all_cells()
    failed = {each.variant.id for each in verifications if not each.passed}
    variants = tuple(
        each.variant for each in header.entrants if each.variant.original().id not in failed
    )
    caching = caching_found(header.board, header.entrants, trials)
    plan = Plan(header.board, variants)
    competitors = _competitors(header, trials, failed)
    results = _results(header, cells, trials, {e.variant for e in caching if e.caches})
    taxes = taxes_found(header, cells, trials, folder.ceilings())
    served, reversals = models_found(competitors, results, taxes, main_cell(cells).id)
    return Report(
        run=folder.path.name,
        board=header.board.name,
        title=header.board.title,
        description=header.board.description,
        created_utc=header.created_utc,
        command=header.command,
        servemark_version=header.servemark_version,
        engine=header.board.engine,
        model=", ".join(header.board.all_models()),
        seed=header.board.seed,
        blocks=header.board.blocks,
        most_blocks=header.board.most_blocks or header.board.blocks,
        half_width=header.board.half_width,
        warm_up_s=header.board.warm_up_s,
        slice_s=header.board.slice_s,
        slo=header.board.slo,
        core_hour_usd=header.board.core_hour_usd,
        machine=header.machine,
        cores=header.cores,
        tools=header.tools,
        finished_trials=len(trials),
        finished=plan.next(trials) is None,
        given_up=tuple(sorted(given_up(trials))),
        measuring_s=sum(result.elapsed_ns for result in trials) / NS_PER_S,
        main_cell=main_cell(cells).id,
        cells=tuple(_reported(cell) for cell in cells),
        metrics={
            name: MetricEntry(title=m.title, unit=m.unit, better=m.better)
            for name, m in METRICS.items()
        },
        competitors=competitors,
        results=results,
        capacities=capacities_found(header.board, header.entrants, trials),
        taxes=taxes,
        served=served,
        reversals=reversals,
        caching=caching,
        quiet=header.board.quiet,
        disturbed_trials=sum(_is_disturbed(result) for result in trials),
        noise=noise_found(header.entrants, cells, trials),
        problems=(*_problems(verifications, trials), *_caching_problems(caching)),
        excluded=header.excluded,
    )


def _is_disturbed(result: TrialResult) -> bool:
    faults = (*result.verdict.faults, *result.verdict.warnings)
    return any(fault.gate == Gate.QUIET_MACHINE for fault in faults)


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
        ranked_by=_ranked_by(cell),
    )


def _ranked_by(cell: Cell) -> str:
    return CPU if isinstance(cell.load, Open) else THROUGHPUT


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


def _results(
    header: RunHeader,
    cells: Sequence[Cell],
    trials: Sequence[TrialResult],
    unranked: Set[str],
) -> tuple[Result, ...]:
    """The results of every cell, best first; ``unranked`` and second ones of pairs have no rank."""
    grouped = by_cell(trials)
    found: list[Result] = []
    for cell in cells:
        metric = _ranked_by(cell)
        values = {
            entrant.variant.id: block_values(grouped[entrant.variant.id, cell.id], metric)
            for entrant in header.entrants
            if (entrant.variant.id, cell.id) in grouped
        }
        ranked = {
            entrant.variant.id: values[entrant.variant.id]
            for entrant in header.entrants
            if entrant.variant.copy_number == 1
            and entrant.variant.id not in unranked
            and values.get(entrant.variant.id)
        }
        standings = _standings(ranked, header, metric)
        in_cell = [
            _result(header.board, name, cell, grouped[name, cell.id], standings.get(name))
            for name in values
        ]
        in_cell.sort(key=partial(_place, metric=metric))
        models = {entrant.variant.id: entrant.variant.model for entrant in header.entrants}
        for model in dict.fromkeys(models.values()):
            found += [each for each in in_cell if models[each.variant] == model]
    return tuple(found)


def _standings(
    values: Mapping[str, Mapping[int, float]], header: RunHeader, metric: str
) -> dict[str, Standing]:
    """Variants are ranked among those that serve the same model."""
    found: dict[str, Standing] = {}
    for model in dict.fromkeys(entrant.variant.model for entrant in header.entrants):
        of_model = {
            entrant.variant.id: values[entrant.variant.id]
            for entrant in header.entrants
            if entrant.variant.model == model and entrant.variant.id in values
        }
        found |= rank(of_model, METRICS[metric].better)
    return found


def _result(
    board: Board,
    variant: str,
    cell: Cell,
    trials: Sequence[TrialResult],
    standing: Standing | None,
) -> Result:
    figures = {}
    for name in METRICS:
        found = figure_of(summarise(trials, name))
        if found is not None:
            figures[name] = found
    valid = sum(trial.verdict.valid for trial in trials)
    half_width = figures[THROUGHPUT].half_width if THROUGHPUT in figures else None
    return Result(
        variant=variant,
        cell=cell.id,
        rank=None if standing is None else standing.rank,
        tied_with=() if standing is None else standing.tied_with,
        figures=figures,
        throughput_by_block=block_values(trials, THROUGHPUT),
        precise=(half_width is not None and half_width <= board.half_width)
        if isinstance(cell.load, Closed)
        else None,
        latency=_latency(trials),
        valid_trials=valid,
        invalid_trials=len(trials) - valid,
    )


def _place(result: Result, metric: str) -> tuple[float, float]:
    """By rank, then by the metric of the ranks; what has no rank comes last."""
    figure = result.figures.get(metric)
    sign = -1 if METRICS[metric].better == "higher" else 1
    return (
        math.inf if result.rank is None else result.rank,
        0.0 if figure is None else sign * figure.value,
    )


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
            gate=None,
            reason=each.first_fault(),
            remedy=f"servemark verify {each.variant.contestant}",
            log_tail=each.log_tail,
        )
        for each in verifications
        if not each.passed
    ]
    again = {_place_of(result) for result in trials if result.trial.attempt > 1}
    for result in trials:
        place = f"{result.trial.cell.id}, block {result.trial.block + 1}"
        if result.trial.attempt == 1 and _place_of(result) in again:
            place += " (measured once more)"
        elif result.trial.attempt > 1:
            place += " (second attempt)"
        found += [
            Problem(
                name=result.trial.variant.id,
                where=place,
                gate=fault.gate,
                reason=fault.reason,
                remedy=fault.remedy,
                log_tail=result.log_tail,
            )
            for fault in (*result.verdict.faults, *result.verdict.warnings)
        ]
        found += [
            Problem(
                name=result.trial.variant.id,
                where=place,
                gate=None,
                reason=warning,
                remedy=None,
                log_tail=None,
            )
            for warning in (result.load.warnings if result.load else ())
        ]
    return tuple(found)


def _place_of(result: TrialResult) -> tuple[int, str, str, str]:
    trial = result.trial
    return (trial.block, trial.variant.id, trial.cell.id, trial.purpose)


def _caching_problems(found: Sequence[Caching]) -> Iterator[Problem]:
    for each in found:
        if each.caches:
            yield Problem(
                name=each.variant,
                where="caching",
                gate=None,
                reason=f"it answers {each.ratio.value:.2f} times as fast when one image is "
                f"repeated ({each.ratio.low:.2f} to {each.ratio.high:.2f}), so it caches answers",
                remedy="it is not ranked; the contract wants every image decoded and inferred",
                log_tail=None,
            )
