"""How the page shows several models: a chart of the server's tax."""

from __future__ import annotations

import altair as alt

from servemark.report.charts import Chart
from servemark.report.drawing import Spec, Values
from servemark.report.findings import Findings
from servemark.report.model import ServedModel
from servemark.report.served_wording import server_name, tax_range
from servemark.report.wording import cell_title, number


def models_chart(findings: Findings) -> Chart | None:
    """The share of the time that each server takes for itself, as the model grows."""
    served = findings.report.served
    if not served:
        return None
    cell = served[0].cell
    labels = {each.model: _label(each) for each in served}
    taxes = {each.variant: each.tax for each in findings.report.taxes if each.cell == cell}
    values: Values = []
    for model, label in labels.items():
        for competitor in findings.report.competitors:
            tax = taxes.get(competitor.variant)
            if competitor.model == model and competitor.twin_of is None and tax is not None:
                low = tax.value if tax.low is None else tax.low
                high = tax.value if tax.high is None else tax.high
                values.append(
                    {
                        "server": server_name(findings, competitor),
                        "model": label,
                        "value": tax.value,
                        "low": low,
                        "high": high,
                        "text": number(tax.value, "share"),
                    }
                )
    if not values:
        return None
    said = [f"{each.model}: {tax_range(each)}" for each in served if each.least_tax is not None]
    return Chart(
        id="models-tax",
        title=f"The server's tax as the model grows: {cell_title(findings.cell(cell))}",
        note="The share of a core's time that is neither decoding nor inference. Less is better.",
        alternative=f"The server's tax, least to most: {'; '.join(said)}.",
        spec=_draw(values, list(labels.values())),
    )


def _label(served: ServedModel) -> str:
    alone = "" if served.alone_ns is None else f"\n{number(served.alone_ns, 'ns')}"
    return f"{served.model}{alone}"


def _draw(values: Values, models: list[str]) -> Spec:
    """A line for each server over the models in the order of their inference."""
    x = alt.X(
        "model:N",
        sort=models,
        title=None,
        axis=alt.Axis(labelAngle=0, labelExpr="split(datum.label, '\\n')"),
        scale=alt.Scale(padding=0.3),
    )
    y = alt.Y(
        "value:Q",
        title="tax, share of the time",
        axis=alt.Axis(format="%", tickCount=5),
        scale=alt.Scale(domain=[0, 1]),
    )
    names = list(dict.fromkeys(value["server"] for value in values))
    colour = alt.Color(
        "server:N",
        scale=alt.Scale(domain=names, scheme="tableau10"),
        legend=alt.Legend(title=None, orient="top", direction="horizontal", columns=3),
    )
    tooltip = [
        alt.Tooltip("server:N", title="server"),
        alt.Tooltip("model:N", title="model"),
        alt.Tooltip("text:N", title="tax"),
    ]
    base = alt.Chart(alt.InlineData(values=values)).encode(x=x, color=colour, tooltip=tooltip)
    layered = alt.layer(
        base.mark_line(strokeWidth=2).encode(y=y),
        base.mark_rule(strokeWidth=4, opacity=0.4).encode(y="low:Q", y2="high:Q"),
        base.mark_point(filled=True, size=60, opacity=1).encode(y=y),
    )
    spec = layered.properties(width="container", height=300).to_dict()
    spec.pop("config", None)
    return dict(spec) | {"usermeta": {"rows": 12}}
