"""Start a variant, wait until it is ready, measure its process tree, stop it."""

from servemark.launch.addresses import accepts, endpoints_of
from servemark.launch.ceiling import measure_ceiling
from servemark.launch.cores import (
    available_cores,
    favoured,
    pinned,
    service_cores,
    split_cores,
    uninterrupted,
)
from servemark.launch.server import (
    HOST,
    Launch,
    Server,
    describe_exit,
    free_port,
    is_healthy,
    server_environment,
)
from servemark.launch.services import Attached, Started
from servemark.launch.usage import (
    Moment,
    circumstances,
    stolen_ns,
    this_moment,
    tree_below,
    tree_use,
    use_between,
)

__all__ = [
    "HOST",
    "Attached",
    "Launch",
    "Moment",
    "Server",
    "Started",
    "accepts",
    "available_cores",
    "circumstances",
    "describe_exit",
    "endpoints_of",
    "favoured",
    "free_port",
    "is_healthy",
    "measure_ceiling",
    "pinned",
    "server_environment",
    "service_cores",
    "split_cores",
    "stolen_ns",
    "this_moment",
    "tree_below",
    "tree_use",
    "uninterrupted",
    "use_between",
]
