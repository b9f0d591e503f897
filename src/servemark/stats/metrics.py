"""What is reported of a trial. To add a metric: a function, and a row in ``METRICS``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from servemark.records import Closed, Distribution, TrialResult
from servemark.units import NS_PER_S

THROUGHPUT, CPU = "throughput_per_s", "server_cpu_ns"
"""Names of the two metrics that variants are ranked by."""


def throughput_per_s(result: TrialResult) -> float | None:
    """Right answers per second of the slice; those completed after its end do not count."""
    load = result.load
    if load is None:
        return None
    ok = load.counts.ok if load.ok_in_slice is None else load.ok_in_slice
    return ok * NS_PER_S / load.duration_ns


def mean_service_ns(result: TrialResult) -> float | None:
    """Mean service time: of the samples, or by Little's law (connections ÷ throughput)."""
    load, asked = result.load, result.trial.cell.load
    if load is None or load.counts.answered == 0:
        return None
    if load.latencies is not None:
        return None if load.latencies.service is None else load.latencies.service.mean_ns
    if not isinstance(asked, Closed):
        return None
    return asked.connections * load.duration_ns / load.counts.answered


def _latency(result: TrialResult, kind: str, name: str) -> float | None:
    """A percentile of the samples, where the engine keeps them."""
    if result.load is None or result.load.latencies is None:
        return None
    found: Distribution | None = getattr(result.load.latencies, kind)
    value: int | None = None if found is None else getattr(found, name)
    return None if value is None else float(value)


def p50_service_ns(result: TrialResult) -> float | None:
    """Median service time of the samples."""
    return _latency(result, "service", "p50_ns")


def p99_service_ns(result: TrialResult) -> float | None:
    """99th percentile of the service time of the samples."""
    return _latency(result, "service", "p99_ns")


def p50_response_ns(result: TrialResult) -> float | None:
    """Median response time of the samples, counted from when the request was due."""
    return _latency(result, "response", "p50_ns")


def p99_response_ns(result: TrialResult) -> float | None:
    """99th percentile of the response time of the samples, from when the request was due."""
    return _latency(result, "response", "p99_ns")


def p99_lag_ns(result: TrialResult) -> float | None:
    """99th percentile of the lag: how long after it was due a request left."""
    return _latency(result, "lag", "p99_ns")


def server_cpu_ns(result: TrialResult) -> float | None:
    """CPU time of the server's whole process tree per answer."""
    if result.server is None or result.load is None or result.load.counts.answered == 0:
        return None
    return result.server.cpu_ns / result.load.counts.answered


def peak_pss_bytes(result: TrialResult) -> float | None:
    """Largest proportional set size of the process tree seen around the slice."""
    return None if result.server is None else float(result.server.peak_pss_bytes)


def ready_ns(result: TrialResult) -> float | None:
    """From spawning the process to the first 200 of ``/healthz``."""
    return None if result.start_up is None else float(result.start_up.ready_ns)


def first_answer_ns(result: TrialResult) -> float | None:
    """From spawning the process to the first right prediction."""
    return None if result.start_up is None else float(result.start_up.first_answer_ns)


def error_share(result: TrialResult) -> float | None:
    """Failed requests as a share of all."""
    if result.load is None:
        return None
    counts = result.load.counts
    asked = counts.ok + counts.errors
    return counts.errors / asked if asked else None


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of a trial: what it is called, its unit, which way is better, how it is found."""

    title: str
    unit: Literal["1/s", "ns", "bytes", "share"]
    better: Literal["higher", "lower"]
    of: Callable[[TrialResult], float | None]


METRICS: dict[str, Metric] = {
    THROUGHPUT: Metric("Answers per second", "1/s", "higher", throughput_per_s),
    "mean_service_ns": Metric("Mean service time", "ns", "lower", mean_service_ns),
    "p50_service_ns": Metric("Service time, p50", "ns", "lower", p50_service_ns),
    "p99_service_ns": Metric("Service time, p99", "ns", "lower", p99_service_ns),
    "p50_response_ns": Metric("Response time, p50", "ns", "lower", p50_response_ns),
    "p99_response_ns": Metric("Response time, p99", "ns", "lower", p99_response_ns),
    "p99_lag_ns": Metric("Lag, p99", "ns", "lower", p99_lag_ns),
    CPU: Metric("Server CPU per answer", "ns", "lower", server_cpu_ns),
    "peak_pss_bytes": Metric("Peak memory (PSS)", "bytes", "lower", peak_pss_bytes),
    "ready_ns": Metric("Start to ready", "ns", "lower", ready_ns),
    "first_answer_ns": Metric("Start to first answer", "ns", "lower", first_answer_ns),
    "error_share": Metric("Failed requests", "share", "lower", error_share),
}
