"""A comparison of two runs for a comment on a pull request: GitHub's Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from servemark.report.comparison import Line, RunComparison
from servemark.report.comparison_wording import (
    differences,
    extent_text,
    headline,
    loss_of,
    losses,
    main_lines,
    not_judged_text,
    place_of,
    said,
    short_ids,
    tally,
    warnings,
)
from servemark.report.gates import GateResult
from servemark.report.markdown_parts import code, escape
from servemark.report.wording import NOTHING, ratio_text, value_of


def render_comparison_markdown(found: RunComparison, gates: Sequence[GateResult]) -> str:
    """Headline and gates first; what is long is folded up."""
    return "\n\n".join(_parts(found, gates)) + "\n"


def _parts(found: RunComparison, gates: Sequence[GateResult]) -> Iterator[str]:
    names = short_ids([line.variant for line in found.lines])
    yield f"### {escape(headline(found))}"
    for gate in gates:
        yield _gate(found, gate, names)
    for warning in warnings(found):
        yield f"> **Warning:** {escape(warning)}"
    if found.changes:
        yield "\n".join(
            f"- {code(names.get(each.variant, each.variant))} changed: {escape(each.what)}"
            for each in found.changes
        )
    main = main_lines(found)
    if main:
        yield f"Answers per second, {escape(found.cells[found.main_cell])}:"
        yield _table(found, main, names, with_place=False)
    others = [line for line in differences(found) if line not in main]
    if others:
        table = _table(found, others, names, with_place=True)
        yield (
            f"<details><summary>Also told apart: {len(others)}</summary>\n\n{table}\n\n</details>"
        )
    lost = losses(found, names)
    if lost:
        yield "\n".join(
            ("A has a figure of it, and B has none:\n", *(f"- {escape(x)}" for x in lost))
        )
    yield f"{escape(tally(found))}"
    yield f"A is {code(found.a.run)}, B is {code(found.b.run)}."


def _table(
    found: RunComparison, lines: Sequence[Line], names: Mapping[str, str], *, with_place: bool
) -> str:
    heads = ["variant", *(["what"] if with_place else []), "A", "B", "B ÷ A", ""]
    rules = [":---", *([":---"] if with_place else []), "---:", "---:", "---:", ":---"]
    rows = [heads, rules]
    for line in lines:
        unit = found.metrics[line.metric].unit
        rows.append(
            [
                code(names[line.variant]).replace("|", "\\|"),
                *([escape(place_of(found, line))] if with_place else []),
                value_of(line.a, unit),
                value_of(line.b, unit),
                NOTHING if line.ratio is None else ratio_text(line.ratio),
                f"**{line.word}**" if line.told_apart else escape(said(line)),
            ]
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _gate(found: RunComparison, gate: GateResult, names: Mapping[str, str]) -> str:
    if not gate.broken:
        holds = escape(f"holds{extent_text(gate, names)}.")
        return f"Gate {code(gate.threshold.text)} {holds}"
    items = [
        f"- {code(names[line.variant])}, {escape(place_of(found, line))}: {escape(loss_of(line))}"
        for line in gate.broken
    ]
    skipped = not_judged_text(gate, names)
    items += [f"- {escape(skipped)}"] if skipped else []
    return "\n".join((f"**Gate {code(gate.threshold.text)} is broken:**\n", *items))
