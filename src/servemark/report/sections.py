"""What a board adds to the ranking: capacities, the server's tax, caches, the noise floor."""

from __future__ import annotations

import math
from collections.abc import Sequence

from servemark.plan import capacities
from servemark.plan.capacity import Probe
from servemark.records import (
    Board,
    CeilingResult,
    Cell,
    Closed,
    Entrant,
    RunHeader,
    TrialResult,
)
from servemark.records.ceiling import CeilingKey
from servemark.report.figures import ByCell, figure_over, ratio_of
from servemark.report.model import Caching, FoundCapacity, NoiseFloor, Point, Tax
from servemark.stats import CPU, THROUGHPUT, block_values, compare_paired, find_caching
from servemark.units import NS_PER_S


def capacities_found(
    board: Board, entrants: Sequence[Entrant], trials: Sequence[TrialResult]
) -> tuple[FoundCapacity, ...]:
    """The capacity of each variant for which it was searched, highest first.

    A block has a rate only where a long slice met the objective and the search came to its end: the
    best guess of the others says where to look, and not what was sustained.
    """
    slo, start = board.slo, board.slo_start()
    if slo is None or start is None:
        return ()
    found = []
    for entrant in entrants:
        mine = [result for result in trials if result.trial.variant.id == entrant.variant.id]
        outcomes = capacities(mine, slo, start)
        if not outcomes:
            continue
        by_block = {
            block: each.low_per_s
            for block, each in outcomes.items()
            if each.low_per_s is not None and each.over
        }
        points = [_point(probe) for each in outcomes.values() for probe in each.curve]
        found.append(
            FoundCapacity(
                variant=entrant.variant.id,
                rate_per_s=figure_over(by_block),
                by_block=by_block,
                reasons=tuple(
                    f"block {block + 1}: {each.reason}"
                    for block, each in outcomes.items()
                    if each.reason is not None
                ),
                seconds=tuple(_search_s(mine, block) for block in outcomes),
                curve=tuple(sorted(points, key=lambda point: point.rate_per_s)),
            )
        )
    return tuple(sorted(found, key=lambda each: -each.rate_per_s.value if each.rate_per_s else 0.0))


def _search_s(results: Sequence[TrialResult], block: int) -> float:
    spent = [
        result.elapsed_ns
        for result in results
        if result.trial.purpose == "capacity" and result.trial.block == block
    ]
    return sum(spent) / NS_PER_S


def _point(probe: Probe) -> Point:
    return Point(
        rate_per_s=probe.step.rate_per_s,
        share_in_time=1 - probe.over / probe.requests if probe.requests else None,
        p50_ns=probe.p50_ns,
        p90_ns=probe.p90_ns,
        p99_ns=probe.p99_ns,
        goodput_per_s=probe.goodput_per_s,
        cpu_ns=probe.cpu_ns,
        recovery_ns=probe.recovery_ns,
    )


def taxes_found(
    header: RunHeader,
    cells: Sequence[Cell],
    trials: ByCell,
    ceilings: Sequence[CeilingResult],
) -> tuple[Tax, ...]:
    """The tax of each variant in the uploads whose stages were measured, or that has a ceiling."""
    loops: dict[CeilingKey, dict[int, CeilingResult]] = {}
    for each in ceilings:
        if each.ceiling is not None:
            loops.setdefault(each.key, {})[each.block] = each
    found = []
    for cell in cells:
        if cell.stage != "full" or cell.workload == "null" or not isinstance(cell.load, Closed):
            continue
        stages = _stages_beside(cell, cells)
        for entrant in header.entrants:
            variant = entrant.variant
            if variant.copy_number > 1 or (variant.id, cell.id) not in trials:
                continue
            of = (variant.contestant.partition("/")[0], variant.runtime, variant.settings.threads)
            own = loops.get((*of, variant.server, variant.model))
            ceilings_of = own or loops.get((*of, None, variant.model), {})
            tax = _tax(
                variant.id,
                cell,
                {name: trials.get((variant.id, each.id), []) for name, each in stages.items()},
                ceilings_of if cell.workload in ("multipart", "raw") else {},
            )
            if len(tax.cpu_ns) > 2 or tax.tax is not None:
                found.append(tax)
    return tuple(found)


def _stages_beside(cell: Cell, cells: Sequence[Cell]) -> dict[str, Cell]:
    """The cells of the same load, by the stage at which they end; ``null`` has no upload."""
    found = {}
    for each in cells:
        if each.load == cell.load and each.workload == "null" and each.stage == "full":
            found["null"] = each
    for stage in ("receive", "decode", "full"):
        for each in cells:
            if each.load == cell.load and each.workload == cell.workload and each.stage == stage:
                found[stage] = each
    return found


def _tax(
    variant: str,
    cell: Cell,
    stages: dict[str, Sequence[TrialResult]],
    loops: dict[int, CeilingResult],
) -> Tax:
    speeds = block_values(stages["full"], THROUGHPUT)
    known = {block: each.ceiling for block, each in loops.items() if each.ceiling is not None}
    taxes = {
        block: 1 - speeds[block] / known[block].images_per_s
        for block in speeds.keys() & known.keys()
    }
    costs = {name: figure_over(block_values(each, CPU)) for name, each in stages.items()}
    count = len(known) or 1
    return Tax(
        variant=variant,
        cell=cell.id,
        cpu_ns={name: figure for name, figure in costs.items() if figure is not None},
        ceiling_per_s=figure_over({block: each.images_per_s for block, each in known.items()}),
        ceiling_decode_ns=sum(e.decode_ns / e.images for e in known.values()) / count
        if known
        else None,
        ceiling_infer_ns=sum(e.infer_ns / e.images for e in known.values()) / count
        if known
        else None,
        tax=figure_over(taxes, least=-math.inf),
    )


def caching_found(
    board: Board, entrants: Sequence[Entrant], trials: Sequence[TrialResult]
) -> tuple[Caching, ...]:
    """For each variant that was tried with one image repeated."""
    base = board.caching_base()
    if not board.caching or base is None:
        return ()
    by_corpus: dict[tuple[str, str], list[TrialResult]] = {}
    for result in trials:
        if result.trial.purpose == "caching":
            key = (result.trial.variant.id, result.trial.cell.corpus)
            by_corpus.setdefault(key, []).append(result)

    def speeds(corpus: str) -> dict[str, dict[int, float]]:
        names = [entrant.variant.id for entrant in entrants]
        return {name: block_values(by_corpus.get((name, corpus), []), THROUGHPUT) for name in names}

    renewed = None if base.workload == "target" else speeds("renewed")
    found = find_caching(speeds("one"), speeds("alike"), renewed)
    return tuple(
        Caching(
            variant=variant,
            ratio=ratio_of(seen.over_many),
            over_renewed=seen.over_renewed and ratio_of(seen.over_renewed),
            caches=seen.caches,
        )
        for variant, seen in found.items()
    )


def noise_found(
    entrants: Sequence[Entrant], cells: Sequence[Cell], trials: ByCell
) -> tuple[NoiseFloor, ...]:
    """The two of every A/A pair against each other, cell by cell."""
    found = []
    for entrant in entrants:
        if entrant.variant.copy_number == 1:
            continue
        second, first = entrant.variant.id, entrant.variant.original().id
        for cell in cells:
            values = [
                block_values(trials.get((name, cell.id), []), THROUGHPUT)
                for name in (first, second)
            ]
            blocks = sorted(values[0].keys() & values[1].keys())
            a, b = ([each[block] for block in blocks] for each in values)
            ratio = compare_paired(a, b)
            if ratio is not None:
                found.append(
                    NoiseFloor(
                        variant=first,
                        cell=cell.id,
                        ratio=ratio_of(ratio),
                        different=ratio.blocks > 1 and not ratio.low <= 1 <= ratio.high,
                    )
                )
    return tuple(found)
