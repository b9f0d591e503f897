"""Several models in one run: what the choice of a server makes of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

from servemark.report.figures import ratio_between
from servemark.report.model import Competitor, Result, Reversal, ServedModel, Tax
from servemark.units import NS_PER_S


def models_found(
    competitors: Sequence[Competitor], results: Sequence[Result], taxes: Sequence[Tax], cell: str
) -> tuple[tuple[ServedModel, ...], tuple[Reversal, ...]]:
    """The models in that cell, the quickest to infer first, and the servers that change places.

    Both are empty for a run of one model.
    """
    by_variant = {each.variant: each for each in competitors}
    ranked: dict[str, list[Result]] = {}
    for result in results:
        if result.cell == cell and result.rank is not None:
            ranked.setdefault(by_variant[result.variant].model, []).append(result)
    if len(ranked) < 2:
        return (), ()
    of_cell = {each.variant: each for each in taxes if each.cell == cell}
    served = [_served(model, cell, found, of_cell) for model, found in ranked.items()]
    served.sort(key=lambda each: math.inf if each.alone_ns is None else each.alone_ns)
    order = [each.model for each in served]
    return tuple(served), _reversals(ranked, order)


def _served(model: str, cell: str, results: Sequence[Result], taxes: dict[str, Tax]) -> ServedModel:
    """``results`` are those of one model, by rank."""
    first, last = results[0], results[-1]
    spread = ratio_between(first.throughput_by_block, last.throughput_by_block)
    assert spread is not None, "blocks hold every variant"
    of_model = [taxes[result.variant] for result in results if result.variant in taxes]
    speeds = [each.ceiling_per_s.value for each in of_model if each.ceiling_per_s is not None]
    shares = [each.tax.value for each in of_model if each.tax is not None]
    return ServedModel(
        model=model,
        cell=cell,
        alone_ns=NS_PER_S / max(speeds) if speeds else None,
        fastest=first.variant,
        slowest=last.variant,
        spread=spread,
        tied=sum(result.rank == first.rank for result in results) - 1,
        least_tax=min(shares, default=None),
        most_tax=max(shares, default=None),
    )


def _reversals(ranked: dict[str, list[Result]], order: Sequence[str]) -> tuple[Reversal, ...]:
    """Each pair of servers once, with the first two models between which they change places."""
    ahead = {model: _ahead(model, ranked[model]) for model in order}
    found: dict[tuple[str, str], Reversal] = {}
    for earlier, later in combinations(order, 2):
        for first, second in ahead[earlier]:
            if (second, first) in ahead[later] and (second, first) not in found:
                reversal = Reversal(
                    first=first, second=second, first_with=earlier, second_with=later
                )
                found.setdefault((first, second), reversal)
    return tuple(found.values())


def _ahead(model: str, results: Sequence[Result]) -> list[tuple[str, str]]:
    """The pairs of servers of which the first is faster and told apart from the second."""
    return [
        (without_model(a.variant, model), without_model(b.variant, model))
        for at, a in enumerate(results)
        for b in results[at + 1 :]
        if b.variant not in a.tied_with
    ]


def without_model(variant: str, model: str) -> str:
    """A variant's id, which ends with its model where a run has several."""
    return variant.removesuffix(f":{model}")
