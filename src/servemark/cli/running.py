"""``servemark run``: from a board to a run folder with its reports."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from rich.markup import escape

from servemark import __version__
from servemark.catalog import Model, load_board
from servemark.cli.console import talk
from servemark.cli.project import Project
from servemark.cli.reporting import reports_at_the_end
from servemark.cli.selection import (
    Field,
    bring_engine,
    check_loads,
    check_same_place,
    choose,
    cores_for,
    make_engine,
    make_workbench,
    prepared_field,
)
from servemark.cli.stages import Stages, shown_stages
from servemark.cli.watching import RunTalk
from servemark.engines import LoadEngine
from servemark.errors import PrepareError, UsageError
from servemark.prepare import Toolbox
from servemark.records import Board, Cores, Entrant, Exclusion, Machine, RunHeader, Variant
from servemark.run import entrant_of, run_board, this_machine
from servemark.run.verification import pick_images
from servemark.store import SCHEMA_VERSION, RunFolder, create_run, find_run


def run_new(
    project: Project,
    board_name: str,
    only: Sequence[str],
    command: str,
    model_name: str | None = None,
) -> RunFolder:
    """Prepare, verify and measure a board in a new run folder, with its own model or another.

    Returns the finished run.
    """
    board, models = board_and_models(project, board_name, model_name)
    engine = make_engine(board.engine)
    check_loads(board, engine)
    field = choose(board, project.contestants(), models, only)
    toolbox = project.toolbox()
    with shown_stages() as stages:
        bring_engine(engine, toolbox)
        field, _ = prepared_field(field, project, toolbox, stages)
        if not field.variants:
            raise PrepareError("No contestant could be prepared; see above for what each needs.")
        cores = _cores(board, field.variants)
        header = header_of(
            board,
            models,
            command,
            machine=this_machine(),
            cores=cores,
            tools=_tools(engine, field, toolbox),
            entrants=[
                entrant_of(project.home, field.contestants[variant.contestant], variant, toolbox)
                for variant in field.variants
            ],
            excluded=field.excluded,
        )
        folder = create_run(project.runs, header)
        stages.say(f"  run folder [bold]{escape(str(folder.path))}[/bold]")
        _go_on(project, folder, field, models, engine, cores, stages)
    return folder


def run_resumed(project: Project, name: str) -> RunFolder:
    """Go on with a run that was cut off, or do nothing where it is complete."""
    folder, header, models = run_to_go_on_with(project, name)
    board = header.board
    engine = make_engine(board.engine)
    contestants = project.contestants()
    variants = tuple(entrant.variant for entrant in header.entrants)
    missing = {variant.contestant for variant in variants} - contestants.keys()
    if missing:
        raise UsageError(
            f"The contestant '{min(missing)}' of {folder.path.name} has gone: run anew."
        )
    cores = _cores(board, variants)
    check_same_place(folder.path.name, header, cores, anew="run the board anew")
    toolbox = project.toolbox()
    with shown_stages() as stages:
        bring_engine(engine, toolbox)
        field, done = prepared_field(Field(contestants, variants, ()), project, toolbox, stages)
        if len(field.variants) < len(variants):
            left_out = next(each for each in done if each.state == "failed")
            raise PrepareError(f"{left_out.environment.name} is not ready: {left_out.problem}.")
        _check_unchanged(project, header, field, toolbox)
        _go_on(project, folder, field, models, engine, cores, stages)
    return folder


def board_and_models(
    project: Project, board_name: str, model_name: str | None
) -> tuple[Board, list[Model]]:
    """A board, and what it serves: its own models, or the one of that name."""
    board = load_board(project.boards, board_name)
    if model_name is not None:
        board = board.model_copy(update={"model": model_name, "models": ()})
    return board, [project.model(name) for name in board.all_models()]


def run_to_go_on_with(project: Project, name: str) -> tuple[RunFolder, RunHeader, list[Model]]:
    """A run of contestants and its models. Raises ``UsageError`` where it is of something else, or
    where they have changed."""
    folder = find_run(project.runs, name)
    header = folder.header()
    if header.target is not None:
        raise UsageError(
            f"{folder.path.name} is of a service of your own: "
            f"servemark attack --resume {folder.path.name}"
        )
    models = [project.model(name) for name in header.board.all_models()]
    if digest_of(models) != header.model_digest:
        names = " or ".join(f"'{model.name}'" for model in models)
        raise UsageError(f"The model {names} has changed since {folder.path.name}: run anew.")
    return folder, header, models


def _go_on(
    project: Project,
    folder: RunFolder,
    field: Field,
    models: Sequence[Model],
    engine: LoadEngine,
    cores: Cores,
    stages: Stages,
) -> None:
    if cores.warning:
        stages.say(f"  [yellow]weak results[/yellow] {escape(cores.warning)}")
    bench = make_workbench(project, field, models[0], engine, cores, *models[1:])
    with reports_at_the_end(folder, stages, "servemark run --resume"):
        run_board(bench, folder, RunTalk(stages, folder.header(), folder.verifications()))


def _cores(board: Board, variants: Iterable[Variant]) -> Cores:
    return cores_for(variants, max(cell.load.engine_threads for cell in board.all_cells()))


def header_of(
    board: Board,
    models: Sequence[Model],
    command: str,
    *,
    machine: Machine,
    cores: Cores,
    tools: Mapping[str, str],
    entrants: Sequence[Entrant],
    excluded: Sequence[Exclusion],
) -> RunHeader:
    """What a run of contestants is that begins now."""
    return RunHeader(
        schema_version=SCHEMA_VERSION,
        servemark_version=__version__,
        created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        board=board,
        machine=machine,
        cores=cores,
        tools=dict(tools),
        model_digest=digest_of(models),
        golden_images=sum(
            len(pick_images(model.golden.images, board.golden_images)) for model in models
        ),
        entrants=tuple(entrants),
        excluded=tuple(excluded),
    )


def digest_of(models: Sequence[Model]) -> str:
    """The digest of one model, or one over those of several."""
    digests = [model.digest() for model in models]
    return digests[0] if len(models) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def _tools(engine: LoadEngine, field: Field, toolbox: Toolbox) -> dict[str, str]:
    """Versions of the engine's programs and of the tools of every language that takes part."""
    needs = dict(engine.needs)
    for variant in field.variants:
        needs |= field.contestants[variant.contestant].language.manifest.needs
    found = {name: toolbox.look(name, need).version for name, need in needs.items()}
    return {name: version for name, version in sorted(found.items()) if version is not None}


def _check_unchanged(project: Project, header: RunHeader, field: Field, toolbox: Toolbox) -> None:
    """A run must be of one thing: refuse to go on with contestants that are no longer the same."""
    for entrant in header.entrants:
        contestant = field.contestants[entrant.variant.contestant]
        now = entrant_of(project.home, contestant, entrant.variant, toolbox)
        if now.digest != entrant.digest:
            raise UsageError(
                f"The contestant '{entrant.variant.contestant}' has changed since the run was "
                "begun, so it cannot be gone on with: run the board anew."
            )


def say_done(folder: RunFolder) -> None:
    """Where the page is."""
    talk.print(f"The page with plots: {folder.path / 'report.html'}", soft_wrap=True)
