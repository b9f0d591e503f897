"""A variant with what a report says about it, taken down when a run begins."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from servemark.catalog import Contestant
from servemark.prepare import Toolbox, environment_of, installed_bytes, lines_of_code
from servemark.records import Entrant, Variant


def entrant_of(home: Path, contestant: Contestant, variant: Variant, toolbox: Toolbox) -> Entrant:
    """The variant as it is prepared on this machine, below ``home``."""
    environment = environment_of(home, contestant, variant.runtime)
    needs = contestant.language.manifest.needs
    tools = [toolbox.look(name, need) for name, need in needs.items()]
    return Entrant(
        variant=variant,
        title=contestant.manifest.title,
        language=contestant.language.manifest.title,
        homepage=contestant.manifest.homepage,
        division=contestant.manifest.division,
        digest=_digest(environment.digest(tools), contestant, variant),
        versions=environment.versions(),
        installed_bytes=installed_bytes(environment.folder),
        lines_of_code=lines_of_code(contestant.folder),
        limits=contestant.server(variant.server).limits,
    )


def _digest(made_from: str, contestant: Contestant, variant: Variant) -> str:
    """SHA-256 over what it is made from (a digest) and how it is started, in hexadecimal."""
    start = contestant.language.manifest.start.model_dump(mode="json")
    facts = [made_from, contestant.server(variant.server).command, start]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
