"""Start a variant, wait until it is ready, measure its process tree, stop it."""

from servemark.launch.ceiling import measure_ceiling
from servemark.launch.cores import available_cores, favoured, pinned, split_cores
from servemark.launch.server import (
    Launch,
    Server,
    describe_exit,
    free_port,
    is_healthy,
    server_environment,
)
from servemark.launch.usage import (
    Moment,
    circumstances,
    this_moment,
    tree_below,
    tree_use,
    use_between,
)

__all__ = [
    "Launch",
    "Moment",
    "Server",
    "available_cores",
    "circumstances",
    "describe_exit",
    "favoured",
    "free_port",
    "is_healthy",
    "measure_ceiling",
    "pinned",
    "server_environment",
    "split_cores",
    "this_moment",
    "tree_below",
    "tree_use",
    "use_between",
]
