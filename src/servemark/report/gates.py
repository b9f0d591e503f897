"""Gates for CI: what must not get worse by more than so much from one run to the next."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from servemark.errors import UsageError
from servemark.records import Record
from servemark.report.comparison import CAPACITY, Line, RunComparison
from servemark.stats import THROUGHPUT

GATES = {
    "slower": THROUGHPUT,
    "capacity": CAPACITY,
    "p50": "p50_response_ns",
    "p99": "p99_response_ns",
    "cpu": "server_cpu_ns",
    "memory": "peak_pss_bytes",
    "start": "first_answer_ns",
    "errors": "error_share",
}
"""The metric that each gate minds."""
_GATE = re.compile(r"^(?P<name>[a-z0-9_]+):(?P<percent>\d+(\.\d+)?)\s*%?$")


class Threshold(Record):
    """A gate as it was asked for; ``allowed`` is the relative loss that still passes."""

    name: str
    metric: str
    allowed: float

    @property
    def text(self) -> str:
        return f"{self.name}:{self.allowed * 100:g}%"


class GateResult(Record):
    """What a gate found."""

    threshold: Threshold
    judged: int
    """How many lines it could judge; those that B lost are among them."""
    broken: tuple[Line, ...]
    """Their whole interval lies beyond the threshold, or B has lost them."""
    undecided: tuple[Line, ...]
    """The threshold lies within their interval: more blocks would tell."""
    not_judged: tuple[Line, ...] = ()
    """They cannot be compared, each for its reason: B was not to measure them, or A has none."""


def parse_threshold(text: str) -> Threshold:
    """What ``--fail-on`` asks for. Raises ``UsageError``.

    >>> parse_threshold("slower:5%").allowed
    0.05
    """
    match = _GATE.match(text.strip())
    if match is None or match["name"] not in GATES or float(match["percent"]) <= 0:
        raise UsageError(
            f"'{text}' is no gate: give one of {', '.join(GATES)} with a percentage, "
            "as in --fail-on slower:5%."
        )
    name = match["name"]
    return Threshold(name=name, metric=GATES[name], allowed=float(match["percent"]) / 100)


def judge_gates(found: RunComparison, thresholds: Iterable[Threshold]) -> tuple[GateResult, ...]:
    """Each gate over all lines of its metric. Raises ``UsageError`` where there are none."""
    return tuple(_judge(found, threshold) for threshold in thresholds)


def _judge(found: RunComparison, threshold: Threshold) -> GateResult:
    lines = [line for line in found.lines if line.metric == threshold.metric]
    lost = [line for line in lines if line.lost]
    compared = [line for line in lines if line.word != "not comparable"]
    if not compared and not lost:
        raise UsageError(
            f"The gate {threshold.text} has nothing to judge by: no variant has "
            f"'{found.metrics[threshold.metric].title}' from two or more blocks of both runs."
        )
    higher = found.metrics[threshold.metric].better == "higher"
    return GateResult(
        threshold=threshold,
        judged=len(compared) + len(lost),
        broken=(
            *lost,
            *(x for x in compared if _worst_and_best(x, higher)[1] > threshold.allowed),
        ),
        undecided=tuple(_undecided(compared, threshold, higher)),
        not_judged=tuple(x for x in lines if x.word == "not comparable" and not x.lost),
    )


def _undecided(lines: Sequence[Line], threshold: Threshold, higher: bool) -> Iterable[Line]:
    for line in lines:
        worst, best = _worst_and_best(line, higher)
        if best <= threshold.allowed < worst:
            yield line


def _worst_and_best(line: Line, higher: bool) -> tuple[float, float]:
    """The largest and the smallest relative loss within the interval; negative for a gain."""
    if line.ratio is None:
        # Nothing became something, as 0 errors in A: a gain, or a loss that may be chance.
        if higher:
            return float("-inf"), float("-inf")
        return float("inf"), float("inf") if line.is_worse else float("-inf")
    low = 0.0 if line.ratio.low is None else line.ratio.low
    high = float("inf") if line.ratio.high is None else line.ratio.high
    return (1 - low, 1 - high) if higher else (high - 1, low - 1)
