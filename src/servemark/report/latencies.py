"""Latencies by percentile, from the raw samples of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from servemark.errors import StoreError
from servemark.records import Closed, TrialResult
from servemark.report.model import FoundCapacity, LatencyCurve, Problem
from servemark.stats import nines, percentiles_ns, tally
from servemark.store import RunFolder

SHARES = nines()


@dataclass(slots=True)
class _Tallies:
    """The samples of one variant in one cell, as counts."""

    service: NDArray[np.int64]
    response: NDArray[np.int64] | None


def latencies_found(
    folder: RunFolder, trials: Sequence[TrialResult], capacities: Sequence[FoundCapacity]
) -> tuple[tuple[LatencyCurve, ...], tuple[Problem, ...]]:
    """A curve for each variant and cell of full answers, and one at its capacity.

    One file of samples is in memory at a time. Those that cannot be read are left out and told as
    a problem.
    """
    found: dict[tuple[str, str | None], _Tallies] = {}
    unread: list[str] = []
    for result, cell in telling(trials, capacities):
        try:
            samples = folder.latencies(result)
        except StoreError as error:
            unread.append(str(error))
            continue
        if samples is not None:
            closed = isinstance(result.trial.cell.load, Closed)
            _add(found, (result.trial.variant.id, cell), *samples, closed=closed)
    curves = tuple(
        LatencyCurve(
            variant=variant,
            cell=cell,
            count=int(each.service.sum()),
            service_ns=percentiles_ns(each.service, SHARES),
            response_ns=None if each.response is None else percentiles_ns(each.response, SHARES),
        )
        for (variant, cell), each in found.items()
    )
    return curves, _told(unread)


def telling(
    trials: Sequence[TrialResult], capacities: Sequence[FoundCapacity]
) -> Iterator[tuple[TrialResult, str | None]]:
    """The valid trials of full answers, with their cell, and those that confirmed a capacity
    (``None``)."""
    rates = {
        (each.variant, block): rate for each in capacities for block, rate in each.by_block.items()
    }
    for result in trials:
        trial = result.trial
        if not result.verdict.valid or trial.variant.copy_number > 1:
            continue
        if trial.purpose == "figure":
            if trial.cell.stage == "full" and trial.cell.workload != "null":
                yield result, trial.cell.id
        elif trial.purpose == "capacity" and trial.step == "confirm":
            load: Any = trial.cell.load
            if load.rate_per_s == rates.get((trial.variant.id, trial.block)):
                yield result, None


def _add(
    found: dict[tuple[str, str | None], _Tallies],
    key: tuple[str, str | None],
    service_ns: NDArray[np.int64],
    response_ns: NDArray[np.int64],
    *,
    closed: bool,
) -> None:
    service = tally(service_ns)
    response = None if closed else tally(response_ns)
    if key not in found:
        found[key] = _Tallies(service, response)
        return
    found[key].service += service
    if response is not None:
        former = found[key].response
        found[key].response = response if former is None else former + response


def _told(unread: Sequence[str]) -> tuple[Problem, ...]:
    if not unread:
        return ()
    more = f" And {len(unread) - 1} more." if len(unread) > 1 else ""
    return (
        Problem(
            name="raw samples",
            where="latency by percentile",
            gate=None,
            reason=f"{unread[0]}{more}",
            remedy="the curves lack these slices; every other figure stands without them",
            log_tail=None,
        ),
    )
