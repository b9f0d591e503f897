"""Loads that the hypervisor left alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TypeVar

from servemark.launch import stolen_ns

T = TypeVar("T")

MOST_REPEATS = 3
"""Of one load."""
MOST_STOLEN_SHARE = 0.001
"""Of a load's time, from all of its cores together. The slowest 0.1 % decide a p99.9, so whoever
loses more than that sees the hypervisor there in place of the generator."""


class Undisturbed:
    """Does a load again in which the hypervisor took time from its cores, as often as may be, and
    keeps the one that it took least from.

    What decides is the kernel's account of that time alone, never what the load found.
    """

    def __init__(self, cores: Collection[int], repeats: int) -> None:
        """``repeats`` may be spent in all."""
        self._cores = cores
        self._repeats = repeats
        self._repeated = 0
        self._disturbed = 0
        self._stolen_share = 0.0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Around the load itself, within what is given to ``found``."""
        before_ns, began_ns = stolen_ns(self._cores), time.monotonic_ns()
        yield
        elapsed_ns = max(time.monotonic_ns() - began_ns, 1)
        self._stolen_share = (stolen_ns(self._cores) - before_ns) / elapsed_ns

    def found(self, load: Callable[[], T]) -> T:
        """What the load found when it was disturbed least."""
        found = load()
        least_share = self._stolen_share
        for _ in range(min(MOST_REPEATS, self._repeats - self._repeated)):
            if least_share <= MOST_STOLEN_SHARE:
                break
            self._repeated += 1
            again = load()
            if self._stolen_share < least_share:
                found, least_share = again, self._stolen_share
        self._disturbed += least_share > MOST_STOLEN_SHARE
        return found

    def note(self) -> str | None:
        """What was done again, and what was disturbed all the same; ``None`` without either."""
        if not self._repeated and not self._disturbed:
            return None
        return (
            f"loads in which the hypervisor took more than {100 * MOST_STOLEN_SHARE:g} % of the "
            f"time from their cores were done again: {self._repeated}. So disturbed, and counted "
            f"all the same: {self._disturbed}."
        )
