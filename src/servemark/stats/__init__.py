"""Metrics, intervals, comparisons and verdicts. Pure: records and arrays in, numbers out."""

from servemark.stats.caching import CachingFound, find_caching
from servemark.stats.comparison import (
    Comparison,
    Standing,
    compare_paired,
    compare_unpaired,
    rank,
)
from servemark.stats.intervals import Interval, interval
from servemark.stats.latency import describe, latencies, mean_outstanding
from servemark.stats.metrics import METRICS, Metric
from servemark.stats.slices import complete
from servemark.stats.summary import block_values, summarise
from servemark.stats.verdicts import Declared, judge

__all__ = [
    "METRICS",
    "CachingFound",
    "Comparison",
    "Declared",
    "Interval",
    "Metric",
    "Standing",
    "block_values",
    "compare_paired",
    "compare_unpaired",
    "complete",
    "describe",
    "find_caching",
    "interval",
    "judge",
    "latencies",
    "mean_outstanding",
    "rank",
    "summarise",
]
