"""Comparing two runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from servemark.cli.console import results, talk
from servemark.cli.project import Project
from servemark.errors import StoreError, UsageError
from servemark.report.comparison import RunComparison, compare_runs
from servemark.report.comparison_markdown import render_comparison_markdown
from servemark.report.comparison_text import render_comparison
from servemark.report.comparison_wording import obstacle_text
from servemark.report.gates import GateResult, judge_gates, parse_threshold
from servemark.store import find_run


def compare(
    project: Project,
    a: str,
    b: str,
    fail_on: Sequence[str],
    anyway: bool,
    kind: str | None,
    output: Path | None,
) -> bool:
    """Run B held against run A, as ``md``, ``json``, or for the terminal; whether every gate holds.

    Raises ``UsageError`` for runs that must not be compared, unless they are ``anyway``.
    """
    thresholds = [parse_threshold(text) for text in fail_on]
    before, after = find_run(project.runs, a), find_run(project.runs, b)
    if before.path.resolve() == after.path.resolve():
        raise UsageError(f"A and B are the same run, {before.path.name}: give two runs.")
    found = compare_runs(before, after)
    if found.obstacles and not anyway:
        raise UsageError(
            f"{found.a.run} and {found.b.run} must not be compared, because they differ in "
            f"{obstacle_text(found.obstacles)}. With --anyway they are, with a warning."
        )
    gates = judge_gates(found, thresholds)
    if kind is None:
        results.print(render_comparison(found, gates))
    else:
        text = _json(found, gates) if kind == "json" else render_comparison_markdown(found, gates)
        _deliver(text, output)
    return not any(gate.broken for gate in gates)


def _json(found: RunComparison, gates: Sequence[GateResult]) -> str:
    content: dict[str, Any] = found.model_dump(mode="json")
    content["gates"] = [gate.model_dump(mode="json") for gate in gates]
    return json.dumps(content, indent=2, ensure_ascii=False)


def _deliver(text: str, output: Path | None) -> None:
    if output is None:
        print(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{output} cannot be written ({error.strerror}).") from error
    talk.print(f"Written: {output}", soft_wrap=True)
