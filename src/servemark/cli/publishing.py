"""``servemark publish``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from servemark.cli.console import results, talk
from servemark.cli.project import Project

if TYPE_CHECKING:
    from servemark.cli.stages import Stages
    from servemark.report.site.publish import Published


def publish_command(
    context: typer.Context,
    to: Annotated[Path, typer.Option("--to", metavar="SITE", help="Folder of the site.")],
    folders: Annotated[
        Optional[list[Path]],  # noqa: UP045 - typer reads the annotation
        typer.Argument(metavar="DIR...", help="Runs, or folders of runs; by default all of yours."),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep runs of the site that are in none of the folders.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Make a static site over many runs; only what is new is read and written."""
    from servemark.cli.stages import Stages
    from servemark.report.site.publish import publish

    project: Project = context.obj
    with Stages() as stages:
        done = publish(
            folders or [project.runs],
            to,
            project.contestants(),
            keep=keep,
            said=_Reading(stages).said,
        )
    for name, reason in sorted(done.left_out.items()):
        talk.print(f"Left out {name}: {reason}", style="yellow", markup=False, soft_wrap=True)
    if as_json:
        print(json.dumps(asdict(done), indent=2, ensure_ascii=False))
    else:
        results.print(_done(done, to), markup=False, soft_wrap=True)


class _Reading:
    """How the reading of runs goes on."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._begun = False

    def said(self, done: int, total: int) -> None:
        if not self._begun:
            self._stages.begin("Reading runs", total)
            self._begun = True
        self._stages.now("", done, total)


def _done(done: Published, to: Path) -> str:
    runs = "1 run" if done.runs == 1 else f"{done.runs:,} runs"
    files = f"{done.written:,} written, {done.unchanged:,} left as they were"
    removed = f", {done.removed:,} removed" if done.removed else ""
    return (
        f"A site of {runs}, {done.read:,} of them new: {to / 'index.html'}\n"
        f"Files: {files}{removed}."
    )
