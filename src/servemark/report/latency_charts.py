"""What the page shows of latencies by percentile, in figures and in words."""

from __future__ import annotations

from collections.abc import Sequence

from servemark.report.charts import Chart, few, languages_of, who
from servemark.report.drawing import Values
from servemark.report.drawing_latency import (
    KINDS,
    draw_ecdf,
    draw_percentiles,
    draw_service_and_response,
    nines_of,
)
from servemark.report.findings import Findings
from servemark.report.model import LatencyCurve
from servemark.report.wording import cell_title, number
from servemark.units import NS_PER_MS

P99 = 0.99


def latency_charts(findings: Findings) -> list[Chart]:
    """Service time in the main cell: by percentile, and as a distribution."""
    curves = _curves(findings, findings.main.id)
    if not curves:
        return []
    values = [value for each in curves for value in _values(findings, each, each.service_ns)]
    where = cell_title(findings.main)
    at = _shares(findings).index(P99)
    said = [
        f"{findings.names[each.variant]} {number(each.service_ns[at], 'ns')}"
        for each in curves
        if len(each.service_ns) > at
    ]
    least = min(len(each.service_ns) for each in curves)
    words = f"p99 of the service time, in the order of the ranking: {few(said)}" if said else (
        f"Percentiles up to {_percent(_shares(findings)[least - 1])}."
    )  # fmt: skip
    return [
        Chart(
            id="percentiles",
            title=f"Service time by percentile, ms: {where}",
            note="Each further nine has the same room. All samples of all blocks together; a line "
            "ends where fewer than 10 samples lie above. Lower and flatter is better.",
            alternative=words,
            spec=draw_percentiles([v | {"nines": nines_of(v["share"])} for v in values]),
        ),
        Chart(
            id="ecdf",
            title=f"Share of answers within a time: {where}",
            note="The same samples as an empirical distribution. Further left is better.",
            alternative=words,
            spec=draw_ecdf(values),
        ),
    ]


def response_charts(findings: Findings) -> list[Chart]:
    """Service beside response time at the capacity of each variant; else in the open loops."""
    slo = findings.report.slo
    curves = [each for each in _curves(findings, None) if each.response_ns is not None]
    if slo is None or not curves:
        return []
    values: Values = []
    said = []
    at = _shares(findings).index(P99)
    for each in curves:
        response_ns = each.response_ns or ()
        for kind, times in zip(KINDS, (response_ns, each.service_ns), strict=True):
            values += [
                value | {"kind": kind, "nines": nines_of(value["share"])}
                for value in _values(findings, each, times)
            ]
        if min(len(response_ns), len(each.service_ns)) > at:
            pair = " beside ".join(number(v[at], "ns") for v in (response_ns, each.service_ns))
            said.append(f"{findings.names[each.variant]} {pair}")
    order = [findings.names[each.variant] for each in curves]
    return [
        Chart(
            id="service-response",
            title="Response time beside service time, ms, by percentile, at each one’s capacity",
            note="Solid: from when a request was due. Dashed: from when it was sent. What lies "
            f"between is waiting for a connection. Dotted: {slo.bound_ms:g} ms.",
            alternative=f"p99 of response beside service time: {few(said)}"
            if said
            else "Too few samples for p99.",
            spec=draw_service_and_response(values, order, languages_of(findings), slo.bound_ms),
        )
    ]


def _curves(findings: Findings, cell: str | None) -> list[LatencyCurve]:
    """Those of a cell that tell anything, in the order of the ranking."""
    found = {
        each.variant: each
        for each in findings.report.latencies
        if each.cell == cell and each.service_ns
    }
    return [found[variant] for variant in findings.order() if variant in found]


def _shares(findings: Findings) -> Sequence[float]:
    return findings.report.latency_shares


def _values(findings: Findings, curve: LatencyCurve, times_ns: Sequence[int]) -> Values:
    """A value for each share that is known."""
    shared = who(findings, curve.variant)
    return [
        shared
        | {
            "share": share,
            "ms": max(time_ns, 1) / NS_PER_MS,
            "percentile": _percent(share),
            "text": number(time_ns, "ns"),
        }
        for share, time_ns in zip(_shares(findings), times_ns, strict=False)
    ]


def _percent(share: float) -> str:
    """A share with all the nines that it has.

    >>> _percent(0.5), _percent(0.999), _percent(0.8666479)
    ('50 %', '99.9 %', '86.7 %')
    """
    digits = 3 if share < 0.99 else 6
    return f"{float(f'{100 * share:.{digits}g}'):g} %"
