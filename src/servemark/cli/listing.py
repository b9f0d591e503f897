"""``servemark list`` and ``servemark prepare``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from servemark.catalog import Contestant, select_contestants, suggestion
from servemark.cli.console import results
from servemark.cli.project import Project
from servemark.cli.selection import Field, missing_programs, prepared_field
from servemark.cli.stages import shown_stages
from servemark.errors import UsageError
from servemark.prepare import Prepared, environment_of, inspect
from servemark.records import Settings, Variant

_COLOURS = {"ready": "green", "built": "green", "stale": "yellow", "failed": "red"}
_WORDS = {"ready": "ready", "built": "ready", "stale": "not prepared", "failed": "missing"}


def show_contestants(project: Project, as_json: bool) -> None:
    """Every contestant: ready, or what is missing and the command that gets it."""
    toolbox = project.toolbox()
    environments = [
        environment_of(project.home, contestant, contestant.manifest.runtimes[0])
        for contestant in project.contestants().values()
    ]
    states = inspect(environments, toolbox)
    if as_json:
        print(json.dumps([_as_document(state) for state in states], indent=2))
        return
    table = Table(title="Contestants", title_justify="left", box=None, pad_edge=False)
    for heading in ("contestant", "title", "servers", "runtimes", "state"):
        table.add_column(heading, overflow="fold")
    for state in states:
        contestant = state.environment.contestant
        colour, word = _COLOURS[state.state], _WORDS[state.state]
        what = f"[{colour}]{word}[/{colour}]"
        if state.state == "failed":
            what += f": {escape(state.problem or '')}"
        if state.remedy:
            what += f"\n[dim]{escape(state.remedy)}[/dim]"
        manifest = contestant.manifest
        table.add_row(
            f"[bold]{contestant.name}[/bold]",
            escape(manifest.title),
            " ".join(manifest.servers),
            " ".join(manifest.runtimes),
            what,
        )
    results.print(table)


def prepare_contestants(
    project: Project, names: Sequence[str], runtimes: Sequence[str], as_json: bool
) -> bool:
    """Build and install what they need; the load engines' programs too where nobody is named.

    Returns whether all could be made ready.
    """
    contestants = project.contestants()
    chosen = select_contestants(contestants, names or ["*"])
    variants = [v for c in chosen for v in variants_of(c, runtimes)]
    if runtimes and not variants:
        known = [name for contestant in chosen for name in contestant.manifest.runtimes]
        raise UsageError(
            f"None of them has the runtime '{runtimes[0]}'{suggestion(runtimes[0], known)}"
        )
    with shown_stages() as stages:
        field = Field(contestants, tuple(variants), ())
        toolbox = project.toolbox()
        missing = [] if names else missing_programs(toolbox)
        for tool in missing:
            stages.say(
                f"  [red]missing[/red] {escape(tool.problem or '')}: {escape(tool.remedy or '')}"
            )
        _, done = prepared_field(field, project, toolbox, stages)
    if as_json:
        print(json.dumps([_as_document(prepared) for prepared in done], indent=2))
    else:
        ready = sum(prepared.state != "failed" for prepared in done)
        results.print(f"{ready} of {len(done)} environments are ready.")
    return not missing and all(prepared.state != "failed" for prepared in done)


def variants_of(contestant: Contestant, runtimes: Sequence[str]) -> list[Variant]:
    """Its servers with the named runtimes: its first for none, every one for ``all``."""
    manifest = contestant.manifest
    if "all" in runtimes:
        return contestant.variants(manifest.runtimes, Settings())
    if not runtimes:
        return contestant.variants([manifest.runtimes[0]], Settings())
    own = [name for name in manifest.runtimes if name in runtimes]
    return contestant.variants(own, Settings()) if own else []


def _as_document(prepared: Prepared) -> dict[str, Any]:
    contestant = prepared.environment.contestant
    manifest = contestant.manifest
    return {
        "contestant": contestant.name,
        "title": manifest.title,
        "homepage": manifest.homepage,
        "division": manifest.division,
        "servers": list(manifest.servers),
        "runtimes": list(manifest.runtimes),
        "environment": prepared.environment.name,
        "state": _WORDS[prepared.state],
        "problem": prepared.problem,
        "remedy": prepared.remedy,
        "log_tail": prepared.log_tail,
    }
