"""Which decision matters: what each choice is worth where everything else is held."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from servemark.records import Cell, Entrant, RunHeader
from servemark.report.figures import ByCell, ratio_of
from servemark.report.model import Decision, DecisionGroup
from servemark.stats import METRICS, Made, Spread, block_values, spreads

FACTORS = {
    "framework": "framework",
    "server": "server",
    "runtime": "runtime",
    "language": "language",
    "workers": "workers",
    "upload": "form of upload",
}
"""The choices a user has, as they are called."""
FOLLOWS = {"language": ("framework", "server")}
"""What cannot be held because it changes with the factor."""
DECIDED = ("throughput_per_s", "p99_response_ns")
UPLOADS = ("multipart", "raw")


def decisions_found(
    header: RunHeader, cells: Sequence[Cell], main: Cell, trials: ByCell
) -> tuple[Decision, ...]:
    """For each metric its factors, the one with the largest typical ratio first."""
    beside = [
        cell
        for cell in cells
        if cell.load == main.load and cell.stage == main.stage and cell.workload in UPLOADS
    ]
    found = []
    for metric in DECIDED:
        of_metric = []
        for factor in FACTORS:
            asked = beside if factor == "upload" else [main]
            made = [
                Made(
                    name=entrant.variant.id,
                    levels=_levels(entrant, cell, header.board.model),
                    values=block_values(trials.get((entrant.variant.id, cell.id), ()), metric),
                )
                for entrant in header.entrants
                if entrant.variant.copy_number == 1
                for cell in asked
            ]
            groups = spreads(made, factor, METRICS[metric].better, FOLLOWS.get(factor, ()))
            if groups:
                of_metric.append(_decision(factor, metric, groups))
        found += sorted(of_metric, key=lambda each: -each.typical)
    return tuple(found)


def _levels(entrant: Entrant, cell: Cell, model: str) -> dict[str, str]:
    variant = entrant.variant
    return {
        "language": entrant.language,
        "framework": variant.contestant,
        "server": variant.server,
        "runtime": variant.runtime,
        "workers": str(variant.settings.workers),
        "threads": str(variant.settings.threads),
        "model": variant.model or model,
        "division": entrant.division,
        "upload": cell.workload,
    }


def _decision(factor: str, metric: str, groups: Sequence[Spread]) -> Decision:
    return Decision(
        factor=FACTORS[factor],
        metric=metric,
        typical=median(each.ratio.ratio for each in groups),
        groups=tuple(_group(factor, each) for each in groups),
    )


def _group(factor: str, spread: Spread) -> DecisionGroup:
    ratio = spread.ratio
    return DecisionGroup(
        held=_held(factor, spread),
        best=spread.best.levels[factor],
        worst=spread.worst.levels[factor],
        best_variant=spread.best.name,
        worst_variant=spread.worst.name,
        ratio=ratio_of(ratio),
        different=ratio.blocks > 1 and ratio.low > 1,
    )


def _held(factor: str, spread: Spread) -> str:
    """What is held, without what goes without saying: a language beside its framework, say."""
    held = dict(spread.held)
    if "framework" in held:
        held.pop("language", None)
    names = ["framework", "language", "server", "runtime"]
    parts = [held[name] for name in names if name in held and name != factor]
    workers = held.get("workers", "1")
    return ", ".join([*parts, *([f"{workers} workers"] if workers != "1" else [])])
