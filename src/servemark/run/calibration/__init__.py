"""Calibration: the native engine and other generators against servers whose times are known."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from servemark import __version__
from servemark.launch import favoured, pinned
from servemark.plan.calibration import LAG_RATE_PER_S, Extent
from servemark.records.calibration import Calibration
from servemark.run.calibration.speed import conservation_of, speeds_of
from servemark.run.calibration.stand import CalibrationBench, Stand, Watcher
from servemark.run.calibration.times import Times
from servemark.run.machine import this_machine
from servemark.stats.calibration import bars, middle_lag, ratios
from servemark.units import NS_PER_US, format_ns

LATE_NS = 100 * NS_PER_US
"""A truth server whose p99 is later than this had not got a core to itself."""

__all__ = ["CalibrationBench", "Watcher", "calibrate"]


def calibrate(bench: CalibrationBench, extent: Extent, watcher: Watcher) -> Calibration:
    """Measure everything. Raises ``LaunchError`` or ``EngineError`` where servemark itself fails;
    another generator that fails is named in the notes."""
    with (
        tempfile.TemporaryDirectory(prefix="servemark-") as scratch,
        pinned(bench.cores.engine),
        favoured() as is_favoured,
    ):
        stand = Stand(bench, extent, watcher, Path(scratch))
        times = Times(stand)
        way = times.way()
        comparisons = times.closed(way)
        opened, lags = times.open(way)
        comparisons += opened
        lag = middle_lag(lags)
        conservation = conservation_of(stand)
        speeds = speeds_of(stand)
    server_error = times.server_error()
    if server_error.p99_ns is not None and server_error.p99_ns > LATE_NS:
        stand.notes.append(
            f"The truth server itself was {format_ns(server_error.p99_ns)} late (p99): something "
            "else used its core, so this run says little about any generator; calibrate again."
        )
    found = ratios(speeds)
    engine_share, server_share = times.disturbance()
    return Calibration(
        created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        command=bench.command,
        servemark_version=__version__,
        quick=extent.quick,
        machine=this_machine(),
        cores=bench.cores,
        favoured=is_favoured,
        generators=dict(bench.versions),
        absent=tuple(bench.absent),
        server_error=server_error,
        engine_waited_share=engine_share,
        server_waited_share=server_share,
        fixed_ns=way.read_ns,
        arrived_ns=way.arrived_ns,
        comparisons=tuple(comparisons),
        lag=lag,
        lag_p99s_ns=tuple(each.p99_ns for each in lags if each.p99_ns is not None),
        pauses=tuple(times.pauses),
        lag_rate_per_s=LAG_RATE_PER_S,
        conservation=conservation,
        speeds=tuple(speeds),
        ratios=tuple(found),
        bars=tuple(bars(comparisons, lag, conservation, found, times.pauses)),
        notes=tuple(stand.notes),
    )
