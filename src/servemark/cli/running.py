"""``servemark run``: from a board to a run folder with its reports."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.markup import escape

from servemark import __version__
from servemark.catalog import Model, load_board
from servemark.cli.console import RunTalk, Stages, shown_stages, talk
from servemark.cli.project import Project
from servemark.cli.reporting import write_reports
from servemark.cli.selection import (
    Field,
    bring_engine,
    check_loads,
    choose,
    cores_for,
    make_engine,
    make_workbench,
    prepared_field,
)
from servemark.engines import LoadEngine
from servemark.errors import PrepareError, ServemarkError, UsageError
from servemark.prepare import Toolbox, environment_of, installed_bytes, lines_of_code
from servemark.records import Board, Cores, Entrant, RunHeader, Variant
from servemark.run import run_board, this_machine
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
    board = load_board(project.boards, board_name)
    if model_name is not None:
        board = board.model_copy(update={"model": model_name, "models": ()})
    models = [project.model(name) for name in board.all_models()]
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
        header = _header(project, board, models, engine, field, cores, toolbox, command)
        folder = create_run(project.runs, header)
        stages.say(f"  run folder [bold]{escape(str(folder.path))}[/bold]")
        _go_on(project, folder, field, models, engine, cores, stages)
    return folder


def run_resumed(project: Project, name: str) -> RunFolder:
    """Go on with a run that was cut off, or do nothing where it is complete."""
    folder = find_run(project.runs, name)
    header = folder.header()
    board = header.board
    models = [project.model(name) for name in board.all_models()]
    if _digest(models) != header.model_digest:
        names = " or ".join(f"'{model.name}'" for model in models)
        raise UsageError(f"The model {names} has changed since {folder.path.name}: run anew.")
    engine = make_engine(board.engine)
    contestants = project.contestants()
    variants = tuple(entrant.variant for entrant in header.entrants)
    missing = {variant.contestant for variant in variants} - contestants.keys()
    if missing:
        raise UsageError(
            f"The contestant '{min(missing)}' of {folder.path.name} has gone: run anew."
        )
    toolbox = project.toolbox()
    with shown_stages() as stages:
        bring_engine(engine, toolbox)
        field, done = prepared_field(Field(contestants, variants, ()), project, toolbox, stages)
        if len(field.variants) < len(variants):
            left_out = next(each for each in done if each.state == "failed")
            raise PrepareError(f"{left_out.environment.name} is not ready: {left_out.problem}.")
        _check_unchanged(project, header, field, toolbox)
        _go_on(project, folder, field, models, engine, _cores(board, variants), stages)
    return folder


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
    try:
        run_board(bench, folder, RunTalk(stages))
    except (KeyboardInterrupt, ServemarkError):
        stages.say(
            f"Stopped; what was measured is kept: servemark run --resume {escape(folder.path.name)}"
        )
        raise
    finally:
        if folder.trials() or folder.verifications():
            write_reports(folder)


def _cores(board: Board, variants: Iterable[Variant]) -> Cores:
    return cores_for(variants, max(cell.load.engine_threads for cell in board.all_cells()))


def _header(
    project: Project,
    board: Board,
    models: Sequence[Model],
    engine: LoadEngine,
    field: Field,
    cores: Cores,
    toolbox: Toolbox,
    command: str,
) -> RunHeader:
    return RunHeader(
        schema_version=SCHEMA_VERSION,
        servemark_version=__version__,
        created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        board=board,
        machine=this_machine(),
        cores=cores,
        tools=_tools(engine, field, toolbox),
        model_digest=_digest(models),
        golden_images=sum(
            len(pick_images(model.golden.images, board.golden_images)) for model in models
        ),
        entrants=tuple(_entrant(project, field, variant, toolbox) for variant in field.variants),
        excluded=field.excluded,
    )


def _digest(models: Sequence[Model]) -> str:
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


def _entrant(project: Project, field: Field, variant: Variant, toolbox: Toolbox) -> Entrant:
    contestant = field.contestants[variant.contestant]
    environment = environment_of(project.home, contestant, variant.runtime)
    needs = contestant.language.manifest.needs
    tools = [toolbox.look(name, need) for name, need in needs.items()]
    return Entrant(
        variant=variant,
        title=contestant.manifest.title,
        language=contestant.language.manifest.title,
        homepage=contestant.manifest.homepage,
        division=contestant.manifest.division,
        digest=environment.digest(tools),
        versions=environment.versions(),
        installed_bytes=installed_bytes(environment.folder),
        lines_of_code=lines_of_code(contestant.folder),
        limits=contestant.server(variant.server).limits,
    )


def _check_unchanged(project: Project, header: RunHeader, field: Field, toolbox: Toolbox) -> None:
    """A run must be of one thing: refuse to go on with contestants that are no longer the same."""
    for entrant in header.entrants:
        now = _entrant(project, field, entrant.variant, toolbox)
        if now.digest != entrant.digest:
            raise UsageError(
                f"The contestant '{entrant.variant.contestant}' has changed since the run was "
                "begun, so it cannot be gone on with: run the board anew."
            )


def say_done(folder: RunFolder) -> None:
    """Where the page is."""
    talk.print(f"The page with plots: {folder.path / 'report.html'}", soft_wrap=True)
