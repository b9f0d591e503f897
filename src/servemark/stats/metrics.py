"""What is reported of a trial. To add a metric: a function, and a row in ``METRICS``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from servemark.records import TrialResult
from servemark.units import NS_PER_S


def throughput_per_s(result: TrialResult) -> float | None:
    """Right statuses per second of the slice."""
    load = result.load
    return None if load is None else load.counts.ok * NS_PER_S / load.duration_ns


def mean_service_ns(result: TrialResult) -> float | None:
    """Mean service time of a closed loop by Little's law: connections ÷ throughput."""
    if result.load is None or result.load.counts.answered == 0:
        return None
    connections = result.trial.cell.load.connections
    return connections * result.load.duration_ns / result.load.counts.answered


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
    "throughput_per_s": Metric("Answers per second", "1/s", "higher", throughput_per_s),
    "mean_service_ns": Metric("Mean service time", "ns", "lower", mean_service_ns),
    "server_cpu_ns": Metric("Server CPU per answer", "ns", "lower", server_cpu_ns),
    "peak_pss_bytes": Metric("Peak memory (PSS)", "bytes", "lower", peak_pss_bytes),
    "ready_ns": Metric("Start to ready", "ns", "lower", ready_ns),
    "first_answer_ns": Metric("Start to first answer", "ns", "lower", first_answer_ns),
    "error_share": Metric("Failed requests", "share", "lower", error_share),
}
