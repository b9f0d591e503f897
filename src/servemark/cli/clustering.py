"""``servemark run --cluster``: a board on the nodes of a Ray cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future

from rich.markup import escape

from servemark import __version__
from servemark.catalog import Model
from servemark.cli.project import Project
from servemark.cli.reporting import reports_at_the_end
from servemark.cli.running import board_and_models, header_of, run_to_go_on_with
from servemark.cli.selection import check_loads, choose, make_engine
from servemark.cli.stages import Stages, shown_stages
from servemark.cli.watching import RunTalk
from servemark.cluster import (
    Leader,
    RayStation,
    Ready,
    Task,
    joined,
    living_nodes,
    now_utc,
    pack,
    seat,
    shared_bundle,
)
from servemark.errors import ClusterError, PrepareError, ServemarkError, UsageError
from servemark.records import Board, Entrant, Exclusion, Machine, NodeEvent, Variant
from servemark.store import RunFolder, create_run
from servemark.units import format_ns

MEMORY_TOLERANCE = 0.02
"""Machines are alike whose memory differs by less: the kernel keeps some for itself."""


class ClusterTalk(RunTalk):
    """How a run on a cluster goes on."""

    def lost(self, node: str, reason: str) -> None:
        self._stages.say(
            f"  [red]lost[/red] {escape(node)}: {escape(reason)}; its block goes to another node"
        )


def run_new_on_cluster(
    project: Project,
    address: str,
    generators: int,
    board_name: str,
    only: Sequence[str],
    command: str,
    model_name: str | None = None,
) -> RunFolder:
    """Prepare, verify and measure a board on a cluster, in a new run folder here."""
    board, models = board_and_models(project, board_name, model_name)
    _check_board(board)
    field = choose(board, project.contestants(), models, only)
    with shown_stages() as stages, joined(address):
        stations = _stations(board, generators)
        ready, left_out = _prepared(project, board, models, field.variants, stations, stages)
        first = next(iter(ready.values()))
        if not first.entrants:
            raise PrepareError(_nothing_prepared(first.excluded))
        header = header_of(
            board,
            models,
            command,
            machine=first.machine,
            cores=first.cores,
            tools=first.tools,
            entrants=first.entrants,
            excluded=(*field.excluded, *first.excluded),
        )
        folder = create_run(project.runs, header)
        stages.say(f"  run folder [bold]{escape(str(folder.path))}[/bold]")
        kept = _alike(ready, first.machine, first.entrants, left_out)
        _lead(folder, stations, ready, kept, left_out, stages)
    return folder


def resume_on_cluster(project: Project, address: str, generators: int, name: str) -> RunFolder:
    """Go on with a run on the nodes that there are now."""
    folder, header, models = run_to_go_on_with(project, name)
    board = header.board
    _check_board(board)
    variants = tuple(entrant.variant for entrant in header.entrants)
    with shown_stages() as stages, joined(address):
        stations = _stations(board, generators)
        ready, left_out = _prepared(project, board, models, variants, stations, stages)
        kept = _alike(ready, header.machine, header.entrants, left_out)
        if not kept:
            reasons = "; ".join(f"{node}: {reason}" for node, reason in left_out.items())
            raise ClusterError(f"No node can go on with {folder.path.name} ({reasons}): run anew.")
        _lead(folder, stations, ready, kept, left_out, stages)
    return folder


def _check_board(board: Board) -> None:
    engine = make_engine(board.engine)
    if board.engine != "native":
        raise UsageError(
            f"The load engine '{board.engine}' cannot be split over machines: give the board the "
            "engine 'native'."
        )
    check_loads(board, engine)


def _stations(board: Board, generators: int) -> list[RayStation]:
    threads = max(cell.load.engine_threads for cell in board.all_cells())
    seats = seat(living_nodes(), generators)
    return [RayStation(each, board.engine, threads) for each in seats]


def _prepared(
    project: Project,
    board: Board,
    models: Sequence[Model],
    variants: tuple[Variant, ...],
    stations: Sequence[RayStation],
    stages: Stages,
) -> tuple[dict[str, Ready], dict[str, str]]:
    """What each node says that is prepared, and why others are left out.

    Raises ``ClusterError`` where none can take part.
    """
    bundle = shared_bundle(
        pack(
            project.root, [each.contestant for each in variants], [model.folder for model in models]
        )
    )
    task = Task(board, variants, __version__)
    stages.begin("Preparing nodes", len(stations))
    waited: dict[str, Future[Ready]] = {
        station.name: station.prepare(bundle, task) for station in stations
    }
    ready: dict[str, Ready] = {}
    left_out: dict[str, str] = {}
    for name, future in waited.items():
        try:
            ready[name] = future.result()
        except ServemarkError as error:
            left_out[name] = str(error)
        stages.step()
        _say_ready(stages, name, ready.get(name), left_out.get(name))
    if not ready:
        name, reason = next(iter(left_out.items()))
        raise ClusterError(f"No node can serve; {name}: {reason}")
    return ready, left_out


def _say_ready(stages: Stages, name: str, ready: Ready | None, reason: str | None) -> None:
    if ready is None:
        stages.say(f"  [red]left out[/red] {escape(name)}: {escape(str(reason))}")
        return
    stages.say(f"  [green]ready[/green] {escape(name)}, loaded by {', '.join(ready.generators)}")
    for link in ready.links:
        stages.say(
            f"    {escape(link.generator)}: round trip {format_ns(link.round_trip_p50_ns)}, "
            f"{link.to_server_bytes_per_s * 8 / 1e6:,.0f} Mbit/s there, "
            f"{link.from_server_bytes_per_s * 8 / 1e6:,.0f} Mbit/s back"
        )


def _nothing_prepared(excluded: Sequence[Exclusion]) -> str:
    if not excluded:
        return "No contestant could be prepared on the nodes."
    first = excluded[0]
    remedy = f": {first.remedy}" if first.remedy else ""
    return f"No contestant could be prepared; {first.name}: {first.reason}{remedy}."


def _alike(
    ready: Mapping[str, Ready],
    machine: Machine,
    entrants: Sequence[Entrant],
    left_out: dict[str, str],
) -> list[str]:
    """The nodes that are like the run's machine and prepared the same; the others are left out."""
    kept = []
    for name, each in ready.items():
        reason = _difference(each, machine, entrants)
        if reason is None:
            kept.append(name)
        else:
            left_out[name] = reason
    return kept


def _difference(ready: Ready, machine: Machine, entrants: Sequence[Entrant]) -> str | None:
    here = ready.machine
    for what in ("cpu_model", "cpu_count", "kernel", "python"):
        if getattr(here, what) != getattr(machine, what):
            return (
                f"its {what} is {getattr(here, what)}, and that of the run {getattr(machine, what)}"
            )
    if abs(here.memory_bytes - machine.memory_bytes) > MEMORY_TOLERANCE * machine.memory_bytes:
        return "it has another amount of memory"
    known = {each.variant.id: each.digest for each in ready.entrants}
    for entrant in entrants:
        if known.get(entrant.variant.id) != entrant.digest:
            return f"{entrant.variant.id} is not prepared there as in the run"
    return None


def _lead(
    folder: RunFolder,
    stations: Sequence[RayStation],
    ready: Mapping[str, Ready],
    kept: Sequence[str],
    left_out: Mapping[str, str],
    stages: Stages,
) -> None:
    for node, reason in left_out.items():
        folder.append_node(NodeEvent(at_utc=now_utc(), node=node, what="left out", reason=reason))
        if node in ready:
            stages.say(f"  [yellow]left out[/yellow] {escape(node)}: {escape(reason)}")
    for node in kept:
        each = ready[node]
        folder.append_node(
            NodeEvent(
                at_utc=now_utc(),
                node=node,
                what="joined",
                machine=each.machine,
                generators=each.generators,
                links=each.links,
            )
        )
    chosen = [station for station in stations if station.name in kept]
    talk = ClusterTalk(stages, folder.header(), folder.verifications())
    with reports_at_the_end(folder, stages, "servemark run --cluster … --resume"):
        Leader(folder, chosen, talk).lead()
