"""The raw samples of a run as HdrHistogram logs, which the standard tools read.

A file holds one time of one variant in one cell; a line in it is one measured slice, with its start
and length in seconds. Values are in ns, with 3 significant digits; the largest is also given in ms.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogWriter
from numpy.typing import NDArray

from servemark.errors import StoreError
from servemark.records import Closed, TrialResult
from servemark.report.latencies import telling
from servemark.report.sections import capacities_found
from servemark.stats import middles_ns, tally
from servemark.store import RunFolder
from servemark.units import NS_PER_MS

LONGEST_NS = 3_600_000_000_000
DIGITS = 3


def write_hlogs(folder: RunFolder, target: Path) -> list[Path]:
    """Service times of each variant in each cell and at its capacity, and response times of open
    loops, from the slices that the report's latencies are of.

    Raises ``StoreError`` where there are no samples, or files cannot be read or written.
    """
    header, trials = folder.header(), folder.trials()
    by_file: dict[str, list[TrialResult]] = {}
    for result, cell in telling(trials, capacities_found(header.board, header.entrants, trials)):
        if result.samples is not None:
            by_file.setdefault(_stem(result.trial.variant.id, cell), []).append(result)
    if not by_file:
        raise StoreError(
            f"{folder.path} has no raw samples: the native engine keeps them, so run the board "
            "with it."
        )
    written = []
    try:
        target.mkdir(parents=True, exist_ok=True)
        for stem, results in by_file.items():
            written += _write_logs(folder, results, target / stem)
    except OSError as error:
        raise StoreError(f"{target} cannot be written ({error.strerror}).") from error
    return written


def _write_logs(folder: RunFolder, results: Sequence[TrialResult], stem: Path) -> list[Path]:
    """A log for each of the times that differ."""
    closed = isinstance(results[0].trial.cell.load, Closed)
    paths = [
        stem.with_name(f"{stem.name}.{time}.hlog")
        for time in (("service",) if closed else ("service", "response"))
    ]
    files = [path.open("w", encoding="ascii") for path in paths]
    try:
        writers = [HistogramLogWriter(file) for file in files]
        for writer, path in zip(writers, paths, strict=True):
            time = path.suffixes[-2].removeprefix(".")
            writer.output_comment(f"[servemark: {time} time in ns, run {_ascii(folder.path.name)}]")
            writer.output_log_format_version()
            writer.output_legend()
        for result in results:
            times = folder.latencies(result)
            for writer, values_ns in zip(writers, times or (), strict=False):
                writer.output_interval_histogram(_histogram(result, values_ns))
    finally:
        for file in files:
            file.close()
    return paths


def _histogram(result: TrialResult, values_ns: NDArray[np.int64]) -> HdrHistogram:
    """The values of a slice, stamped with its start and end."""
    histogram = HdrHistogram(1, LONGEST_NS, DIGITS)
    counts = tally(np.clip(values_ns, 1, LONGEST_NS))
    middles = middles_ns()
    for bucket in np.flatnonzero(counts):
        histogram.record_value(int(middles[bucket]), int(counts[bucket]))
    start_ms = datetime.fromisoformat(result.started_utc).timestamp() * 1000
    assert result.load is not None
    histogram.set_start_time_stamp(start_ms)
    histogram.set_end_time_stamp(start_ms + result.load.duration_ns / NS_PER_MS)
    return histogram


def _stem(variant: str, cell: str | None) -> str:
    """The name of a variant and cell as a file may be called everywhere.

    >>> _stem("python/flask@gunicorn+onnxruntime", "multipart/c16")
    'python-flask@gunicorn+onnxruntime--multipart-c16'
    """
    parts = (variant, "capacity" if cell is None else cell)
    return "--".join(re.sub(r"[^A-Za-z0-9.+@=]+", "-", part).strip("-.") for part in parts)


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()
