"""Which choice matters, in words."""

from __future__ import annotations

from servemark.report.findings import Findings
from servemark.report.model import Decision, DecisionGroup
from servemark.report.wording import factor, workload_name
from servemark.stats import THROUGHPUT


def worth(decision: Decision) -> str:
    """The best ÷ the worst: of the median group, and of the one where it is most."""
    most = decision.groups[0].ratio.value
    if len(decision.groups) == 1:
        return factor(most)
    return f"{factor(decision.typical)}, up to {factor(most)}"


def level_name(level: str) -> str:
    """A level of a factor as readers know it."""
    return workload_name(level)


def choice_sentence(findings: Findings) -> str | None:
    """Where to spend an afternoon, in a sentence."""
    decisions = [each for each in findings.report.decisions if each.metric == THROUGHPUT]
    if not decisions:
        return None
    first = decisions[0]
    said = f"Choose the {first.factor} first: {_said(first)}"
    if len(decisions) > 1:
        last = decisions[-1]
        said += f" The {last.factor} matters least here: {_said(last)}"
    return said


def _said(decision: Decision) -> str:
    group: DecisionGroup = decision.groups[0]
    between = f"{level_name(group.best)} against {level_name(group.worst)}"
    held = f" with {group.held}" if group.held else ""
    if len(decision.groups) == 1:
        return f"{factor(group.ratio.value)} the throughput ({between}{held})."
    return (
        f"{factor(decision.typical)} the throughput in the median of {len(decision.groups)} "
        f"comparisons, up to {factor(group.ratio.value)} ({between}{held})."
    )
