"""Run folders with block values chosen by hand, for tests of comparisons."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from servemark.plan import Plan
from servemark.records import (
    Board,
    Cell,
    CellGroup,
    Cores,
    Counts,
    Distribution,
    Entrant,
    Fault,
    Gate,
    Latencies,
    LoadResult,
    Machine,
    Objective,
    Open,
    RunHeader,
    ServerUse,
    Slo,
    StartUp,
    Trial,
    TrialResult,
    Variant,
    Verdict,
    parse_variant,
)
from servemark.store import RunFolder, create_run

SLICE_NS = 2_000_000_000
BOARD = Board(
    name="two",
    title="Two cells",
    engine="native",
    seed=1,
    blocks=3,
    warm_up_s=0.5,
    slice_s=2,
    cells=(CellGroup(workloads=("get", "multipart"), connections=(16,)),),
)
SLO_BOARD = BOARD.model_copy(update={"name": "slo", "slo": Slo()})
REQUESTS = 10_000
"""In every slice of a search: enough for any test."""
MACHINE = Machine(
    cpu_model="AMD EPYC 7B13",
    cpu_count=2,
    memory_bytes=8 << 30,
    kernel="6.1.0-28-amd64",
    system="Debian GNU/Linux 12",
    python="3.11.7",
    governor=None,
    virtual_machine="yes",
)
GO, FLASK, SANIC, PLUMBER = (
    "go/net-http@builtin+onnxruntime",
    "python/flask@gunicorn+onnxruntime",
    "python/sanic@builtin+onnxruntime",
    "r/plumber@builtin+base-r",
)
STEADY = (1.0, 0.99, 1.01)
"""What three blocks make of a speed where there is little noise."""
FIELD = {GO: 5_000.0, FLASK: 1_000.0, SANIC: 2_500.0, PLUMBER: 320.0}


def make_run(
    root: Path,
    speeds: Mapping[str, Sequence[float]],
    *,
    minute: int = 0,
    pss_bytes: Mapping[str, float] | None = None,
    errors: Mapping[str, int | Sequence[int]] | None = None,
    failing: Sequence[str] = (),
    gate: Gate = Gate.LITTLE,
    digests: Mapping[str, str] | None = None,
    versions: Mapping[str, str] | None = None,
    board: Board = BOARD,
    header: Mapping[str, Any] | None = None,
) -> RunFolder:
    """A run in which each variant has that throughput in each block, twice as much for GET.

    The rest is by variant id: peak memory, errors in each slice or in those of each block, and what
    describes it. Those ``failing`` are invalid by that gate.
    """
    folder = create_run(
        root,
        make_header(
            speeds,
            board=board,
            digests=digests,
            versions=versions,
            header={"created_utc": f"2026-11-22T18:{minute:02}:00+00:00", **(header or {})},
        ),
    )
    number = 0
    for name in speeds:
        for block, speed in enumerate(speeds[name]):
            for cell in board.all_cells():
                trial = Trial(number=number, block=block, variant=_variant(name), cell=cell)
                memory = (pss_bytes or {}).get(name, 60e6) * STEADY[block % 3]
                failed = (errors or {}).get(name, 0)
                failed = failed if isinstance(failed, int) else failed[block]
                folder.append_trial(
                    trial_result(trial, cell, speed, memory, failed, name in failing, gate),
                )
                number += 1
    return folder


def make_searched_run(
    root: Path,
    sustained: Mapping[str, float],
    *,
    minute: int = 0,
    confirming: Collection[str] | None = None,
    stop_after: int | None = None,
) -> RunFolder:
    """A run with searches for the capacity, as the plan has them: slices up to the rate that a
    variant sustains meet the objective; long ones of those that are not ``confirming`` never do."""
    header = {"created_utc": f"2026-11-22T18:{minute:02}:00+00:00"}
    folder = create_run(root, make_header(sustained, board=SLO_BOARD, header=header))
    plan, history = Plan(SLO_BOARD, [_variant(name) for name in sustained]), folder.trials()
    while (trial := plan.next(history)) is not None and len(history) != stop_after:
        result = trial_result(trial, trial.cell, 1_000.0, 60e6, 0, False)
        if trial.purpose == "capacity":
            never = confirming is not None and trial.variant.id not in confirming
            result = _searched(result, sustained[trial.variant.id], never=never)
        folder.append_trial(result)
        history.append(result)
    return folder


def _searched(result: TrialResult, sustained: float, *, never: bool) -> TrialResult:
    load, rate = result.load, result.trial.cell.load
    assert load is not None
    assert isinstance(rate, Open)
    meets = rate.rate_per_s <= sustained and not (never and result.trial.step == "confirm")
    objective = Objective(
        requests=REQUESTS,
        over=0 if meets else REQUESTS,
        batches="meets" if meets else "misses",
        recovery_ns=None,
    )
    return result.model_copy(update={"load": load.model_copy(update={"objective": objective})})


def make_header(
    names: Iterable[str],
    *,
    board: Board = BOARD,
    digests: Mapping[str, str] | None = None,
    versions: Mapping[str, str] | None = None,
    header: Mapping[str, Any] | None = None,
) -> RunHeader:
    """What describes a run of those variants."""
    content: dict[str, Any] = {
        "schema_version": 1,
        "servemark_version": "0.1.0",
        "created_utc": "2026-11-22T18:00:00+00:00",
        "command": "servemark run two",
        "board": board,
        "machine": MACHINE,
        "cores": Cores(server=(0,), engine=(1,)),
        "tools": {},
        "model_digest": "0" * 64,
        "golden_images": 512,
        "entrants": tuple(
            Entrant(
                variant=_variant(name),
                title=name,
                language=name.split("/")[0],
                homepage="https://example.org/",
                division="standard",
                digest=(digests or {}).get(name, "a" * 64),
                versions={"onnxruntime": (versions or {}).get(name, "1.23.1")},
            )
            for name in names
        ),
        "excluded": (),
        **(header or {}),
    }
    return RunHeader(**content)


def steady(**changed: float) -> dict[str, list[float]]:
    """The field with little noise; factors of speed by framework: ``flask=0.8``."""
    return {
        name: [speed * changed.get(_framework(name), 1.0) * sway for sway in STEADY]
        for name, speed in FIELD.items()
    }


def _framework(name: str) -> str:
    return name.split("/")[1].split("@")[0].replace("-", "_")


def _variant(name: str) -> Variant:
    found = parse_variant(name)
    assert found is not None
    return found


def trial_result(
    trial: Trial,
    cell: Cell,
    speed: float,
    memory: float,
    failed: int,
    invalid: bool,
    gate: Gate = Gate.LITTLE,
) -> TrialResult:
    """A trial of that speed, twice as much for GET; invalid by that gate."""
    per_s = speed * (2 if cell.workload == "get" else 1)
    answered = round(per_s * SLICE_NS / 1e9)
    service_ns = round(16e9 / per_s)
    times = Distribution(
        count=answered,
        mean_ns=service_ns,
        min_ns=service_ns // 2,
        p50_ns=service_ns,
        p75_ns=service_ns,
        p90_ns=service_ns,
        p99_ns=2 * service_ns,
        p999_ns=None,
        max_ns=3 * service_ns,
    )
    load = LoadResult(
        engine="native",
        engine_version="0.1.0",
        duration_ns=SLICE_NS,
        counts=Counts(
            ok=answered,
            bad_status=failed,
            connect_errors=0,
            read_errors=0,
            write_errors=0,
            timeouts=0,
        ),
        bytes_read=answered * 200,
        engine_cpu_ns=SLICE_NS // 4,
        latencies=Latencies(service=times, response=times, lag=None),
    )
    fault = Fault(gate=gate, reason="made up", remedy="none")
    return TrialResult(
        trial=trial,
        started_utc="2026-11-22T18:00:10+00:00",
        start=1,
        cores_server=(0,),
        cores_engine=(1,),
        warm_up_ns=500_000_000,
        load=load,
        server=ServerUse(
            cpu_ns=round(0.95 * SLICE_NS),
            peak_pss_bytes=round(memory),
            processes=1,
            threads=4,
            voluntary_switches=1,
            involuntary_switches=1,
        ),
        start_up=StartUp(ready_ns=500_000_000, first_answer_ns=510_000_000),
        verdict=Verdict(faults=(fault,) if invalid else ()),
    )
