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
    draw_dumbbells,
    draw_multiples,
    draw_ranges,
    two_lines,
)
from servemark.report.findings import THROUGHPUT, Findings
from servemark.report.model import Figure, ReportedCell
from servemark.report.wording import (
    cell_title,
    count,
    factor,
    load_label,
    median_of,
    number,
    spread_of,
    workload_name,
)

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
            note="Point: median of the blocks. Line: lowest to highest block. More is better.",
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
        spans.append(shared | {"from": form.median, "to": get.median,
                               "end": max(get.median, form.median)})  # fmt: skip
        points += [
            shared | {"way": way, "value": figure.median, "text": median_of(figure, "1/s")}
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
        + ", ".join(median_of(findings.figure(variant, cell.id), "1/s") for cell in cells)
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
    """Medians as points with their spread as a line, a row for each variant.

    The scale is that of all the cells ``beside`` it.
    """
    unit = findings.unit(metric)
    figures = _figures(findings, cell, metric)
    top = max(figure.high for each in beside for _, figure in _figures(findings, each, metric))
    size, suffix = _scale(top, unit)
    values: Values = [
        _who(findings, variant)
        | {
            "median": figure.median / size,
            "low": figure.low / size,
            "high": figure.high / size,
            "text": median_of(figure, unit),
            "spread": spread_of(figure, unit),
        }
        for variant, figure in figures
    ]
    return draw_ranges(values, _order(findings), _languages(findings), top / size, suffix)


def _by_load(findings: Findings, cells: Sequence[ReportedCell]) -> Values:
    """A row for each variant and load, with the median of all variants under that load."""
    values: Values = []
    for cell in cells:
        figures = _figures(findings, cell.id, THROUGHPUT)
        middle = median(figure.median for _, figure in figures)
        values += [
            _who(findings, variant)
            | {
                "load": two_lines(load_label(cell)),
                "cell": cell_title(cell),
                "median": figure.median,
                "middle": middle,
                "text": median_of(figure, "1/s"),
                "spread": spread_of(figure, "1/s"),
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
        f"{findings.names[variant]} {number(figure.median, unit)} ({spread_of(figure, unit)})"
        for variant, figure in _figures(findings, cell, metric)
    ]
    return f"{findings.report.metrics[metric].title}, in the order of the ranking: {_few(said)}"


def _few(said: Sequence[str]) -> str:
    """The first and the last of what could be said; the tables have the rest."""
    if len(said) <= 6:
        return f"{'; '.join(said)}."
    left = len(said) - 6
    return f"{'; '.join(said[:5])}; {left} between; {said[-1]}. The tables hold every figure."
