"""The contestants of a board: started in their environments, held to the contract."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import numpy as np

from servemark.catalog import Model, Picture, RequestParts, commented, requests_of
from servemark.engines import GRACE_S, TIMEOUT_S
from servemark.errors import LaunchError
from servemark.launch import Server, measure_ceiling
from servemark.records import (
    Board,
    CeilingResult,
    Cell,
    Corpus,
    StartUp,
    Trial,
    Variant,
    Verification,
    Workload,
)
from servemark.run.battery import put_to_battery
from servemark.run.verification import make_subject, verify_running
from servemark.run.workbench import Listener, Workbench
from servemark.samples import Samples
from servemark.stats import Declared
from servemark.store import RunFolder
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


class Contestants:
    """A ``Lineup`` of contestants on a workbench."""

    def __init__(self, bench: Workbench, folder: RunFolder, board: Board) -> None:
        self.engine = bench.engine
        self.cores = bench.cores
        self.engine_environment = bench.engine_environment
        self._bench = bench
        self._folder = folder
        self._board = board
        self.timeout_s = TIMEOUT_S
        self.grace_s = GRACE_S
        self._pictures: dict[str, list[Picture]] = {}
        self._corpora: dict[tuple[str, Corpus], list[int]] = {}
        self._requests: dict[tuple[str, Workload, Corpus], list[RequestParts]] = {}

    def verify(self, variant: Variant) -> Verification:
        """The contract on a running server, and the golden set."""
        return verify_running(self._bench, variant, self._folder.logs, self._board.golden_images)

    def open_block(self, block: int, variants: Sequence[Variant], listener: Listener) -> None:
        """The ceilings, where the board asks for them in that block: once for each language,
        runtime, number of threads and model that takes part.

        A ceiling that cannot be measured is on the disk with its reason, and is not tried again in
        that block.
        """
        if not self._board.ceiling or block >= self._board.blocks:
            return
        done = {each.key for each in self._folder.ceilings() if each.block == block}
        for variant in variants:
            contestant = self._bench.contestants[variant.contestant]
            language = contestant.language.name
            own = variant.server if contestant.server(variant.server).ceiling is not None else None
            key = (language, variant.runtime, variant.settings.threads, own, variant.model)
            if key in done or contestant.ceiling(variant.server) is None:
                continue
            done.add(key)
            name = "-".join(
                part for part in (language, own, variant.runtime, variant.model) if part
            )
            listener.measuring_ceiling(name, block)
            found = failure = None
            log = self._folder.logs / f"ceiling-{name}.log"
            try:
                found = measure_ceiling(self._bench.launch(variant, log))
            except LaunchError as error:
                failure = str(error)
            self._folder.append_ceiling(
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

    def close(self, variants: Sequence[Variant], listener: Listener) -> None:
        """Each variant to the battery, where the board asks for it; what was put before is not put
        again."""
        battery = self._board.battery
        if battery is None:
            return
        done = {each.variant.id for each in self._folder.batteries()}
        originals = [variant for variant in variants if variant.copy_number == 1]
        for number, variant in enumerate(originals):
            if variant.id not in done:
                listener.putting(variant, number, len(originals))
                found = put_to_battery(self._bench, variant, battery, self._folder.logs)
                self._folder.append_battery(found)
                listener.put(found)

    def start(self, trial: Trial, log: Path) -> Server:
        """The contestant in the trial's stage."""
        return Server(self._bench.launch(trial.variant, log, trial.cell.stage))

    def greet(self, server: Server, trial: Trial) -> StartUp:
        """Ready, and one upload answered rightly before load is put on."""
        del trial
        ready_ns = server.wait_ready()
        self._first_answer(server)
        answered_ns = time.monotonic_ns() - server.spawned_ns
        return StartUp(ready_ns=ready_ns, first_answer_ns=answered_ns)

    def _first_answer(self, server: Server) -> None:
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

    def settle_s(self, variant: Variant) -> float:
        """What its language declares."""
        return self._bench.contestants[variant.contestant].language.manifest.start.settle_s

    def requests(self, variant: Variant, cell: Cell) -> Sequence[RequestParts]:
        """The cell's workload with the images of its corpus."""
        model = self._bench.model_of(variant)
        key = (model.name, cell.workload, cell.corpus)
        if key not in self._requests:
            pictures = self._pictures_of(model)
            chosen = [pictures[index] for index in self._corpus(model, cell.corpus)]
            if cell.corpus != "all":  # all three with a comment: only what it says differs
                numbers = range(len(chosen)) if cell.corpus == "renewed" else repeat(0)
                commented_as = zip(chosen, numbers, strict=False)
                chosen = [commented(each, f"{number:08}") for each, number in commented_as]
            self._requests[key] = requests_of(cell.workload, chosen)
        return self._requests[key]

    def check(self, trial: Trial, samples: Samples) -> tuple[Samples, tuple[str, ...]]:
        """Every answer against the golden one."""
        cell = trial.cell
        model = self._bench.model_of(trial.variant)
        chosen = np.array(self._corpus(model, cell.corpus), dtype=np.uint32)
        if cell.workload in ("multipart", "raw"):
            samples = replace(samples, request=chosen[samples.request])
        right = check_answers(model, cell.workload, cell.stage, samples)
        return replace(samples, right=right), ()

    def declared(self, variant: Variant) -> Declared:
        """What its manifest and its settings say."""
        entry = self._bench.contestants[variant.contestant].server(variant.server)
        return Declared(
            workers=variant.settings.workers,
            threads=variant.settings.threads,
            parallel=entry.parallel,
            helpers=entry.helpers,
            keeps_connections=KEEP_ALIVE not in entry.limits,
        )

    def _pictures_of(self, model: Model) -> list[Picture]:
        if model.name not in self._pictures:
            self._pictures[model.name] = model.pictures()
        return self._pictures[model.name]

    def _corpus(self, model: Model, which: Corpus) -> list[int]:
        if (model.name, which) not in self._corpora:
            self._corpora[model.name, which] = model.corpus(which)
        return self._corpora[model.name, which]
