"""How choices are drawn: what each is worth, and what throughput takes in memory."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from servemark.report.drawing import Spec, Values, finished, rows_of

SCATTER_HEIGHT = 380


def draw_choices(groups: Values, factors: Values) -> Spec:
    """How many times as much the best of a group is as its worst, a row for each choice.

    A group holds ``name`` (of the choice), ``ratio``, ``apart`` (of ``APART``), and ``held``,
    ``between`` and ``text`` for people; a factor, in the order of rows, ``name``, ``none`` (the
    ratio of no difference), ``typical``, ``most`` and ``label``.
    """
    top = max(factor["most"] for factor in factors)
    x = alt.X(
        "ratio:Q",
        title="best ÷ worst",
        scale=alt.Scale(type="log", domain=[1, max(top, 1.5)], nice=False),
        axis=alt.Axis(tickCount=5, labelExpr="format(datum.value, '~r') + '×'"),
    )
    tooltip = [
        alt.Tooltip("held:N", title="held"),
        alt.Tooltip("between:N", title="best, worst"),
        alt.Tooltip("text:N", title="ratio"),
        alt.Tooltip("apart:N", title=" "),
    ]
    rows = rows_of([factor["name"] for factor in factors])
    of_factor = alt.Chart(alt.InlineData(values=factors)).encode(y=rows)
    of_group = alt.Chart(alt.InlineData(values=groups)).encode(y=rows)
    shape = alt.Shape(
        "apart:N",
        scale=alt.Scale(domain=list(APART), range=["circle", "cross"]),
        legend=alt.Legend(title=None, orient="top", direction="horizontal"),
    )
    return finished(
        alt.layer(
            of_factor.mark_rule(
                style="reference", strokeWidth=6, opacity=0.35, strokeCap="round"
            ).encode(x="none:Q", x2="most:Q"),
            of_group.mark_point(style="choice", size=45, strokeWidth=1.5, opacity=1).encode(
                x=x, shape=shape, tooltip=tooltip
            ),
            of_factor.mark_tick(style="mark", thickness=3, size=18).encode(x="typical:Q"),
            of_factor.mark_text(align="left", dx=10, style="figure").encode(
                x="most:Q", text="label:N"
            ),
        ),
        [factor["label"] for factor in factors],
    )


APART = ("told apart from noise", "not told apart")


def draw_scatter(points: Values, languages: Sequence[str], titles: tuple[str, str]) -> Spec:
    """Throughput against memory on logarithmic scales, a point for each variant.

    A point holds ``name``, ``language``, ``variant``, ``x``, ``y``, ``unbeaten`` (no other has more
    of y with less of x), ``side`` (of the point, where its name has room), and ``text`` for people.
    """
    x = alt.X(
        "x:Q",
        title=titles[0],
        scale=alt.Scale(type="log", nice=False, padding=24),
        axis=alt.Axis(tickCount=5, format="~r"),
    )
    y = alt.Y(
        "y:Q",
        title=titles[1],
        scale=alt.Scale(type="log", nice=False, padding=18),
        axis=alt.Axis(tickCount=5, format=",~r"),
    )
    legend = alt.Legend(title=None, orient="top", direction="horizontal")
    scale = alt.Scale(domain=list(languages))
    tooltip = [
        alt.Tooltip("variant:N", title="variant"),
        alt.Tooltip("text:N", title="answers per second, memory"),
    ]
    base = alt.Chart(alt.InlineData(values=points)).encode(x=x, y=y)
    unbeaten = base.transform_filter("datum.unbeaten")
    layers = [
        unbeaten.mark_line(interpolate="step-after", strokeDash=[3, 3], style="reference"),
        base.mark_point(filled=True, size=70, opacity=0.95).encode(
            color=alt.Color("language:N", scale=scale, legend=legend),
            shape=alt.Shape("language:N", scale=scale, legend=legend),
            tooltip=tooltip,
        ),
    ]
    left = "datum.side == 'left'"
    layers += [
        unbeaten.mark_text(
            align=alt.expr(f"{left} ? 'right' : 'left'"),
            dx=alt.expr(f"{left} ? -9 : 9"),
            dy=-7,
            style=[style],
        ).encode(text="name:N")
        for style in ("halo", "figure")
    ]
    spec = (
        alt.layer(*layers)
        .properties(
            width="container",
            height=SCATTER_HEIGHT,
            autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        )
        .to_dict()
    )
    spec.pop("config", None)
    return dict(spec) | {"usermeta": {"height": SCATTER_HEIGHT}}
