"""How reports of a comparison put it: text in, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from servemark.records import parse_variant
from servemark.report.comparison import CAPACITY, Line, Obstacle, RunComparison
from servemark.report.gates import GateResult
from servemark.report.wording import count, listing, plain, ratio_text
from servemark.stats import THROUGHPUT

SHOWN = {
    THROUGHPUT: "answers/s",
    CAPACITY: "capacity",
    "p50_response_ns": "p50",
    "p99_response_ns": "p99",
    "server_cpu_ns": "CPU",
    "peak_pss_bytes": "memory",
    "first_answer_ns": "start",
    "error_share": "errors",
}
"""The metrics that people are shown, with short names; JSON has all."""
MOST_NAMED = 3
"""Of the variants that a gate could not judge."""
HOW_TO_READ = (
    "B÷A with its 95 % interval over independent blocks. “same”: no difference was found; the "
    "interval says how large it could still be. “perhaps”: beyond chance if it were the only "
    "comparison, which it is not."
)


def obstacle_text(found: Sequence[Obstacle]) -> str:
    """The obstacles in a sentence's middle.

    >>> obstacle_text([Obstacle(what="kernel", a="6.1", b="6.6")])
    'kernel: A 6.1, B 6.6'
    """
    return "; ".join(f"{each.what}: A {each.a}, B {each.b}" for each in found)


def headline(found: RunComparison) -> str:
    """What a reader with ten seconds should know: the throughput in the main cell."""
    lines = [x for x in found.lines if x.metric == THROUGHPUT and x.cell == found.main_cell]
    compared = [line for line in lines if line.word != "not comparable"]
    lost = sum(line.lost for line in lines)
    end = f" B has no figure for {count(lost, 'variant')} of which A has one." if lost else ""
    if not compared:
        return f"Nothing in the main cell can be compared.{end}"
    slower = sum(line.word == "slower" for line in compared)
    faster = sum(line.word == "faster" for line in compared)
    where = found.cells[found.main_cell]
    if slower == faster == 0:
        return f"No difference was found in {count(len(compared), 'variant')} ({where}).{end}"
    parts = [f"slower for {slower}"] * (slower > 0) + [f"faster for {faster}"] * (faster > 0)
    return f"B is {' and '.join(parts)} of {count(len(compared), 'variant')} ({where}).{end}"


def shift_text(found: RunComparison) -> str | None:
    """The change of the machine, where there is one."""
    if found.shift is None:
        return None
    ratio = found.shift.ratio
    change = abs(ratio.value - 1)
    way = "faster" if ratio.value > 1 else "slower"
    return (
        f"The {found.shift.variants} variants that did not change are {change * 100:.1f} % {way} "
        f"in B all the same (ratio {ratio.low:.3f} to {ratio.high:.3f}): that is the machine or "
        "servemark, so take smaller differences for nothing."
    )


def extent_text(gate: GateResult, names: Mapping[str, str]) -> str:
    """For how much a gate holds and what it leaves open, as the end of a sentence."""
    skipped = not_judged_text(gate, names)
    if gate.undecided:
        said = (
            f"; for {len(gate.undecided)} of {gate.judged} the interval is too wide to rule it out "
            "(more blocks would tell)"
        )
    else:
        said = f" for {gate.judged}" if skipped else f" for all {gate.judged}"
    return f"{said}; {skipped}" if skipped else said


def not_judged_text(gate: GateResult, names: Mapping[str, str]) -> str | None:
    """The variants that a gate could not judge, each with the reason."""
    reasons: dict[str, str] = {}
    for line in gate.not_judged:
        reasons.setdefault(names[line.variant], plain(line.reason or ""))
    if not reasons:
        return None
    found = [f"{name} ({reason})" for name, reason in reasons.items()]
    more = [f"{len(found) - MOST_NAMED} more"] if len(found) > MOST_NAMED else []
    return f"not judged: {listing([*found[:MOST_NAMED], *more])}"


def loss_of(line: Line) -> str:
    """What B has lost, or the ratio of a line in words."""
    if line.lost:
        return f"lost: {plain(line.reason or '')}"
    return "from 0" if line.ratio is None else f"B÷A {ratio_text(line.ratio)}"


def said(line: Line) -> str:
    """The word of a line with what else is to know."""
    if line.perhaps is not None:
        return f"same, perhaps {line.perhaps}"
    return f"{line.word}: {plain(line.reason)}" if line.reason else line.word


def place_of(found: RunComparison, line: Line) -> str:
    """Which figure a line is about."""
    title = found.metrics[line.metric].title
    return f"{title}, {found.cells[line.cell]}"


def main_lines(found: RunComparison) -> list[Line]:
    """The throughput in the main cell, in the order of B's speed; what cannot be compared, last."""
    lines = [x for x in found.lines if x.metric == THROUGHPUT and x.cell == found.main_cell]
    return sorted(
        lines, key=lambda x: (x.word == "not comparable", -x.b.value if x.b is not None else 0.0)
    )


def losses(found: RunComparison, names: Mapping[str, str]) -> list[str]:
    """What A has a figure of and B has none, beyond what the table of the main cell says."""
    told = {(line.variant, line.reason) for line in main_lines(found)}
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for line in found.lines:
        if line.lost and line.metric in SHOWN and (line.variant, line.reason) not in told:
            key = (line.variant, line.cell, plain(line.reason or ""))
            grouped.setdefault(key, []).append(SHOWN[line.metric])
    return [
        f"{names[variant]}, {found.cells[cell]} ({listing(metrics)}): {reason}"
        for (variant, cell, reason), metrics in grouped.items()
    ]


def differences(found: RunComparison) -> list[Line]:
    """What is told apart, of the metrics that are shown."""
    return [line for line in found.lines if line.told_apart and line.metric in SHOWN]


def warnings(found: RunComparison) -> list[str]:
    """What stands against the comparison, and what the machine did."""
    said = []
    if found.obstacles:
        said.append(f"these runs should not be compared: {plain(obstacle_text(found.obstacles))}.")
    shift = shift_text(found)
    return [*said, shift] if shift else said


def tally(found: RunComparison) -> str:
    """How many comparisons were made, what came of them, and how to read them."""
    lines = [line for line in found.lines if line.metric in SHOWN]
    compared = [line for line in lines if line.word != "not comparable"]
    left = len(lines) - len(compared)
    end = f"; {left} could not be compared" if left else ""
    if not compared:
        return "No comparison was made" + end + "."
    apart = sum(line.told_apart for line in compared)
    return f"{count(len(compared), 'comparison')}, {apart} of them told apart{end}. {HOW_TO_READ}"


def short_ids(variants: Sequence[str]) -> dict[str, str]:
    """As much of each id as tells it from all others.

    >>> short_ids(["a/x@builtin+onnx", "a/y@s+onnx", "a/y@s+tf"])["a/y@s+tf"]
    'a/y+tf'
    """
    ids = list(dict.fromkeys(variants))
    choices: dict[str, list[str]] = {}
    for name in ids:
        parsed = parse_variant(name)
        if parsed is None or parsed.is_service or "#" in name or "," in name:
            choices[name] = [name]
            continue
        hosted = f"{parsed.contestant}@{parsed.server}"
        choices[name] = [
            parsed.contestant,
            hosted,
            f"{parsed.contestant}+{parsed.runtime}",
            name,
        ]
    found = {}
    for name in ids:
        taken = {choice for other in ids if other != name for choice in choices[other]}
        found[name] = plain(next((c for c in choices[name] if c not in taken), name))
    return found
