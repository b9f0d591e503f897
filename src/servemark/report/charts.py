"""Which charts the page has: what each shows, in figures and in words. ``drawing`` draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from servemark.report.drawing import (
    FORM,
    GET,
    Spec,
    Values,
    draw_dumbbells,
    draw_multiples,
    draw_ranges,
    draw_stacks,
    two_lines,
)
from servemark.report.findings import STAGES, Findings
from servemark.report.model import Figure, ReportedCell, Tax
from servemark.report.wording import (
    cell_title,
    count,
    factor,
    interval_of,
    load_label,
    number,
    value_of,
    workload_name,
)
from servemark.stats import THROUGHPUT
from servemark.units import NS_PER_US

MOST_AT_FIRST = 20
"""So many rows has the first chart of a page, until its reader asks for all of them."""
WIDEST = 1.4
"""A scale goes no further beyond the largest value than this."""
Figures = list[tuple[str, Figure]]
"""Variants with a figure each."""
_SCALES = {
    "ns": ((1e9, "s"), (1e6, "ms"), (1e3, "µs")),
    "bytes": ((1 << 30, "GiB"), (1 << 20, "MiB")),
}


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: its heading, how to read it, what it shows in words, and how it is drawn."""

    id: str
    title: str
    note: str
    alternative: str
    spec: Spec


def throughput_charts(findings: Findings) -> list[Chart]:
    """Throughput under the main load: one chart a workload, the main cell's first.

    The main cell's has its own scale, the others share one.
    """
    cells = [cell for cell in findings.beside_main() if findings.has(cell)]
    return [
        Chart(
            id=f"throughput-{place}",
            title=f"Answers per second: {cell_title(cell)}",
            note="Point: mean of the blocks. Line: its 95 % interval. More is better. Before a "
            "name its place: 2–4 is the 2nd at best, the 4th at worst. Colour: language.",
            alternative=_in_words(findings, cell.id, THROUGHPUT),
            spec=_ranges(
                findings,
                cell.id,
                THROUGHPUT,
                beside=[each.id for each in (cells[1:] if place else [cell])],
                ranked=True,
                cut=None if place else MOST_AT_FIRST,
            ),
        )
        for place, cell in enumerate(cells)
    ]


def cost_charts(findings: Findings) -> list[Chart]:
    """Service time, CPU, memory and start-up in the main cell, and size: one chart each."""
    measured = [
        Chart(
            id=f"cost-{metric}",
            title=title,
            note="Less is better.",
            alternative=_in_words(findings, findings.main.id, metric),
            spec=_ranges(findings, findings.main.id, metric, beside=[findings.main.id]),
        )
        for metric, title in (
            ("p99_service_ns", "Service time of 99 % of the answers (p99)"),
            ("server_cpu_ns", "CPU per answer, whole process tree"),
            ("peak_pss_bytes", "Peak memory (PSS)"),
            ("first_answer_ns", "Start to first right answer"),
        )
        if findings.has(findings.main, metric)
    ]
    return [*measured, *_size_chart(findings)]


def _size_chart(findings: Findings) -> list[Chart]:
    """What an installation takes on the disk, where it is known."""
    sizes = {each.variant: each.installed_bytes for each in findings.report.competitors}
    figures = [
        (variant, Figure(value=size, low=None, high=None, blocks=1))
        for variant in findings.order()
        if (size := sizes[variant]) is not None
    ]
    if not figures:
        return []
    said = [f"{findings.names[name]} {value_of(figure, 'bytes')}" for name, figure in figures]
    return [
        Chart(
            id="cost-installed",
            title="Installed size",
            note="What its language's build put on the disk for it. Less is better.",
            alternative=f"Installed size, in the order of the ranking: {few(said)}",
            spec=_drawn(findings, figures, figures, "bytes"),
        )
    ]


def upload_charts(findings: Findings) -> list[Chart]:
    """GET beside multipart for each variant that has both; nothing where none has."""
    pair = findings.upload_pair()
    points: Values = []
    spans: Values = []
    for variant in findings.order() if pair else []:
        get, form = (findings.figure(variant, cell.id) for cell in pair or ())
        cost = findings.upload_cost(variant)
        if get is None or form is None or cost is None:
            continue
        shared = who(findings, variant) | {"factor": factor(cost)}
        spans.append(shared | {"from": form.value, "to": get.value,
                               "end": max(get.value, form.value)})  # fmt: skip
        points += [
            shared | {"way": way, "value": figure.value, "text": value_of(figure, "1/s")}
            for way, figure in ((FORM, form), (GET, get))
        ]
    if pair is None or not spans:
        return []
    said = [f"{span['name']} {span['factor']}" for span in spans]
    return [
        Chart(
            id="upload",
            title=f"GET beside an upload: {count(pair[0].connections, 'connection')}",
            note="The number is GET ÷ form: how many times as many answers a test from disk shows.",
            alternative="GET ÷ form by variant: " + few(said),
            spec=draw_dumbbells(spans, points, languages_of(findings)),
        )
    ]


def load_charts(findings: Findings) -> list[Chart]:
    """Throughput against connections, a small panel for each variant; nothing for one load only."""
    cells = findings.loads()
    if not cells:
        return []
    values = _by_load(findings, cells)
    workload = workload_name(cells[0].workload)
    labels = [load_label(cell) for cell in cells]
    said = [
        f"{findings.names[variant]} "
        + ", ".join(value_of(findings.figure(variant, cell.id), "1/s") for cell in cells)
        for variant in findings.order()
    ]
    return [
        Chart(
            id="connections",
            title=f"Answers per second ({workload}) by connections",
            note="Dashed: the median of all. The vertical scale is logarithmic and the same for "
            "all, so that equal slopes are equal factors.",
            alternative=f"With {', '.join(labels)} connections: {few(said)}",
            spec=draw_multiples(values, _order(findings), labels, languages_of(findings)),
        )
    ]


def tax_charts(findings: Findings) -> list[Chart]:
    """CPU per answer, taken apart by the stages at which answering was cut short."""
    charts = []
    for place, cell in enumerate(dict.fromkeys(each.cell for each in findings.report.taxes)):
        taxes = [
            each
            for each in findings.report.taxes
            if each.cell == cell and len(each.cpu_ns) == len(STAGES)
        ]
        values: Values = []
        for tax in sorted(taxes, key=lambda each: each.cpu_ns["full"].value):
            values += _parts(findings, tax)
        if not values:
            continue
        order = list(dict.fromkeys(value["name"] for value in values))
        totals = {value["name"]: value["label"] for value in values if value["label"] is not None}
        said = [f"{name} {total}" for name, total in totals.items()]
        charts.append(
            Chart(
                id=f"tax-{place}",
                title=f"Where the CPU time of an answer goes: {cell_title(findings.cell(cell))}",
                note="Each part is what a stage costs beyond the one before it. Line across: "
                "decoding and inference alone, in a loop without a server.",
                alternative=f"CPU per answer: {few(said)}",
                spec=draw_stacks(values, order, list(PARTS.values())),
            )
        )
    return charts


PARTS = {
    "null": "the request itself",
    "receive": "receiving the image",
    "decode": "decoding it",
    "full": "inference and answer",
}
"""What each stage adds to the one before."""


def _parts(findings: Findings, tax: Tax) -> Values:
    values: Values = []
    before = 0.0
    total = tax.cpu_ns["full"]
    loop = [tax.ceiling_decode_ns, tax.ceiling_infer_ns]
    alone = None if None in loop else sum(each or 0.0 for each in loop)
    for place, (stage, part) in enumerate(PARTS.items()):
        added = max(tax.cpu_ns[stage].value - before, 0.0)
        before = max(tax.cpu_ns[stage].value, before)
        values.append(
            {
                "name": findings.names[tax.variant],
                "variant": tax.variant,
                "part": part,
                "place": place,
                "value": added / NS_PER_US,
                "total": total.value / NS_PER_US,
                "text": number(added, "ns"),
                "label": value_of(total, "ns") if stage == "full" else None,
                "alone": alone / NS_PER_US if alone is not None and stage == "full" else None,
                "alone_text": number(alone, "ns"),
            }
        )
    return values


def who(findings: Findings, variant: str) -> dict[str, Any]:
    """What every value of a variant says of it."""
    competitor = next(c for c in findings.report.competitors if c.variant == variant)
    return {
        "name": findings.names[variant],
        "language": competitor.language,
        "variant": variant,
    }


def languages_of(findings: Findings) -> list[str]:
    """The languages of the run, which are told apart by colour."""
    return sorted({each.language for each in findings.report.competitors})


def _order(findings: Findings) -> list[str]:
    return [findings.names[variant] for variant in findings.order()]


def _ranges(
    findings: Findings,
    cell: str,
    metric: str,
    beside: Sequence[str],
    *,
    ranked: bool = False,
    cut: int | None = None,
) -> Spec:
    """A metric in a cell; the scale is that of all the cells ``beside`` it.

    ``ranked`` puts the rank in that cell before each name.
    """
    shown = [found for each in beside for found in _figures(findings, each, metric)]
    places = {row.competitor.variant: row.place for row in findings.ranking(cell)} if ranked else {}
    figures = _figures(findings, cell, metric)
    return _drawn(findings, figures, shown, findings.unit(metric), places, cut)


def _drawn(
    findings: Findings,
    figures: Figures,
    shown: Figures,
    unit: str,
    places: Mapping[str, str] | None = None,
    cut: int | None = None,
) -> Spec:
    """Means as points with their interval as a line, a row for each variant.

    The scale is that of all that is ``shown``. An interval that few blocks leave very wide is cut
    at the end of the scale.
    """
    largest = max(figure.value for _, figure in shown)
    top = min(max(_end(figure) for _, figure in shown), WIDEST * largest)
    size, suffix = _scale(top, unit)
    labels = {
        variant: " ".join(filter(None, [(places or {}).get(variant), findings.names[variant]]))
        for variant in findings.order()
    }
    values: Values = [
        who(findings, variant)
        | {
            "label": labels[variant],
            "value": figure.value / size,
            "low": (figure.value if figure.low is None else figure.low) / size,
            "high": min(_end(figure), top) / size,
            "text": value_of(figure, unit),
            "interval": interval_of(figure, unit),
        }
        for variant, figure in figures
    ]
    order = list(labels.values())
    return draw_ranges(values, order, languages_of(findings), top / size, suffix, cut)


def _end(figure: Figure) -> float:
    """The upper end of the interval, or the value where there is none."""
    return figure.value if figure.high is None else figure.high


def _by_load(findings: Findings, cells: Sequence[ReportedCell]) -> Values:
    """A row for each variant and load, with the median of all variants under that load."""
    values: Values = []
    for cell in cells:
        figures = _figures(findings, cell.id, THROUGHPUT)
        middle = median(figure.value for _, figure in figures)
        values += [
            who(findings, variant)
            | {
                "load": two_lines(load_label(cell)),
                "cell": cell_title(cell),
                "value": figure.value,
                "middle": middle,
                "text": value_of(figure, "1/s"),
                "interval": interval_of(figure, "1/s"),
            }
            for variant, figure in figures
        ]
    return values


def _figures(findings: Findings, cell: str, metric: str) -> Figures:
    """The variants that have the metric in the cell, in the order of the ranking."""
    found = ((variant, findings.figure(variant, cell, metric)) for variant in findings.order())
    return [(variant, figure) for variant, figure in found if figure is not None]


def _scale(top: float, unit: str) -> tuple[float, str]:
    """By what to divide, and the name of the unit that results."""
    for size, name in _SCALES.get(unit, ()):
        if top >= size:
            return size, name
    return 1, {"1/s": "answers per second", "share": "share", "bytes": "B"}.get(unit, unit)


def _in_words(findings: Findings, cell: str, metric: str) -> str:
    unit = findings.unit(metric)
    said = [
        f"{findings.names[variant]} {number(figure.value, unit)} ({interval_of(figure, unit)})"
        for variant, figure in _figures(findings, cell, metric)
    ]
    return f"{findings.report.metrics[metric].title}, in the order of the ranking: {few(said)}"


def few(said: Sequence[str]) -> str:
    """The first and the last of what could be said; the tables have the rest."""
    if len(said) <= 6:
        return f"{'; '.join(said)}."
    left = len(said) - 6
    return f"{'; '.join(said[:5])}; {left} between; {said[-1]}. The tables hold every figure."
