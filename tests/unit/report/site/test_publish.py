"""Publishing: the site has what its runs have, and only what is new is read and written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from servemark.catalog import Contestant, load_contestants
from servemark.errors import UsageError
from servemark.records import Check, Verification, parse_variant
from servemark.report.site.digest import digest_of
from servemark.report.site.publish import publish
from servemark.report.site.tables import Ranking
from servemark.store import RunFolder
from tests.conftest import ROOT
from tests.synthetic_runs import Change, known_changes, write_runs
from tests.unit.report.comparison_runs import BOARD, FLASK, GO, make_run, steady
from tests.unit.report.test_battery import case, result

HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=alert(1)>"
MOST_BYTES = 1_000_000


class Links(HTMLParser):
    """What a page refers to, what can be referred to in it, and the tags that could do harm."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.followed: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.images = 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors.add(found.get("id") or "")
        self.images += tag == "img"
        if tag == "a":
            self.followed.append(found.get("href") or "")
        elif address := found.get("src") or found.get("href"):
            self.loaded.append(address)


@pytest.fixture(scope="module")
def contestants() -> dict[str, Contestant]:
    """Those of the checkout."""
    return load_contestants(ROOT / "contestants")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, contestants: Mapping[str, Contestant]) -> Path:
    """A site of two runs of real contestants, whose checks and titles hold markup."""
    root = tmp_path_factory.mktemp("real")
    make_run(root / "runs", steady())
    run = make_run(root / "runs", steady(flask=0.8), minute=5)
    checked(run, FLASK, HOSTILE)
    battered(run, FLASK, HOSTILE)
    publish([root / "runs"], root / "site", contestants)
    return root / "site"


def checked(run: RunFolder, name: str, seen: str) -> None:
    variant = parse_variant(name)
    assert variant is not None
    check = Check(
        group="failures", name="empty body", passed=False, expected="400", seen=f"500 {seen}"
    )
    run.append_verification(Verification(variant=variant, checks=(check,)))


def battered(run: RunFolder, name: str, seen: str = "422") -> None:
    """Put to three bad inputs: one it stands, one its manifest excuses, one it does not stand."""
    variant = parse_variant(name)
    assert variant is not None
    found = result(
        variant.contestant,
        case("bomb", "GIF"),
        case("idle", "idle connections", as_expected=False, limit="one at a time"),
        case("broken HTTP", "two lengths", as_expected=False, seen=seen),
    )
    run.append_battery(found.model_copy(update={"variant": variant, "log_tail": "secret"}))


def contents(site: Path) -> dict[str, bytes]:
    return {
        path.relative_to(site).as_posix(): path.read_bytes()
        for path in sorted(site.rglob("*"))
        if path.is_file()
    }


def times(site: Path) -> dict[str, int]:
    return {name: (site / name).stat().st_mtime_ns for name in contents(site)}


def test_the_site_has_a_page_for_everything(real: Path) -> None:
    pages = {name for name in contents(real) if name.endswith(".html")}
    boards = {name for name in pages if name.startswith("boards/two-")}
    assert len(boards) == 1
    assert pages - boards == {
        *("index.html", "runs.html", "compare.html"),
        *("contestants/go/net-http.html", "contestants/python/flask.html"),
        *("contestants/python/sanic.html", "contestants/r/plumber.html"),
    }


def test_every_link_leads_to_a_page_and_an_anchor_that_exist(real: Path) -> None:
    pages = {path.resolve(): Links(path) for path in real.rglob("*.html")}
    for path, links in pages.items():
        for address in (*links.followed, *links.loaded):
            parts = urlsplit(address)
            if parts.scheme in ("https", "data"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_file(), (path, address)
            if parts.fragment:
                assert unquote(parts.fragment) in pages[target].anchors, (path, address)


def test_no_page_loads_anything_from_elsewhere(real: Path) -> None:
    loaded = {address for path in real.rglob("*.html") for address in Links(path).loaded}
    assert loaded
    assert not [each for each in loaded if urlsplit(each).scheme not in ("", "data")]
    assert not [each for each in loaded if each.startswith("//")]


def test_the_leader_and_its_figure_are_on_the_front_page(real: Path) -> None:
    text = (real / "index.html").read_text()
    assert "go/net-http is first: 5,000 answers per second (form, 16 connections)." in text


def test_a_contestant_has_its_source_its_settings_and_its_answers(real: Path) -> None:
    text = (real / "contestants/python/flask.html").read_text()
    assert "<code>app.py</code>" in text
    assert "contestant.toml" in text
    assert "-m predictor {env}/bin/gunicorn" in text
    assert "onnxruntime 1.23.1" in text
    assert "0 of 1 check as the contract has it" in text


def test_a_contestant_has_what_the_battery_found_in_whichever_run_it_was(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs", steady())
    battered(run, FLASK, "200")
    later = make_run(tmp_path / "runs", steady(), minute=5)
    checked(later, FLASK, "503")
    publish([tmp_path / "runs"], tmp_path / "site", {})
    pages = tmp_path / "site" / "contestants" / "python"
    text = (pages / "flask.html").read_text()
    assert (
        "1 of 3 bad inputs stood, 1 beyond what its server can do, 1 not stood. Others waited "
        "3.00 ms at most; memory 100 MiB +2.0 MiB over 10,000 bad requests."
    ) in text
    assert f"in the run {run.path.name}, while" in text
    assert f"before the run {later.path.name}" in text
    assert "expected 422 with an error body, saw 200" in text
    assert "one at a time" in text
    assert "The battery" not in (pages / "sanic.html").read_text()
    assert not [name for name, found in contents(tmp_path / "site").items() if b"secret" in found]


def test_a_battery_that_comes_later_is_published_and_kept_with_the_site(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / "runs", steady(), minute=minute) for minute in (0, 5)]
    publish([tmp_path / "runs"], tmp_path / "site", {})
    battered(runs[0], FLASK)
    again = publish([tmp_path / "runs"], tmp_path / "site", {})
    publish([tmp_path / "runs"], tmp_path / "fresh", {})
    assert again.read == 1
    whole = contents(tmp_path / "site")
    assert whole == contents(tmp_path / "fresh")
    assert b"1 of 3 bad inputs stood" in whole["contestants/python/flask.html"]
    publish([runs[1].path], tmp_path / "site", {}, keep=True)
    assert contents(tmp_path / "site") == whole
    publish([runs[1].path], tmp_path / "site", {})
    assert b"The battery" not in contents(tmp_path / "site")["contestants/python/flask.html"]


def test_what_a_run_holds_is_shown_as_text(real: Path) -> None:
    for path in real.rglob("*.html"):
        assert Links(path).images == 0, path
    assert "onerror=alert" in (real / "contestants/python/flask.html").read_text()


def test_an_added_run_is_all_that_is_read_and_the_site_is_as_if_made_at_once(
    tmp_path: Path,
) -> None:
    runs = [run.path for run in write_runs(tmp_path / "runs", 8, 3, [Change(0, 4, 0.7)])]
    first = publish(runs[:7], tmp_path / "site", {})
    before = times(tmp_path / "site")
    second = publish(runs, tmp_path / "site", {})
    publish(runs, tmp_path / "fresh", {})
    assert (first.read, second.read) == (7, 1)
    assert contents(tmp_path / "site") == contents(tmp_path / "fresh")
    after = times(tmp_path / "site")
    kept = [name for name in before if name.startswith(("data/runs/", "assets/"))]
    assert len(kept) == 7 + 5
    assert all(before[name] == after[name] for name in kept)


def test_without_anything_new_nothing_is_written(tmp_path: Path) -> None:
    write_runs(tmp_path / "runs", 3, 3)
    publish([tmp_path / "runs"], tmp_path / "site", {})
    before = times(tmp_path / "site")
    again = publish([tmp_path / "runs"], tmp_path / "site", {})
    assert (again.read, again.written, again.removed) == (0, 0, 0)
    assert again.unchanged == len(before) - 1  # the list of what it is made from
    before.pop("data/manifest.json")
    assert before.items() <= times(tmp_path / "site").items()


def test_a_run_that_goes_on_is_read_again_and_a_damaged_page_is_mended(tmp_path: Path) -> None:
    runs = write_runs(tmp_path / "runs", 2, 3)
    publish([tmp_path / "runs"], tmp_path / "site", {})
    trials = runs[1].path / "trials.jsonl"
    trials.write_bytes(b"".join(trials.read_bytes().splitlines(keepends=True)[:-1]))
    front = tmp_path / "site" / "index.html"
    good = front.read_bytes()
    front.write_bytes(b"damaged")
    again = publish([tmp_path / "runs"], tmp_path / "site", {})
    assert again.read == 1
    assert front.read_bytes() != b"damaged"
    assert b"17 trials" in front.read_bytes()
    assert b"17 trials" not in good


def test_a_run_that_is_gone_goes_from_the_site_unless_it_is_kept(tmp_path: Path) -> None:
    runs = [run.path for run in write_runs(tmp_path / "runs", 4, 3)]
    publish(runs, tmp_path / "site", {})
    whole = contents(tmp_path / "site")
    kept = publish(runs[3:], tmp_path / "site", {}, keep=True)
    assert (kept.runs, kept.read) == (4, 0)
    assert contents(tmp_path / "site") == whole
    gone = publish(runs[3:], tmp_path / "site", {})
    assert (gone.runs, gone.removed) == (1, 3)
    publish(runs[3:], tmp_path / "fresh", {})
    assert contents(tmp_path / "site") == contents(tmp_path / "fresh")


def test_a_kept_run_that_an_older_servemark_wrote_otherwise_is_left_out(tmp_path: Path) -> None:
    runs = [run.path for run in write_runs(tmp_path / "runs", 2, 2)]
    publish(runs, tmp_path / "site", {})
    manifest = tmp_path / "site" / "data" / "manifest.json"
    content = json.loads(manifest.read_text())
    data = tmp_path / "site" / "data" / "runs" / f"{runs[0].name}.json"
    data.write_text("{}")
    content["maker"] = "an older one"
    content["files"][f"data/runs/{data.name}"]["sha256"] = sha256(b"{}").hexdigest()
    manifest.write_text(json.dumps(content))
    done = publish(runs[1:], tmp_path / "site", {}, keep=True)
    assert (done.runs, list(done.left_out)) == (1, [runs[0].name])
    assert "publish its run folder once more" in done.left_out[runs[0].name]


def test_a_damaged_run_is_left_out_by_name(tmp_path: Path) -> None:
    runs = write_runs(tmp_path / "runs", 2, 3)
    (runs[0].path / "run.json").write_text("{}")
    done = publish([tmp_path / "runs"], tmp_path / "site", {})
    assert done.runs == 1
    assert list(done.left_out) == [runs[0].path.name]
    assert runs[0].path.name in (tmp_path / "site" / "runs.html").read_text()


def test_a_run_without_a_single_trial_has_a_page_and_no_ranking(tmp_path: Path) -> None:
    (run,) = write_runs(tmp_path / "runs", 1, 3)
    (run.path / "trials.jsonl").unlink()
    publish([tmp_path / "runs"], tmp_path / "site", {})
    (board,) = (tmp_path / "site" / "boards").glob("*.html")
    assert "Nothing was measured to the end." in board.read_text()


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    write_runs(tmp_path / "runs", 1, 2)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not a site of servemark"):
        publish([tmp_path / "runs"], tmp_path / "site", {})
    assert contents(tmp_path / "site") == {"thesis.txt": b"mine"}


def test_a_new_branch_of_pages_is_a_place_for_a_site(tmp_path: Path) -> None:
    write_runs(tmp_path / "runs", 1, 2)
    (tmp_path / "site" / ".git").mkdir(parents=True)
    (tmp_path / "site" / ".git" / "HEAD").write_text("ref: refs/heads/gh-pages")
    (tmp_path / "site" / "CNAME").write_text("example.org")
    for _ in range(2):
        publish([tmp_path / "runs"], tmp_path / "site", {})
        found = contents(tmp_path / "site")
        assert {".git/HEAD", "CNAME", ".nojekyll", "index.html"} <= found.keys()


def test_a_manifest_cannot_have_files_beyond_the_site_removed(tmp_path: Path) -> None:
    write_runs(tmp_path / "runs", 1, 2)
    publish([tmp_path / "runs"], tmp_path / "site", {})
    manifest = tmp_path / "site" / "data" / "manifest.json"
    content = json.loads(manifest.read_text())
    content["files"]["../mine.txt"] = {"key": "", "sha256": ""}
    manifest.write_text(json.dumps(content))
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="no file of the site"):
        publish([tmp_path / "runs"], tmp_path / "site", {})
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_no_run_and_two_runs_of_one_name_are_refused(tmp_path: Path) -> None:
    (run,) = write_runs(tmp_path / "runs", 1, 2)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="There is no run in"):
        publish([tmp_path / "empty"], tmp_path / "site", {})
    shutil.copytree(run.path, tmp_path / "copies" / run.path.name)
    with pytest.raises(UsageError, match="have one name"):
        publish([tmp_path / "runs", tmp_path / "copies"], tmp_path / "site", {})


@pytest.mark.slow
def test_the_front_page_of_sixty_variants_weighs_little(tmp_path: Path) -> None:
    write_runs(tmp_path / "runs", 8, 60, known_changes(60, 8))
    publish([tmp_path / "runs"], tmp_path / "site", {})
    front = tmp_path / "site" / "index.html"
    loaded = [front.parent / each for each in Links(front).loaded if not each.startswith("data:")]
    assert len(loaded) == 2
    assert sum(path.stat().st_size for path in (front, *loaded)) < MOST_BYTES
    (board,) = (tmp_path / "site" / "boards").glob("*.html")
    assert board.stat().st_size < MOST_BYTES


def test_the_order_of_the_folders_does_not_matter(tmp_path: Path) -> None:
    runs = [run.path for run in write_runs(tmp_path / "runs", 3, 2)]
    publish(runs, tmp_path / "one", {})
    publish(runs[::-1], tmp_path / "other", {})
    assert contents(tmp_path / "one") == contents(tmp_path / "other")


def test_names_are_those_of_the_run(real: Path) -> None:
    index = json.loads((real / "data" / "runs.json").read_text())
    assert [each["board"] for each in index] == ["two", "two"]
    digest = json.loads((real / "data" / "runs" / f"{index[0]['slug']}.json").read_text())
    assert GO in [each["variant"] for each in digest["entries"]]


def test_the_leaders_of_several_models_are_those_of_the_first(tmp_path: Path) -> None:
    """Each model has a first place of its own: being first with another is no tie."""
    board = BOARD.model_copy(update={"models": ("mnist", "fashion")})
    speeds = {
        f"{name}:{model}": values for model in board.models for name, values in steady().items()
    }
    ranking = Ranking(digest_of(make_run(tmp_path, speeds, board=board).path))
    assert [each.rank for each in ranking.order()] == [1, 2, 3, 4, 1, 2, 3, 4]
    assert ranking.answer() == (
        "go/net-http:mnist is first: 5,000 answers per second (form, 16 connections)."
    )
