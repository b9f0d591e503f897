"""What the page shows of response times against the offered rate, in figures and in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from servemark.report.charts import Chart, few, languages_of, who
from servemark.report.drawing import Values, draw_curves
from servemark.report.findings import Findings
from servemark.report.model import Point
from servemark.report.wording import number, value_of
from servemark.units import NS_PER_MS

ALIKE = 1.1
"""Rates that differ by less than about this factor are drawn as one step of a line."""


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
                who(findings, found.variant)
                | {
                    "rate": point.rate_per_s,
                    "p99": (point.p99_ns or 0) / NS_PER_MS,
                    "capacity": capacity,
                    "text": f"{rate}/s → {p99}",
                }
            )
        values += [who(findings, found.variant) | step for step in _through(points)]
    if not values:
        return []
    bound = f"{slo.percentile:g} % within {slo.bound_ms:g} ms"
    return [
        Chart(
            id="capacity-curves",
            title="Response time (p99, ms) against the offered rate",
            note="A point is a slice; the line goes through the medians of those of about one "
            f"rate. Dashed: {slo.bound_ms:g} ms. Vertical: the capacity, the highest rate with "
            f"{bound}. Both scales are logarithmic and the same for all.",
            alternative=f"Highest rate with {bound}: {few(said)}",
            spec=draw_curves(values, order, languages_of(findings), slo.bound_ms),
        )
    ]


def _through(points: Sequence[Point]) -> Values:
    """The medians of points whose rates are alike, by rate."""
    alike: dict[int, list[Point]] = {}
    for point in points:
        alike.setdefault(round(math.log(point.rate_per_s) / math.log(ALIKE)), []).append(point)
    return [
        {
            "rate": median(point.rate_per_s for point in alike[step]),
            "middle": median(point.p99_ns or 0 for point in alike[step]) / NS_PER_MS,
        }
        for step in sorted(alike)
    ]
