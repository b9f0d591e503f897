"""``servemark compare``: its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from servemark.cli.completing import complete_run
from servemark.errors import UsageError

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
            "Several times for several of slower, capacity, p50, p99, cpu, memory, start, errors.",
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
    from servemark.cli.comparing import compare

    kind = "md" if markdown else "json" if as_json else None
    if not compare(context.obj, a, b, fail_on or [], anyway, kind, output):
        raise typer.Exit(GATE_BROKEN)
