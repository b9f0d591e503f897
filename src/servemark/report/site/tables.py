"""The tables of the site: rankings, changes of level, and runs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

from servemark.records import parse_variant
from servemark.report.comparison import CAPACITY, SLO_CELL
from servemark.report.model import Figure
from servemark.report.site.digest import Entry, Kept, KeptCell, RunDigest, Standing
from servemark.report.site.folder import KnownRun
from servemark.report.site.history import Event, Line, Track
from servemark.report.sortable import Column, Datum, Table
from servemark.report.wording import (
    count,
    interval_of,
    listing,
    number,
    place,
    plain,
    workload_name,
)
from servemark.stats import METRICS, THROUGHPUT

COSTS = {
    "p99_service_ns": "p99",
    "server_cpu_ns": "CPU per answer",
    "peak_pss_bytes": "peak memory",
}
NAMES = {"throughput_per_s": "answers per second", CAPACITY: "capacity"} | COSTS
"""What a metric is called where it stands in a line of a table."""


def slug(text: str) -> str:
    """The text as part of an address and of a file's name: the same for no other text.

    >>> slug("20261122T180000Z-default"), slug("a b")
    ('20261122T180000Z-default', 'a-b-c8687a08')
    """
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", text)[:80].strip("-")
    if safe == text:
        return text
    return f"{safe}-{hashlib.sha256(text.encode()).hexdigest()[:8]}".lstrip("-")


def unit_of(metric: str) -> str:
    """The unit of a metric of the site."""
    return "1/s" if metric == CAPACITY else METRICS[metric].unit


def contestant_page(contestant: str) -> str:
    """Where the page of a contestant is, from the root of the site."""
    language, _, name = contestant.partition("/")
    return f"contestants/{slug(language)}/{slug(name)}.html"


def figure(kept: Kept) -> Figure:
    """What the digest keeps of a figure, as reports have it."""
    return Figure(value=kept.value, low=kept.low, high=kept.high, blocks=kept.blocks)


def datum(kept: Kept | None, metric: str, most: float | None = None) -> Datum:
    """A figure with its interval, and its bar where the largest of the column is given."""
    if kept is None:
        return Datum("–")
    unit = unit_of(metric)
    detail = None if kept.low == kept.high else interval_of(figure(kept), unit)
    share = None if not most else max(kept.value / most, 0.0)
    return Datum(number(kept.value, unit), kept.value, detail, share=share)


class Ranking:
    """The standings of a run's cells at hand."""

    def __init__(self, digest: RunDigest) -> None:
        self.digest = digest
        self.entries = {entry.variant: entry for entry in digest.entries}
        self._standings = {
            (name, each.variant): each
            for name, cell in digest.cells.items()
            for each in cell.standings
        }

    @property
    def main(self) -> KeptCell:
        return self.digest.cells[self.digest.main_cell]

    def order(self) -> list[Standing]:
        """The variants of the main cell with a rank, best first."""
        return [each for each in self.main.standings if each.rank is not None]

    def kept(self, cell: str, variant: str, metric: str) -> Kept | None:
        """A figure of a variant in a cell, where there is one."""
        standing = self._standings.get((cell, variant))
        return None if standing is None else standing.figures.get(metric)

    def name(self, variant: str) -> str:
        return self.entries[variant].name

    def answer(self) -> str:
        """Who is first, in one sentence."""
        order = self._of_first_model()
        if not order:
            return "Nothing was measured to the end."
        first = [each for each in order if each.rank == order[0].rank]
        names = [self.name(each.variant) for each in first]
        shown = listing(names if len(names) <= 3 else [*names[:2], f"{len(names) - 2} more"])
        metric = self.main.ranked_by
        best = first[0].figures.get(metric)
        if best is None:
            return f"{shown} first ({self.main.title})."
        value = number(best.value, unit_of(metric))
        what = f"{value} answers per second" if metric == THROUGHPUT else value
        verb = "is first" if len(names) == 1 else "are first and cannot be told apart"
        return f"{shown} {verb}: {what} ({self.main.title})."

    def _of_first_model(self) -> list[Standing]:
        """The order, as far as it is of the model that comes first: each has ranks of its own."""
        order = self.order()
        return [each for each in order if _model(each) == _model(order[0])]

    def others(self) -> list[str]:
        """The cells of the other workloads under the main load."""
        return [
            name
            for name, cell in self.digest.cells.items()
            if cell.beside_main and name != self.digest.main_cell
        ]


def ranking_table(
    ranking: Ranking, track: Track | None, root: str, most_rows: int | None = None
) -> Table:
    """The variants by the main cell; with fewer columns where rows are cut."""
    main, metric = ranking.digest.main_cell, ranking.main.ranked_by
    others = ranking.others()
    has_slo = SLO_CELL in ranking.digest.cells
    order = ranking.order()[:most_rows]
    columns = [
        Column("#", first="ascending"),
        Column("variant", numeric=False, first="ascending"),
        Column(f"{workload_name(ranking.main.workload)} /s"),
        *(Column(f"{workload_name(ranking.digest.cells[each].workload)} /s") for each in others),
        *([Column("capacity /s")] if has_slo else []),
        *(Column(head, first="ascending") for head in COSTS.values()),
        *([Column("latest change", numeric=False, first="descending")] if track else []),
    ]
    tops = {
        cell: max(
            (
                kept.value
                for each in order
                if (kept := ranking.kept(cell, each.variant, THROUGHPUT))
            ),
            default=None,
        )
        for cell in (main, *others)
    }
    rows = []
    for each in order:
        name = each.variant
        rows.append(
            [
                Datum(_place(each), each.rank),
                _variant(ranking.entries[name], root),
                *(datum(ranking.kept(cell, name, THROUGHPUT), THROUGHPUT, tops[cell])
                  for cell in (main, *others)),
                *([datum(ranking.kept(SLO_CELL, name, CAPACITY), CAPACITY)] if has_slo else []),
                *(datum(each.figures.get(cost), cost) for cost in COSTS),
                *([_latest_change(track, name, main, metric)] if track else []),
            ]
        )  # fmt: skip
    caption = f"By {ranking.main.title}; run of {ranking.digest.created_utc[:10]}"
    return Table(f"ranking-{slug(ranking.digest.run)}", caption, columns, rows, sorted_by=0)


def _model(standing: Standing) -> str | None:
    variant = parse_variant(standing.variant)
    return None if variant is None else variant.model


def _place(standing: Standing) -> str:
    if standing.rank is None or standing.last_rank is None:
        return "–"
    return place(standing.rank, standing.last_rank)


def _variant(entry: Entry, root: str) -> Datum:
    detail = f"{plain(entry.title)}, {entry.server}, {entry.runtime}"
    href = f"{root}{contestant_page(entry.contestant)}#{slug(entry.variant)}"
    return Datum(entry.name, entry.name, detail, href)


def _latest_change(track: Track, variant: str, cell: str, metric: str) -> Datum:
    events = [
        event
        for line in track.of(variant)
        if line.cell == cell and line.metric == metric
        for event in line.events
    ]
    if not events:
        return Datum("–")
    return Datum(percent_of(events[-1]), events[-1].created_utc, events[-1].created_utc[:10])


def percent_of(event: Event) -> str:
    """A change, with the word for its direction: a sign does not say which way is up."""
    sign = "+" if event.percent >= 0 else "−"
    return f"{sign}{abs(event.percent):.1f} % ({'better' if event.better else 'worse'})"


def changes_table(
    tracks: Sequence[Track], lines: Mapping[str, Sequence[Line]], names: Mapping[str, str]
) -> Table | None:
    """The changes of level of the lines given by the slug of their track, the latest first."""
    found = [
        (event, line, track)
        for track in tracks
        for line in lines.get(track.slug, ())
        for event in line.events
    ]
    if not found:
        return None
    several = len(tracks) > 1
    rows = [
        [
            Datum(event.created_utc[:10], event.created_utc, detail=plain(event.name)),
            *(
                [Datum(plain(track.board), track.slug, detail=plain(track.machine))]
                if several
                else []
            ),
            Datum(names.get(line.variant, plain(line.variant)), line.variant),
            Datum(NAMES[line.metric], line.metric, detail=track.cells[line.cell]),
            Datum(_levels(event, line.metric)),
            Datum(percent_of(event), event.percent),
            Datum(plain("; ".join(event.new)) or "nothing that servemark knows of"),
        ]
        for event, line, track in sorted(
            found, key=lambda each: (each[0].created_utc, each[1].variant), reverse=True
        )
    ]
    heads = ["run", *(["board"] if several else []), "variant", "figure", "level", "change"]
    columns = [Column(head, numeric=head == "change") for head in [*heads, "new in that run"]]
    return Table("changes", "Changes of level, the latest first", columns, rows, sorted_by=0)


def _levels(event: Event, metric: str) -> str:
    unit = unit_of(metric)
    return f"{number(event.before, unit)} → {number(event.after, unit)}"


def runs_table(runs: Mapping[str, KnownRun], root: str, most_rows: int | None = None) -> Table:
    """Runs, the latest first, each to be compared with the one before it on the same track."""
    total = count(len(runs), "run")
    before: dict[str, str] = {}
    rows = []
    for name, run in sorted(runs.items(), key=lambda each: (each[1].created_utc, each[0])):
        former = before.get(run.track)
        address = f"{root}compare.html?b={slug(name)}"
        compare = (
            Datum("–")
            if former is None
            else Datum("compare", href=f"{root}compare.html?a={slug(former)}&b={slug(name)}")
        )
        rows.append(
            [
                Datum(run.created_utc[:16].replace("T", " "), run.created_utc),
                Datum(plain(name), name, href=address),
                Datum(
                    run.board,
                    run.board,
                    detail=plain(run.machine),
                    href=f"{root}boards/{run.track}.html",
                ),
                Datum(
                    count(run.trials, "trial"), run.trials, None if run.finished else "not finished"
                ),
                Datum(run.servemark_version, run.servemark_version),
                compare,
            ]
        )
        before[run.track] = name
    columns = [Column("time (UTC)", numeric=False), Column("run", numeric=False, first="ascending")]
    columns += [Column("board", numeric=False, first="ascending"), Column("trials")]
    columns += [Column("servemark", numeric=False), Column("with the one before", numeric=False)]
    shown = rows[::-1][:most_rows]
    caption = total if len(shown) == len(rows) else f"The latest {len(shown)} of {total}"
    return Table("runs", caption, columns, shown, sorted_by=0)


def standings_table(tracks: Sequence[Track], contestant: str) -> Table:
    """Where the variants of a contestant stood last, on every track."""
    metrics = [THROUGHPUT, *COSTS]
    rows = []
    for track in tracks:
        for entry in track.entries_of(contestant):
            last = {
                line.metric: line.points[-1]
                for line in track.of(entry.variant)
                if line.cell == track.main_cell and line.metric in metrics
            }
            if not last:
                continue
            run = track.runs[max(point.run for point in last.values())]
            found = []
            for metric in metrics:
                point = last.get(metric)
                kept = (
                    None
                    if point is None
                    else Kept(point.value, point.low, point.high, 0, None, None)
                )
                found.append(datum(kept, metric))
            rows.append(
                [
                    Datum(
                        track.board,
                        track.slug,
                        plain(track.machine),
                        f"../../boards/{track.slug}.html",
                    ),
                    Datum(f"{entry.server} + {entry.runtime}{_settings(entry)}", entry.variant),
                    Datum(run.created_utc[:10], run.created_utc),
                    *found,
                ]
            )
    columns = [
        Column(head, numeric=False, first="ascending") for head in ("board", "server", "last run")
    ]
    columns += [Column("answers /s"), *(Column(head, first="ascending") for head in COSTS.values())]
    return Table("standings", "Latest figures, with 95 % intervals", columns, rows)


def _settings(entry: Entry) -> str:
    settings = {"workers": entry.workers, "threads": entry.threads}
    return "".join(f", {count(n, name[:-1])}" for name, n in settings.items() if n > 1)
