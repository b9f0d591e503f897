"""From a run folder alone to what every report shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from servemark.plan import given_up
from servemark.records import (
    Gate,
    TrialResult,
    Verification,
)
from servemark.report.decisions import decisions_found
from servemark.report.latencies import SHARES, latencies_found
from servemark.report.model import (
    Caching,
    MetricEntry,
    Problem,
    Report,
)
from servemark.report.nodes import nodes_found
from servemark.report.results import read_run, results_found
from servemark.report.sections import (
    capacities_found,
    noise_found,
    taxes_found,
)
from servemark.report.served import models_found
from servemark.report.wording import ratio_text
from servemark.stats import METRICS
from servemark.store import RunFolder
from servemark.units import NS_PER_S


def build_report(
    folder: RunFolder, trials: Sequence[TrialResult] | None = None, *, samples: bool = False
) -> Report:
    """The report of a run, finished or not; ``trials`` are its own, where they have been read.
    ``samples`` adds what only the raw samples tell, which takes seconds where there are millions.

    Raises ``StoreError``.
    """
    run = read_run(folder, trials)
    header, trials, grouped = run.header, run.trials, run.by_cell
    cells = header.board.all_cells()
    results = results_found(run)
    taxes = taxes_found(header, cells, grouped, folder.ceilings())
    served, reversals = models_found(run.competitors, results, taxes, run.main.id)
    capacities = capacities_found(header.board, header.entrants, trials)
    latencies, unread = latencies_found(folder, trials, capacities) if samples else ((), ())
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
        finished=run.finished,
        given_up=tuple(sorted(given_up(trials))),
        measuring_s=sum(result.elapsed_ns for result in trials) / NS_PER_S,
        main_cell=run.main.id,
        cells=run.cells,
        metrics={
            name: MetricEntry(title=m.title, unit=m.unit, better=m.better)
            for name, m in METRICS.items()
        },
        competitors=run.competitors,
        results=results,
        capacities=capacities,
        taxes=taxes,
        served=served,
        reversals=reversals,
        latency_shares=SHARES if latencies else (),
        latencies=latencies,
        decisions=decisions_found(header, cells, run.main, grouped),
        battery=tuple(folder.batteries()),
        caching=run.caching,
        quiet=header.board.quiet,
        notes=header.notes,
        restarts=header.target is None
        or all(each.command is not None for each in header.target.services.values()),
        disturbed_trials=sum(_is_disturbed(result) for result in trials),
        noise=noise_found(header.entrants, cells, grouped),
        nodes=nodes_found(folder.nodes(), trials),
        problems=(*_problems(run.verifications, trials), *_caching_problems(run.caching), *unread),
        excluded=header.excluded,
    )


def _is_disturbed(result: TrialResult) -> bool:
    """Whether the machine was not quiet, and it was left out for that, or ranked all the same."""
    seen = result.verdict.warnings if result.verdict.valid else result.verdict.faults
    return any(fault.gate == Gate.QUIET_MACHINE for fault in seen)


def _problems(
    verifications: Sequence[Verification], trials: Sequence[TrialResult]
) -> tuple[Problem, ...]:
    found = [
        Problem(
            name=each.variant.id,
            where="verification",
            gate=None,
            reason=each.first_fault(),
            remedy="see what the target expects of its answers, and its log"
            if each.variant.is_service
            else f"servemark verify {each.variant.contestant}",
            log_tail=each.log_tail,
        )
        for each in verifications
        if not each.passed
    ]
    again = {_place_of(each): each.verdict.valid for each in trials if each.trial.attempt > 1}
    for result in trials:
        place = f"{result.trial.cell.id}, block {result.trial.block + 1}"
        made_good = result.trial.attempt == 1 and again.get(_place_of(result), False)
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
                made_good=made_good,
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
            against = f"÷ with many {ratio_text(each.ratio)}"
            if each.over_renewed is not None:
                renewed = ratio_text(each.over_renewed)
                against += f", ÷ with that one written differently each time {renewed}"
            yield Problem(
                name=each.variant,
                where="caching",
                gate=None,
                reason=f"it is faster when one image is repeated (throughput {against}), so it "
                "caches answers",
                remedy="it is not ranked; the contract wants every image decoded and inferred",
                log_tail=None,
            )
