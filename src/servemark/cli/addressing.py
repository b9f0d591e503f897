"""An address and images, as ``servemark attack`` takes them, as a target."""

from __future__ import annotations

import glob
import mimetypes
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError
from rich.markup import escape

from servemark.catalog import Picture
from servemark.cli.console import talk
from servemark.errors import UsageError
from servemark.launch import accepts, endpoints_of
from servemark.records import Expect, RequestGroup, Service, Target, TargetLoad, TargetSlo
from servemark.run.forms import Form, find_form

NAME = "service"
MOST_FILES = 512
"""Of a folder: more say no more of a service, and take longer to check."""


def target_at(
    url: str,
    images: Sequence[Path],
    field: str | None,
    pointers: Sequence[str],
    loads: tuple[Sequence[int], Sequence[float]],
    within_ms: float | None,
    owned: bool,
) -> Target:
    """The target that an address and the options beside it stand for. ``loads``: connections of
    closed loops, and rates in requests per second of open ones. Raises ``UsageError``."""
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
            loads=_loads(*loads),
            slo=None if within_ms is None else TargetSlo(bound_ms=within_ms),
        )
    except ValidationError as error:
        first = error.errors()[0]
        said = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{url} cannot be attacked so: {said}.") from error


def _loads(connections: Sequence[int], rates: Sequence[float]) -> tuple[TargetLoad, ...]:
    closed = (TargetLoad(connections=tuple(connections)),) if connections else ()
    return (*closed, *((TargetLoad(rates_per_s=tuple(rates)),) if rates else ()))


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
