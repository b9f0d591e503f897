"""``servemark attack``: from a target to a run folder with its reports."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.markup import escape

from servemark import __version__
from servemark.catalog import TargetRequest, load_target, requests_digest, target_requests
from servemark.cli.project import Project
from servemark.cli.reporting import reports_at_the_end, write_reports
from servemark.cli.selection import bring_engine, check_loads, check_same_place, make_engine
from servemark.cli.stages import Stages, shown_stages
from servemark.cli.watching import RunTalk
from servemark.engines import LoadEngine
from servemark.errors import UsageError
from servemark.launch import accepts, available_cores, endpoints_of, service_cores
from servemark.launch.listeners import listening_processes
from servemark.records import (
    Cores,
    Endpoint,
    Entrant,
    Gate,
    RunHeader,
    Service,
    Target,
    TrialResult,
    Variant,
)
from servemark.run import ServiceBench, Services, run_lineup, this_machine
from servemark.store import SCHEMA_VERSION, RunFolder, create_run, find_run
from servemark.ui.following import is_done

ENGINE = "native"
Endpoints = Mapping[str, Sequence[Endpoint]]


def attack_new(project: Project, target: Target, owned: bool, command: str) -> RunFolder:
    """Check and measure a target in a new run folder. Returns the finished run.

    ``owned`` is the user's word for addresses that are not of this machine.
    """
    requests = target_requests(target)
    endpoints = _endpoints(target, owned)
    engine = make_engine(ENGINE)
    check_loads(target.board(), engine)
    bring_engine(engine, project.toolbox())
    cores = _cores(target, endpoints)
    header = _header(target, requests, endpoints, cores, command)
    with shown_stages() as stages:
        folder = create_run(project.runs, header)
        stages.say(f"  run folder [bold]{escape(str(folder.path))}[/bold]")
        bench = _bench(project, target, requests, endpoints, engine, cores)
        _go_on(bench, folder, stages)
    return folder


def attack_resumed(project: Project, name: str, owned: bool) -> RunFolder:
    """Go on with a run that was cut off, or do nothing where it is complete."""
    folder = find_run(project.runs, name)
    header = folder.header()
    if header.target is None:
        raise UsageError(
            f"{folder.path.name} is of contestants: servemark run --resume {folder.path.name}"
        )
    if is_done(header, folder.verifications(), folder.trials()):
        write_reports(folder)
        return folder
    requests = target_requests(header.target)
    if requests_digest(requests) != header.model_digest:
        raise UsageError(f"The requests have changed since {folder.path.name}: attack anew.")
    endpoints = _endpoints(header.target, owned)
    cores = _cores(header.target, endpoints)
    check_same_place(folder.path.name, header, cores, anew="attack anew")
    engine = make_engine(ENGINE)
    bring_engine(engine, project.toolbox())
    with shown_stages() as stages:
        bench = _bench(project, header.target, requests, endpoints, engine, cores)
        _go_on(bench, folder, stages)
    return folder


def all_answer_rightly(folder: RunFolder) -> bool:
    """Whether every service of the run passed the check of its answers, and answered rightly under
    load: it has a valid trial, and whatever was measured has not failed by its answers in the end.
    """
    if not all(each.passed for each in folder.verifications()):
        return False
    last: dict[tuple[int, str, str, str], TrialResult] = {}
    for result in folder.trials():
        trial = result.trial
        last[trial.block, trial.variant.id, trial.cell.id, trial.purpose] = result
    valid = {each.trial.variant.id for each in last.values() if each.verdict.valid}
    faults = (fault for each in last.values() for fault in each.verdict.faults)
    entered = {each.variant.id for each in folder.header().entrants}
    return entered <= valid and all(fault.gate != Gate.ANSWERS for fault in faults)


def target_of(path: Path) -> Target:
    """The target of that file. Raises ``UsageError``."""
    if not path.exists():
        raise UsageError(f"There is no target {path}: give a .toml file, or an http:// address.")
    return load_target(path)


def _go_on(bench: ServiceBench, folder: RunFolder, stages: Stages) -> None:
    if bench.cores.warning:
        stages.say(f"  [yellow]weak results[/yellow] {escape(bench.cores.warning)}")
    with reports_at_the_end(folder, stages, "servemark attack --resume"):
        talk = RunTalk(stages, folder.header(), folder.verifications())
        run_lineup(Services(bench, folder), folder, talk)


def _bench(
    project: Project,
    target: Target,
    requests: Sequence[TargetRequest],
    endpoints: Endpoints,
    engine: LoadEngine,
    cores: Cores,
) -> ServiceBench:
    return ServiceBench(
        target=target,
        requests=requests,
        endpoints=endpoints,
        engine=engine,
        cores=cores,
        server_environment=project.server_environment(),
        engine_environment={},
    )


def _endpoints(target: Target, owned: bool) -> dict[str, Sequence[Endpoint]]:
    """Where each service is: nothing is sent before all of them may be asked."""
    found: dict[str, Sequence[Endpoint]] = {}
    for name, service in target.services.items():
        found[name] = [] if service.url is None else endpoints_of(service.url, owned=owned)
    for name, service in target.services.items():
        listens = any(accepts(each) for each in found[name])
        if service.command is None and not listens:
            raise UsageError(
                f"Nothing accepts connections at {service.url}: start the service, or give the "
                "command that does in a target file."
            )
        if service.command is not None and listens:
            raise UsageError(
                f"Something listens at {service.url} already: end it, or leave out the command of "
                f"'{name}' to measure what runs there."
            )
    return found


def _cores(target: Target, endpoints: Endpoints) -> Cores:
    started = [each.cores for each in target.services.values() if each.command is not None]
    running = [
        pid
        for name, each in target.services.items()
        if each.command is None
        for pid in _processes(endpoints[name])
    ]
    threads = max(cell.load.engine_threads for cell in target.board().all_cells())
    return service_cores(available_cores(), max(started, default=0), running, threads)


def _processes(endpoints: Sequence[Endpoint]) -> list[int]:
    """Those that listen at the first of the addresses that accepts connections."""
    listening = (listening_processes(each) for each in endpoints if accepts(each))
    return next(listening, [])


def _header(
    target: Target,
    requests: Sequence[TargetRequest],
    endpoints: Endpoints,
    cores: Cores,
    command: str,
) -> RunHeader:
    board = target.board()
    entrants = [_entrant(name, service) for name, service in target.services.items()]
    if target.a_a:
        first = entrants[0]
        entrants.append(first.model_copy(update={"variant": first.variant.twin()}))
    return RunHeader(
        schema_version=SCHEMA_VERSION,
        servemark_version=__version__,
        created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        board=board,
        machine=this_machine(),
        cores=cores,
        tools={},
        model_digest=requests_digest(requests),
        golden_images=len(requests),
        entrants=tuple(entrants),
        excluded=(),
        target=target,
        notes=tuple(_notes(target, endpoints)),
    )


def _entrant(name: str, service: Service) -> Entrant:
    return Entrant(
        variant=Variant(contestant=name),
        title=name,
        language="service",
        homepage=service.url or "",
        division="standard",
        digest=hashlib.sha256(service.model_dump_json().encode()).hexdigest(),
    )


def _notes(target: Target, endpoints: Endpoints) -> list[str]:
    found = []
    for name, service in target.services.items():
        if service.command is not None:
            continue
        found.append(
            f"{name} ran already: its blocks are repetitions in one process, so that what differs "
            "from start to start is not in the intervals."
        )
        if not _processes(endpoints[name]):
            found.append(
                f"CPU time and memory of {name} are not known: its processes are not on this "
                "machine, in a container, or another user's."
            )
    return found
