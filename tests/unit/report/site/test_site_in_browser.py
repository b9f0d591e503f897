"""The site in Chromium: read by eye, by keyboard and by axe-core, on a phone and on a laptop."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from servemark.catalog import load_contestants
from servemark.records import Check, Gate, Verification, parse_variant
from servemark.report.comparison import compare_runs
from servemark.report.site.publish import publish
from servemark.store import RunFolder
from tests.browser import ARTEFACTS, IN_BROWSER, SLOW_MS, chromium
from tests.conftest import ROOT
from tests.unit.report.comparison_runs import FLASK, GO, PLUMBER, SANIC, make_run, steady
from tests.unit.report.site.test_publish import battered

PHONE, TABLET, LAPTOP = (390, 844), (820, 1180), (1366, 768)
HOSTILE = "<img src=x onerror=document.title='taken'>"
RUNS, WHEN = 10, 5
COMPLAINTS = ("error", "warning")
CELLS = "rows => rows.map((row) => [...row.cells].map((cell) => cell.innerText.trim()))"

pytestmark = IN_BROWSER


class Site:
    """A site on the disk and on a web server."""

    def __init__(self, folder: Path, runs: list[Path], address: str) -> None:
        self.folder = folder
        self.runs = runs
        self.address = address

    def pages(self) -> list[str]:
        (board,) = (self.folder / "boards").glob("*.html")
        last, former = self.runs[-1].name, self.runs[-2].name
        return [
            "index.html",
            f"boards/{board.name}",
            "contestants/python/flask.html",
            "contestants/go/net-http.html",
            "runs.html",
            f"compare.html?a={former}&b={last}",
        ]


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Ten runs; Flask loses a fifth with the sixth, and answers with markup."""
    root = tmp_path_factory.mktemp("site")
    runs = []
    for number in range(RUNS):
        speeds = steady(flask=0.8 if number >= WHEN else 1.0)
        swayed = {
            name: [each * (1 + 0.004 * ((number * 7 + len(name)) % 5 - 2)) for each in blocks]
            for name, blocks in speeds.items()
        }
        runs.append(make_run(root / "runs", swayed, minute=number))
    flask = parse_variant(FLASK)
    assert flask is not None
    check = Check(group="failures", name=HOSTILE, passed=False, expected="400", seen=HOSTILE)
    runs[-1].append_verification(Verification(variant=flask, checks=(check,)))
    battered(runs[-1], FLASK, HOSTILE)
    publish([root / "runs"], root / "site", load_contestants(ROOT / "contestants"))
    with served(root / "site") as address:
        yield Site(root / "site", [run.path for run in runs], address)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder on a web server of its own; yields its address."""
    handler = partial(Silent, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def troubles() -> list[str]:
    """What a page complained of."""
    return []


@pytest.fixture
def page(browser: Browser, troubles: list[str]) -> Iterator[Page]:
    found = browser.new_page()
    found.set_default_timeout(SLOW_MS)
    found.on("pageerror", lambda error: troubles.append(str(error)))
    found.on(
        "console", lambda said: troubles.append(said.text) if said.type in COMPLAINTS else None
    )
    yield found
    found.close()


def settled(page: Page) -> None:
    """Charts are drawn, and comparisons made."""
    expect(page.locator("html")).to_have_attribute("data-drawn", "yes")
    if page.locator("#history-chart").count():
        expect(page.locator("html")).to_have_attribute("data-history", "yes")
    if page.locator("#choice").count():
        expect(page.locator("html")).to_have_attribute("data-compared", "yes")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, TABLET, LAPTOP], ids=["phone", "tablet", "laptop"])
def test_every_page_is_accessible_fits_and_asks_nobody_else(
    site: Site, page: Page, troubles: list[str], scheme: str, size: tuple[int, int]
) -> None:
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    found: dict[str, object] = {}
    for name in site.pages():
        page.goto(f"{site.address}/{name}")
        settled(page)
        for each in Axe().run(page).response["violations"]:
            found[f"{name} {each['id']}"] = [node["html"][:200] for node in each["nodes"][:3]]
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], name
        kept = (
            ARTEFACTS / "site" / f"{urlsplit(name).path.replace('/', '-')}-{size[0]}-{scheme}.png"
        )
        page.screenshot(path=kept, full_page=True)
        assert page.locator("img").count() == 0
        assert page.title() != "taken"
    assert found == {}
    assert asked == {urlsplit(site.address).netloc}
    assert troubles == []


def test_pages_open_from_the_disk_without_a_network(
    site: Site, page: Page, troubles: list[str]
) -> None:
    page.context.set_offline(True)
    page.goto((site.folder / "index.html").as_uri())
    page.get_by_role("link", name="Two cells").click()
    settled(page)
    assert page.locator("#panels svg").count() == 1
    course = page.locator("#panels svg .mark-line path").first
    series = page.evaluate(
        "getComputedStyle(document.documentElement).getPropertyValue('--series')"
    )
    assert (course.get_attribute("stroke"), course.get_attribute("fill")) == (series, None)
    page.locator("a", has_text="python/flask").first.click()
    settled(page)
    assert page.locator("#history-chart svg").count() == 1
    assert troubles == []
    page.get_by_role("link", name="compare", exact=True).first.click()
    expect(page.locator("#result")).to_contain_text("Comparing needs a web server")


def test_a_change_of_level_is_marked_where_it_happened(site: Site, page: Page) -> None:
    page.goto(f"{site.address}/contestants/python/flask.html")
    settled(page)
    expect(page.locator("#history-chart")).to_contain_text("−20.0 %")
    row = page.locator("#changes tbody tr").filter(has_text="answers per second").first
    expect(row).to_contain_text(site.runs[WHEN].name)
    expect(row).to_contain_text("−20.0 % (worse)")
    page.goto(f"{site.address}/index.html")
    expect(page.locator("tr", has_text="python/flask").first).to_contain_text("−20.0 % (worse)")
    expect(page.locator("tr", has_text="go/net-http").first).not_to_contain_text("%")


def test_a_history_opens_on_the_main_cell_and_another_figure_can_be_chosen(
    site: Site, page: Page
) -> None:
    page.goto(f"{site.address}/contestants/python/flask.html")
    settled(page)
    choice = page.locator("#history-choice").get_by_label("Figure")
    expect(choice.locator("option:checked")).to_have_text(
        "answers per second (form, 16 connections)"
    )
    expect(page.locator("#history-chart")).to_contain_text("1,000")
    choice.select_option(label="answers per second (GET, 16 connections)")
    expect(page.locator("#history-chart")).to_contain_text("2,000")
    figures = page.locator("#history-chart svg .mark-symbol path")
    expect(figures).to_have_count(RUNS)


def test_a_comparison_has_the_figures_and_verdicts_of_servemark_compare(
    site: Site, page: Page, troubles: list[str]
) -> None:
    a, b = site.runs[WHEN - 1], site.runs[WHEN]
    page.goto(f"{site.address}/compare.html?a={a.name}&b={b.name}")
    settled(page)
    compared = compare_runs(RunFolder(a), RunFolder(b))
    lines = [
        each
        for each in compared.lines
        if (each.cell, each.metric) == ("multipart/c16", "throughput_per_s")
    ]
    assert len(lines) == 4
    for line in lines:
        row = page.locator("#comparison tbody tr", has_text=line.variant)
        ratio, verdict = row.locator("td").all_inner_texts()[2:]
        assert line.ratio is not None
        low, high = line.ratio.low, line.ratio.high
        assert ratio.split() == [f"{line.ratio.value:.3f}", f"{low:.3f}–{high:.3f}"]
        assert verdict == line.word
    assert {line.word for line in lines} == {"slower", "same"}
    assert troubles == []


def test_figures_with_a_block_at_0_have_the_verdicts_of_servemark_compare(
    page: Page, tmp_path: Path
) -> None:
    """Errors that come, go, become more, may be chance, and that neither run has."""
    gin, chi = "go/gin@builtin+onnxruntime", "go/chi@builtin+onnxruntime"
    errors: list[dict[str, int | list[int]]] = [
        {FLASK: 40, SANIC: [0, 9, 2], gin: [0, 0, 5]},
        {GO: 40, SANIC: [190, 200, 210], PLUMBER: 40},
    ]
    speeds = steady() | {name: [4_000.0, 4_010.0, 3_990.0] for name in (gin, chi)}
    runs = [
        make_run(tmp_path / "runs", speeds, minute=minute, errors=each, failing=[GO], gate=gate)
        for minute, each, gate in zip((0, 5), errors, (Gate.LITTLE, Gate.ANSWERS), strict=True)
    ]
    publish([tmp_path / "runs"], tmp_path / "site", {})
    a, b = (run.path.name for run in runs)
    with served(tmp_path / "site") as address:
        page.goto(f"{address}/compare.html?a={a}&b={b}")
        settled(page)
        page.get_by_label("Figure").select_option(value="error_share")
        expect(page.locator("#comparison caption")).to_contain_text("Failed requests")
        rows = page.locator("#comparison tbody tr")
        found = {row[0]: row[1:] for row in rows.evaluate_all(CELLS)}
    lines = [
        each
        for each in compare_runs(*runs).lines
        if (each.cell, each.metric) == ("multipart/c16", "error_share")
    ]
    assert {line.variant: found[line.variant][3] for line in lines} == {
        line.variant: line.word for line in lines
    }
    assert {line.word for line in lines} == {"not comparable", "better", "worse", "same"}
    assert found[PLUMBER][2] == "from 0"
    for line in lines:
        if line.ratio is not None:
            bounds = [line.ratio.low, line.ratio.high]
            interval = [] if None in bounds else ["–".join(f"{each:.3f}" for each in bounds)]
            assert found[line.variant][2].split() == [f"{line.ratio.value:.3f}", *interval]


def test_runs_are_chosen_and_the_address_leads_back(site: Site, page: Page) -> None:
    page.goto(f"{site.address}/compare.html")
    settled(page)
    page.get_by_label("Run A").select_option(value=site.runs[0].name)
    expect(page).to_have_url(re.compile(f"a={site.runs[0].name}&b={site.runs[-1].name}"))
    page.reload()
    settled(page)
    expect(page.get_by_label("Run A")).to_have_value(site.runs[0].name)
    row = page.locator("#comparison tbody tr", has_text=FLASK)
    expect(row).to_contain_text("slower")


def test_tables_are_sorted_by_keyboard(site: Site, page: Page) -> None:
    page.goto(f"{site.address}/index.html")
    table = page.locator("table").first
    first = table.locator("tbody tr").first
    expect(first).to_contain_text("go/net-http")
    button = page.get_by_role("button", name="form /s").first
    button.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(first).to_contain_text("r/plumber")
    expect(button.locator("xpath=..")).to_have_attribute("aria-sort", "ascending")
    expect(table.locator("tbody tr").last).to_contain_text("go/net-http")
