"""Which variants a board measures, and what it leaves out and why."""

from __future__ import annotations

from collections.abc import Iterable

from servemark.catalog import Contestant, Model
from servemark.records import Board, Exclusion, Variant


def cross(
    board: Board, contestants: Iterable[Contestant], model: Model
) -> tuple[list[Variant], list[Exclusion]]:
    """The variants of a board: servers × runtimes of each contestant, as far as they can serve.

    Of the board's runtimes a contestant enters with those that it has, or else with its first.
    """
    variants: list[Variant] = []
    exclusions: list[Exclusion] = []
    for contestant in contestants:
        for variant in contestant.variants(board.runtimes, board.settings):
            exclusion = _obstacle(contestant, variant, model)
            if exclusion is None:
                variants.append(variant)
            else:
                exclusions.append(exclusion)
    return variants, exclusions


def _obstacle(contestant: Contestant, variant: Variant, model: Model) -> Exclusion | None:
    needed = contestant.format_of(variant.runtime)
    if needed not in model.description.formats:
        return Exclusion(
            name=variant.id,
            reason=f"{variant.runtime} needs the format '{needed}', which '{model.name}' lacks",
            remedy=f"choose one of the formats {', '.join(sorted(model.description.formats))}",
        )
    most = contestant.manifest.max_workers
    if most is not None and variant.settings.workers > most:
        return Exclusion(
            name=variant.id,
            reason=f"it can have at most {most} workers, not {variant.settings.workers}",
            remedy=f"a board with workers = {most}",
        )
    return None
