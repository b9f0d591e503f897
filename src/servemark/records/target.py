"""A service of the user's own: how it is reached or started, what it is asked, what is right."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    NonNegativeFloat,
    NonNegativeInt,
    ValidationError,
    model_validator,
)

from servemark.records.base import Name, PositiveFloat, PositiveInt, Record
from servemark.records.measured import Board, CellGroup, Slo

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
ProtocolName = Literal["oip", "tensorflow", "torchserve"]
"""What model servers speak: Open Inference Protocol v2, TensorFlow Serving's REST, TorchServe's."""
WORKLOAD = "target"
START_PLACEHOLDERS = frozenset({"host", "port"})


def _command(text: str) -> str:
    if set(re.findall(r"\{(\w*)\}", text)) - START_PLACEHOLDERS:
        raise ValueError("expected only the placeholders {host} and {port}")
    try:
        parts = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"expected a command line ({error})") from None
    if not parts:
        raise ValueError("expected a command line")
    return text


def _pointer(text: str) -> str:
    if not re.fullmatch(r"(/([^~/]|~[01])*)*", text):
        raise ValueError('expected a JSON pointer such as "/data/digit" (RFC 6901)')
    return text


def _header_name(text: str) -> str:
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", text):
        raise ValueError("expected the name of a header")
    if text.lower() in ("content-length", "transfer-encoding", "connection", "host"):
        raise ValueError("expected a header that servemark does not write itself")
    return text


def _one_line(text: str) -> str:
    if not text.isprintable() or not text.isascii():
        raise ValueError("expected one line of ASCII")
    return text


def _path(text: str) -> str:
    if not re.fullmatch(r"/[!-~]*", text) or "#" in text:
        raise ValueError('expected a path such as "/predict"')
    return text


def _several(value: object) -> object:
    """One alone may be written without brackets."""
    return value if isinstance(value, list | tuple) else (value,)


def _sound(make: Callable[[], object]) -> None:
    """Raises what is wrong with a part of a board as what is wrong here."""
    try:
        make()
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error


Pointer = Annotated[str, AfterValidator(_pointer)]
Path = Annotated[str, AfterValidator(_path)]
Line = Annotated[str, AfterValidator(_one_line)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
Status = Annotated[int, Field(ge=200, le=599)]


class Service(Record):
    """Where it listens: at ``url`` where it runs already; where ``command`` starts it, at a port
    that the command is told, or at the one of ``url``."""

    url: Annotated[str, Field(pattern=r"^http://")] | None = None
    command: Annotated[str, AfterValidator(_command)] | None = None
    folder: str = "."
    """Where the command is started, from the file's own folder."""
    environment: dict[str, str] = {}
    """Variables for the command, besides PATH, HOME, the language and the time zone."""
    ready: Path | None = None
    """A path that answers below status 400 once it is ready; else the first request is tried."""
    ready_timeout_s: PositiveFloat = 90.0
    workers: PositiveInt | None = None
    """Processes that serve, where trials are to be held to that number and to ``threads``."""
    threads: PositiveInt = 1
    """Cores that each worker may keep busy."""
    helpers: NonNegativeInt = 0
    """Processes beside the workers that take part in serving."""
    keeps_connections: bool = False
    """Whether a trial is invalid in which it closes connections."""
    settle_s: NonNegativeFloat = 0.0
    """How long it is loaded after each start before anything is measured: what compiles while it
    runs (JavaScript, Java) takes seconds."""
    cores: PositiveInt = 1
    """How many cores it gets, where the command starts it."""

    @model_validator(mode="after")
    def _reached_somehow(self) -> Self:
        if self.url is None and self.command is None:
            raise ValueError("expected a url where it runs, or a command that starts it")
        if self.command is None and (self.environment or self.folder != "."):
            raise ValueError("expected folder and environment only beside a command")
        if self.command is not None and self.url is None and "{port}" not in self.command:
            raise ValueError("expected {port} in the command, or the url at which it listens")
        return self


class Expect(Record):
    """What a right answer is: a status, and what stands in its body.

    Expected are ``values``, by JSON pointer, or the stored ``answers``; or else the first answer of
    each request is stored and all others are held to it. ``pointers`` say what of a JSON answer is
    compared: without them, all of it. Numbers may differ by the tolerance.
    """

    status: Annotated[tuple[Status, ...], BeforeValidator(_several), Field(min_length=1)] = (200,)
    pointers: Annotated[tuple[Pointer, ...], BeforeValidator(_several)] = ()
    values: dict[Pointer, JsonValue] = {}
    answers: str | None = None
    """A folder with an answer for each file, under its name without the suffix (``3.png``:
    ``3.json``); or a JSON file with the value at the one pointer by file name."""
    tolerance: NonNegativeFloat = 1e-4
    body: bool = True
    """``false``: the status alone counts."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.values and self.answers is not None:
            raise ValueError("expected either values or answers")
        if self.values and self.pointers:
            raise ValueError("expected either values, which have their pointers, or pointers")
        if not self.body and (self.values or self.answers is not None or self.pointers):
            raise ValueError("expected neither values, answers nor pointers with body = false")
        return self


class RequestGroup(Record):
    """Requests that differ by a file alone; without ``files``, one request.

    A file is the body; with ``field`` it is that field of a form; with ``body`` its content takes
    the place of ``{text}`` or ``{base64}``, and its name that of ``{name}``.
    """

    method: Method | None = None
    """Without one: POST where there is a body, else GET."""
    path: Path | None = None
    """Without one: that of the protocol, or ``/``."""
    headers: dict[HeaderName, Line] = {}
    files: Annotated[tuple[str, ...], BeforeValidator(_several)] = ()
    """Globs, from the file's own folder; each must fit a file."""
    field: Line | None = None
    fields: dict[str, str] = {}
    """The other fields of the form."""
    body: str | None = None
    content_type: Line | None = None
    """Without one: what the file's suffix says, or JSON for ``body``."""
    protocol: ProtocolName | None = None
    """Path, readiness, body and what is compared as that protocol has it."""
    model: str | None = None
    """The model's name in the protocol."""
    tensor: str = "input-0"
    """The input's name in the Open Inference Protocol."""
    expect: Expect = Expect()

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if self.field is not None and not self.files:
            raise ValueError("expected files beside field")
        if self.fields and self.field is None:
            raise ValueError("expected fields only beside field")
        if sum(each is not None for each in (self.field, self.body, self.protocol)) > 1:
            raise ValueError("expected only one of field, body and protocol")
        if self.protocol is not None and (self.model is None or not self.files):
            raise ValueError("expected a model and files beside protocol")
        if self.expect.answers is not None and not self.files:
            raise ValueError("expected files beside expect.answers, or expect.values")
        return self


class TargetLoad(Record):
    """Closed loops by ``connections``, or open loops by ``rates_per_s``."""

    connections: Annotated[tuple[PositiveInt, ...], BeforeValidator(_several)] = ()
    rates_per_s: Annotated[tuple[PositiveFloat, ...], BeforeValidator(_several)] = ()
    arrivals: Name = "poisson"
    engine_threads: PositiveInt = 1

    @model_validator(mode="after")
    def _fits_a_board(self) -> Self:
        _sound(self.cells)
        return self

    def cells(self) -> CellGroup:
        """The same, as a board has it."""
        return CellGroup(workloads=(WORKLOAD,), **self.model_dump())


class TargetSlo(Record):
    """``percentile`` % of the requests are answered rightly within ``bound_ms``; as in a board."""

    percentile: Annotated[float, Field(gt=50, lt=100)] = 99.0
    bound_ms: PositiveFloat = 25.0
    blocks: PositiveInt = 3


class Target(Record):
    """The whole file. What is not about services and requests means what it does in a board."""

    name: Name
    folder: str
    """Where relative paths of the file begin."""
    title: str = "A service of your own"
    description: str = ""
    services: Annotated[dict[Name, Service], Field(min_length=1)]
    """By the name that they have in reports. Several are asked the same, in the same blocks."""
    requests: Annotated[tuple[RequestGroup, ...], Field(min_length=1)]
    loads: Annotated[tuple[TargetLoad, ...], Field(min_length=1)] = (TargetLoad(connections=(16,)),)
    slo: TargetSlo | None = None
    seed: Annotated[int, Field(ge=0)] = 20261125
    blocks: PositiveInt = 3
    most_blocks: PositiveInt | None = None
    half_width: PositiveFloat = 0.03
    budget_s: PositiveFloat | None = None
    warm_up_s: PositiveFloat = 0.5
    slice_s: PositiveFloat = 2.0
    timeout_s: PositiveFloat = 10.0
    """A request that takes longer has timed out; answers are awaited so long after a slice."""
    quiet: bool = False
    a_a: bool = False
    """Whether the first service enters twice, so that the difference found is the noise floor."""
    caching: bool = False
    core_hour_usd: PositiveFloat | None = None

    @model_validator(mode="after")
    def _fits_a_board(self) -> Self:
        _sound(self.board)
        return self

    def board(self) -> Board:
        """What is measured, as for contestants."""
        slo = None if self.slo is None else Slo(workload=WORKLOAD, **self.slo.model_dump())
        return Board(
            name=self.name,
            title=self.title,
            description=self.description,
            model=self.name,
            engine="native",
            seed=self.seed,
            blocks=self.blocks,
            most_blocks=self.most_blocks,
            half_width=self.half_width,
            budget_s=self.budget_s,
            warm_up_s=self.warm_up_s,
            slice_s=self.slice_s,
            contestants=tuple(self.services),
            quiet=self.quiet,
            a_a=tuple(self.services)[:1] if self.a_a else (),
            caching=self.caching,
            core_hour_usd=self.core_hour_usd,
            slo=slo,
            cells=tuple(load.cells() for load in self.loads),
        )


class StoredAnswer(Record):
    """The first answer to a request, which all later ones are held to."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    index: Annotated[int, Field(ge=0)]
    """Which request it was."""
    request: str
    body: bytes
