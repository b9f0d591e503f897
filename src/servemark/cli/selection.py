"""From what the user names to what is prepared, verified and measured."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from servemark.catalog import Contestant, Model, select_contestants, suggestion
from servemark.cli.project import Project
from servemark.cli.stages import PrepareTalk, Stages
from servemark.engines import ENGINES, LoadEngine
from servemark.errors import UsageError
from servemark.launch import available_cores, split_cores
from servemark.plan import ARRIVALS, cross
from servemark.prepare import Prepared, Tool, Toolbox, environment_of, prepare_all
from servemark.records import Board, Cores, Exclusion, Open, RunHeader, Variant, parse_variant
from servemark.report.comparison import obstacles
from servemark.run import Workbench, this_machine


@dataclass(frozen=True, slots=True)
class Field:
    """The variants that can take part, and those that cannot."""

    contestants: dict[str, Contestant]
    variants: tuple[Variant, ...]
    excluded: tuple[Exclusion, ...]


def make_engine(name: str) -> LoadEngine:
    """The load engine of that name. Raises ``UsageError`` with a suggestion."""
    if name not in ENGINES:
        raise UsageError(f"There is no load engine '{name}'{suggestion(name, ENGINES)}")
    return ENGINES[name]()


def check_loads(board: Board, engine: LoadEngine) -> None:
    """Raises ``UsageError`` where the engine cannot put the board's loads on a server."""
    for cell in board.all_cells():
        if not engine.can(cell.load):
            raise UsageError(
                f"The load engine '{engine.name}' cannot do the {cell.load.kind} loop of "
                f"{cell.id}: give the board the engine 'native'."
            )
        if isinstance(cell.load, Open) and cell.load.arrivals not in ARRIVALS:
            wrong = cell.load.arrivals
            raise UsageError(f"There is no arrival process '{wrong}'{suggestion(wrong, ARRIVALS)}")


def check_same_place(name: str, header: RunHeader, cores: Cores, *, anew: str) -> None:
    """A run must be of one machine and the same of its cores, or its trials cannot be compared.

    Raises ``UsageError``, with what to do instead, where this machine and the cores are others.
    """
    now = header.model_copy(update={"machine": this_machine(), "cores": cores})
    found = [f"{each.what}: {each.a} then, {each.b} now" for each in obstacles(header, now)]
    if found:
        raise UsageError(f"{name} cannot be gone on with here ({'; '.join(found)}): {anew}.")


def choose(
    board: Board, contestants: dict[str, Contestant], models: Sequence[Model], only: Sequence[str]
) -> Field:
    """The variants of a board, narrowed to what ``only`` names: contestants or variant ids.

    Raises ``UsageError`` where a name fits nothing.
    """
    entered = select_contestants(
        contestants, [each.partition("@")[0] for each in board.contestants]
    )
    variants, excluded = cross(board, entered, models)
    variants, excluded = _of_those_servers(board, variants, excluded)
    if not only:
        return Field(contestants, _with_twins(board, variants), tuple(excluded))
    kept = _narrowed(variants, excluded, contestants, only)
    return Field(contestants, _with_twins(board, kept), tuple(excluded))


def _narrowed(
    variants: Sequence[Variant],
    excluded: Sequence[Exclusion],
    contestants: dict[str, Contestant],
    only: Sequence[str],
) -> tuple[Variant, ...]:
    """The variants that ``only`` names. Raises ``UsageError`` for what names none of the board."""
    ids = [variant.id for variant in variants]
    unable = {each.name: each for each in excluded}
    named = {name: _named(name, [*ids, *unable], contestants) for name in only}
    missing = [name for name, found in named.items() if not found]
    if missing:
        raise UsageError(f"The board has no variant {_remedied(missing, ids)}")
    chosen = set().union(*named.values())
    if chosen <= unable.keys():
        first = unable[min(chosen)]
        raise UsageError(f"{first.name} cannot take part ({first.reason}): {first.remedy}.")
    return tuple(variant for variant in variants if variant.id in chosen)


def _named(name: str, ids: Sequence[str], contestants: dict[str, Contestant]) -> set[str]:
    """Those of the ids that a name stands for: a contestant's, or a pattern of ids.

    Raises ``UsageError`` where there is no such contestant.
    """
    if "@" in name:
        return {each for each in ids if fnmatch.fnmatchcase(each, name)}
    chosen = {contestant.name for contestant in select_contestants(contestants, [name])}
    return {each for each in ids if each.partition("@")[0] in chosen}


def _remedied(missing: Sequence[str], ids: Sequence[str]) -> str:
    """What a board lacks, and what to do about it."""
    names = " or ".join(f"'{name}'" for name in missing)
    if all("@" in name for name in missing):
        return f"{names}{suggestion(missing[0], ids)}"
    return (
        f"{names}: add it to the contestants of the board, or run one that has all of them, such "
        "as field."
    )


def _of_those_servers(
    board: Board, variants: Sequence[Variant], excluded: Sequence[Exclusion]
) -> tuple[list[Variant], list[Exclusion]]:
    """What the board names of both: ``python/falcon`` with every server that it has, or with one
    alone as ``python/falcon@uvicorn``. Raises ``UsageError`` for a server that there is not."""
    unable = {each.name: parse_variant(each.name) for each in excluded}
    there = [*variants, *(variant for variant in unable.values() if variant is not None)]
    kept = set()
    for entry in board.contestants:
        name, _, server = entry.partition("@")
        matched = [
            variant.id
            for variant in there
            if fnmatch.fnmatchcase(variant.server, server or "*")
            and any(
                fnmatch.fnmatchcase(text, name)
                for text in (variant.contestant, variant.contestant.partition("/")[2])
            )
        ]
        if server and not matched:
            has = sorted({v.server for v in there if fnmatch.fnmatchcase(v.contestant, name)})
            raise UsageError(f"The board names '{entry}', but {name} has {', '.join(has)}.")
        kept |= set(matched)
    return (
        [variant for variant in variants if variant.id in kept],
        [each for each in excluded if each.name in kept],
    )


def _with_twins(board: Board, variants: Sequence[Variant]) -> tuple[Variant, ...]:
    """The variants, and once more each whose contestant or id the board names for an A/A pair."""

    def is_paired(variant: Variant) -> bool:
        return any(
            fnmatch.fnmatchcase(name, pattern)
            for name in (variant.contestant, variant.id)
            for pattern in board.a_a
        )

    return (*variants, *(variant.twin() for variant in variants if is_paired(variant)))


def prepared_field(
    field: Field, project: Project, toolbox: Toolbox, stages: Stages
) -> tuple[Field, list[Prepared]]:
    """Prepare what the variants need; those whose environment cannot be made are left out."""
    environments = [
        environment_of(project.home, field.contestants[variant.contestant], variant.runtime)
        for variant in field.variants
    ]
    talk = PrepareTalk(stages, len({environment.folder for environment in environments}))
    done = prepare_all(
        environments, toolbox, min(4, os.cpu_count() or 1), talk.started, talk.finished
    )
    failed = {each.environment.folder: each for each in done if each.state == "failed"}
    kept: list[Variant] = []
    excluded = list(field.excluded)
    for variant, environment in zip(field.variants, environments, strict=True):
        trouble = failed.get(environment.folder)
        if trouble is None:
            kept.append(variant)
        else:
            reason = str(trouble.problem)
            excluded.append(Exclusion(name=variant.id, reason=reason, remedy=trouble.remedy))
    return Field(field.contestants, tuple(kept), tuple(excluded)), done


def bring_engine(engine: LoadEngine, toolbox: Toolbox) -> None:
    """Make sure that the engine's programs are there. Raises ``UsageError`` where they are not."""
    obstacle = engine.obstacle()
    if obstacle is not None:
        raise UsageError(f"The load engine '{engine.name}' cannot run: {obstacle}.")
    for tool in _lacking(engine, toolbox):
        remedy = f": {tool.remedy}" if tool.remedy else ""
        raise UsageError(f"The load engine '{engine.name}' cannot run: {tool.problem}{remedy}.")


def missing_programs(toolbox: Toolbox) -> list[Tool]:
    """Programs of any load engine that are missing and could not be brought."""
    return [tool for make in ENGINES.values() for tool in _lacking(make(), toolbox)]


def _lacking(engine: LoadEngine, toolbox: Toolbox) -> list[Tool]:
    tools = [toolbox.bring(name, need) for name, need in engine.needs.items()]
    return [tool for tool in tools if tool.version is None]


def cores_for(variants: Iterable[Variant], engine_threads: int) -> Cores:
    """As many cores as the largest variant can infer on at once, and the engine's beside them."""
    settings = [variant.settings for variant in variants]
    most = max((each.workers * each.threads for each in settings), default=1)
    return split_cores(available_cores(), most, engine_threads)


def make_workbench(
    project: Project, field: Field, model: Model, engine: LoadEngine, cores: Cores, *others: Model
) -> Workbench:
    """Everything that the orchestrator needs."""
    environment = project.toolbox().environment
    return Workbench(
        contestants=field.contestants,
        model=model,
        engine=engine,
        cores=cores,
        home=project.home,
        server_environment=project.server_environment(),
        engine_environment={"PATH": environment["PATH"]},
        models={each.name: each for each in (model, *others)},
    )
