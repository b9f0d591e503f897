"""From folders of runs to a site: what has not changed is neither read nor written again."""

from __future__ import annotations

import gc
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from servemark import __version__
from servemark.catalog import Contestant
from servemark.errors import StoreError, UsageError
from servemark.records import BatteryResult, Verification
from servemark.report.site import pages
from servemark.report.site.checks import Checks
from servemark.report.site.digest import RunDigest, digest_of, source_digest
from servemark.report.site.folder import KnownRun, SiteFolder, to_json
from servemark.report.site.history import Track, make_track, track_slug
from servemark.report.site.sources import Source, read_source
from servemark.report.site.tables import Ranking, contestant_page, slug
from servemark.store import RunFolder
from servemark.store.folder import HEADER

MADE_WITH = ("altair", "vl-convert-python", "jinja2", "pygments")
"""Libraries whose versions show in the bytes of the site."""
MADE_BY = ("*.py", *(f"{name}/**/*" for name in ("plan", "records", "report", "stats", "store")))
"""Files of servemark that do."""
NO_JEKYLL = ".nojekyll"
"""An empty file that keeps GitHub Pages from building what is built."""
FEW = 4
"""So many runs are read without processes of their own, which take a second to start."""

SELDOM = 100_000
"""So many objects are made between two searches for circles of garbage. The records of runs are
many and make none: with a search after every 700, as is usual, they take a third of the time."""

Read = tuple[KnownRun, bytes]
T = TypeVar("T", Verification, BatteryResult)
Said = Callable[[int, int], None]
"""Called with how many of how many runs have been read."""


def _silent(_done: int, _total: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Published:
    """What was done. ``left_out`` says, by the run's folder, why it could not be read."""

    runs: int
    read: int
    written: int
    unchanged: int
    removed: int
    left_out: dict[str, str]


def publish(
    folders: Sequence[Path],
    to: Path,
    contestants: Mapping[str, Contestant],
    *,
    keep: bool = False,
    said: Said = _silent,
) -> Published:
    """A site over the runs in those folders, each a run or a folder of runs.

    With ``keep``, runs that the site has and the folders have not stay. Sources of contestants are
    those given. Raises ``UsageError`` where there is no run or ``to`` is something else, and
    ``StoreError`` where it cannot be written.
    """
    found = find_runs(folders)
    site = SiteFolder(to, _maker())
    for name, make in pages.assets().items():
        site.put(name, "", make)
    with _seldom_collected():
        runs, read, left_out = _runs(site, found, keep, said)
        if not runs:
            raise UsageError(_why_none(left_out))
        _Maker(site, runs, found, contestants, left_out).make()
    site.finish(runs)
    return Published(len(runs), read, site.written, site.unchanged, site.removed, left_out)


@contextmanager
def _seldom_collected() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def find_runs(folders: Iterable[Path]) -> dict[str, Path]:
    """The runs in those folders by name. Raises ``UsageError`` for none, or two of one name."""
    found: dict[str, Path] = {}
    for folder in folders:
        headers = [folder / HEADER] if (folder / HEADER).is_file() else folder.glob(f"*/{HEADER}")
        paths = sorted(header.parent.resolve() for header in headers)
        if not paths:
            raise UsageError(f"There is no run in {folder}: give run folders, or folders of them.")
        for path in paths:
            former = found.setdefault(path.name, path)
            if former != path:
                raise UsageError(f"{former} and {path} have one name: rename one of them.")
    return found


def _maker() -> str:
    """Digest of everything but the runs that the bytes of the site depend on."""
    total = hashlib.sha256(__version__.encode())
    for name in MADE_WITH:
        total.update(f"{name} {version(name)}".encode())
    package = Path(__file__).parents[2]
    for path in sorted(path for pattern in MADE_BY for path in package.glob(pattern)):
        if path.suffix in (".py", ".html", ".js", ".css"):
            total.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return total.hexdigest()


def _data(run: str) -> str:
    return f"data/runs/{slug(run)}.json"


def _runs(
    site: SiteFolder, found: Mapping[str, Path], keep: bool, said: Said
) -> tuple[dict[str, KnownRun], int, dict[str, str]]:
    """The runs of the site with their digests in its data, those that are new having been read."""
    runs: dict[str, KnownRun] = {}
    left_out: dict[str, str] = {}
    for name, known in site.before.runs.items():
        is_there = site.same_maker and name in found
        is_same = is_there and source_digest(found[name]) == known.source
        if is_same or (name not in found and keep):
            content = site.read(_data(name))
            if content is not None and (site.same_maker or _is_digest(content)):
                site.put_content(_data(name), content)
                runs[name] = known
            elif name not in found:
                left_out[name] = f"{_data(name)} cannot be read: publish its run folder once more."
    missing = [name for name in found if name not in runs]
    for done, (name, read) in enumerate(_read(found, missing), start=1):
        said(done, len(missing))
        if isinstance(read, str):
            left_out[name] = read
            continue
        runs[name], content = read
        site.put_content(_data(name), content)
    return runs, sum(name in runs for name in missing), left_out


def _is_digest(content: bytes) -> bool:
    """Whether a digest that another servemark may have written is one that this one reads."""
    try:
        RunDigest.model_validate_json(content)
    except ValidationError:
        return False
    return True


def _known(digest: RunDigest, battered: Iterable[str]) -> KnownRun:
    return KnownRun(
        source=digest.source,
        track=track_slug(digest),
        board=digest.board,
        created_utc=digest.created_utc,
        machine=digest.machine,
        servemark_version=digest.servemark_version,
        trials=digest.trials,
        finished=digest.finished,
        battered=tuple(sorted(battered)),
    )


def _read(found: Mapping[str, Path], names: Sequence[str]) -> Iterator[tuple[str, Read | str]]:
    """Those runs with their digests as JSON, or why there is none, in the order of the names."""
    paths = [found[name] for name in names]
    if len(names) <= FEW:
        yield from zip(names, map(_digest_or_reason, paths), strict=True)
        return
    processes = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(processes, initializer=gc.set_threshold, initargs=(SELDOM,)) as pool:
        yield from zip(names, pool.map(_digest_or_reason, paths, chunksize=4), strict=True)


def _digest_or_reason(path: Path) -> Read | str:
    try:
        digest = digest_of(path)
        battered = {each.variant.contestant for each in RunFolder(path).batteries()}
    except StoreError as error:
        return str(error)
    return _known(digest, battered), digest.model_dump_json().encode()


def _why_none(left_out: Mapping[str, str]) -> str:
    first = next(iter(left_out.values()), "there is none")
    return f"No run can be published: {first}"


class _Maker:
    """Makes the pages of a site, each keyed by the data that it shows."""

    def __init__(
        self,
        site: SiteFolder,
        runs: Mapping[str, KnownRun],
        found: Mapping[str, Path],
        contestants: Mapping[str, Contestant],
        left_out: Mapping[str, str],
    ) -> None:
        self._site = site
        self._runs = runs
        self._found = found
        self._contestants = contestants
        self._left_out = left_out
        self._keys: dict[str, str] = {}

    def make(self) -> None:
        boards = [self._leaderboard(names) for names in self._by_track().values()]
        ranked = [board for board in boards if board.ranking.order()]
        self._put("index.html", "", partial(pages.front_page, ranked, self._runs))
        self._put("runs.html", "", partial(pages.runs_page, self._runs, self._left_out))
        self._put("compare.html", "", pages.compare_page)
        self._put_json("data/runs.json", self._index())
        self._put(NO_JEKYLL, "", str)
        for board in boards:
            others = [
                each.track
                for each in boards
                if each.track.board == board.track.board and each is not board
            ]
            key = self._key(board.track, *others)
            self._put(board.page, key, partial(pages.board_page, board, self._runs, others))
        self._contestant_pages(boards)

    def _by_track(self) -> dict[str, list[str]]:
        """Names of runs by track: each track's oldest first, the newest track first."""
        found: dict[str, list[str]] = {}
        ordered = sorted(self._runs, key=lambda name: (self._runs[name].created_utc, name))
        for name in ordered:
            found.setdefault(self._runs[name].track, []).append(name)
        newest = sorted(found, key=lambda track: ordered.index(found[track][-1]), reverse=True)
        return {track: found[track] for track in newest}

    def _leaderboard(self, names: Sequence[str]) -> pages.Leaderboard:
        """The history of a track, from the data of the site where that is of the same runs."""
        track = self._runs[names[0]].track
        path = f"data/tracks/{track}.json"
        parts = [self._site.sha256(_data(name)) for name in names]
        self._keys[track] = hashlib.sha256("".join(parts).encode()).hexdigest()
        made = self._site.put(path, self._keys[track], lambda: self._track(names))
        content = made if made is not None else self._site.read(path) or b""
        latest = self._digest(names[-1])
        return pages.Leaderboard(Track.model_validate_json(content), Ranking(latest))

    def _track(self, names: Sequence[str]) -> bytes:
        return make_track(self._digest(name) for name in names).model_dump_json().encode()

    def _digest(self, name: str) -> RunDigest:
        return RunDigest.model_validate_json((self._site.path / _data(name)).read_bytes())

    def _key(self, *tracks: Track) -> str:
        return "".join(self._keys[track.slug] for track in tracks)

    def _index(self) -> list[dict[str, str]]:
        return [
            {"run": name, "slug": slug(name), "board": run.board, "track": run.track}
            for name, run in sorted(self._runs.items(), key=lambda x: (x[1].created_utc, x[0]))
        ]

    def _contestant_pages(self, boards: Sequence[pages.Leaderboard]) -> None:
        tracks: dict[str, list[Track]] = {}
        for board in boards:
            for name in {entry.contestant for entry in board.track.entries}:
                tracks.setdefault(name, []).append(board.track)
        latest, battered = self._latest_runs(tracks), self._latest_batteries()
        for name in sorted(tracks):
            contestant = self._contestants.get(name)
            source = None if contestant is None else read_source(contestant)
            checks = self._checks(name, latest[name], battered.get(name))
            key = self._key(*tracks[name]) + ("" if source is None else source.digest)
            page = partial(_contestant_html, name, tracks[name], source, checks)
            self._put(contestant_page(name), key + checks.model_dump_json(), page)

    def _latest_runs(self, tracks: Mapping[str, Sequence[Track]]) -> dict[str, str]:
        """The run of each contestant that its checks are taken of."""
        latest = {}
        for name, its_tracks in tracks.items():
            variants = {e.variant for track in its_tracks for e in track.entries_of(name)}
            seen = [
                track.runs[line.points[-1].run]
                for track in its_tracks
                for line in track.lines
                if line.variant in variants
            ]
            seen = seen or [track.runs[-1] for track in its_tracks]
            latest[name] = max(seen, key=lambda run: (run.created_utc, run.run)).run
        return latest

    def _latest_batteries(self) -> dict[str, str]:
        """The latest run that put each contestant to the battery, where there is one."""
        ordered = sorted(self._runs.items(), key=lambda each: (each[1].created_utc, each[0]))
        return {contestant: name for name, run in ordered for contestant in run.battered}

    def _checks(self, contestant: str, run: str, battery_run: str | None) -> Checks:
        """From the folders of those runs, or as the site has them where they are not at hand."""
        path = f"data/checks/{slug(contestant)}.json"
        try:
            checks = Checks.model_validate_json(self._site.read(path) or b"{}")
        except ValidationError:
            checks = Checks()
        if run in self._found:
            verified = _of(contestant, RunFolder(self._found[run]).verifications())
            checks = checks.model_copy(update={"run": run, "verifications": verified})
        if battery_run is None:
            checks = checks.model_copy(update={"battery_run": None, "battery": ()})
        elif battery_run in self._found:
            battery = _of(contestant, RunFolder(self._found[battery_run]).batteries())
            checks = checks.model_copy(update={"battery_run": battery_run, "battery": battery})
        if checks != Checks():
            self._site.put_content(path, checks.model_dump_json().encode())
        return checks

    def _put(self, name: str, key: str, make: Callable[[], str]) -> None:
        """A page; without a key it is made each time."""
        if key:
            found = hashlib.sha256(key.encode()).hexdigest()
            self._site.put(name, found, lambda: make().encode())
        else:
            self._site.put_content(name, make().encode())

    def _put_json(self, name: str, content: object) -> None:
        self._site.put_content(name, to_json(content))


def _of(contestant: str, results: Iterable[T]) -> tuple[T, ...]:
    """Those of a contestant, without logs."""
    return tuple(
        each.model_copy(update={"log_tail": None})
        for each in results
        if each.variant.contestant == contestant
    )


def _contestant_html(
    name: str, tracks: Sequence[Track], source: Source | None, checks: Checks
) -> str:
    entries = [entry for track in tracks for entry in track.entries_of(name)]
    return pages.contestant_html(
        pages.ContestantPage(
            contestant=name,
            title=entries[0].title,
            homepage=entries[0].homepage,
            tracks=tracks,
            source=source,
            checks=checks,
        )
    )
