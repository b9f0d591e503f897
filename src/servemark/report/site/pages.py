"""The pages of the site: what each shows, put into its template."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment
from pygments.formatters import HtmlFormatter

from servemark import __version__
from servemark.report.battery_tables import cases_tables
from servemark.report.comparison import CAPACITY, SPEEDS
from servemark.report.findings import QUESTION
from servemark.report.site import tables
from servemark.report.site.checks import Checks, checks_tables
from servemark.report.site.drawing import draw_history, draw_panels
from servemark.report.site.folder import KnownRun
from servemark.report.site.history import Line, Track
from servemark.report.site.sources import Source
from servemark.report.site.tables import Ranking, contestant_page, ranking_table, slug, unit_of
from servemark.report.sortable import Column, Datum, Table
from servemark.report.theme import DARK, LIGHT, Palette, style_sheet
from servemark.report.web import charting_library, templates
from servemark.report.wording import number, plain
from servemark.stats import METRICS, THROUGHPUT

_FOLDER = Path(__file__).parent
LEADERS = 10
"""Rows of a ranking on the front page."""
RECENT = 12
"""Runs on the front page."""
PANEL_RUNS = 60
"""The latest so many runs are in the small panels of a board's page."""
MOST_EVENTS, MOST_RUNS = 200, 100
"""Rows of the tables of a board's page."""


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """A track with its latest run."""

    track: Track
    ranking: Ranking

    @property
    def page(self) -> str:
        return f"boards/{self.track.slug}.html"


@dataclass(frozen=True, slots=True)
class ContestantPage:
    """What the page of a contestant is made from."""

    contestant: str
    title: str
    homepage: str
    tracks: Sequence[Track]
    source: Source | None
    checks: Checks


def front_page(boards: Sequence[Leaderboard], runs: Mapping[str, KnownRun]) -> str:
    """Who leads on every board, what changed, and the latest runs."""
    current, former = _current(boards)
    languages: dict[str, dict[str, tuple[str, str]]] = {}
    for board in boards:
        for entry in board.track.entries:
            page = contestant_page(entry.contestant)
            languages.setdefault(entry.language, {})[entry.contestant] = (plain(entry.title), page)
    return _render(
        "front.html",
        "",
        title="Which web server should serve my model?",
        question=QUESTION,
        boards=[
            (board, ranking_table(board.ranking, board.track, "", LEADERS)) for board in current
        ],
        former=former,
        languages={
            language: sorted(set(found.values())) for language, found in sorted(languages.items())
        },
        runs=tables.runs_table(runs, "", RECENT),
        total=len(runs),
    )


def _current(
    boards: Sequence[Leaderboard],
) -> tuple[list[Leaderboard], list[Leaderboard]]:
    """The newest track of each board and machine, and the others."""
    seen: set[tuple[str, str]] = set()
    current: list[Leaderboard] = []
    former: list[Leaderboard] = []
    for board in boards:
        key = (board.track.board, board.track.machine)
        (former if key in seen else current).append(board)
        seen.add(key)
    return current, former


def board_page(board: Leaderboard, runs: Mapping[str, KnownRun], others: Sequence[Track]) -> str:
    """One track: the ranking of its latest run, its history and its runs."""
    track, ranking = board.track, board.ranking
    names = _names(track)
    of_track = {name: run for name, run in runs.items() if run.track == track.slug}
    main = [
        line
        for line in track.lines
        if line.cell == track.main_cell and line.metric == ranking.main.ranked_by
    ]
    cells = [
        (cell.title, _cell_table(ranking, name))
        for name, cell in ranking.digest.cells.items()
        if name not in (track.main_cell, "slo") and cell.standings
    ]
    return _render(
        "board.html",
        "../",
        title=f"{plain(track.title)} · {plain(track.machine)}",
        board=board,
        latest=slug(ranking.digest.run),
        ranking=ranking_table(ranking, track, "../"),
        cells=cells,
        panels=_panels(board, main, names),
        panel_runs=min(PANEL_RUNS, len(track.runs)),
        changes=_cut(tables.changes_table([track], {track.slug: track.lines}, names)),
        runs=tables.runs_table(of_track, "../", MOST_RUNS),
        others=[(each, _differences(track, each)) for each in others],
    )


def _names(track: Track) -> dict[str, str]:
    return {entry.variant: entry.name for entry in track.entries}


def _cut(table: Table | None) -> Table | None:
    if table is None or len(table.rows) <= MOST_EVENTS:
        return table
    caption = f"{table.caption}; the last {MOST_EVENTS} of {len(table.rows)}"
    return Table(table.id, caption, table.columns, table.rows[:MOST_EVENTS], table.sorted_by)


def _cell_table(ranking: Ranking, cell: str) -> Table:
    kept = ranking.digest.cells[cell]
    metrics = [THROUGHPUT, *tables.COSTS]
    rows = [
        [
            Datum(ranking.name(each.variant), ranking.name(each.variant)),
            *(tables.datum(each.figures.get(metric), metric) for metric in metrics),
        ]
        for each in kept.standings
    ]
    columns = [Column("variant", numeric=False, first="ascending")]
    columns += [Column("answers /s")]
    columns += [Column(head, first="ascending") for head in tables.COSTS.values()]
    return Table(f"cell-{slug(cell)}", kept.title, columns, rows)


def _panels(
    board: Leaderboard, lines: Sequence[Line], names: Mapping[str, str]
) -> dict[str, Any] | None:
    """The last runs of the variants of the latest ranking; nothing for a single run."""
    track = board.track
    first = max(len(track.runs) - PANEL_RUNS, 0)
    if len(track.runs) < 2:
        return None
    order = [each.variant for each in board.ranking.order()]
    values = []
    for line in sorted(
        (x for x in lines if x.variant in order), key=lambda x: order.index(x.variant)
    ):
        changes = {event.run: tables.percent_of(event) for event in line.events}
        for point in line.points:
            if point.run >= first:
                values.append(
                    {
                        "name": names[line.variant],
                        "run": point.run,
                        "value": point.value,
                        "text": number(point.value, unit_of(line.metric)),
                        "when": track.runs[point.run].created_utc[:10],
                    }
                    | ({"change": changes[point.run]} if point.run in changes else {})
                )
    if not values:
        return None
    return draw_panels(values, [names[each] for each in order])


def _differences(track: Track, other: Track) -> str:
    """How the conditions of another track of the same board differ."""
    names = [
        name
        for name in sorted(track.conditions.keys() | other.conditions.keys())
        if track.conditions.get(name) != other.conditions.get(name)
    ]
    return plain(", ".join(names)) or "nothing"


def contestant_html(page: ContestantPage) -> str:
    """One contestant: figures, history, how it is started and checked, and its source."""
    lines = {
        track.slug: [
            line for entry in track.entries_of(page.contestant) for line in track.of(entry.variant)
        ]
        for track in page.tracks
    }
    names = {
        entry.variant: entry.variant.partition("@")[2]
        for track in page.tracks
        for entry in track.entries_of(page.contestant)
    }
    entries = {
        entry.variant: entry
        for track in reversed(page.tracks)
        for entry in track.entries_of(page.contestant)
    }
    return _render(
        "contestant.html",
        "../../",
        title=plain(page.title),
        page=page,
        is_linked=page.homepage.startswith(("https://", "http://")),
        standings=tables.standings_table(page.tracks, page.contestant),
        histories=[_history(track, lines[track.slug], names) for track in page.tracks],
        history_spec=draw_history(),
        changes=_cut(tables.changes_table(page.tracks, lines, names)),
        entries=[entries[name] for name in sorted(entries)],
        anchors={name: slug(name) for name in entries},
        checks=checks_tables(page.checks.verifications),
        battery=cases_tables(page.checks.battery, {}),
    )


def _history(track: Track, lines: Sequence[Line], names: Mapping[str, str]) -> dict[str, Any]:
    """The lines of a contestant on one track, as compact as may be: the page draws them."""
    return {
        "title": f"{plain(track.board)} · {plain(track.machine)}",
        "runs": [[plain(run.run), run.created_utc] for run in track.runs],
        "lines": [
            {
                "variant": names[line.variant],
                "figure": f"{tables.NAMES[line.metric]} ({track.cells[line.cell]})",
                "unit": unit_of(line.metric),
                "points": [list(point) for point in line.points],
                "events": [
                    [
                        event.run,
                        event.before,
                        event.after,
                        event.better,
                        plain("; ".join(event.new)),
                    ]
                    for event in line.events
                ],
            }
            for line in sorted(lines, key=partial(_place, track))
        ],
    }


def _place(track: Track, line: Line) -> tuple[bool, str, str, int]:
    """The history opens on the first line: what the board ranks by is in its main cell."""
    metrics = list(tables.NAMES)
    return line.cell != track.main_cell, line.cell, line.variant, metrics.index(line.metric)


def runs_page(runs: Mapping[str, KnownRun], left_out: Mapping[str, str]) -> str:
    """Every run of the site, and what could not be read."""
    return _render(
        "runs.html",
        "",
        title="All runs",
        runs=tables.runs_table(runs, ""),
        left_out=sorted(left_out.items()),
    )


def compare_page() -> str:
    """The page that compares any two runs: it reads their digests when it is opened."""
    metrics: dict[str, dict[str, Any]] = {
        name: {"title": m.title, "unit": m.unit, "better": m.better} for name, m in METRICS.items()
    }
    metrics[CAPACITY] = {"title": "Capacity", "unit": "1/s", "better": "higher"}
    for name, entry in metrics.items():
        entry["words"] = ("faster", "slower") if name in SPEEDS else ("better", "worse")
    return _render("compare.html", "", title="Compare two runs", metrics=list(metrics.items()))


def _render(template: str, root: str, **context: object) -> str:
    return _environment().get_template(template).render(root=root, version=__version__, **context)


@cache
def _environment() -> Environment:
    environment = templates(_FOLDER / "templates")
    environment.policies["json.dumps_kwargs"] = {
        "sort_keys": True,
        "separators": (",", ":"),
        "ensure_ascii": False,
    }
    return environment


def assets() -> dict[str, Callable[[], bytes]]:
    """What the pages share: the charting library once, the scripts and the style."""
    scripts = {
        f"assets/{name}": (_FOLDER / name).read_bytes for name in ("history.js", "compare.js")
    }
    return {
        "assets/vega.js": lambda: charting_library().encode(),
        "assets/site.js": _script,
        "assets/site.css": _style,
        **scripts,
    }


def _script() -> bytes:
    return (_FOLDER.parent / "sortable.js").read_bytes() + (_FOLDER / "site.js").read_bytes()


def _style() -> bytes:
    style = style_sheet() + _by_scheme(*(_mark_colours(each) for each in (LIGHT, DARK)))
    style += (_FOLDER.parent / "page.css").read_text(encoding="utf-8")
    style += (_FOLDER / "site.css").read_text(encoding="utf-8")
    return (style + _by_scheme(*map(_source_colours, ("default", "github-dark")))).encode()


def _mark_colours(palette: Palette) -> str:
    series, change = palette.series[:2]
    return f":root {{ --series: {series}; --change: {change}; }}"


def _source_colours(style: str) -> str:
    return HtmlFormatter(style=style).get_style_defs(".source")  # type: ignore[no-any-return, no-untyped-call]


def _by_scheme(light: str, dark: str) -> str:
    return f"\n{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"
