"""``servemark compare``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from servemark.cli.completing import complete_run
from servemark.cli.console import results, talk
from servemark.cli.project import Project
from servemark.errors import StoreError, UsageError
from servemark.report.comparison import RunComparison, compare_runs
from servemark.report.comparison_markdown import render_comparison_markdown
from servemark.report.comparison_text import render_comparison
from servemark.report.comparison_wording import obstacle_text
from servemark.report.gates import GATES, GateResult, judge_gates, parse_threshold
from servemark.store import find_run

GATE_BROKEN = 1


def compare_command(
    context: typer.Context,
    a: Annotated[
        str,
        typer.Argument(
            metavar="A", help="The run before: folder or name.", autocompletion=complete_run
        ),
    ],
    b: Annotated[
        str,
        typer.Argument(
            metavar="B",
            help="The run after: folder, name, or 'latest'.",
            autocompletion=complete_run,
        ),
    ],
    fail_on: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer reads the annotation
        typer.Option(
            "--fail-on",
            metavar="GATE",
            help="Exit with 1 when B is worse by more than that beyond doubt: slower:5%. "
            f"Several times for several of {', '.join(GATES)}.",
        ),
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Compare what should not be compared, with a warning.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--md", help="Markdown, for a pull request.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", "-o", help="Write to this file instead of stdout."),
    ] = None,
) -> None:
    """Compare run B with run A: what became faster or slower, beyond the noise."""
    if markdown and as_json:
        raise UsageError("Choose one of --md and --json.")
    if output is not None and not (markdown or as_json):
        raise UsageError("With --output, say what to write: --md or --json.")
    thresholds = [parse_threshold(text) for text in fail_on or []]
    project: Project = context.obj
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
    if not (markdown or as_json):
        results.print(render_comparison(found, gates))
    else:
        text = _json(found, gates) if as_json else render_comparison_markdown(found, gates)
        _deliver(text, output)
    if any(gate.broken for gate in gates):
        raise typer.Exit(GATE_BROKEN)


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
