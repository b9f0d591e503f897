"""Load engines behind one Protocol. To add one: a file, and a line in ``ENGINES``."""

from collections.abc import Callable

from servemark.engines.base import Assignment, LoadEngine
from servemark.engines.fake import FakeEngine
from servemark.engines.wrk import WrkEngine

ENGINES: dict[str, Callable[[], LoadEngine]] = {
    "wrk": WrkEngine,
    "fake": FakeEngine,
}

__all__ = ["ENGINES", "Assignment", "LoadEngine"]
