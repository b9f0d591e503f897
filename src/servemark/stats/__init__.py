"""Metrics, intervals, comparisons and verdicts. Pure: records and arrays in, numbers out."""

from servemark.stats.caching import CachingFound, find_caching
from servemark.stats.comparison import (
    Comparison,
    Standing,
    compare_paired,
    compare_unpaired,
    rank,
)
from servemark.stats.decisions import Made, Spread, spreads
from servemark.stats.intervals import Interval, blocks_for, deviation, interval
from servemark.stats.latency import (
    describe,
    lag_ns,
    latencies,
    mean_outstanding,
    response_ns,
    service_ns,
)
from servemark.stats.metrics import CPU, METRICS, THROUGHPUT, Metric
from servemark.stats.slices import complete
from servemark.stats.summary import block_values, summarise, values_by_block
from servemark.stats.tally import middles_ns, nines, percentiles_ns, tally
from servemark.stats.verdicts import Declared, judge

__all__ = [
    "CPU",
    "METRICS",
    "THROUGHPUT",
    "CachingFound",
    "Comparison",
    "Declared",
    "Interval",
    "Made",
    "Metric",
    "Spread",
    "Standing",
    "block_values",
    "blocks_for",
    "compare_paired",
    "compare_unpaired",
    "complete",
    "describe",
    "deviation",
    "find_caching",
    "interval",
    "judge",
    "lag_ns",
    "latencies",
    "mean_outstanding",
    "middles_ns",
    "nines",
    "percentiles_ns",
    "rank",
    "response_ns",
    "service_ns",
    "spreads",
    "summarise",
    "tally",
    "values_by_block",
]
