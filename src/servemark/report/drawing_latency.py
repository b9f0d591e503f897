"""How latencies by percentile are drawn: rows of values in, Vega-Lite specifications out.

The axis of percentiles goes by the number of nines, −log₁₀(1 − share), as HdrHistogram's plots do:
each nine has the same room, so the tail is as easy to see as the middle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from servemark.report.drawing import PANEL_AXIS, PANEL_FONT_SIZE, Spec, Values, by_language, panels
from servemark.report.theme import DASHES

HEIGHT = 300
FONT_SIZE = 12
MEDIAN = math.log10(2)
_PERCENTILE = "datum.value < 0.5 ? '50 %' : format(100 * (1 - pow(10, -datum.value)), '~r') + ' %'"


def nines_of(share: float) -> float:
    """Where a share stands on the axis.

    >>> nines_of(0.0), round(nines_of(0.999), 9)
    (0.0, 3.0)
    """
    return abs(math.log10(1 - share))


def draw_percentiles(values: Values) -> Spec:
    """Latency in ms by percentile, a line for each variant that is held against others.

    A value holds ``name``, ``variant``, ``nines``, ``ms``, and ``percentile`` and ``text`` for
    people. Colour and dashes of a line go by its place among the values.
    """
    tooltip = [
        alt.Tooltip("variant:N", title="variant"),
        alt.Tooltip("percentile:N", title="percentile"),
        alt.Tooltip("text:N", title="service time"),
    ]
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=_nines(values), y=alt.Y("ms:Q", title=None, **_milliseconds()), detail="name:N"
    )
    return _lines(base, tooltip)


def draw_ecdf(values: Values) -> Spec:
    """The share of answers that took no longer than a time, a line for each variant.

    A value holds ``name``, ``variant``, ``share``, ``ms``, and ``percentile`` and ``text``.
    """
    tooltip = [
        alt.Tooltip("variant:N", title="variant"),
        alt.Tooltip("percentile:N", title="share of answers"),
        alt.Tooltip("text:N", title="within"),
    ]
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=alt.X("ms:Q", title="ms", **_milliseconds()),
        y=alt.Y(
            "share:Q",
            title=None,
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(format=".0%", tickCount=5),
        ),
        order="share:Q",
    )
    return _lines(base, tooltip)


def draw_service_and_response(
    values: Values, order: Sequence[str], languages: Sequence[str], bound_ms: float
) -> Spec:
    """Both times by percentile, a small panel for each variant.

    A value holds ``name``, ``language``, ``variant``, ``kind`` (one of ``KINDS``), ``nines``,
    ``ms``, and ``percentile`` and ``text`` for people. The dashed line across is the bound.
    """
    x = _nines(values, PANEL_FONT_SIZE)
    y = alt.Y("ms:Q", title=None, **_milliseconds(PANEL_FONT_SIZE))
    dash = alt.StrokeDash(
        "kind:N",
        scale=alt.Scale(domain=list(KINDS), range=[[1, 0], [4, 3]]),
        legend=alt.Legend(title=None, orient="top", direction="horizontal"),
    )
    tooltip = [
        alt.Tooltip("variant:N", title="variant"),
        alt.Tooltip("kind:N", title="time"),
        alt.Tooltip("percentile:N", title="percentile"),
        alt.Tooltip("text:N", title="within"),
    ]
    base = alt.Chart().encode(x=x, y=y, color=by_language(languages), tooltip=tooltip)
    layers = [
        alt.Chart()
        .mark_rule(aria=False, strokeDash=[1, 3], style="reference")
        .encode(y=alt.datum(bound_ms)),
        base.mark_line(strokeWidth=2).encode(strokeDash=dash),
        base.mark_point(size=60, opacity=0),
    ]
    return panels(layers, values, order, PANEL_AXIS)


KINDS = ("response time", "service time")


def _nines(values: Values, font_size: int = FONT_SIZE) -> alt.X:
    most = max(value["nines"] for value in values)
    places = [MEDIAN, *range(1 if font_size == FONT_SIZE else 2, math.floor(most + 1e-6) + 1)]
    axis = alt.Axis(
        values=places, labelExpr=_PERCENTILE, labelFontSize=font_size, labelOverlap="greedy"
    )
    return alt.X("nines:Q", title=None, scale=alt.Scale(domain=[0, most], nice=False), axis=axis)


def _milliseconds(font_size: int = FONT_SIZE) -> dict[str, Any]:
    """Scale and axis of a channel that shows milliseconds."""
    return {
        "axis": alt.Axis(tickCount=4, format="~r", labelFontSize=font_size),
        "scale": alt.Scale(type="log", nice=False),
    }


def _lines(base: alt.Chart, tooltip: Sequence[alt.Tooltip]) -> Spec:
    legend = alt.Legend(title=None, orient="top", direction="horizontal", symbolSize=400)
    colour = alt.Color("name:N", sort=None, legend=legend)
    dash = alt.StrokeDash("name:N", sort=None, scale=alt.Scale(range=list(DASHES)), legend=legend)
    chart = alt.layer(
        base.mark_line(strokeWidth=2).encode(color=colour, strokeDash=dash),
        base.mark_point(size=80, opacity=0).encode(tooltip=list(tooltip)),
    ).properties(
        width="container",
        height=HEIGHT,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )
    spec = chart.to_dict()
    spec.pop("config", None)
    return dict(spec) | {"usermeta": {"height": HEIGHT, "compared": True}}
