"""A calibration as a picture: errors of the percentiles, and ratios of speed."""

from __future__ import annotations

from typing import Any

import altair as alt
import vl_convert

from servemark.records.calibration import Calibration
from servemark.stats.calibration import FIGURES, OWN, spelt

LEAST_SHARE = 1e-4
"""Errors below 0.01 % are drawn there: the scale is logarithmic."""
PNG_SCALE = 2
_PALETTE = ("#d1495b", "#00798c", "#8d96a3", "#edae49", "#66a182", "#7768ae", "#2e4057")


def draw_calibration(found: Calibration) -> dict[str, Any]:
    """The picture as a Vega-Lite specification."""
    names = list(dict.fromkeys(each.generator for each in found.comparisons))
    colour = alt.Color(
        "generator:N",
        title=None,
        scale=alt.Scale(domain=names, range=list(_PALETTE[: len(names)])),
        legend=alt.Legend(orient="top"),
    )
    chart = alt.vconcat(_errors(found, colour), _ratios(found, colour)).configure(
        background="white", font="sans-serif"
    )
    return dict(chart.to_dict())


def calibration_svg(found: Calibration) -> str:
    """The picture as SVG."""
    return str(vl_convert.vegalite_to_svg(draw_calibration(found)))


def calibration_png(found: Calibration) -> bytes:
    """The picture as PNG."""
    return bytes(vl_convert.vegalite_to_png(draw_calibration(found), scale=PNG_SCALE))


def _errors(found: Calibration, colour: alt.Color) -> alt.FacetChart:
    """|error| ÷ truth for each figure, one panel a distribution and loop."""
    values = [
        {
            "panel": f"{each.distribution}, {each.loop}",
            "generator": each.generator,
            "figure": spelt(one.figure),
            "share": max(abs(one.error_ns) / one.truth_ns, LEAST_SHARE),
        }
        for each in found.comparisons
        for one in each.deviations
        if one.error_ns is not None and one.truth_ns
    ]
    allowed = [
        {
            "panel": f"{each.distribution}, {each.loop}",
            "figure": spelt(one.figure),
            "allowed": one.allowed_ns / one.truth_ns,
        }
        for each in found.comparisons
        if each.generator == OWN
        for one in each.deviations
        if one.allowed_ns is not None and one.truth_ns
    ]
    figures = alt.X(
        "figure:N",
        sort=[spelt(name) for name in FIGURES],
        title=None,
        axis=alt.Axis(labelAngle=0),
    )
    scale = alt.Scale(type="log", domainMin=LEAST_SHARE)
    axis = alt.Axis(format="~%", tickCount=5)
    points = (
        alt.Chart()
        .transform_filter("isValid(datum.share)")
        .mark_point(filled=True, size=55, opacity=0.8)
        .encode(
            x=figures,
            xOffset=alt.XOffset("generator:N"),
            y=alt.Y("share:Q", scale=scale, axis=axis, title="error ÷ truth"),
            color=colour,
        )
    )
    bars = (
        alt.Chart()
        .transform_filter("isValid(datum.allowed)")
        .mark_tick(color="black", thickness=1, width=34)
        .encode(x=figures, y=alt.Y("allowed:Q", scale=scale, axis=axis, title="error ÷ truth"))
    )
    return (
        alt.layer(bars, points, data=alt.InlineData(values=[*values, *allowed]))
        .properties(width=300, height=150)
        .facet(
            facet=alt.Facet(
                "panel:N", title=None, sort=list(dict.fromkeys(str(v["panel"]) for v in values))
            ),
            columns=2,
        )
        .properties(
            title="Error of each figure; the black line is the bar (1 % or 50 µs, p99.9 3 %)"
        )
    )


def _ratios(found: Calibration, colour: alt.Color) -> alt.HConcatChart:
    """servemark ÷ each other generator, by workload and connections."""
    values = [
        {
            "cell": f"{each.workload}, {each.connections}",
            "generator": each.generator,
            "throughput": each.throughput,
            "cpu": each.cpu,
        }
        for each in found.ratios
    ]
    cells = list(dict.fromkeys(str(value["cell"]) for value in values))
    one = alt.Chart(alt.InlineData(values=[{"one": 1}])).mark_rule(strokeDash=[4, 3])

    def panel(field: str, title: str) -> alt.LayerChart | alt.FacetChart:
        points = (
            alt.Chart(alt.InlineData(values=values))
            .mark_point(filled=True, size=80)
            .encode(
                x=alt.X(f"{field}:Q", scale=alt.Scale(type="log"), title=title),
                y=alt.Y("cell:N", sort=cells, title=None),
                color=colour,
            )
        )
        return alt.layer(one.encode(x="one:Q"), points).properties(width=300, height=150)

    return alt.hconcat(
        panel("throughput", "requests per second, servemark ÷ other (more is better)"),
        panel("cpu", "CPU per request, servemark ÷ other (less is better)"),
    )
