"""Every chart of a report, by the section of the page that it stands in."""

from __future__ import annotations

from servemark.report import charts
from servemark.report.charts import Chart
from servemark.report.choice_charts import choice_charts, trade_chart
from servemark.report.findings import Findings
from servemark.report.latency_charts import latency_charts, response_charts
from servemark.report.rate_charts import capacity_charts
from servemark.report.served_chart import models_chart


def gallery(findings: Findings) -> dict[str, list[Chart]]:
    """The charts of each section in the order of the page; a section without data has none."""
    throughput = charts.throughput_charts(findings)
    return {
        "hero": throughput[:1],
        "choices": choice_charts(findings),
        "workloads": throughput[1:],
        "upload": charts.upload_charts(findings),
        "loads": charts.load_charts(findings),
        "latency": latency_charts(findings),
        "capacity": capacity_charts(findings),
        "response": response_charts(findings),
        "tax": charts.tax_charts(findings),
        "models": _one(models_chart(findings)),
        "trade": _one(trade_chart(findings)),
        "costs": charts.cost_charts(findings),
    }


def _one(chart: Chart | None) -> list[Chart]:
    return [] if chart is None else [chart]
