"""``servemark train``."""

from __future__ import annotations

from pathlib import Path

from servemark.catalog import find_model
from servemark.cli.console import talk
from servemark.cli.project import Project
from servemark.prepare.training import train


def train_model(
    project: Project,
    name: str,
    out: Path | None,
    data: Path | None,
    subset: int | None,
    epochs: int | None,
) -> None:
    """Train and export a model; the script's own progress is shown."""
    model = find_model(project.models, name)
    target = (out or model.export_folder).absolute()
    talk.print(f"Training {name} into {target}", soft_wrap=True)
    options = ["--out", str(target)]
    for option, value in (("--data", data), ("--subset", subset), ("--epochs", epochs)):
        if value is not None:
            options += [option, str(value.absolute() if isinstance(value, Path) else value)]
    train(model, project.home, project.toolbox(), options)
