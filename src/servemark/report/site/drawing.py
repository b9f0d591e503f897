"""How histories are drawn: Vega-Lite specifications, made with Altair. Colours and widths are the
page's business, as in the report's charts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import altair as alt

Spec = dict[str, Any]

PANEL_HEIGHT, LEAST_PANEL, SPACING = 70, 170, 16


def draw_panels(values: Sequence[dict[str, Any]], order: Sequence[str]) -> Spec:
    """The last runs of every variant, a small panel each, with its changes of level marked.

    A value holds ``name``, ``run`` (the number of its run), ``value``, ``text`` and ``when`` for
    people, and ``change`` where the level changes with it. Each panel has a scale of its own.
    """
    x = alt.X("run:Q", title=None, axis=None, scale=alt.Scale(nice=False, padding=6))
    y = alt.Y(
        "value:Q",
        title=None,
        scale=alt.Scale(zero=False, padding=8),
        axis=alt.Axis(tickCount=2, format=",~s", labelFontSize=11, grid=True),
    )
    tooltip = [
        alt.Tooltip("name:N", title="variant"),
        alt.Tooltip("when:N", title="run"),
        alt.Tooltip("text:N", title="answers per second"),
        alt.Tooltip("change:N", title="change of level"),
    ]
    base = alt.Chart().encode(x=x, tooltip=tooltip)
    changed = base.transform_filter("datum.change")
    layers = [
        changed.mark_rule(style="change"),
        base.mark_line(strokeWidth=1.3, style="course").encode(y=y),
        base.mark_point(filled=True, size=16, opacity=1, style="series").encode(y=y),
        # All points, the others unseen: a panel without any would leave its scale without an end.
        base.mark_point(filled=True, size=55, style="change").encode(
            y=y, opacity=alt.condition("datum.change", alt.value(1), alt.value(0))
        ),
    ]
    facet = alt.Facet(
        "name:N",
        sort=list(order),
        title=None,
        header=alt.Header(labelAnchor="start", labelLimit=LEAST_PANEL + 40, labelFontSize=11),
    )
    chart = (
        alt.layer(*layers, data=alt.InlineData(values=list(values)))
        .properties(width=LEAST_PANEL, height=PANEL_HEIGHT)
        .facet(facet=facet, columns=2)
        .properties(spacing=SPACING)
        .resolve_scale(y="independent")
    )
    spec = chart.to_dict()
    spec.pop("config", None)
    return dict(spec) | {"usermeta": {"leastWidth": LEAST_PANEL, "spacing": SPACING}}


@cache
def draw_history() -> Spec:
    """One figure from run to run, without its values: the page gives them as the data ``points``
    (``when``, ``value``, ``low``, ``high``, ``run``, ``text``), ``levels`` (``from``, ``to``,
    ``value``) and ``changes`` (``when``, ``value``, ``label``, ``better``)."""
    x = alt.X("when:T", title=None, axis=alt.Axis(tickCount=6, grid=False))
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=False, padding=12))
    tooltip = [
        alt.Tooltip("run:N", title="run"),
        alt.Tooltip("text:N", title="figure"),
        alt.Tooltip("interval:N", title="95 % interval"),
    ]
    points = alt.Chart(alt.NamedData("points")).encode(x=x, tooltip=tooltip)
    levels = alt.Chart(alt.NamedData("levels"))
    changes = alt.Chart(alt.NamedData("changes")).encode(x=x)
    told = [alt.Tooltip("label:N", title="change"), alt.Tooltip("new:N", title="new in that run")]
    layered = alt.layer(
        levels.mark_rule(strokeWidth=7, opacity=0.25, style="series").encode(
            x="from:T", x2="to:T", y="value:Q"
        ),
        changes.mark_rule(strokeDash=[4, 3], style="change").encode(tooltip=told),
        points.mark_rule(strokeWidth=1.5, opacity=0.55, style="series").encode(
            y=alt.Y("low:Q", title=None), y2="high:Q"
        ),
        points.mark_point(filled=True, size=34, opacity=1, style="series").encode(y=y),
        changes.mark_text(
            align="left", baseline="top", dx=5, y=2, style=["halo", "changed"]
        ).encode(text="label:N", tooltip=told),
        changes.mark_text(align="left", baseline="top", dx=5, y=2, style="changed").encode(
            text="label:N", tooltip=told
        ),
    )
    chart = layered.properties(
        width="container",
        height=230,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )
    spec = chart.to_dict()
    spec.pop("config", None)
    return dict(spec)
