"""Running a board: verify each variant, then measure trial after trial as the plan says."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from servemark.engines import Assignment, Loaded
from servemark.errors import LaunchError
from servemark.launch import Server, describe_exit, machine_ticks, pinned, use_between
from servemark.plan import Plan, given_up, schedule_of
from servemark.records import (
    Board,
    Cell,
    LoadResult,
    ServerUse,
    StartUp,
    Trial,
    TrialResult,
    Variant,
)
from servemark.run.verification import make_subject, verify_running
from servemark.run.workbench import Listener, Workbench, log_name
from servemark.samples import Samples
from servemark.stats import complete, judge
from servemark.store import RunFolder
from servemark.units import seconds_to_ns
from servemark.verify import (
    NoAnswer,
    Wrong,
    ask,
    check_answers,
    fault_of,
    read_prediction,
)


def run_board(bench: Workbench, folder: RunFolder, listener: Listener) -> None:
    """Do whatever of the run is not done yet. What is done is on the disk at any moment."""
    header = folder.header()
    variants = [entrant.variant for entrant in header.entrants]
    with folder.locked(), pinned(bench.cores.engine):
        passed = _verify_all(bench, folder, header.board, variants, listener)
        plan = Plan(header.board, passed)
        history = folder.trials()
        with Visitor(bench, folder, header.board, _starts(history)) as visitor:
            while (trial := plan.next(history)) is not None:
                left = _count_left(plan, history)
                listener.measuring(trial, len(history), len(history) + left)
                result = visitor.measure(trial)
                folder.append_trial(result)
                history.append(result)
                listener.measured(result)


def _verify_all(
    bench: Workbench,
    folder: RunFolder,
    board: Board,
    variants: list[Variant],
    listener: Listener,
) -> tuple[Variant, ...]:
    """The variants that pass, in their order; those verified before are not verified again."""
    known = {each.variant.id: each for each in folder.verifications()}
    for number, variant in enumerate(variants):
        if variant.id not in known:
            listener.verifying(variant, number, len(variants))
            found = verify_running(bench, variant, folder.logs, board.golden_images)
            folder.append_verification(found)
            known[variant.id] = found
            listener.verified(found)
    return tuple(variant for variant in variants if known[variant.id].passed)


def _starts(history: list[TrialResult]) -> int:
    return max((result.start for result in history), default=0)


def _count_left(plan: Plan, history: list[TrialResult]) -> int:
    done = {result.trial.number for result in history}
    lost = given_up(history)
    return sum(trial.number not in done and trial.variant.id not in lost for trial in plan.trials())


class Visitor:
    """Measures trials; trials of one visit (block, variant and stage) share one fresh start."""

    def __init__(self, bench: Workbench, folder: RunFolder, board: Board, starts: int) -> None:
        self._bench = bench
        self._folder = folder
        self._board = board
        self._starts = starts
        self._pictures = bench.model.pictures()
        self._server: Server | None = None
        self._visit: tuple[int, str, str] | None = None
        self._start_up: StartUp | None = None
        self._scratch = tempfile.TemporaryDirectory(prefix="servemark-")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        self._scratch.cleanup()

    def measure(self, trial: Trial) -> TrialResult:
        """One trial. A server that does not start, or dies, becomes a result that says so."""
        started_utc = datetime.now(UTC).isoformat(timespec="milliseconds")
        load = use = steal = failure = tail = kept = None
        try:
            server = self._visited(trial)
            found, use, steal = self._slice(server, trial)
            load, samples = found.result, found.samples
            if samples is not None:
                load, samples = self._checked(trial.cell, load, samples)
                kept = self._folder.keep_samples(trial, samples)
            ended = server.exited()
            if ended is not None:
                raise LaunchError(f"it died under load {describe_exit(ended.status)}")
        except LaunchError as error:
            failure = str(error)
            tail = None if self._server is None else self._server.log_tail()
            self._close()
        return TrialResult(
            trial=trial,
            started_utc=started_utc,
            start=self._starts,
            cores_server=self._bench.cores.server,
            cores_engine=self._bench.cores.engine,
            warm_up_ns=seconds_to_ns(self._board.warm_up_s),
            load=load,
            server=use,
            start_up=self._start_up,
            steal_share=steal,
            failure=failure,
            log_tail=tail,
            samples=kept,
            verdict=judge(trial.cell, load, steal, failure),
        )

    def _visited(self, trial: Trial) -> Server:
        """The server of the trial's visit, freshly started where it does not run yet."""
        visit = (trial.block, trial.variant.id, trial.cell.stage)
        if self._server is not None and self._visit == visit:
            return self._server
        self._close()
        self._starts += 1
        self._visit = visit
        log = self._folder.logs / f"{log_name(trial.variant)}-{self._starts}.log"
        launch = self._bench.launch(trial.variant, log, trial.cell.stage)
        self._server = server = Server(launch)
        ready_ns = server.wait_ready()
        self._first_answer(server)
        answered_ns = time.monotonic_ns() - server.spawned_ns
        self._start_up = StartUp(ready_ns=ready_ns, first_answer_ns=answered_ns)
        return server

    def _first_answer(self, server: Server) -> None:
        """One upload that must be answered rightly before load is put on."""
        image = self._bench.model.golden.images[0]
        subject = make_subject(self._bench, server, [image])
        picture = subject.right()
        headers = {"Content-Type": picture.media_type}
        try:
            answer = ask(server.endpoint, "POST", "/", headers, picture.content)
            fault = fault_of(subject, image, *read_prediction(subject, answer))
        except (NoAnswer, Wrong) as finding:
            fault = str(finding)
        if fault is not None:
            raise LaunchError(f"its first prediction was wrong: {fault}")

    def _checked(
        self, cell: Cell, load: LoadResult, samples: Samples
    ) -> tuple[LoadResult, Samples]:
        """The result and samples once every answer was held against the golden one."""
        right = check_answers(self._bench.model, cell.workload, cell.stage, samples)
        checked = replace(samples, right=right)
        return complete(load, checked), checked

    def _slice(self, server: Server, trial: Trial) -> tuple[Loaded, ServerUse, float | None]:
        """Warm up, then measure: what the engine saw, what the server used, the steal's share."""
        self._load(server, trial, self._board.warm_up_s, "warm-up")
        before = server.use()
        ticks = machine_ticks()
        load = self._load(server, trial, self._board.slice_s, "slice")
        stolen, all_ticks = (new - old for new, old in zip(machine_ticks(), ticks, strict=True))
        use = use_between(before, server.use())
        return load, use, stolen / all_ticks if all_ticks else None

    def _load(self, server: Server, trial: Trial, duration_s: float, phase: str) -> Loaded:
        """All variants get the same schedule for a cell in a block, so that they can be paired."""
        seed = (self._board.seed, trial.block, phase)
        duration_ns = seconds_to_ns(duration_s)
        return self._bench.engine.run(
            Assignment(
                endpoint=server.endpoint,
                cell=trial.cell,
                pictures=self._pictures,
                schedule=schedule_of(trial.cell, duration_ns, len(self._pictures), *seed),
                duration_s=duration_s,
                cores=self._bench.cores.engine,
                scratch=Path(self._scratch.name),
                environment=self._bench.engine_environment,
                shares_core=bool(set(self._bench.cores.engine) & set(self._bench.cores.server)),
            )
        )

    def _close(self) -> None:
        if self._server is not None:
            self._server.stop()
        self._server = self._visit = self._start_up = None
