"""What the page shows of choices: what each is worth, and what throughput takes in memory."""

from __future__ import annotations

from servemark.report.charts import Chart, few, languages_of, who
from servemark.report.choice_wording import level_name, worth
from servemark.report.drawing import Values
from servemark.report.drawing_choices import APART, draw_choices, draw_scatter
from servemark.report.findings import Findings
from servemark.report.wording import cell_title, ratio_text, value_of
from servemark.units import MIB

MEMORY = "peak_pss_bytes"


def choice_charts(findings: Findings) -> list[Chart]:
    """Which decision matters: one chart for each metric."""
    metrics = dict.fromkeys(each.metric for each in findings.report.decisions)
    return [_choices(findings, metric) for metric in metrics]


def _choices(findings: Findings, metric: str) -> Chart:
    decisions = [each for each in findings.report.decisions if each.metric == metric]
    groups: Values = [
        {
            "name": each.factor,
            "ratio": group.ratio.value,
            "apart": APART[0] if group.different else APART[1],
            "held": group.held,
            "between": f"{level_name(group.best)}, {level_name(group.worst)}",
            "text": ratio_text(group.ratio),
        }
        for each in decisions
        for group in each.groups
    ]
    factors: Values = [
        {
            "name": each.factor,
            "none": 1,
            "typical": each.typical,
            "most": each.groups[0].ratio.value,
            "label": worth(each),
        }
        for each in decisions
    ]
    title = findings.report.metrics[metric].title
    return Chart(
        id=f"choices-{metric}",
        title=f"{title}: what each choice is worth",
        note="A circle: the best ÷ the worst of a group that differs in this choice alone. Line "
        "across: the median of the groups.",
        alternative="Best ÷ worst by choice: "
        + few([f"{each.factor} {worth(each)}" for each in decisions]),
        spec=draw_choices(groups, factors),
    )


def trade_chart(findings: Findings) -> Chart | None:
    """Throughput against memory in the main cell."""
    points: Values = []
    for variant in findings.order():
        speed = findings.figure(variant, findings.main.id)
        memory = findings.figure(variant, findings.main.id, MEMORY)
        if speed is not None and memory is not None and min(speed.value, memory.value) > 0:
            text = f"{value_of(speed, '1/s')}/s, {value_of(memory, 'bytes')}"
            points.append(
                who(findings, variant)
                | {"x": memory.value / MIB, "y": speed.value, "text": text}
            )  # fmt: skip
    if len(points) < 2:
        return None
    middle = (min(p["x"] for p in points) * max(p["x"] for p in points)) ** 0.5
    for point in points:
        point["unbeaten"] = not any(
            other["x"] <= point["x"] and other["y"] >= point["y"] and other is not point
            for other in points
        )
        point["side"] = "right" if point["x"] < middle else "left"
    said = [f"{point['name']} {point['text']}" for point in points if point["unbeaten"]]
    return Chart(
        id="trade",
        title=f"Throughput against memory: {cell_title(findings.main)}",
        note="Up and left is better. Named and joined: those that no other beats in both.",
        alternative=f"Beaten by no other in both: {few(said)}",
        spec=draw_scatter(
            points, languages_of(findings), ("peak memory (PSS), MiB", "answers per second")
        ),
    )
