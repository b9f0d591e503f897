"""Which variants a board measures, and what it leaves out and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

from servemark.catalog import Contestant, Model
from servemark.records import Board, Exclusion, Variant


def cross(
    board: Board, contestants: Iterable[Contestant], models: Sequence[Model]
) -> tuple[list[Variant], list[Exclusion]]:
    """The variants of a board: models × settings × servers × runtimes of each contestant, as far
    as they can serve.

    Of the board's runtimes a contestant enters with those that it has, or else with the first of
    its own that can serve the model. Where there is one model, variants do not name it.
    """
    variants: list[Variant] = []
    exclusions: list[Exclusion] = []
    for model, contestant, settings in product(models, contestants, board.all_settings()):
        name = model.name if len(models) > 1 else None
        for each in contestant.variants(_runtimes(board, contestant, model), settings):
            variant = each.model_copy(update={"model": name})
            exclusion = obstacle(contestant, variant, model)
            if exclusion is None:
                variants.append(variant)
            else:
                exclusions.append(exclusion)
    return variants, exclusions


def _runtimes(board: Board, contestant: Contestant, model: Model) -> Sequence[str]:
    own = contestant.manifest.runtimes
    if set(own) & set(board.runtimes):
        return board.runtimes
    able = (name for name in own if _unable(contestant, name, model) is None)
    return (next(able, own[0]),)


def obstacle(contestant: Contestant, variant: Variant, model: Model) -> Exclusion | None:
    """Why that variant cannot serve the model, or ``None``."""
    unable = _unable(contestant, variant.runtime, model)
    if unable is not None:
        return Exclusion(
            name=variant.id,
            reason=unable,
            remedy="leave it out, or take another model: servemark model list",
        )
    most = contestant.manifest.max_workers
    if most is not None and variant.settings.workers > most:
        return Exclusion(
            name=variant.id,
            reason=f"it can have at most {most} workers, not {variant.settings.workers}",
            remedy=f"a board with workers = {most}",
        )
    return None


def _unable(contestant: Contestant, runtime: str, model: Model) -> str | None:
    """Why the contestant cannot serve the model with that runtime, or ``None``."""
    entry = contestant.language.manifest.runtimes[runtime]
    if entry.format not in model.description.formats:
        there = ", ".join(sorted(model.description.formats))
        return f"{runtime} needs the format '{entry.format}', and '{model.name}' has {there}"
    for who, takes in ((runtime, entry.takes), (contestant.name, contestant.manifest.takes)):
        unknown = takes.obstacle(model.description)
        if unknown is not None:
            return f"{who} cannot do {unknown}, which '{model.name}' has"
    return None
