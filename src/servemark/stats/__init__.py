"""Metrics, their spread over blocks, and verdicts. Pure: records and arrays in, numbers out."""

from servemark.stats.latency import describe, latencies, mean_outstanding
from servemark.stats.metrics import METRICS, Metric
from servemark.stats.slices import complete
from servemark.stats.summary import Spread, spread, summarise
from servemark.stats.verdicts import judge

__all__ = [
    "METRICS",
    "Metric",
    "Spread",
    "complete",
    "describe",
    "judge",
    "latencies",
    "mean_outstanding",
    "spread",
    "summarise",
]
