"""Toolchains, environments and builds."""

from servemark.prepare.cost import installed_bytes, lines_of_code
from servemark.prepare.creating import create_contestant, files_below
from servemark.prepare.environments import (
    Environment,
    Prepared,
    environment_of,
    inspect,
    prepare_all,
)
from servemark.prepare.tools import Tool, Toolbox

__all__ = [
    "Environment",
    "Prepared",
    "Tool",
    "Toolbox",
    "create_contestant",
    "environment_of",
    "files_below",
    "inspect",
    "installed_bytes",
    "lines_of_code",
    "prepare_all",
]
