"""Runs that can be compared, in a row: how each variant's figures went from run to run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from servemark.records import Record
from servemark.report.comparison import CAPACITY, SLO_CELL
from servemark.report.site.digest import Entry, RunDigest
from servemark.stats import METRICS, THROUGHPUT
from servemark.stats.changes import level_changes

MAY_DIFFER = frozenset({"kernel", "clock governor"})
"""Conditions that a row of runs may change: what they do to figures is part of their history."""
IN_MAIN_CELL = ("throughput_per_s", "p99_service_ns", "server_cpu_ns", "peak_pss_bytes")
"""The metrics whose history is shown for the main cell."""


class Point(NamedTuple):
    """A figure of one run; ``run`` counts the track's runs from 0, the oldest."""

    run: int
    value: float
    low: float | None
    high: float | None


class Event(Record):
    """A change of level: the factor, and what else is new in that run."""

    run: int
    name: str
    """Of the run."""
    created_utc: str
    before: float
    after: float
    better: bool
    new: tuple[str, ...]
    """Versions and conditions that changed with it, such as ``flask 3.1 → 3.2``."""

    @property
    def percent(self) -> float:
        return 100 * (self.after / self.before - 1)


class Line(Record):
    """One metric of one variant in one cell."""

    variant: str
    cell: str
    metric: str
    points: tuple[Point, ...]
    events: tuple[Event, ...]


class TrackRun(Record):
    """A run of a track."""

    run: str
    created_utc: str
    servemark_version: str
    trials: int
    finished: bool


class Track(Record):
    """The runs of one board under the same conditions, oldest first."""

    slug: str
    board: str
    title: str
    machine: str
    conditions: dict[str, str]
    runs: tuple[TrackRun, ...]
    main_cell: str
    cells: dict[str, str]
    """Titles by id, of those with a history."""
    entries: tuple[Entry, ...]
    """Every variant that ever entered, as it was when it did so last."""
    lines: tuple[Line, ...]

    def of(self, variant: str) -> list[Line]:
        """The lines of one variant."""
        return [line for line in self.lines if line.variant == variant]

    def entries_of(self, contestant: str) -> list[Entry]:
        """The variants of one contestant."""
        return [entry for entry in self.entries if entry.contestant == contestant]


def track_slug(digest: RunDigest) -> str:
    """The name of a run's track in addresses: its board, and a digest of its conditions."""
    facts = {k: v for k, v in digest.conditions.items() if k not in MAY_DIFFER}
    text = json.dumps(facts, sort_keys=True).encode()
    return f"{digest.board}-{hashlib.sha256(text).hexdigest()[:8]}"


def make_track(runs: Iterable[RunDigest]) -> Track:
    """The history of runs of one track, oldest first. Each is looked at once, and let go."""
    history = _History()
    latest = None
    for latest in runs:
        history.add(latest)
    if latest is None:
        raise ValueError("a track has runs")
    return Track(
        slug=track_slug(latest),
        board=latest.board,
        title=latest.title,
        machine=latest.machine,
        conditions=latest.conditions,
        runs=tuple(history.runs),
        main_cell=latest.main_cell,
        cells={cell: latest.cells[cell].title for cell in _asked(latest)},
        entries=tuple(history.entries()),
        lines=tuple(history.lines()),
    )


class _History:
    """What is collected from run to run."""

    def __init__(self) -> None:
        self.runs: list[TrackRun] = []
        self._points: dict[tuple[str, str, str], list[Point]] = {}
        self._entries: dict[str, Entry] = {}
        self._news: dict[str, dict[int, list[str]]] = {}
        """Of each variant, by the number of the run; of all variants under the empty name."""
        self._last: RunDigest | None = None

    def add(self, run: RunDigest) -> None:
        number = len(self.runs)
        for cell, metrics in _asked(run).items():
            for standing in run.cells[cell].standings:
                for metric in metrics:
                    kept = standing.figures.get(metric)
                    if kept is not None:
                        key = (standing.variant, cell, metric)
                        point = Point(number, kept.value, kept.low, kept.high)
                        self._points.setdefault(key, []).append(point)
        if self._last is not None:
            self._news.setdefault("", {})[number] = _news_of_run(self._last, run)
        for entry in run.entries:
            old = self._entries.get(entry.variant)
            if old is None or old.digest != entry.digest:
                self._news.setdefault(entry.variant, {})[number] = _news_of_entry(old, entry)
            self._entries[entry.variant] = entry
        self._last = run
        self.runs.append(
            TrackRun(
                run=run.run,
                created_utc=run.created_utc,
                servemark_version=run.servemark_version,
                trials=run.trials,
                finished=run.finished,
            )
        )

    def entries(self) -> list[Entry]:
        return sorted(self._entries.values(), key=lambda each: each.variant)

    def lines(self) -> Iterator[Line]:
        for (variant, cell, metric), points in sorted(self._points.items()):
            events = self._events(variant, metric, [each for each in points if each.value > 0])
            yield Line(
                variant=variant,
                cell=cell,
                metric=metric,
                points=tuple(points),
                events=tuple(events),
            )

    def _events(self, variant: str, metric: str, points: Sequence[Point]) -> Iterator[Event]:
        for change in level_changes([point.value for point in points]):
            before, after = points[change.index - 1].run, points[change.index].run
            higher = metric == CAPACITY or METRICS[metric].better == "higher"
            yield Event(
                run=after,
                name=self.runs[after].run,
                created_utc=self.runs[after].created_utc,
                before=change.before,
                after=change.after,
                better=(change.ratio > 1) == higher,
                new=tuple(
                    news
                    for what in (variant, "")
                    for number, several in self._news.get(what, {}).items()
                    for news in several
                    if before < number <= after
                ),
            )


def _asked(latest: RunDigest) -> dict[str, tuple[str, ...]]:
    """The metrics with a history, by cell."""
    asked = {
        name: (THROUGHPUT,)
        for name, cell in latest.cells.items()
        if cell.beside_main and name != latest.main_cell
    }
    capacity = {SLO_CELL: (CAPACITY,)} if SLO_CELL in latest.cells else {}
    return {latest.main_cell: IN_MAIN_CELL, **asked, **capacity}


def _news_of_entry(old: Entry | None, new: Entry) -> list[str]:
    """What is new about a variant since its last run."""
    if old is None:
        return []
    return _moved(old.versions, new.versions) or ["its source, or how it is built or started"]


def _news_of_run(old: RunDigest, new: RunDigest) -> list[str]:
    """What is new around all variants since the run before."""
    facts = [
        {"servemark": run.servemark_version}
        | {name: run.conditions.get(name, "none") for name in sorted(MAY_DIFFER)}
        for run in (old, new)
    ]
    return _moved(*facts)


def _moved(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    return [
        f"{name} {old.get(name, 'none')} → {new.get(name, 'none')}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
