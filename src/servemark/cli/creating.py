"""``servemark new``."""

from __future__ import annotations

import json

from servemark.cli.console import results
from servemark.cli.project import Project
from servemark.prepare import create_contestant, files_below


def new_contestant(project: Project, name: str, kind: str | None, as_json: bool) -> None:
    """Make a contestant from its language's template, and say what to do next."""
    folder = create_contestant(project.root / "contestants", name, kind)
    files = [str(path.relative_to(folder)) for path in files_below(folder)]
    if as_json:
        print(json.dumps({"contestant": name, "folder": str(folder), "files": files}, indent=2))
        return
    where = folder.relative_to(project.root)
    for line in (
        f"Made {where}, which serves the model as it is: {', '.join(files)}.",
        "",
        f"  servemark verify {name}    # build it, and hold it against the contract",
        "",
        f"Then give it its title and homepage in {where / 'contestant.toml'}, put your framework",
        "in place of the template's, and verify again: docs/contestants.md walks through it.",
    ):
        results.print(line, markup=False, soft_wrap=True)
