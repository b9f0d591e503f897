"""Running a board: verify each variant, then measure trial after trial as the plan says."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import numpy as np

from servemark.catalog import Model, Picture
from servemark.engines import Assignment, Loaded
from servemark.errors import LaunchError
from servemark.launch import (
    Server,
    circumstances,
    describe_exit,
    measure_ceiling,
    pinned,
    this_moment,
    use_between,
)
from servemark.plan import Plan, schedule_of
from servemark.records import (
    Board,
    CeilingResult,
    Circumstances,
    Corpus,
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
from servemark.stats import Declared, complete, judge
from servemark.store import RunFolder
from servemark.units import seconds_to_ns
from servemark.verify import (
    STAGE_PROBABILITY,
    NoAnswer,
    Wrong,
    ask,
    check_answers,
    fault_of,
    read_prediction,
)

KEEP_ALIVE = "keep-alive"
"""The limit that says that a server closes its connections."""


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
                if header.board.ceiling and trial.block < header.board.blocks:
                    _measure_ceilings(bench, folder, passed, trial.block, listener)
                listener.measuring(trial, history, plan.outlook(history))
                result = visitor.measure(trial)
                folder.append_trial(result)
                history.append(result)
                listener.measured(result)


def _measure_ceilings(
    bench: Workbench,
    folder: RunFolder,
    variants: tuple[Variant, ...],
    block: int,
    listener: Listener,
) -> None:
    """Once in each block for each language, runtime, number of threads and model that takes part.

    A ceiling that cannot be measured is on the disk with its reason, and is not tried again in
    that block.
    """
    done = {each.key for each in folder.ceilings() if each.block == block}
    for variant in variants:
        contestant = bench.contestants[variant.contestant]
        language = contestant.language.name
        own = variant.server if contestant.server(variant.server).ceiling is not None else None
        key = (language, variant.runtime, variant.settings.threads, own, variant.model)
        if key in done or contestant.ceiling(variant.server) is None:
            continue
        done.add(key)
        name = "-".join(part for part in (language, own, variant.runtime, variant.model) if part)
        listener.measuring_ceiling(name, block)
        found = failure = None
        try:
            found = measure_ceiling(bench.launch(variant, folder.logs / f"ceiling-{name}.log"))
        except LaunchError as error:
            failure = str(error)
        folder.append_ceiling(
            CeilingResult(
                block=block,
                language=language,
                runtime=variant.runtime,
                threads=variant.settings.threads,
                server=own,
                model=variant.model,
                ceiling=found,
                failure=failure,
            )
        )


def _verify_all(
    bench: Workbench,
    folder: RunFolder,
    board: Board,
    variants: list[Variant],
    listener: Listener,
) -> tuple[Variant, ...]:
    """The variants that pass, in their order; those verified before are not verified again, and the
    second of an A/A pair is what the first is."""
    known = {each.variant.id: each for each in folder.verifications()}
    originals = [variant for variant in variants if variant.copy_number == 1]
    for number, variant in enumerate(originals):
        if variant.id not in known:
            listener.verifying(variant, number, len(originals))
            found = verify_running(bench, variant, folder.logs, board.golden_images)
            folder.append_verification(found)
            known[variant.id] = found
            listener.verified(found)
    return tuple(variant for variant in variants if known[variant.original().id].passed)


def _starts(history: list[TrialResult]) -> int:
    return max((result.start for result in history), default=0)


class Visitor:
    """Measures trials; trials of one visit (block, variant and stage) share one fresh start."""

    def __init__(self, bench: Workbench, folder: RunFolder, board: Board, starts: int) -> None:
        self._bench = bench
        self._folder = folder
        self._board = board
        self._starts = starts
        self._pictures: dict[str, list[Picture]] = {}
        self._corpora: dict[tuple[str, Corpus], list[int]] = {}
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
        began_ns = time.monotonic_ns()
        load = use = failure = tail = kept = None
        seen = Circumstances()
        try:
            server, fresh = self._visited(trial)
            if fresh or trial.purpose == "figure":
                self._load(server, trial, self._board.warm_up_s, "warm-up")
            found, use, seen = self._slice(server, trial)
            load, samples = found.result, found.samples
            if samples is not None:
                load, samples = self._checked(trial, load, samples)
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
            circumstances=seen,
            elapsed_ns=time.monotonic_ns() - began_ns,
            failure=failure,
            log_tail=tail,
            samples=kept,
            verdict=judge(
                trial.cell,
                load,
                use,
                seen,
                self._declared(trial),
                failure,
                insists_on_quiet=self._board.quiet,
                searching=trial.purpose == "capacity",
            ),
        )

    def _declared(self, trial: Trial) -> Declared:
        variant = trial.variant
        entry = self._bench.contestants[variant.contestant].server(variant.server)
        return Declared(
            workers=variant.settings.workers,
            threads=variant.settings.threads,
            parallel=entry.parallel,
            helpers=entry.helpers,
            keeps_connections=KEEP_ALIVE not in entry.limits,
        )

    def _visited(self, trial: Trial) -> tuple[Server, bool]:
        """The server of the trial's visit, and whether it was freshly started for this trial."""
        visit = (trial.block, trial.variant.id, trial.cell.stage)
        if self._server is not None and self._visit == visit:
            return self._server, False
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
        return server, True

    def _first_answer(self, server: Server) -> None:
        """One upload that must be answered rightly before load is put on."""
        image = server.launch.model.golden.images[0]
        subject = make_subject(self._bench, server, [image])
        picture = subject.right()
        headers = {"Content-Type": picture.media_type}
        try:
            answer = ask(server.endpoint, "POST", "/", headers, picture.content)
            digit, probability = read_prediction(subject, answer)
            if server.launch.stage == "full":
                fault = fault_of(subject, image, digit, probability)
            elif probability != STAGE_PROBABILITY:
                fault = f"stage {server.launch.stage} answered probability {probability}"
            else:
                fault = None
        except (NoAnswer, Wrong) as finding:
            fault = str(finding)
        if fault is not None:
            raise LaunchError(f"its first prediction was wrong: {fault}")

    def _checked(
        self, trial: Trial, load: LoadResult, samples: Samples
    ) -> tuple[LoadResult, Samples]:
        """The result and samples once every answer was held against the golden one."""
        cell = trial.cell
        model = self._bench.model_of(trial.variant)
        chosen = np.array(self._corpus(model, cell.corpus), dtype=np.uint32)
        if cell.workload in ("multipart", "raw"):
            samples = replace(samples, request=chosen[samples.request])
        right = check_answers(model, cell.workload, cell.stage, samples)
        checked = replace(samples, right=right)
        slo = self._board.slo if trial.purpose == "capacity" else None
        return complete(load, checked, cell, slo), checked

    def _slice(self, server: Server, trial: Trial) -> tuple[Loaded, ServerUse, Circumstances]:
        """What the engine saw, what the server used, and what the machine did beside."""
        moment = this_moment()
        before = server.use()
        loaded = self._load(server, trial, trial.duration_s or self._board.slice_s, "slice")
        use = use_between(before, server.use())
        return loaded, use, circumstances(moment, this_moment())

    def _load(self, server: Server, trial: Trial, duration_s: float, phase: str) -> Loaded:
        """All variants of a model get the same schedule for a cell in a block: they are paired."""
        model = self._bench.model_of(trial.variant)
        pictures, chosen = self._pictures_of(model), self._corpus(model, trial.cell.corpus)
        seed = (self._board.seed, trial.block, phase)
        duration_ns = seconds_to_ns(duration_s)
        return self._bench.engine.run(
            Assignment(
                endpoint=server.endpoint,
                cell=trial.cell,
                pictures=[pictures[index] for index in chosen],
                schedule=schedule_of(trial.cell, duration_ns, len(chosen), *seed),
                duration_s=duration_s,
                cores=self._bench.cores.engine,
                scratch=Path(self._scratch.name),
                environment=self._bench.engine_environment,
                shares_core=bool(set(self._bench.cores.engine) & set(self._bench.cores.server)),
            )
        )

    def _pictures_of(self, model: Model) -> list[Picture]:
        if model.name not in self._pictures:
            self._pictures[model.name] = model.pictures()
        return self._pictures[model.name]

    def _corpus(self, model: Model, which: Corpus) -> list[int]:
        if (model.name, which) not in self._corpora:
            self._corpora[model.name, which] = model.corpus(which)
        return self._corpora[model.name, which]

    def _close(self) -> None:
        if self._server is not None:
            self._server.stop()
        self._server = self._visit = self._start_up = None
