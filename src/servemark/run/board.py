"""Running a board: verify each variant, then measure trial after trial as the plan says."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, Self

from servemark.engines import Assignment, Loaded
from servemark.errors import GeneratorLostError, LaunchError
from servemark.launch import circumstances, describe_exit, pinned, this_moment, use_between
from servemark.plan import Plan, schedule_of
from servemark.records import (
    Board,
    Cell,
    Circumstances,
    Closed,
    LoadResult,
    ServerUse,
    StartUp,
    Trial,
    TrialResult,
    Variant,
)
from servemark.run.contestants import Contestants
from servemark.run.lineup import Lineup, R
from servemark.run.noting import Noting
from servemark.run.workbench import Listener, Workbench, log_name
from servemark.samples import Samples
from servemark.stats import complete, judge
from servemark.store import RunFolder
from servemark.units import seconds_to_ns

SETTLE_ROUNDS = 2
"""So often a fresh server meets each cell while it settles: compilers also look at what varies."""


def run_board(bench: Workbench, folder: RunFolder, listener: Listener) -> None:
    """Do whatever of a run of contestants is not done yet."""
    run_lineup(Contestants(bench, folder, folder.header().board), folder, listener)


def run_lineup(lineup: Lineup[R], folder: RunFolder, listener: Listener) -> None:
    """Do whatever of the run is not done yet. What is done is on the disk at any moment."""
    header = folder.header()
    listener = Noting(folder, listener)
    variants = [entrant.variant for entrant in header.entrants]
    with folder.locked(), pinned(lineup.cores.engine):
        passed = _verify_all(lineup, folder, variants, listener)
        plan = Plan(header.board, passed)
        history = folder.trials()
        with Visitor(lineup, folder, header.board, _starts(history)) as visitor:
            while (trial := plan.next(history)) is not None:
                lineup.open_block(trial.block, passed, listener)
                listener.measuring(trial, history, plan.outlook(history))
                result = visitor.measure(trial)
                folder.append_trial(result)
                history.append(result)
                listener.measured(result)
        lineup.close(passed, listener)


def _verify_all(
    lineup: Lineup[R],
    folder: RunFolder,
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
            found = lineup.verify(variant)
            folder.append_verification(found)
            known[variant.id] = found
            listener.verified(found)
    return tuple(variant for variant in variants if known[variant.original().id].passed)


def _starts(history: list[TrialResult]) -> int:
    return max((result.start for result in history), default=0)


class Visitor(Generic[R]):
    """Measures trials; trials of one visit (block, variant and stage) share one fresh start."""

    def __init__(self, lineup: Lineup[R], folder: RunFolder, board: Board, starts: int) -> None:
        self._lineup = lineup
        self._folder = folder
        self._board = board
        self._starts = starts
        self._server: R | None = None
        self._visit: tuple[int, str, str] | None = None
        self._start_up: StartUp | None = None
        self._scratch = tempfile.TemporaryDirectory(prefix="servemark-")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
        self._scratch.cleanup()

    def measure(self, trial: Trial) -> TrialResult:
        """One trial. A server that does not start, or dies, becomes a result that says so."""
        started_utc = datetime.now(UTC).isoformat(timespec="milliseconds")
        began_ns = time.monotonic_ns()
        load = use = failure = tail = kept = placement = lost = None
        seen = Circumstances()
        try:
            server, fresh = self._visited(trial)
            if fresh:
                self._settle(server, trial)
            if fresh or trial.purpose == "figure":
                self._load(server, trial, trial.cell, self._board.warm_up_s, "warm-up")
            found, use, seen = self._slice(server, trial)
            load, samples, placement = found.result, found.samples, found.placement
            if samples is not None:
                load, samples = self._checked(trial, load, samples)
                kept = self._folder.keep_samples(trial, samples)
            ended = server.exited()
            if ended is not None:
                raise LaunchError(f"it died under load {describe_exit(ended.status)}")
        except LaunchError as error:
            failure = str(error)
            tail = None if self._server is None else self._server.log_tail()
            self.leave()
        except GeneratorLostError as error:
            lost = str(error)
            self.leave()  # what the lost one had under way would burden the next trial
        return TrialResult(
            trial=trial,
            started_utc=started_utc,
            start=self._starts,
            cores_server=self._lineup.cores.server,
            cores_engine=self._lineup.cores.engine,
            warm_up_ns=seconds_to_ns(self._board.warm_up_s),
            settle_ns=seconds_to_ns(self._lineup.settle_s(trial.variant)),
            load=load,
            server=use,
            start_up=self._start_up,
            circumstances=seen,
            elapsed_ns=time.monotonic_ns() - began_ns,
            failure=failure,
            log_tail=tail,
            samples=kept,
            placement=placement,
            verdict=judge(
                trial.cell,
                load,
                use,
                seen,
                self._lineup.declared(trial.variant),
                failure,
                insists_on_quiet=self._board.quiet,
                searching=trial.purpose == "capacity",
                placement=placement,
                lost=lost,
            ),
        )

    def _visited(self, trial: Trial) -> tuple[R, bool]:
        """The server of the trial's visit, and whether it was freshly started for this trial."""
        visit = (trial.block, trial.variant.id, trial.cell.stage)
        if self._server is not None and self._visit == visit:
            return self._server, False
        self.leave()
        self._starts += 1
        self._visit = visit
        log = self._folder.logs / f"{log_name(trial.variant)}-{self._starts}.log"
        self._server = server = self._lineup.start(trial, log)
        self._start_up = self._lineup.greet(server, trial)
        return server, True

    def _settle(self, server: R, trial: Trial) -> None:
        """Load a fresh server with every cell of the stage in turn, for as long as it takes it to
        become as fast as it will be."""
        settle_s = self._lineup.settle_s(trial.variant)
        if settle_s == 0:
            return
        cells = [
            cell
            for cell in self._board.all_cells()
            if cell.stage == trial.cell.stage and isinstance(cell.load, Closed)
        ] or [trial.cell]
        piece_s = settle_s / (SETTLE_ROUNDS * len(cells))
        for number in range(SETTLE_ROUNDS):
            for cell in cells:
                self._load(server, trial, cell, piece_s, f"settling {number}")

    def _checked(
        self, trial: Trial, load: LoadResult, samples: Samples
    ) -> tuple[LoadResult, Samples]:
        """The result and samples once every answer was held against what it must be."""
        checked, warnings = self._lineup.check(trial, samples)
        slo = self._board.slo if trial.purpose == "capacity" else None
        done = complete(load, checked, trial.cell, slo)
        return done.model_copy(update={"warnings": (*done.warnings, *warnings)}), checked

    def _slice(self, server: R, trial: Trial) -> tuple[Loaded, ServerUse | None, Circumstances]:
        """What the engine saw, what the server used, and what the machine did beside."""
        moment = this_moment(server.apart)
        before = server.use()
        loaded = self._load(
            server, trial, trial.cell, trial.duration_s or self._board.slice_s, "slice"
        )
        after = server.use()
        use = None
        # What runs on its own may be started anew by somebody else meanwhile.
        if before is not None and after is not None and after.cpu_ns >= before.cpu_ns:
            use = use_between(before, after)
        return loaded, use, circumstances(moment, this_moment(server.apart))

    def _load(self, server: R, trial: Trial, cell: Cell, duration_s: float, phase: str) -> Loaded:
        """All variants of a model get the same schedule for a cell in a block: they are paired.
        Only the steps of a search have arrivals of their own, also two at the same rate."""
        requests = self._lineup.requests(trial.variant, cell)
        own = (trial.number,) if trial.purpose == "capacity" else ()
        seed = (self._board.seed, trial.block, phase, *own)
        duration_ns = seconds_to_ns(duration_s)
        return self._lineup.engine.run(
            Assignment(
                endpoint=server.endpoint,
                cell=cell,
                requests=requests,
                schedule=schedule_of(cell, duration_ns, len(requests), *seed),
                duration_s=duration_s,
                cores=self._lineup.cores.engine,
                scratch=Path(self._scratch.name),
                environment=self._lineup.engine_environment,
                timeout_s=self._lineup.timeout_s,
                grace_s=self._lineup.grace_s,
                shares_core=bool(set(self._lineup.cores.engine) & set(self._lineup.cores.server)),
            )
        )

    def leave(self) -> None:
        """End the visit: stop the server that it was to."""
        if self._server is not None:
            self._server.stop()
        self._server = self._visit = self._start_up = None
