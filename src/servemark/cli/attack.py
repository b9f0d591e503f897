"""``servemark attack``: its options."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from servemark.cli.project import Project
from servemark.errors import UsageError

CHECK_FAILED = 1
CONNECTIONS = 16


def attack_command(
    context: typer.Context,
    target: Annotated[
        Optional[str],  # noqa: UP045 - typer reads the annotation
        typer.Argument(metavar="TARGET", help="A .toml file, or an http:// address with a path."),
    ] = None,
    images: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option("--image", help="Image to send, or a folder of them; several times."),
    ] = None,
    field: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Form field for the image; without it, what the service takes."),
    ] = None,
    pointers: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--pointer", help="What of a JSON answer counts, such as /label; several."),
    ] = None,
    connections: Annotated[
        Optional[list[int]],  # noqa: UP045
        typer.Option(min=1, help=f"Closed loop; several for several ({CONNECTIONS})."),
    ] = None,
    rates: Annotated[
        Optional[list[float]],  # noqa: UP045
        typer.Option("--rate", min=0.1, help="Requests a second at random; several for several."),
    ] = None,
    within_ms: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(
            "--within-ms", min=0.1, help="Search the highest rate with 99 % answered in that time."
        ),
    ] = None,
    owned: Annotated[
        bool,
        typer.Option(
            "--i-own-this-target",
            help="The address is not of this machine, and I may put load on it.",
        ),
    ] = False,
    openapi: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            metavar="FILE|URL", help="Print the target file that an openapi.json suggests; no load."
        ),
    ] = None,
    resume: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Go on with a run that was cut off: its folder, name, or 'latest'."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Measure a service of your own: what a target file says, or an address and images."""
    from servemark.cli.attacking import (
        all_answer_rightly,
        attack_new,
        attack_resumed,
        target_of,
    )
    from servemark.cli.openapi import propose_from
    from servemark.cli.reporting import show_report
    from servemark.cli.running import say_done

    project: Project = context.obj
    options = (images, field, pointers, connections, rates, within_ms)
    if openapi is not None:
        if target is not None or resume is not None or any(options[1:]):
            raise UsageError("Beside --openapi only --image is of use: leave the rest out.")
        print(propose_from(openapi, images or [], owned), end="")
        return
    if resume is not None:
        if target is not None or any(options):
            raise UsageError("A resumed attack keeps its target: leave target and options out.")
        folder = attack_resumed(project, resume, owned)
    elif target is None:
        raise UsageError("Name a target: a .toml file, or an address such as http://127.0.0.1:8000")
    else:
        command = shlex.join(["servemark", *sys.argv[1:]])
        if "://" in target:
            from servemark.cli.addressing import target_at

            loops = connections or ([] if rates else [CONNECTIONS])
            loads = (loops, rates or [])
            made = target_at(target, images or [], field, pointers or [], loads, within_ms, owned)
        elif any(options):
            raise UsageError("With a target file, say everything in the file: no other options.")
        else:
            made = target_of(Path(target))
        folder = attack_new(project, made, owned, command)
    show_report(folder, "json" if as_json else None, None)
    say_done(folder)
    if not all_answer_rightly(folder):
        raise typer.Exit(CHECK_FAILED)
