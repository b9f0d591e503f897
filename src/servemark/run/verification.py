"""Verifying a variant: on a running server, and over its whole life from start to stop."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from servemark.catalog import suggestion
from servemark.catalog.manifests import GoldenImage
from servemark.errors import LaunchError, ManifestError
from servemark.launch import Server
from servemark.launch.server import MAX_BODY_BYTES
from servemark.records import Check, Settings, Stage, Variant, Verification
from servemark.run.workbench import Workbench, log_name
from servemark.verify import (
    BAD_INPUTS,
    STOP_TIMEOUT_S,
    Connection,
    NoAnswer,
    Subject,
    Wrong,
    check_contract,
    check_golden,
    check_stage,
    judge_bad_start,
    judge_stop,
    read_prediction,
)

BAD_START_TIMEOUT_S = 60
DYING_S = 1.0
TO_BE_READ_S = 0.3
"""After so long a server has read what was sent of a request."""


def pick_images(images: tuple[GoldenImage, ...], count: int | None) -> list[GoldenImage]:
    """``count`` golden images evenly from the whole set; all of them for ``None``."""
    if count is None or count >= len(images):
        return list(images)
    return [images[number * len(images) // count] for number in range(count)]


def make_subject(bench: Workbench, server: Server, images: list[GoldenImage]) -> Subject:
    """The running server as something to be verified."""
    model = bench.model_of(server.launch.variant)
    pairs = [(image, model.picture(image)) for image in images]
    return Subject(server.endpoint, model, pairs, MAX_BODY_BYTES)


def verify_running(
    bench: Workbench, variant: Variant, logs: Path, golden_images: int | None
) -> Verification:
    """Start the variant once; check the contract's endpoints and failures, and the golden set."""
    log = logs / f"{log_name(variant)}-verify.log"
    images = pick_images(bench.model_of(variant).golden.images, golden_images)
    checks: list[Check] = []
    try:
        with Server(bench.launch(variant, log)) as server:
            try:
                server.wait_ready()
                subject = make_subject(bench, server, images)
                checks += check_contract(subject)
                checks += check_golden(subject)
            except LaunchError as error:
                return _failed(variant, checks, error, server)
            # One that dies leaves its last requests unanswered some time before it has ended.
            broken = any(not check.passed for check in checks)
            ended = server.wait_exit(DYING_S) if broken else server.exited()
            if ended is not None:
                return _failed(variant, checks, LaunchError("it died while verified"), server)
    except LaunchError as error:
        return Verification(variant=variant, checks=tuple(checks), failure=str(error))
    return Verification(variant=variant, checks=_with_limits(bench, variant, checks))


def verify_whole(
    bench: Workbench, variant: Variant, logs: Path, golden_images: int | None
) -> Verification:
    """``verify_running``, and stages, starts that must fail, stops, and several workers."""
    first = verify_running(bench, variant, logs, golden_images)
    if first.failure is not None:
        return first
    life = _Life(bench, variant, logs)
    try:
        checks = (*first.checks, *life.stages(), *life.bad_starts(), *life.stops())
    except LaunchError as error:
        tail = life.log.read_text(errors="replace")[-1500:] if life.log.exists() else None
        failure = f"in a later start {error}"
        return Verification(variant=variant, checks=first.checks, failure=failure, log_tail=tail)
    return Verification(variant=variant, checks=checks)


def check_stop(name: str, server: Server, subject: Subject) -> Check:
    """Stop the running server while half of a request's body is on its way.

    All that the contract asks for has ``STOP_TIMEOUT_S`` from the SIGTERM on.
    """
    picture = subject.right()
    half = len(picture.content) // 2
    headers = {"Content-Type": picture.media_type, "Content-Length": str(len(picture.content))}
    deadline_s: float | None = None
    trouble: str | None = None
    try:
        with Connection(server.endpoint) as connection:
            connection.send(connection.head("POST", "/", headers) + picture.content[:half])
            time.sleep(TO_BE_READ_S)
            deadline_s = _terminated(server)
            time.sleep(TO_BE_READ_S)
            connection.send(picture.content[half:])
            read_prediction(subject, connection.receive(_left_s(deadline_s)))
    except (NoAnswer, Wrong) as finding:
        trouble = str(finding)
    if deadline_s is None:  # there was not even a connection
        deadline_s = _terminated(server)
    exited = server.wait_exit(_left_s(deadline_s))
    if exited is None:
        exited = replace(server.stop(), killed=True)
    return judge_stop(name, exited, trouble)


def _terminated(server: Server) -> float:
    """SIGTERM; until when it may take, on the monotonic clock."""
    server.terminate()
    return time.monotonic() + STOP_TIMEOUT_S


def _left_s(deadline_s: float) -> float:
    return max(0.0, deadline_s - time.monotonic())


@dataclass(frozen=True, slots=True)
class _Life:
    """Starts and stops of one variant in many ways."""

    bench: Workbench
    variant: Variant
    logs: Path

    @property
    def log(self) -> Path:
        return self.logs / f"{log_name(self.variant)}-life.log"

    def stages(self) -> Iterator[Check]:
        stages: tuple[Stage, ...] = ("receive", "decode")
        for stage in stages:
            with Server(self.bench.launch(self.variant, self.log, stage=stage)) as server:
                server.wait_ready()
                yield from check_stage(self._subject(server), stage)

    def bad_starts(self) -> Iterator[Check]:
        with tempfile.TemporaryDirectory(prefix="servemark-") as scratch:
            for name, changes in self._bad_changes(Path(scratch)).items():
                launch = self.bench.launch(self.variant, self.log, changes=changes)
                with Server(launch) as server:
                    exited = server.wait_exit(BAD_START_TIMEOUT_S)
                    yield judge_bad_start(name, exited, server.log_tail(lines=50))

    def stops(self) -> Iterator[Check]:
        yield self._stop("SIGTERM with a request in flight", self.variant)
        contestant = self.bench.contestants[self.variant.contestant]
        if contestant.manifest.max_workers != 1:
            settings = Settings(workers=2, threads=self.variant.settings.threads)
            two = self.variant.model_copy(update={"settings": settings})
            yield self._stop("SIGTERM with 2 workers", two)

    def _stop(self, name: str, variant: Variant) -> Check:
        launch = replace(self.bench.launch(variant, self.log), cores=())
        with Server(launch) as server:
            server.wait_ready()
            return check_stop(name, server, self._subject(server))

    def _subject(self, server: Server) -> Subject:
        model = self.bench.model_of(server.launch.variant)
        return make_subject(self.bench, server, pick_images(model.golden.images, 8))

    def _bad_changes(self, scratch: Path) -> Mapping[str, Mapping[str, str | None]]:
        """The contract's broken starts: names, and the variables that make them."""
        return {
            "no MODEL_DIR": {"MODEL_DIR": None},
            "a broken model": {"MODEL_DIR": str(self._broken_model(scratch / "model"))},
            "no model": {"MODEL_DIR": str(scratch)},
            "no TEST_IMAGE variable": {"TEST_IMAGE": None},
            "no TEST_IMAGE": {"TEST_IMAGE": str(scratch / "missing.jpg")},
            "a broken TEST_IMAGE": {"TEST_IMAGE": str(self._broken_image(scratch / "broken.jpg"))},
            "no PORT": {"PORT": None},
            "WORKERS is no number": {"WORKERS": "many"},
            "unknown RUNTIME": {"RUNTIME": "abacus"},
            "unknown STAGE": {"STAGE": "everything"},
        }

    def _broken_model(self, folder: Path) -> Path:
        """A copy of the exported model whose weights are garbage, in every format."""
        shutil.copytree(self.bench.model_of(self.variant).export_folder, folder)
        for path in folder.rglob("*"):
            if path.is_file() and path.relative_to(folder) != Path("model.json"):
                path.write_bytes(b"garbage")
        return folder

    def _broken_image(self, path: Path) -> Path:
        path.write_bytes(b"not an image at all")
        return path


def _with_limits(bench: Workbench, variant: Variant, checks: list[Check]) -> tuple[Check, ...]:
    """The checks, where those that the manifest declares as limits pass if they fail."""
    contestant = bench.contestants[variant.contestant]
    limits = contestant.server(variant.server).limits
    found = []
    for check in checks:
        reason = limits.get(check.name)
        if reason is not None:
            expected = f"not to hold: the manifest declares it as a limit ({reason})"
            update = {"passed": not check.passed, "expected": expected, "limit": reason}
            check = check.model_copy(update=update)
        found.append(check)
    names = [*(check.name for check in checks), *BAD_INPUTS]
    unknown = sorted(limits.keys() - set(names))
    if unknown:
        raise ManifestError(
            f"{contestant.folder / 'contestant.toml'}: key 'limits': there is no check "
            f"'{unknown[0]}'{suggestion(unknown[0], names)}"
        )
    return tuple(found)


def _failed(
    variant: Variant, checks: list[Check], error: LaunchError, server: Server
) -> Verification:
    return Verification(
        variant=variant, checks=tuple(checks), failure=str(error), log_tail=server.log_tail()
    )
