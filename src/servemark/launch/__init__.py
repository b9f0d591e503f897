"""Start a variant, wait until it is ready, measure its process tree, stop it."""

from servemark.launch.cores import available_cores, pinned, split_cores
from servemark.launch.server import (
    Launch,
    Server,
    describe_exit,
    free_port,
    is_healthy,
    server_environment,
)
from servemark.launch.usage import machine_ticks, tree_below, tree_use, use_between

__all__ = [
    "Launch",
    "Server",
    "available_cores",
    "describe_exit",
    "free_port",
    "is_healthy",
    "machine_ticks",
    "pinned",
    "server_environment",
    "split_cores",
    "tree_below",
    "tree_use",
    "use_between",
]
