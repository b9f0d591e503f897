"""Two runs side by side: for each variant, cell and metric the ratio B ÷ A, and what it means."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal

from servemark.records import Entrant, Record, RunHeader, TrialResult
from servemark.report.figures import ERRORS, by_cell, error_shares, figure_of, ratio_of
from servemark.report.model import Figure, FoundCapacity, MetricEntry, Ratio
from servemark.report.results import main_cell, reported
from servemark.report.sections import capacities_found
from servemark.report.wording import cell_title
from servemark.stats import (
    METRICS,
    THROUGHPUT,
    Comparison,
    block_values,
    compare_unpaired,
    interval,
)
from servemark.stats.comparison import adjust
from servemark.store import RunFolder

COMPARISON_SCHEMA_VERSION = 1
Word = Literal["faster", "slower", "better", "worse", "same", "not comparable"]

CAPACITY = "capacity_per_s"
SLO_CELL = "slo"
SPEEDS = frozenset(
    {
        THROUGHPUT,
        CAPACITY,
        "mean_service_ns",
        "p50_service_ns",
        "p99_service_ns",
        "p50_response_ns",
        "p99_response_ns",
    }
)
"""Metrics of which one says faster and slower, and not better and worse."""
NO_TRIAL = "has no valid trial"
SIGNIFICANT = 0.05
LEAST_UNCHANGED = 3
"""Variants without a change that it takes to tell a change of the machine."""


class Side(Record):
    """One of the two runs."""

    run: str
    board: str
    created_utc: str
    servemark_version: str


class Obstacle(Record):
    """Something that differs between the runs and forbids a comparison."""

    what: str
    a: str
    b: str


class Change(Record):
    """What is new about a variant: its versions, or its source."""

    variant: str
    what: str


class Shift(Record):
    """What the variants without a change have in common: throughput B ÷ A over all of them."""

    ratio: Ratio
    variants: int


class Line(Record):
    """One metric of one variant in one cell. The runs are independent: Welch's t on logarithms."""

    variant: str
    cell: str
    metric: str
    a: Figure | None
    b: Figure | None
    ratio: Ratio | None
    """B ÷ A; ``None`` where there is none, as over 0."""
    p_value: float | None
    """Of "no difference", adjusted over all lines of the metric."""
    word: Word
    perhaps: Word | None = None
    """What it would be called if it were the only comparison of its metric, where it is "same"."""
    reason: str | None = None
    """Why it cannot be compared."""
    lost: bool = False
    """Whether A has a figure and B has none, though it was to measure that variant in that cell."""

    @property
    def told_apart(self) -> bool:
        return self.word not in ("same", "not comparable")

    @property
    def is_worse(self) -> bool:
        return self.word in ("slower", "worse")


class RunComparison(Record):
    """Everything that ``servemark compare`` shows."""

    schema_version: Literal[1] = 1
    a: Side
    b: Side
    obstacles: tuple[Obstacle, ...]
    changes: tuple[Change, ...]
    shift: Shift | None
    metrics: dict[str, MetricEntry]
    cells: dict[str, str]
    """What each cell is called, by id."""
    main_cell: str
    lines: tuple[Line, ...]


def compare_runs(a: RunFolder, b: RunFolder) -> RunComparison:
    """B against A, whatever stands against it: see ``obstacles``. Raises ``StoreError``."""
    first, second = _Run(a), _Run(b)
    cells = list(dict.fromkeys((*first.cells, *second.cells)))
    titles = {cell.id: cell_title(reported(cell)) for cell in cells}
    slo = first.header.board.slo or second.header.board.slo
    if slo is not None:
        titles[SLO_CELL] = f"{slo.percentile:g} % within {slo.bound_ms:g} ms"
    lines = _adjusted(list(_lines(first, second, tuple(titles))))
    return RunComparison(
        a=first.side(),
        b=second.side(),
        obstacles=tuple(obstacles(first.header, second.header)),
        changes=tuple(_changes(first.header, second.header)),
        shift=_shift(first.header, second.header, lines),
        metrics={
            **{
                name: MetricEntry(title=m.title, unit=m.unit, better=m.better)
                for name, m in METRICS.items()
            },
            CAPACITY: MetricEntry(title="Capacity", unit="1/s", better="higher"),
        },
        cells=titles,
        main_cell=main_cell(first.cells).id,
        lines=tuple(lines),
    )


class _Run:
    """A run folder, read once."""

    def __init__(self, folder: RunFolder) -> None:
        self.name = folder.path.name
        self.header = folder.header()
        self.cells = self.header.board.all_cells()
        self.entrants = {each.variant.id: each for each in self.header.entrants}
        trials = folder.trials()
        self._trials = by_cell(trials)
        self._capacities = _capacities(self.header, trials)
        self._left_out = {each.name: each.reason for each in self.header.excluded}
        self._unverified = {each.variant.id for each in folder.verifications() if not each.passed}

    def side(self) -> Side:
        return Side(
            run=self.name,
            board=self.header.board.name,
            created_utc=self.header.created_utc,
            servemark_version=self.header.servemark_version,
        )

    def values(self, variant: str, cell: str, metric: str) -> list[float]:
        """One value a block, of valid trials; of errors also of those that are invalid for them."""
        if metric == CAPACITY:
            found = self._capacities.get(variant)
            return [] if found is None else list(found.by_block.values())
        trials = self._trials.get((variant, cell), [])
        blocks = error_shares(trials) if metric == ERRORS else block_values(trials, metric)
        return list(blocks.values())

    def was_to_measure(self, variant: str, cell: str) -> bool:
        """Whether the variant was chosen for the run, even where it could not take part, and the
        cell is of its board."""
        chosen = variant in self.entrants or variant in self._left_out
        return chosen and self._has(cell)

    def why_without(self, variant: str, cell: str) -> str:
        """Why it has no values for a variant in a cell: what may follow its name."""
        if variant in self._left_out:
            return f"left it out ({self._left_out[variant]})"
        if variant not in self.entrants:
            return "did not enter"
        if not self._has(cell):
            return "has no such cell"
        if self.entrants[variant].variant.original().id in self._unverified:
            return "failed verification"
        if cell == SLO_CELL:
            return self._why_no_capacity(variant)
        trials = self._trials.get((variant, cell), [])
        if not trials:
            return "has not measured it"
        return "has no such figure" if any(each.verdict.valid for each in trials) else NO_TRIAL

    def _has(self, cell: str) -> bool:
        if cell == SLO_CELL:
            return self.header.board.slo is not None
        return cell in {each.id for each in self.cells}

    def _why_no_capacity(self, variant: str) -> str:
        found = self._capacities.get(variant)
        if found is None:
            return "has no capacity (the search for it was not begun)"
        return f"has no capacity ({found.reasons[0]})" if found.reasons else "has no capacity"


def _capacities(header: RunHeader, trials: Sequence[TrialResult]) -> dict[str, FoundCapacity]:
    found = capacities_found(header.board, header.entrants, trials)
    return {each.variant: each for each in found}


def _lines(a: _Run, b: _Run, cells: Sequence[str]) -> Iterator[Line]:
    entered = {**a.entrants, **b.entrants}
    for cell in cells:
        for metric in (CAPACITY,) if cell == SLO_CELL else METRICS:
            for variant, entrant in entered.items():
                old, new = a.values(variant, cell, metric), b.values(variant, cell, metric)
                # A line for what all are asked in any case, so that nobody is missing unseen.
                searched = metric == CAPACITY and entrant.variant.copy_number == 1
                if old or new or searched or metric == THROUGHPUT:
                    yield _line(a, b, (variant, cell, metric), (old, new))


def _line(
    a: _Run,
    b: _Run,
    what: tuple[str, str, str],
    values: tuple[Sequence[float], Sequence[float]],
) -> Line:
    variant, cell, metric = what
    old, new = values
    lacking = [
        f"{name} {run.why_without(variant, cell)}"
        for name, run, found in (("A", a, old), ("B", b, new))
        if not found
    ]
    if len(set(lacking)) > 1 and all(each.endswith(NO_TRIAL) for each in lacking):
        lacking = ["neither has a valid trial"]
    compared = compare_unpaired(new, old)
    if compared is not None and compared.blocks < 2:
        lacking.append("one block says nothing of the noise")
    return Line(
        variant=variant,
        cell=cell,
        metric=metric,
        a=figure_of(interval(old, least=0.0)),
        b=figure_of(interval(new, least=0.0)),
        ratio=None if compared is None or math.isinf(compared.ratio) else ratio_of(compared),
        p_value=None if compared is None or lacking else compared.p_value,
        word="not comparable" if lacking else _word(metric, compared),
        reason=" and ".join(lacking) or None,
        lost=bool(old) and not new and b.was_to_measure(variant, cell),
    )


def _word(metric: str, compared: Comparison | None) -> Word:
    """What the difference would be called if it were beyond chance."""
    if compared is None or compared.ratio == 1:
        return "same"
    higher_is_better = metric == CAPACITY or METRICS[metric].better == "higher"
    good = (compared.ratio > 1) == higher_is_better
    if metric in SPEEDS:
        return "faster" if good else "slower"
    return "better" if good else "worse"


def _adjusted(lines: Sequence[Line]) -> list[Line]:
    """The lines with p-values adjusted within each metric; the same where it may be chance."""
    adjusted: dict[int, float] = {}
    families: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        if line.p_value is not None:
            families.setdefault(line.metric, []).append(number)
    for numbers in families.values():
        found = adjust([lines[number].p_value or 0.0 for number in numbers])
        adjusted.update(zip(numbers, found.tolist(), strict=True))
    return [
        _judged(line, adjusted[number]) if number in adjusted else line
        for number, line in enumerate(lines)
    ]


def _judged(line: Line, adjusted: float) -> Line:
    changes: dict[str, object] = {"p_value": adjusted}
    if adjusted >= SIGNIFICANT:
        changes["word"] = "same"
        if line.p_value is not None and line.p_value < SIGNIFICANT:
            changes["perhaps"] = line.word
    return line.model_copy(update=changes)


def conditions(header: RunHeader) -> dict[str, str]:
    """What two runs must have in common for a comparison, by what it is called."""
    machine, cores, board = header.machine, header.cores, header.board
    return {
        "processor": machine.cpu_model,
        "number of cores": str(machine.cpu_count),
        "kernel": ".".join(machine.kernel.split(".")[:2]),
        "clock governor": machine.governor or "unknown",
        "cores of the server": _numbers(cores.server),
        "cores of the engine": _numbers(cores.engine),
        "engine": board.engine,
        "cells": ", ".join(sorted(cell.id for cell in board.all_cells())),
        "length of a slice": f"{board.slice_s:g} s",
        "warm-up": f"{board.warm_up_s:g} s",
        "objective": "none"
        if board.slo is None
        else f"{board.slo.percentile:g} % of {board.slo.workload} in {board.slo.bound_ms:g} ms",
        "requests" if header.target else "model": header.model_digest[:12],
        "number of requests" if header.target else "number of images": str(header.golden_images),
    }


def obstacles(a: RunHeader, b: RunHeader) -> Iterator[Obstacle]:
    """What differs between two runs, of what they must have in common."""
    old, new = conditions(a), conditions(b)
    for what in dict.fromkeys((*old, *new)):
        before, after = old.get(what, "none"), new.get(what, "none")
        if before != after:
            yield Obstacle(what=what, a=before, b=after)


def _numbers(cores: Sequence[int]) -> str:
    return ", ".join(str(core) for core in cores) or "any"


def _changes(a: RunHeader, b: RunHeader) -> Iterator[Change]:
    before = {each.variant.id: each for each in a.entrants}
    for each in b.entrants:
        old = before.get(each.variant.id)
        if old is not None and old.digest != each.digest:
            yield Change(variant=each.variant.id, what=_what_changed(old, each))


def _what_changed(old: Entrant, new: Entrant) -> str:
    names = sorted(old.versions.keys() | new.versions.keys())
    moved = [
        f"{name} {old.versions.get(name, 'none')} → {new.versions.get(name, 'none')}"
        for name in names
        if old.versions.get(name) != new.versions.get(name)
    ]
    return ", ".join(moved) or "its source, or how it is built or started"


def _shift(a: RunHeader, b: RunHeader, lines: Sequence[Line]) -> Shift | None:
    """What happened to all variants that did not change; ``None`` where it may be nothing."""
    before = {each.variant.id: each.digest for each in a.entrants}
    # Of a service of the user's own nobody knows whether its source has changed.
    unchanged = {
        each.variant.id
        for each in b.entrants
        if before.get(each.variant.id) == each.digest and not each.variant.is_service
    }
    logs: dict[str, list[float]] = {}
    for line in lines:
        speed = line.ratio if line.metric == THROUGHPUT and line.variant in unchanged else None
        if speed is not None and speed.value > 0:
            logs.setdefault(line.variant, []).append(math.log(speed.value))
    found = interval([sum(each) / len(each) for each in logs.values()])
    if found is None or found.blocks < LEAST_UNCHANGED or found.low <= 0 <= found.high:
        return None
    ratio = Ratio(
        value=math.exp(found.centre),
        low=math.exp(found.low),
        high=math.exp(found.high),
        blocks=found.blocks,
    )
    return Shift(ratio=ratio, variants=found.blocks)
