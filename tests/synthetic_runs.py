"""Many runs of one board, with figures drawn from known levels: what ``servemark publish`` is held
against, and measured with (docs/publish.md):

    .venv/bin/python -m tests.synthetic_runs FOLDER --runs 1000 --variants 60
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from servemark.records import Board, CellGroup, Check, Trial, Variant, Verification
from servemark.store import RunFolder, create_run
from servemark.store.folder import SCHEMA_VERSION, TRIALS, VERIFICATIONS
from tests.unit.report.comparison_runs import make_header, trial_result

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
APART = timedelta(hours=6)
BOARD = Board(
    name="field",
    title="The whole field",
    engine="native",
    seed=1,
    blocks=3,
    warm_up_s=0.5,
    slice_s=1.5,
    cells=(CellGroup(workloads=("multipart", "get"), connections=(16,)),),
)
LANGUAGES = ("python", "go", "node", "rust", "java", "r")
BETWEEN_BLOCKS, BETWEEN_RUNS = 0.02, 0.015
"""Relative noise."""


@dataclass(frozen=True)
class Change:
    """From the run of that number on, a variant is faster by the factor, with a new version."""

    variant: int
    run: int
    factor: float


def variants(count: int) -> list[Variant]:
    """That many variants: two contestants of each language have two servers each."""
    return [
        Variant(
            contestant=f"{LANGUAGES[number % len(LANGUAGES)]}/framework-{number // 2 // 6}",
            server=("builtin", "other")[number // len(LANGUAGES) % 2],
            runtime="onnxruntime",
        )
        for number in range(count)
    ]


def write_runs(
    root: Path, runs: int, count: int, changes: Sequence[Change] = (), seed: int = 1
) -> list[RunFolder]:
    """That many runs below ``root``, six hours apart, each of that many variants."""
    entered = variants(count)
    draw = random.Random(seed)
    speeds = [draw.lognormvariate(7.3, 0.7) for _ in entered]
    templates = _templates(entered)
    folders = []
    for run in range(runs):
        levels = [
            speed * draw.lognormvariate(0, BETWEEN_RUNS) * _factor(changes, number, run)
            for number, speed in enumerate(speeds)
        ]
        versions = [
            f"1.{sum(c.variant == number and c.run <= run for c in changes)}"
            for number in range(count)
        ]
        folder = create_run(root, _header(entered, versions, FIRST + run * APART))
        lines = _trial_lines(templates, levels, draw)
        (folder.path / TRIALS).write_text(lines, encoding="utf-8")
        checks = "".join(f"{_verification(each).model_dump_json()}\n" for each in entered)
        (folder.path / VERIFICATIONS).write_text(checks, encoding="utf-8")
        folders.append(folder)
    return folders


def _factor(changes: Sequence[Change], variant: int, run: int) -> float:
    factor = 1.0
    for change in changes:
        if change.variant == variant and change.run <= run:
            factor *= change.factor
    return factor


def _header(entered: Sequence[Variant], versions: Sequence[str], moment: datetime) -> Any:
    names = [each.id for each in entered]
    return make_header(
        names,
        board=BOARD,
        versions=dict(zip(names, versions, strict=True)),
        digests={name: version * 16 for name, version in zip(names, versions, strict=True)},
        header={"created_utc": moment.isoformat(), "schema_version": SCHEMA_VERSION},
    )


def _templates(entered: Sequence[Variant]) -> list[list[dict[str, Any]]]:
    """For each variant a trial of each cell, in JSON's types."""
    cells = BOARD.all_cells()
    return [
        [
            trial_result(
                Trial(number=0, block=0, variant=variant, cell=cell), cell, 1000, 60e6, 0, False
            ).model_dump(mode="json")
            for cell in cells
        ]
        for variant in entered
    ]


def _trial_lines(
    templates: Sequence[Sequence[dict[str, Any]]], levels: Sequence[float], draw: random.Random
) -> str:
    lines, number = [], 0
    for block in range(BOARD.blocks):
        for trials, level in zip(templates, levels, strict=True):
            for place, content in enumerate(trials):
                speed = level * draw.lognormvariate(0, BETWEEN_BLOCKS) * (1 + place)
                lines.append(json.dumps(_scaled(content, number, block, speed)))
                number += 1
    return "\n".join(lines) + "\n"


def _scaled(content: dict[str, Any], number: int, block: int, per_s: float) -> dict[str, Any]:
    """The trial with another throughput; its times go with it."""
    load, answered = content["load"], round(per_s * content["load"]["duration_ns"] / 1e9)
    by = load["counts"]["ok"] / answered
    latencies = {
        name: times and {key: value and _times(key, value, by) for key, value in times.items()}
        for name, times in load["latencies"].items()
    }
    counts = {**load["counts"], "ok": answered}
    return {
        **content,
        "trial": {**content["trial"], "number": number, "block": block},
        "load": {**load, "counts": counts, "latencies": latencies},
    }


def _times(key: str, value: float, by: float) -> float:
    if key == "count":
        return round(value / by)
    return value * by if key == "mean_ns" else round(value * by)


def _verification(variant: Variant) -> Verification:
    checks = tuple(
        Check(
            group="failures",
            name=f"bad input {number}",
            passed=True,
            expected="400 with an error body, then the next request as before",
            seen='400 {"data": null, "error": "The request carries no image: it is empty."}',
        )
        for number in range(34)
    )
    return Verification(variant=variant, checks=checks)


def known_changes(count: int, runs: int) -> list[Change]:
    """Every fifth variant loses a tenth in the middle, and every tenth gains it back later."""
    found = [Change(number, runs // 2, 0.9) for number in range(0, count, 5)]
    return found + [Change(number, 3 * runs // 4, 1 / 0.9) for number in range(0, count, 10)]


def _main(arguments: Mapping[str, Any]) -> None:
    runs, count = arguments["runs"], arguments["variants"]
    write_runs(arguments["folder"], runs, count, known_changes(count, runs))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write synthetic runs.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--variants", type=int, default=60)
    _main(vars(parser.parse_args()))
