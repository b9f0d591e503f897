"""How the charts are drawn: rows of values in, Vega-Lite specifications out, made with Altair.

Colours and fonts are those of ``theme``, widths the page's business: a mark says its role by a
``style`` or by the language it is of. ``usermeta`` tells what to fit to a width (``rows``: each
needs its height; ``leastWidth`` of a small panel, its ``spacing``, and the ``edge`` around all),
and how many variants go in (``most``, ``cut``). A row of values that is of one variant names it as
``variant``, so that the page can leave it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

FORM, GET = "uploaded as a form", "read from disk (GET)"
"""The two ways of asking that ``draw_dumbbells`` tells apart."""
ROW_HEIGHT = 24
LABEL_LIMIT = 260
NUMBERS = ",~r"
CHARACTER = 6.8
"""Width of a character at the size of figures, in pixels, about."""
PANEL_FONT_SIZE, PANEL_SPACING = 11, 14
PANEL_LEAST_WIDTH = 120
PANEL_EDGE, PANEL_AXIS = 12, 66
"""What Vega leaves free around panels; the same with figures to the left of them."""
PANEL_CHARACTER = 6.5
"""Of a panel's heading, about, so that no name is cut off."""
MOST_LABELLED_LOADS = 4
MOST_PANELS = 24
"""More of them are no longer a picture."""

Spec = dict[str, Any]
Values = list[dict[str, Any]]


def draw_ranges(
    values: Values,
    order: Sequence[str],
    languages: Sequence[str],
    top: float,
    title: str,
    cut: int | None = None,
) -> Spec:
    """Means as points with their interval as a line, a row for each variant.

    A value holds ``label`` (in ``order``), ``language``, ``variant``, ``value``, ``low``, ``high``,
    and ``text`` and ``interval`` for people. ``cut`` is how many rows a page shows at first.
    """
    x = alt.X(
        "value:Q",
        title=title,
        axis=alt.Axis(tickCount=5, format=NUMBERS),
        scale=alt.Scale(domain=[0, top or 1], nice=False),
    )
    tooltip = [
        alt.Tooltip("variant:N", title="variant"),
        alt.Tooltip("text:N", title="mean"),
        alt.Tooltip("interval:N", title="95 % interval"),
    ]
    base = alt.Chart(alt.InlineData(values=values)).encode(
        y=rows_of(order, "label"), tooltip=tooltip
    )
    colour = by_language(languages)
    layered = alt.layer(
        base.mark_rule(strokeWidth=5, opacity=0.4, strokeCap="round").encode(
            x="low:Q", x2="high:Q", color=colour
        ),
        base.mark_point(filled=True, size=70, opacity=1).encode(x=x, color=colour),
        base.mark_text(align="left", dx=9, style="figure").encode(x="high:Q", text="text:N"),
    )
    return finished(layered, [value["text"] for value in values], cut)


def draw_dumbbells(spans: Values, points: Values, languages: Sequence[str]) -> Spec:
    """GET and form as two points of a row, in the order of the spans, with their factor.

    A span holds ``name``, ``language``, ``from``, ``to``, ``end`` and ``factor``; a point holds
    ``name``, ``language``, ``variant``, ``way``, ``value`` and ``text``.
    """
    top = max(span["end"] for span in spans)
    x = alt.X(
        "value:Q",
        title="answers per second",
        axis=alt.Axis(tickCount=5, format=NUMBERS),
        scale=alt.Scale(domain=[0, top or 1], nice=False),
    )
    shape = alt.Shape(
        "way:N",
        scale=alt.Scale(domain=[FORM, GET], range=["circle", "diamond"]),
        legend=alt.Legend(title=None, orient="top", direction="horizontal"),
    )
    tooltip = [
        alt.Tooltip("variant:N", title="variant"),
        alt.Tooltip("way:N", title="image"),
        alt.Tooltip("text:N", title="answers per second"),
    ]
    rows = rows_of([span["name"] for span in spans])
    of_span = alt.Chart(alt.InlineData(values=spans)).encode(y=rows)
    of_point = alt.Chart(alt.InlineData(values=points)).encode(y=rows)
    return finished(
        alt.layer(
            of_span.mark_rule(strokeWidth=2, opacity=0.6).encode(
                x="from:Q", x2="to:Q", color=by_language(languages)
            ),
            of_point.mark_point(filled=True, size=85, opacity=1).encode(
                x=x, shape=shape, color=by_language(languages), tooltip=tooltip
            ),
            of_span.mark_text(align="left", dx=10, style="figure").encode(
                x="end:Q", text="factor:N"
            ),
        ),
        [span["factor"] for span in spans],
    )


def draw_multiples(
    values: Values, order: Sequence[str], labels: Sequence[str], languages: Sequence[str]
) -> Spec:
    """Throughput by load on a logarithmic scale, a small panel for each variant.

    A value holds ``name``, ``language``, ``variant``, ``load`` (one of the labels), ``cell``,
    ``value``, ``middle`` (the dashed line), and ``text`` and ``interval`` for people.
    """
    x = alt.X(
        "load:N",
        sort=[two_lines(label) for label in labels],
        title=None,
        scale=alt.Scale(padding=0.7 if any("(" in label for label in labels) else 0.3),
        axis=alt.Axis(
            labelAngle=0,
            ticks=False,
            domain=False,
            labelFontSize=PANEL_FONT_SIZE,
            labelOverlap=False,
        ),
    )
    lowest, highest = (end(v["value"] for v in values) for end in (min, max))
    span = max(highest / lowest, 1.2)
    domain = [lowest / span**0.1, highest * span**0.3]  # room for the numbers above the points
    scale = alt.Scale(type="log", domain=domain, nice=False)
    y, middle = (
        alt.Y(f"{field}:Q", scale=scale, title=None, axis=None) for field in ("value", "middle")
    )
    tooltip = [
        alt.Tooltip("variant:N", title="variant"),
        alt.Tooltip("cell:N", title="load"),
        alt.Tooltip("text:N", title="answers per second"),
        alt.Tooltip("interval:N", title="95 % interval"),
    ]
    base = alt.Chart().encode(x=x, color=by_language(languages), tooltip=tooltip)
    layers = [
        alt.Chart().mark_line(strokeDash=[3, 3], style="reference").encode(x=x, y=middle),
        base.mark_line(strokeWidth=2).encode(y=y),
        base.mark_point(filled=True, size=45, opacity=1).encode(y=y),
    ]
    if len(labels) <= MOST_LABELLED_LOADS:
        layers += [
            alt.Chart()
            .mark_text(dy=-10, style=[style], fontSize=PANEL_FONT_SIZE)
            .encode(x=x, y=y, text="text:N")
            for style in ("halo", "figure")
        ]
    return panels(layers, values, order)


def draw_curves(
    values: Values, order: Sequence[str], languages: Sequence[str], bound_ms: float
) -> Spec:
    """Response time against rate on logarithmic scales, a small panel for each variant.

    A value holds ``name``, ``language``, ``variant`` and ``rate``; that of a slice also ``p99`` in
    ms, ``capacity`` (the rate up to which the bound is met, or nothing) and ``text`` for people,
    and that of a step of the line ``middle`` in ms. The dashed line is the bound, the vertical one
    the capacity.
    """
    x = alt.X(
        "rate:Q",
        title=None,
        scale=alt.Scale(type="log", nice=False, padding=6),
        axis=alt.Axis(tickCount=3, format="~s", grid=False, labelFontSize=PANEL_FONT_SIZE),
    )
    y, middle = (
        alt.Y(
            f"{field}:Q",
            title=None,
            scale=alt.Scale(type="log", nice=False),
            axis=alt.Axis(tickCount=3, format="~r", labelFontSize=PANEL_FONT_SIZE),
        )
        for field in ("p99", "middle")
    )
    tooltip = [alt.Tooltip("variant:N"), alt.Tooltip("text:N", title="offered → p99")]
    base = alt.Chart().encode(x=x, color=by_language(languages))
    layers = [
        alt.Chart()
        .mark_rule(aria=False, strokeDash=[3, 3], style="reference")
        .encode(y=alt.datum(bound_ms)),
        alt.Chart().mark_rule(strokeWidth=1, style="reference").encode(x="capacity:Q"),
        base.transform_filter("isValid(datum.middle)").mark_line(strokeWidth=2).encode(y=middle),
        base.transform_filter("isValid(datum.p99)")
        .mark_point(filled=True, size=22, opacity=0.6)
        .encode(y=y, tooltip=tooltip),
    ]
    return panels(layers, values, order, PANEL_AXIS)


def draw_stacks(values: Values, order: Sequence[str], parts: Sequence[str]) -> Spec:
    """Parts of a whole as stacked bars, a row for each variant.

    A value holds ``name``, ``variant``, ``part`` (one of ``parts``), ``place`` (its number),
    ``value`` in µs, ``total`` and ``text`` for people; the last part of a row also ``label``, and
    ``alone`` where the work without a server is known: it is marked by a line across the bar.
    """
    x = alt.X(
        "sum(value):Q",
        title="CPU per answer, µs",
        axis=alt.Axis(tickCount=5, format=NUMBERS),
        scale=alt.Scale(nice=False),
    )
    colour = alt.Color(
        "part:N",
        scale=alt.Scale(domain=list(parts), range="ordinal"),
        legend=alt.Legend(title=None, orient="top", direction="horizontal"),
    )
    tooltip = [
        alt.Tooltip("variant:N", title="variant"),
        alt.Tooltip("part:N", title="part"),
        alt.Tooltip("text:N", title="CPU per answer"),
    ]
    base = alt.Chart(alt.InlineData(values=values)).encode(y=rows_of(order))
    layered = alt.layer(
        base.mark_bar(style="part").encode(
            x=x, color=colour, order=alt.Order("place:Q"), tooltip=tooltip
        ),
        base.transform_filter("isValid(datum.alone)")
        .mark_tick(style="mark", thickness=3, size=ROW_HEIGHT - 2)
        .encode(x="alone:Q", tooltip=alt.Tooltip("alone_text:N", title="in process, no server")),
        base.transform_filter("datum.label != null")
        .mark_text(align="left", dx=6, style="figure")
        .encode(x="total:Q", text="label:N"),
    )
    return finished(layered, [value["label"] for value in values if value["label"] is not None])


def panels(
    layers: Sequence[alt.Chart], values: Values, order: Sequence[str], edge: int = PANEL_EDGE
) -> Spec:
    """The layers once for each variant; as many in a row as there is room for beside the ``edge``,
    in pixels, that all of them need."""
    facet = alt.Facet(
        "name:N",
        sort=list(order),
        title=None,
        header=alt.Header(
            labelAnchor="start",
            labelLimit=LABEL_LIMIT,
            labelFontSize=PANEL_FONT_SIZE,
            labelPadding=4,
        ),
    )
    longest = max(len(value["name"]) for value in values)
    least = max(PANEL_LEAST_WIDTH, round(longest * PANEL_CHARACTER))
    chart = (
        alt.layer(*layers, data=alt.InlineData(values=values))
        .properties(width=least, height=84)
        .facet(facet=facet, columns=2)
        .properties(spacing=PANEL_SPACING)
        .resolve_axis(x="independent")
    )
    spec = chart.to_dict()
    spec.pop("config", None)
    room = {"leastWidth": least, "spacing": PANEL_SPACING, "edge": edge}
    meta = room | {"most": MOST_PANELS}
    return dict(spec) | {"usermeta": meta}


def two_lines(label: str) -> str:
    """What stands in brackets goes below the rest."""
    return label.replace(" (", "\n").rstrip(")")


def rows_of(names: Sequence[str], field: str = "name") -> alt.Y:
    """A row for each of the names, in their order."""
    axis = alt.Axis(labelLimit=LABEL_LIMIT, grid=True, domain=False, ticks=False)
    return alt.Y(f"{field}:N", sort=list(names), title=None, axis=axis)


def by_language(languages: Sequence[str]) -> alt.Color:
    """The colour of a mark by the language that it is of."""
    return alt.Color("language:N", scale=alt.Scale(domain=list(languages)), legend=None)


def finished(
    chart: alt.LayerChart | alt.FacetChart, labels: Sequence[str], cut: int | None = None
) -> Spec:
    """The specification, as wide as its place on the page; a row for each of the labels.

    To the right of the plot there is room for the longest of them.
    """
    room = round(max(len(label) for label in labels) * CHARACTER) + 12
    spec = chart.properties(
        width="container",
        height=ROW_HEIGHT * len(labels),
        padding={"left": 2, "top": 4, "right": room, "bottom": 4},
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    ).to_dict()
    spec.pop("config", None)
    return dict(spec) | {"usermeta": {"rows": len(labels)} | ({"cut": cut} if cut else {})}
