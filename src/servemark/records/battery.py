"""What the battery finds: each bad input on each variant, and what became of everybody else."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from servemark.records.base import Record
from servemark.records.measured import Variant

CaseState = Literal["holds", "limit", "fails"]


class Others(Record):
    """What clients saw that went on asking rightly while something bad was done."""

    asked: int
    wrong: int
    """Answers that were not the right one for their image."""
    unanswered: int
    """Requests without an answer in time."""
    slowest_ns: int | None
    """The longest that an answer took; ``None`` without any answer."""
    first_fault: str | None = None

    @property
    def unharmed(self) -> bool:
        """Whether each of them got its right answer in time."""
        return self.wrong == 0 and self.unanswered == 0


class BadInput(Record):
    """One bad input on one variant. ``limit`` is the reason that the manifest gives where the
    server cannot stand it."""

    group: str
    name: str
    times: int
    """How often it was done."""
    expected: str
    seen: str
    as_expected: bool
    alive: bool
    """Whether every process of the server is still there, and answers the next request rightly."""
    others: Others
    limit: str | None = None

    @property
    def stood(self) -> bool:
        """Whether the server stood it."""
        return self.as_expected and self.alive and self.others.unharmed

    @property
    def state(self) -> CaseState:
        """A limit that does not show is a fault: the manifest is no longer true. That others get
        wrong answers cannot be declared as a limit."""
        if self.limit is None:
            return "holds" if self.stood else "fails"
        return "fails" if self.stood or self.others.wrong else "limit"

    def fault(self) -> str:
        """What was wrong, in a sentence; only where the state is not ``holds``."""
        if self.stood:
            return f"it stood it, but the manifest declares it as a limit ({self.limit})"
        found = []
        if not self.as_expected:
            found.append(f"expected {self.expected}, saw {self.seen}")
        if self.others.wrong:
            found.append(f"{self.others.wrong} of {self.others.asked} others got a wrong answer")
        if self.others.unanswered:
            found.append(f"{self.others.unanswered} of {self.others.asked} others got no answer")
        if not self.others.unharmed and self.others.first_fault is not None:
            found[-1] += f" ({self.others.first_fault})"
        if not self.alive:
            found.append("a process died, or answered no more")
        return "; ".join(found)


class Growth(Record):
    """Memory over many bad requests, in steps of equally many."""

    step_requests: int
    pss_bytes: tuple[int, ...]
    """PSS of the whole process tree: before the first step, after some requests to begin with, and
    after each step."""

    @property
    def requests(self) -> int:
        """How many were sent in all steps."""
        return self.step_requests * (len(self.pss_bytes) - 1)

    @property
    def bytes_per_request(self) -> float:
        """What each bad request left behind in the step that left least: a leak shows in each."""
        least = min(after - before for before, after in pairwise(self.pss_bytes))
        return max(0, least) / self.step_requests


class BatteryResult(Record):
    """The whole battery on one variant."""

    variant: Variant
    cases: tuple[BadInput, ...]
    growth: Growth | None = None
    failure: str | None = None
    """Why the battery could not be brought to its end."""
    log_tail: str | None = None

    @property
    def passed(self) -> bool:
        """Whether it stood all but what its manifest declares as limits."""
        return self.failure is None and all(case.state != "fails" for case in self.cases)
