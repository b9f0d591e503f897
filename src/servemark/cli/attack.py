"""``servemark attack``: the options, and what they stand for as a target."""

from __future__ import annotations

import glob
import mimetypes
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Optional
from urllib.parse import urlsplit

import typer
from pydantic import ValidationError
from rich.markup import escape

from servemark.catalog import Picture
from servemark.cli.attacking import (
    all_answer_rightly,
    attack_new,
    attack_resumed,
    target_of,
)
from servemark.cli.console import talk
from servemark.cli.openapi import propose_from
from servemark.cli.project import Project
from servemark.cli.reporting import show_report
from servemark.cli.running import say_done
from servemark.errors import UsageError
from servemark.launch import accepts, endpoints_of
from servemark.records import Expect, RequestGroup, Service, Target, TargetLoad, TargetSlo
from servemark.run.forms import Form, find_form

CHECK_FAILED = 1
NAME = "service"
MOST_FILES = 512
"""Of a folder: more say no more of a service, and take longer to check."""
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
        if _is_address(target):
            loads = _loads(connections or [], rates or [])
            made = _target(target, images or [], field, pointers or [], loads, within_ms, owned)
        elif any(options):
            raise UsageError("With a target file, say everything in the file: no other options.")
        else:
            made = target_of(Path(target))
        folder = attack_new(project, made, owned, command)
    show_report(folder, "json" if as_json else None, None)
    say_done(folder)
    if not all_answer_rightly(folder):
        raise typer.Exit(CHECK_FAILED)


def _is_address(target: str) -> bool:
    return "://" in target


def _loads(connections: Sequence[int], rates: Sequence[float]) -> tuple[TargetLoad, ...]:
    closed = connections or ([] if rates else [CONNECTIONS])
    found = [TargetLoad(connections=tuple(closed))] if closed else []
    return (*found, *([TargetLoad(rates_per_s=tuple(rates))] if rates else []))


def _target(
    url: str,
    images: Sequence[Path],
    field: str | None,
    pointers: Sequence[str],
    loads: tuple[TargetLoad, ...],
    within_ms: float | None,
    owned: bool,
) -> Target:
    """The target that the options of the one-liner stand for. Raises ``UsageError``."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if field is not None and not images:
        raise UsageError("--field is for an image: add --image.")
    files = [file for each in images for file in _files(each)]
    if files and field is None:
        field = _field_wanted(url, path, files[0], owned)
    try:
        return Target(
            name=NAME,
            folder=str(Path.cwd()),
            title=f"{parts.netloc}{parts.path}",
            services={NAME: Service(url=f"{parts.scheme}://{parts.netloc}")},
            requests=(
                RequestGroup(
                    path=path,
                    files=tuple(glob.escape(str(file)) for file in files),
                    field=field,
                    expect=Expect(pointers=tuple(pointers)),
                ),
            ),
            loads=loads,
            slo=None if within_ms is None else TargetSlo(bound_ms=within_ms),
        )
    except ValidationError as error:
        first = error.errors()[0]
        said = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{url} cannot be attacked so: {said}.") from error


def _files(place: Path) -> list[Path]:
    """The images in a folder, evenly chosen where there are many; a file is taken as it is."""
    if not place.is_dir():
        if not place.is_file():
            raise UsageError(f"There is no image or folder {place}.")
        return [place.absolute()]
    found = sorted(each for each in place.absolute().rglob("*") if _is_image(each))
    if not found:
        raise UsageError(f"{place} has no images: name files, or write a target file.")
    if len(found) <= MOST_FILES:
        return found
    talk.print(f"  {MOST_FILES} of the {len(found):,} images in {escape(str(place))} are sent")
    return [found[number * len(found) // MOST_FILES] for number in range(MOST_FILES)]


def _is_image(path: Path) -> bool:
    kind, _ = mimetypes.guess_type(path.name)
    return path.is_file() and (kind or "").startswith("image/")


def _field_wanted(url: str, path: str, file: Path, owned: bool) -> str | None:
    """The form field that the service takes an image in; ``None`` where it takes it as the body.

    Raises ``UsageError`` where it takes neither.
    """
    endpoint = next((each for each in endpoints_of(url, owned=owned) if accepts(each)), None)
    if endpoint is None:
        raise UsageError(f"Nothing accepts connections at {url}: start the service first.")
    media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    found = find_form(endpoint, path, Picture(file.name, file.read_bytes(), media_type))
    if isinstance(found, Form):
        how = "as the body" if found.field is None else f"in the form field '{found.field}'"
        talk.print(f"  the service takes an image {escape(how)}")
        return found.field
    raise UsageError(
        f"{url} takes {file.name} in no way that was tried ({'; '.join(map(str, found))}): "
        "name its form field with --field, or describe the request in a target file."
    )
