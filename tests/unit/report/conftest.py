"""Runs on disk, made of records, with figures chosen by hand so that tests know what must come out.

Block means are ``SWAY`` times the speed given, so that the mean over three blocks is that speed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import pytest

from servemark.plan import Plan
from servemark.records import (
    Board,
    CellGroup,
    Check,
    Circumstances,
    Cores,
    Counts,
    EngineLatency,
    Entrant,
    Exclusion,
    Fault,
    Gate,
    LoadResult,
    Machine,
    RunHeader,
    ServerUse,
    StartUp,
    Trial,
    TrialResult,
    Variant,
    Verdict,
    Verification,
    parse_variant,
)
from servemark.report import Report, build_report
from servemark.samples import ANSWERED, Samples
from servemark.stats import latencies
from servemark.store import RunFolder, create_run

SLICE_NS = 2_000_000_000
SWAY = (1.0, 0.99, 1.01)


@dataclass(frozen=True)
class Known:
    """A variant with its speeds by cell id, and what it costs."""

    contestant: str
    server: str
    runtime: str
    title: str
    per_s: Mapping[str, float]
    cpu_us: float = 400
    pss_mib: float = 60
    start_ms: float = 500
    homepage: str = "https://example.org/"

    @property
    def variant(self) -> Variant:
        return Variant(contestant=self.contestant, server=self.server, runtime=self.runtime)


Made = TypeVar("Made", covariant=True)


class Make(Protocol[Made]):
    def __call__(
        self,
        knowns: Sequence[Known],
        *,
        board: Board | None = None,
        stop_after: int | None = None,
        failing: Mapping[str, str] | None = None,
        unverified: Mapping[str, str] | None = None,
        excluded: Iterable[Exclusion] = (),
        warning: str | None = None,
        raw: bool = False,
    ) -> Made: ...


MakeRun = Make[RunFolder]
MakeReport = Make[Report]
CELLS = ("get/c16", "multipart/c16", "raw/c16", "multipart/c1", "multipart/c64")


def _known(
    name: str, title: str, speeds: Sequence[float], costs: tuple[float, float, float]
) -> Known:
    variant = parse_variant(name if "+" in name else f"{name}+onnxruntime")
    assert variant is not None
    per_s = dict(zip(CELLS, speeds, strict=True))
    return Known(variant.contestant, variant.server, variant.runtime, title, per_s, *costs)


FIELD = (
    _known("go/net-http@builtin", "net/http", (9800, 5200, 6900, 3100, 5150), (190, 58, 210)),
    _known("python/aiohttp@builtin", "aiohttp", (4100, 2100, 3000, 1500, 2080), (470, 96, 640)),
    _known("python/aiohttp@gunicorn", "aiohttp", (4050, 2060, 2950, 1480, 2000), (480, 131, 980)),
    _known("python/sanic@builtin", "Sanic", (5600, 2500, 3900, 1750, 2450), (400, 142, 1310)),
    _known("python/tornado@builtin", "Tornado", (2900, 1650, 2200, 1200, 1600), (600, 92, 700)),
    _known("python/flask@gunicorn", "Flask", (1900, 1000, 1350, 800, 960), (1000, 118, 1050)),
    _known("python/falcon@gunicorn", "Falcon", (2600, 1400, 1900, 1050, 1350), (710, 112, 930)),
    _known("python/falcon@uvicorn", "Falcon", (5900, 1900, 4100, 1400, 1880), (520, 98, 720)),
    _known("python/werkzeug@builtin", "Werkzeug", (900, 650, 760, 560, 610), (1500, 90, 690)),
    _known("python/werkzeug@gunicorn", "Werkzeug", (2200, 1250, 1600, 950, 1200), (800, 115, 990)),
    _known("node/express@builtin", "Express", (3300, 1800, 2500, 900, 1790), (560, 121, 480)),
    _known("node/express@builtin+tfjs", "Express", (2400, 1500, 1950, 820, 1490), (670, 146, 610)),
    _known("r/plumber@builtin+base-r", "plumber", (420, 325, 360, 300, 310), (3070, 84, 1900)),
)  # fmt: skip


def default_board(blocks: int = 3) -> Board:
    return Board(
        name="default",
        title="Ten servers, one model",
        description="Reading from disk, uploads as a form and as a raw body.",
        engine="wrk",
        seed=20261122,
        blocks=blocks,
        warm_up_s=0.5,
        slice_s=2,
        cells=(
            CellGroup(workloads=("get", "multipart", "raw"), connections=(16,)),
            CellGroup(workloads=("multipart",), connections=(1, 64)),
        ),
    )


def seed_board() -> Board:
    return Board(
        name="seed",
        title="As it began",
        engine="wrk",
        seed=1,
        blocks=3,
        warm_up_s=1,
        slice_s=2,
        cells=(
            CellGroup(workloads=("get",), connections=(1, 100)),
            CellGroup(workloads=("get",), connections=(100,), engine_threads=10),
        ),
    )


def header(
    board: Board, knowns: Sequence[Known], excluded: Iterable[Exclusion], warning: str | None
) -> RunHeader:
    return RunHeader(
        schema_version=1,
        servemark_version="0.1.0",
        created_utc="2026-11-22T18:00:00+00:00",
        command="servemark run default",
        board=board,
        machine=Machine(
            cpu_model="AMD EPYC 7B13",
            cpu_count=2,
            memory_bytes=8 << 30,
            kernel="6.1.0-28-amd64",
            system="Debian GNU/Linux 12",
            python="3.11.7",
            governor=None,
            virtual_machine="kvm",
        ),
        cores=Cores(server=(0,), engine=(1,), warning=warning),
        tools={"wrk": "4.1.0", "go": "1.26", "node": "20.20"},
        model_digest="0" * 64,
        golden_images=512,
        entrants=tuple(
            Entrant(
                variant=known.variant,
                title=known.title,
                language=known.contestant.split("/")[0],
                homepage=known.homepage,
                division="standard",
                digest="a" * 64,
                versions={known.runtime: "1.23.2"},
            )
            for known in knowns
        ),
        excluded=tuple(excluded),
    )


def trial_result(trial: Trial, known: Known, failure: str | None) -> TrialResult:
    per_s = known.per_s[trial.cell.id] * SWAY[trial.block % len(SWAY)]
    answered = round(per_s * SLICE_NS / 1e9)
    load = LoadResult(
        engine="wrk",
        engine_version="4.1.0",
        duration_ns=SLICE_NS,
        counts=Counts(
            ok=answered,
            bad_status=0,
            connect_errors=0,
            read_errors=0,
            write_errors=0,
            timeouts=0,
        ),
        bytes_read=answered * 200,
        engine_cpu_ns=SLICE_NS // 4,
        latency=EngineLatency(
            source="wrk's own, with synthetic samples",
            mean_ns=3e6,
            percentiles_ns={"p50": 2_900_000, "p99": 7_100_000, "max": 9_000_000},
        ),
    )
    use = ServerUse(
        cpu_ns=round(known.cpu_us * 1000 * answered),
        peak_pss_bytes=round(known.pss_mib * (1 << 20)),
        processes=1,
        threads=4,
        voluntary_switches=1,
        involuntary_switches=1,
    )
    ready = round(known.start_ms * 1e6)
    died = failure is not None
    return TrialResult(
        trial=trial,
        started_utc="2026-11-22T18:00:10+00:00",
        start=1,
        cores_server=(0,),
        cores_engine=(1,),
        warm_up_ns=500_000_000,
        load=None if died else load,
        server=None if died else use,
        start_up=StartUp(ready_ns=ready, first_answer_ns=ready + 10_000_000),
        circumstances=Circumstances(steal_share=0.001),
        elapsed_ns=3_000_000_000,
        failure=failure,
        log_tail="Traceback: out of memory" if died else None,
        verdict=verdict(failure),
    )


def raw_samples(known: Known, cell: str) -> Samples:
    """2,000 answers: the k-th fastest of a thousand took k µs × 1,000 ÷ the speed, each twice."""
    steps_ns = np.repeat(np.arange(1, 1001), 2) * (10**6 / known.per_s[cell])
    service_ns = np.random.default_rng(1).permutation(steps_ns.astype(np.int64))
    count = len(service_ns)
    sent_ns = np.arange(count, dtype=np.int64) * 1000
    done_ns = sent_ns + service_ns
    return Samples(
        request=np.zeros(count, np.uint32),
        intended_ns=sent_ns,
        sent_ns=sent_ns,
        first_byte_ns=done_ns,
        done_ns=done_ns,
        status=np.full(count, 200, np.int16),
        ending=np.full(count, ANSWERED, np.uint8),
        body=np.zeros(count, np.int32),
        right=np.ones(count, np.int8),
        bodies=[b"{}"],
    )


def with_samples(folder: RunFolder, result: TrialResult, known: Known) -> TrialResult:
    """The trial as an engine leaves it that keeps samples, which are in the folder."""
    if result.load is None:
        return result
    samples = raw_samples(known, result.trial.cell.id)
    load = result.load.model_copy(
        update={"engine": "native", "latency": None, "latencies": latencies(samples)}
    )
    name = folder.keep_samples(result.trial, samples)
    return result.model_copy(update={"load": load, "samples": name})


def verdict(failure: str | None) -> Verdict:
    if failure is None:
        return Verdict()
    return Verdict(faults=(Fault(gate=Gate.COMPLETED, reason=failure, remedy="see its log"),))


def verification(variant: Variant, fault: str | None) -> Verification:
    check = Check(
        group="errors",
        name="an empty body is refused",
        passed=fault is None,
        expected="400",
        seen=fault or "400",
    )
    return Verification(variant=variant, checks=(check,))


@pytest.fixture(scope="session")
def make_run(tmp_path_factory: pytest.TempPathFactory) -> MakeRun:
    """Writes a run folder with those variants' trials, as ``servemark run`` does.

    ``failing`` and ``unverified`` give, by variant id, how a variant's trials or its check failed;
    ``raw`` keeps samples.
    """

    def make(
        knowns: Sequence[Known],
        *,
        board: Board | None = None,
        stop_after: int | None = None,
        failing: Mapping[str, str] | None = None,
        unverified: Mapping[str, str] | None = None,
        excluded: Iterable[Exclusion] = (),
        warning: str | None = None,
        raw: bool = False,
    ) -> RunFolder:
        board = board or default_board()
        root: Path = tmp_path_factory.mktemp("runs")
        folder = create_run(root, header(board, knowns, excluded, warning))
        by_id = {known.variant.id: known for known in knowns}
        faults = unverified or {}
        for known in knowns:
            folder.append_verification(verification(known.variant, faults.get(known.variant.id)))
        passed = tuple(k.variant for k in knowns if k.variant.id not in faults)
        plan = Plan(board, passed)
        history: list[TrialResult] = []
        while (trial := plan.next(history)) is not None and len(history) != stop_after:
            name = trial.variant.original().id
            result = trial_result(trial, by_id[name], (failing or {}).get(name))
            history.append(with_samples(folder, result, by_id[name]) if raw else result)
            folder.append_trial(history[-1])
        return folder

    return make


@pytest.fixture(scope="session")
def make_report(make_run: MakeRun) -> MakeReport:
    """The report of a run that ``make_run`` writes."""

    def make(knowns: Sequence[Known], **options: Any) -> Report:
        return build_report(make_run(knowns, **options), samples=True)

    return make


@pytest.fixture(scope="session")
def raw_run(make_run: MakeRun) -> RunFolder:
    """A whole run of three variants that kept its samples."""
    return make_run([FIELD[0], FIELD[1], FIELD[5]], raw=True)


@pytest.fixture(scope="session", name="seed_board")
def seed_board_fixture() -> Board:
    """A board with GET alone, as wrk was used in the beginning."""
    return seed_board()


@pytest.fixture(scope="session")
def field() -> tuple[Known, ...]:
    """The 13 variants of the default board."""
    return FIELD


@pytest.fixture(scope="session")
def report(make_report: MakeReport) -> Report:
    """A whole run of the default board with two variants that went wrong and one left out."""
    broken = (
        _known("python/bottle@gunicorn+onnxruntime", "Bottle", (1, 1, 1, 1, 1), (1, 1, 1)),
        _known("node/koa@builtin+onnxruntime", "Koa", (1, 1, 1, 1, 1), (1, 1, 1)),
    )
    return make_report(
        [*FIELD, *broken],
        failing={"python/bottle@gunicorn+onnxruntime": "it died under load with signal 9"},
        unverified={"node/koa@builtin+onnxruntime": "500"},
        excluded=[
            Exclusion(
                name="rust/axum@builtin+onnxruntime",
                reason="cargo is not installed",
                remedy="apt-get install cargo",
            )
        ],
    )
