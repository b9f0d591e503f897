"""The models that are there, and the user's own."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.markup import escape
from rich.table import Table

from servemark.catalog import find_model, load_model, model_names
from servemark.cli.console import results, talk
from servemark.cli.project import Project
from servemark.cli.reporting import show_report
from servemark.cli.running import run_new, say_done
from servemark.errors import UsageError
from servemark.prepare.adding import AddedModel, Said, add_model
from servemark.units import format_bytes


def show_models(project: Project, as_json: bool) -> None:
    """What each model takes, its formats, and what makes those that are not made yet."""
    rows = [_entry(project, name) for name in model_names(project.models)]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    table = Table(title="Models", title_justify="left", box=None, pad_edge=False)
    for heading in ("model", "title", "input", "classes", "golden images", "formats"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        if row["made"]:
            cells = [row["input"], str(row["classes"]), str(row["images"])]
            cells.append(" ".join(row["formats"]))
        else:
            cells = ["", "", "", f"[yellow]not made[/yellow]: {row['remedy']}"]
        table.add_row(f"[bold]{row['model']}[/bold]", escape(row["title"]), *cells)
    results.print(table)


def _entry(project: Project, name: str) -> dict[str, Any]:
    found = find_model(project.models, name)
    entry = {"model": name, "title": found.manifest.title, "made": found.is_made}
    if not found.is_made:
        return {**entry, "remedy": f"servemark train --model {name}"}
    model = load_model(project.models, name)
    taken = model.description.input
    return {
        **entry,
        "input": f"{taken.height} × {taken.width} × {taken.channels}",
        "classes": len(model.description.labels),
        "images": len(model.golden.images),
        "formats": sorted(model.description.formats),
    }


def make_model(
    project: Project,
    file: Path,
    images: Path,
    labels: Path | None,
    name: str | None,
    replace: bool,
    settings: Mapping[str, Any],
    board: str | None,
    as_json: bool,
) -> None:
    """Make a model of an ONNX file, show what it is, and measure ``board`` with it where one is
    named. ``settings``: what ``Said`` holds, as it was typed. Raises ``UsageError`` or
    ``PrepareError``."""
    said = _said(
        {
            **settings,
            "size": _size(settings["size"]),
            "offset": _numbers("--offset", settings["offset"]),
            "scale": _numbers("--scale", settings["scale"]),
            "labels": _lines(labels),
        }
    )
    wanted = _name(project, file, name, replace)
    if not images.is_dir():
        raise UsageError(f"{images} is not a folder: name one with JPEG and PNG images.")
    if not file.is_file():
        raise UsageError(f"{file} does not exist: name an ONNX file.")
    talk.print(f"Reading {file}, asking the reference runtime for its answers …", soft_wrap=True)
    added = add_model(project.models, wanted, file, images, said, project.home, project.toolbox())
    if board is None:
        _show(wanted, added, as_json)
        return
    if not as_json:
        _show(wanted, added, as_json)
    command = shlex.join(["servemark", *sys.argv[1:]])
    folder = run_new(project, board, [], command, wanted)
    show_report(folder, "json" if as_json else None, None)
    say_done(folder)


def _said(settings: Mapping[str, Any]) -> Said:
    try:
        return Said.model_validate(settings)
    except ValidationError as error:
        fault = error.errors()[0]
        message = fault["msg"]
        raise UsageError(
            f"--{fault['loc'][0]}: {message[0].lower()}{message[1:]}, not {fault['input']!r}."
        ) from error


def _name(project: Project, file: Path, name: str | None, replace: bool) -> str:
    wanted = name or re.sub(r"[^a-z0-9._-]+", "-", file.stem.lower()).strip("-._")
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", wanted):
        raise UsageError(f"'{wanted}' is no name for a model: give --name letters-and-digits.")
    if (project.models / wanted).exists() and not replace:
        raise UsageError(
            f"There is a model '{wanted}' already: give another --name, or --replace to replace it."
        )
    return wanted


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = re.fullmatch(r"([1-9]\d*)[x×]([1-9]\d*)", text)
    if match is None:
        raise UsageError(f"--size '{text}' is no size: give height and width, such as 224x224.")
    return int(match[1]), int(match[2])


def _numbers(option: str, text: str | None) -> tuple[float, ...] | None:
    """One number or several, with commas between; each may be a fraction such as 1/255."""
    if text is None:
        return None
    try:
        return tuple(_number(part) for part in text.split(","))
    except (ValueError, ZeroDivisionError):
        raise UsageError(
            f"{option} '{text}' is no number, nor several with commas between."
        ) from None


def _number(text: str) -> float:
    above, slash, below = text.partition("/")
    return float(above) / float(below) if slash else float(above)


def _lines(path: Path | None) -> tuple[str, ...] | None:
    if path is None:
        return None
    try:
        return tuple(path.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--labels {path} cannot be read as text: {error}.") from error


def _show(name: str, added: AddedModel, as_json: bool) -> None:
    if as_json:
        print(added.model_dump_json(indent=2, by_alias=True))
        return
    table = Table(title=f"Model {name}", title_justify="left", box=None, pad_edge=False)
    for heading in ("part", "value", "from"):
        table.add_column(heading, overflow="fold")
    for part, value in _parts(added):
        source = added.sources.get(part, "graph")
        shown = "[yellow]assumed: check it[/yellow]" if source == "assumed" else source
        table.add_row(part, escape(value), shown)
    results.print(table)
    for line in _findings(name, added):
        results.print(line, soft_wrap=True)


def _parts(added: AddedModel) -> list[tuple[str, str]]:
    taken, given = added.description.input, added.description.output
    labels = added.description.labels
    few = ", ".join(labels[:4]) + (", …" if len(labels) > 4 else "")
    return [
        ("input", f"{taken.name} {tuple(side or '?' for side in taken.shape)}, {taken.dtype}"),
        ("layout", taken.layout),
        ("height", str(taken.height)),
        ("width", str(taken.width)),
        ("channels", f"{taken.channels} ({'RGB' if taken.channels == 3 else 'luma'})"),
        ("offset", ", ".join(f"{value:g}" for value in taken.offset)),
        ("scale", ", ".join(f"{value:g}" for value in taken.scale)),
        ("resize", taken.resize),
        ("output", given.name),
        ("activation", given.activation),
        ("labels", f"{len(labels)}: {few}"),
    ]


def _findings(name: str, added: AddedModel) -> list[str]:
    """What to check, and what to do next."""
    likely = ", ".join(f"{escape(label)} {share:.4f}" for label, share in added.sample)
    lines = [
        f"\nThe test image is answered with: [bold]{likely}[/bold]",
        f"Golden set: {added.images} images with {added.answers} different answers; a right "
        f"probability is within {added.tolerance['jpeg']:g} (JPEG) or {added.tolerance['png']:g} "
        f"(PNG). The ONNX file has {format_bytes(added.onnx_bytes)}.",
    ]
    if added.jpeg_spread:
        apart = ", ".join(f"{escape(who)} {at:.1e}" for who, at in added.jpeg_spread.items())
        lines.append(f"JPEG decoders differ from the reference's by at most: {apart}.")
    if added.left_out:
        reasons = ", ".join(f"{count} {escape(why)}" for why, count in added.left_out.items())
        lines.append(f"Left out: {reasons}.")
    if added.labelled:
        lines.append(
            f"Of {added.labelled} images in folders named as a class, {added.right} are answered "
            "with that class."
        )
    elif added.answers == 1 and added.images > 1:
        lines.append(
            "[yellow]Every image gets the same answer[/yellow]: check --offset, --scale and "
            "--layout."
        )
    lines.append(f"Measure it: servemark run quick --model {name}")
    return lines
