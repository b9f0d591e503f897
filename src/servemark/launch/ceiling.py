"""The in-process ceiling: a variant's decoding and inference in a loop with no server around it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Field, NonNegativeInt, ValidationError

from servemark.catalog import Model
from servemark.catalog.manifests import GoldenImage
from servemark.errors import LaunchError
from servemark.guard import Command, Guarded, log_tail
from servemark.launch.server import HOST, READY_TIMEOUT_S, Launch, describe_exit, free_port
from servemark.records import Endpoint, PositiveInt, Record
from servemark.records.ceiling import Ceiling, CeilingSource
from servemark.units import seconds_to_ns

WARM_UP_S = 2.0
MEASURE_S = 3.0
IMAGES = "images"
ROUND_TIMEOUT_S = 180.0
"""What the two rounds that are under way when their time is over may take besides."""


class _Answer(Record):
    """The contract's document for an answer."""

    data: dict[str, int | float]


class _Finding(Record):
    """The one line that a ceiling program prints; times in ns, of the measured rounds."""

    images: PositiveInt
    ns: PositiveInt
    cpu_ns: PositiveInt
    decode_ns: NonNegativeInt
    infer_ns: NonNegativeInt
    answers: Annotated[tuple[_Answer, ...], Field(min_length=1)]
    """Those of the last round, in the order of the images."""


def measure_ceiling(
    launch: Launch,
    source: CeilingSource = "golden",
    warm_up_s: float = WARM_UP_S,
    measure_s: float = MEASURE_S,
    timeout_s: float = READY_TIMEOUT_S + ROUND_TIMEOUT_S,
) -> Ceiling | None:
    """The ceiling of that variant, or ``None`` where its language has no program for it.

    It is pinned to as many of the server's cores as the variant has inference threads. ``source``
    is what a round goes over: the golden set as uploads do, or the TEST_IMAGE as ``get`` does.
    ``timeout_s`` is what it may take to load, and to finish, besides the time asked for.

    Raises ``LaunchError`` when it does not end by itself and well, prints something else than a
    ceiling, or answers wrongly.
    """
    program = launch.contestant.ceiling(launch.variant.server)
    if program is None:
        return None
    model, variant = launch.model, launch.variant
    chosen: Sequence[GoldenImage | None] = model.golden.images if source == "golden" else [None]
    language = launch.contestant.language.name
    try:
        with tempfile.TemporaryDirectory(prefix="servemark-") as scratch:
            command = _command(launch, program, Path(scratch), warm_up_s, measure_s)
            _write(model, chosen, Path(scratch) / IMAGES)
            said = _run(command, timeout_s + warm_up_s + measure_s)
        finding = _parse(said, seconds_to_ns(measure_s))
        _check(model, chosen, finding)
    except LaunchError as error:
        name = f"the in-process ceiling of {language}+{variant.runtime}"
        raise LaunchError(f"{name} {error}") from error
    return Ceiling(
        language=language,
        runtime=variant.runtime,
        threads=variant.settings.threads,
        cores=tuple(command.cores),
        source=source,
        distinct=len(chosen),
        images=finding.images,
        duration_ns=finding.ns,
        cpu_ns=finding.cpu_ns,
        decode_ns=finding.decode_ns,
        infer_ns=finding.infer_ns,
    )


def _command(
    launch: Launch, template: str, scratch: Path, warm_up_s: float, measure_s: float
) -> Command:
    """The program as a single worker, on as many cores as it has inference threads."""
    settings = launch.variant.settings.model_copy(update={"workers": 1})
    alone = replace(
        launch,
        variant=launch.variant.model_copy(update={"settings": settings}),
        cores=launch.cores[: settings.threads],
        stage="full",
    )
    nowhere = Endpoint(host=HOST, port=free_port(HOST))  # the contract wants one to be named
    command = alone.command_of(
        template,
        nowhere,
        images=str(scratch / IMAGES),
        warm_up_s=f"{warm_up_s:.6f}",
        measure_s=f"{measure_s:.6f}",
    )
    return replace(command, stdout=scratch / "stdout")


def _write(model: Model, chosen: Sequence[GoldenImage | None], folder: Path) -> None:
    """A folder whose files, in the order of their names, are those images."""
    folder.mkdir()
    for number, image in enumerate(chosen):
        content = model.test_image.read_bytes() if image is None else model.picture(image).content
        (folder / f"{number:06d}").write_bytes(content)


def _run(command: Command, timeout_s: float) -> str:
    """What the program wrote to stdout. Raises ``LaunchError``, its message without a subject."""
    command.log.parent.mkdir(parents=True, exist_ok=True)
    command.log.unlink(missing_ok=True)
    assert command.stdout is not None
    with Guarded(command) as program:
        ended = program.wait(timeout_s)
        if ended is None:
            raise LaunchError(f"did not finish within {timeout_s:.0f} s")
    if ended.status != 0:
        last = log_tail(command.log, 1)
        why = f": {last}" if last else ""
        raise LaunchError(f"ended {describe_exit(ended.status)}{why}")
    return command.stdout.read_text(encoding="utf-8", errors="replace")


def _parse(said: str, least_ns: int) -> _Finding:
    """The finding, when its figures can be true together. Raises ``LaunchError``."""
    try:
        finding = _Finding.model_validate(json.loads(said))
    except (ValueError, ValidationError) as error:
        shown = said.strip()[:80] or "nothing"
        raise LaunchError(f"printed no finding, but: {shown}") from error
    if finding.images % len(finding.answers) != 0:
        raise LaunchError(
            f"predicted {finding.images} images, which are no whole rounds of "
            f"{len(finding.answers)}"
        )
    if finding.ns < least_ns:
        raise LaunchError(f"measured for {finding.ns} ns where {least_ns} ns were asked for")
    if finding.decode_ns + finding.infer_ns > finding.ns:
        raise LaunchError("says that decoding and inference took longer than all of it")
    return finding


def _check(model: Model, chosen: Sequence[GoldenImage | None], finding: _Finding) -> None:
    """Raises ``LaunchError`` unless every answer is the right one."""
    if len(finding.answers) != len(chosen):
        raise LaunchError(f"gave {len(finding.answers)} answers for {len(chosen)} images")
    field = model.description.answer
    faults: list[str] = []
    for image, answer in zip(chosen, finding.answers, strict=True):
        digit, probability = answer.data.get(field), answer.data.get("probability")
        if not isinstance(digit, int) or probability is None:
            fault: str | None = f"{answer.data}, without {field} or probability"
        else:
            fault = model.golden.fault_of(image, digit, probability)
        if fault is not None:
            faults.append(f"{'TEST_IMAGE' if image is None else image.file}: {fault}")
    if faults:
        raise LaunchError(f"answered {len(faults)} of {len(chosen)} images wrongly: {faults[0]}")
