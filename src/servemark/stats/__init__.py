"""Metrics, their spread over blocks, and verdicts. Pure: records and arrays in, numbers out."""

from servemark.stats.metrics import METRICS, Metric
from servemark.stats.summary import Spread, spread, summarise
from servemark.stats.verdicts import judge

__all__ = ["METRICS", "Metric", "Spread", "judge", "spread", "summarise"]
