"""Which charts the page has: what each shows, in figures and in words. ``drawing`` draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from servemark.report.drawing import (
    FORM,
    GET,
    Spec,
    Values,
    draw_curves,
    draw_dumbbells,
    draw_multiples,
    draw_ranges,
    draw_stacks,
    two_lines,
)
from servemark.report.findings import STAGES, THROUGHPUT, Findings
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
from servemark.units import NS_PER_MS, NS_PER_US

WIDEST = 1.4
"""A scale goes no further beyond the largest value than this."""
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
            note="Point: mean of the blocks. Line: its 95 % interval. More is better.",
            alternative=_in_words(findings, cell.id, THROUGHPUT),
            spec=_ranges(
                findings,
                cell.id,
                THROUGHPUT,
                beside=[each.id for each in (cells[1:] if place else [cell])],
            ),
        )
        for place, cell in enumerate(cells)
    ]


def cost_charts(findings: Findings) -> list[Chart]:
    """Service time, CPU, memory and start-up in the main cell: one chart a metric."""
    return [
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
        shared = _who(findings, variant) | {"factor": factor(cost)}
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
            alternative="GET ÷ form by variant: " + _few(said),
            spec=draw_dumbbells(spans, points, _languages(findings)),
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
            alternative=f"With {', '.join(labels)} connections: {_few(said)}",
            spec=draw_multiples(values, _order(findings), labels, _languages(findings)),
        )
    ]


def capacity_charts(findings: Findings) -> list[Chart]:
    """p99 of the response time against the offered rate: from light load to overload."""
    slo = findings.report.slo
    if slo is None:
        return []
    values: Values = []
    order, said = [], []
    for found in findings.report.capacities:
        points = [point for point in found.curve if point.p99_ns is not None]
        capacity = None if found.rate_per_s is None else found.rate_per_s.value
        if not points:
            continue
        name = findings.names[found.variant]
        order.append(name)
        said.append(f"{name} {value_of(found.rate_per_s, '1/s')}")
        for point in points:
            rate, p99 = number(point.rate_per_s, "1/s"), number(point.p99_ns, "ns")
            values.append(
                _who(findings, found.variant)
                | {
                    "rate": point.rate_per_s,
                    "p99": (point.p99_ns or 0) / NS_PER_MS,
                    "capacity": capacity,
                    "text": f"{rate}/s → {p99}",
                }
            )
    if not values:
        return []
    bound = f"{slo.percentile:g} % within {slo.bound_ms:g} ms"
    return [
        Chart(
            id="capacity-curves",
            title="Response time (p99, ms) against the offered rate",
            note=f"Dashed: {slo.bound_ms:g} ms. Vertical line: the capacity, the highest rate with "
            f"{bound}. Both scales are logarithmic and the same for all.",
            alternative=f"Highest rate with {bound}: {_few(said)}",
            spec=draw_curves(values, order, _languages(findings), slo.bound_ms),
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
                note="Each part is what a stage costs beyond the one before it.",
                alternative=f"CPU per answer: {_few(said)}",
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
            }
        )
    return values


def _who(findings: Findings, variant: str) -> dict[str, Any]:
    competitor = next(c for c in findings.report.competitors if c.variant == variant)
    return {
        "name": findings.names[variant],
        "language": competitor.language,
        "variant": variant,
    }


def _languages(findings: Findings) -> list[str]:
    return sorted({each.language for each in findings.report.competitors})


def _order(findings: Findings) -> list[str]:
    return [findings.names[variant] for variant in findings.order()]


def _ranges(findings: Findings, cell: str, metric: str, beside: Sequence[str]) -> Spec:
    """Means as points with their interval as a line, a row for each variant.

    The scale is that of all the cells ``beside`` it. An interval that few blocks leave very wide is
    cut at the end of the scale.
    """
    unit = findings.unit(metric)
    figures = _figures(findings, cell, metric)
    shown = [figure for each in beside for _, figure in _figures(findings, each, metric)]
    largest = max(figure.value for figure in shown)
    top = min(max(_end(figure) for figure in shown), WIDEST * largest)
    size, suffix = _scale(top, unit)
    values: Values = [
        _who(findings, variant)
        | {
            "value": figure.value / size,
            "low": (figure.value if figure.low is None else figure.low) / size,
            "high": min(_end(figure), top) / size,
            "text": value_of(figure, unit),
            "interval": interval_of(figure, unit),
        }
        for variant, figure in figures
    ]
    return draw_ranges(values, _order(findings), _languages(findings), top / size, suffix)


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
            _who(findings, variant)
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


def _figures(findings: Findings, cell: str, metric: str) -> list[tuple[str, Figure]]:
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
    return f"{findings.report.metrics[metric].title}, in the order of the ranking: {_few(said)}"


def _few(said: Sequence[str]) -> str:
    """The first and the last of what could be said; the tables have the rest."""
    if len(said) <= 6:
        return f"{'; '.join(said)}."
    left = len(said) - 6
    return f"{'; '.join(said[:5])}; {left} between; {said[-1]}. The tables hold every figure."
