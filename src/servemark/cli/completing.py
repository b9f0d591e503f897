"""What a shell offers to complete: boards, runs and contestants by name."""

from __future__ import annotations

import typer

from servemark.cli.project import Project, find_project


def complete_board(ctx: typer.Context, incomplete: str) -> list[str]:
    """Boards of the checkout."""
    from servemark.catalog.boards import board_names

    return _beginning(board_names(_project(ctx).boards), incomplete)


def complete_run(ctx: typer.Context, incomplete: str) -> list[str]:
    """Runs, the newest first."""
    from servemark.store import list_runs

    runs = [folder.path.name for folder in list_runs(_project(ctx).runs)]
    return _beginning(["latest", *reversed(runs)] if runs else [], incomplete)


def complete_contestant(ctx: typer.Context, incomplete: str) -> list[str]:
    """Contestants by their whole name; by their own where that is what was begun."""
    root = _project(ctx).root / "contestants"
    found = sorted(path.parent for path in root.glob("[!_]*/[!_]*/contestant.toml"))
    names = _beginning([f"{path.parent.name}/{path.name}" for path in found], incomplete)
    return names or _beginning([path.name for path in found], incomplete)


def _beginning(names: list[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _project(context: typer.Context) -> Project:
    """The checkout that the options before the command name: nothing has been run yet."""
    options = context.find_root().params
    return find_project(options.get("root"), options.get("runs"))
