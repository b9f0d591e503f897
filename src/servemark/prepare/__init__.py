"""Toolchains, environments and builds."""

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
    "environment_of",
    "inspect",
    "prepare_all",
]
