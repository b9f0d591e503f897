"""Load engines behind one Protocol. To add one: a file, and a line in ``ENGINES``."""

from collections.abc import Callable

from servemark.engines.base import GRACE_S, TIMEOUT_S, Assignment, Loaded, LoadEngine
from servemark.engines.fake import FakeEngine
from servemark.engines.native import NativeEngine
from servemark.engines.wrk import WrkEngine

ENGINES: dict[str, Callable[[], LoadEngine]] = {
    "native": NativeEngine,
    "wrk": WrkEngine,
    "fake": FakeEngine,
}

__all__ = ["ENGINES", "GRACE_S", "TIMEOUT_S", "Assignment", "LoadEngine", "Loaded"]
