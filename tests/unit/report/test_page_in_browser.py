"""The page in headless Chromium, opened from a file with the network cut."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from servemark.records import BatteryResult, Board, CellGroup, Slo, parse_variant
from servemark.report import REPORTS, Report, build_report
from servemark.report.findings import STAGES, Findings
from servemark.report.headlines import headline
from servemark.report.model import Figure, FoundCapacity, Point, Tax
from servemark.store import RunFolder
from tests.browser import ARTEFACTS, IN_BROWSER, SLOW_MS, chromium
from tests.unit.report.test_battery import case, result

NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND"
ColorScheme = Literal["light", "dark"]
SIZES = {"phone": (390, 844), "tablet": (820, 1180), "laptop": (1280, 800)}
HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=alert(1)>"

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(NO_NETWORK) as found:
        yield found


@pytest.fixture(scope="module")
def written(raw_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    """A page with every kind of chart that samples allow, and its report."""
    report = build_report(raw_run, samples=True)
    return write(report, tmp_path_factory.mktemp("page")), report


@pytest.fixture(scope="module")
def whole(written: tuple[Path, Report], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with every section."""
    return write(with_every_section(written[1]), tmp_path_factory.mktemp("whole"))


def write(report: Report, folder: Path) -> Path:
    path = folder / "report.html"
    path.write_text(REPORTS["html"](report), encoding="utf-8")
    return path


@contextmanager
def opened(
    browser: Browser,
    path: Path,
    query: str = "",
    size: str = "laptop",
    scheme: ColorScheme = "light",
) -> Iterator[Page]:
    """The page after its scripts have run. It must have asked for nothing and said nothing."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, offline=True
    )
    context.set_default_timeout(SLOW_MS)
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri() + query)
    page.wait_for_selector("html[data-ready]")
    yield page
    address = path.as_uri()
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    assert said == []
    context.close()


def wait_until(page: Page, condition: str) -> None:
    """Wait for that in JavaScript. Playwright's own waiting evaluates text inside the page, which
    the page's content security policy forbids."""
    deadline = time.monotonic() + SLOW_MS / 1e3
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(50)


def draw_all(page: Page) -> None:
    """Scroll down, as a reader does, and see every chart that has a place drawn."""
    for chart in page.locator(".chart").all():
        see(page, str(chart.get_attribute("id")))


def see(page: Page, chart: str) -> None:
    """Scroll to a chart and wait until it is drawn. Playwright's own scrolling waits for two
    frames in which nothing moves, and on busy cores there is always a chart that comes."""
    page.locator(f"#{chart}").evaluate("chart => chart.scrollIntoView()")
    page.wait_for_selector(f"#{chart}[data-drawn=yes]", state="attached")


def names_in(page: Page, table: str = "ranking-table") -> list[str]:
    """The variants in a table that are to be seen."""
    rows = page.locator(f"#{table} tbody tr:visible")
    return rows.evaluate_all("rows => rows.map((row) => row.dataset.variant)")  # type: ignore[no-any-return]


def texts_of(page: Page, chart: str) -> list[str]:
    see(page, chart)
    return page.locator(f"#{chart} svg text").all_text_contents()


def test_every_chart_is_drawn_without_a_network_or_a_complaint(
    browser: Browser, written: tuple[Path, Report]
) -> None:
    path, _ = written
    with opened(browser, path) as page:
        draw_all(page)
        figures = page.locator("figure").count()
        assert figures >= 12
        assert page.locator(".chart svg").count() == figures
        assert "5,200" in texts_of(page, "throughput-0")
        assert "99 %" in texts_of(page, "percentiles")


def test_the_numbers_on_the_page_are_those_of_the_json(
    browser: Browser, written: tuple[Path, Report]
) -> None:
    path, report = written
    document = json.loads(REPORTS["json"](report))
    main = {
        each["variant"]: each["figures"]
        for each in document["results"]
        if each["cell"] == document["main_cell"]
    }
    with opened(browser, path) as page:
        heads = page.locator("#ranking-table thead button").all_inner_texts()
        rows = page.locator("#ranking-table tbody tr").evaluate_all(
            "rows => rows.map((row) => [row.dataset.variant, "
            "[...row.cells].map((cell) => Number(cell.dataset.value))])"
        )
        assert len(rows) == 3
        columns = {
            "form /s": "throughput_per_s",
            "p99": "p99_response_ns",
            "CPU per answer": "server_cpu_ns",
            "peak memory": "peak_pss_bytes",
            "start to first answer": "first_answer_ns",
        }
        assert columns.keys() <= set(heads)
        for variant, values in rows:
            shown = {metric: values[heads.index(head)] for head, metric in columns.items()}
            assert shown == {metric: main[variant][metric]["value"] for metric in shown}
        texts_of(page, "percentiles")
        drawn = page.evaluate(
            "() => { const chart = charts.get(document.getElementById('percentiles')); "
            "return [...dataOf(chart.spec)].flatMap(([data, name]) => data[name]); }"
        )
    curves = {
        each["variant"]: each["service_ns"]
        for each in document["latencies"]
        if each["cell"] == document["main_cell"]
    }
    assert len(drawn) == sum(len(curve) for curve in curves.values())
    for row in drawn:
        at = document["latency_shares"].index(row["share"])
        assert row["ms"] == curves[row["variant"]][at] / 1e6


def test_filters_search_and_address(browser: Browser, report: Report, tmp_path: Path) -> None:
    path = write(report, tmp_path)
    with opened(browser, path) as page:
        assert len(names_in(page)) == 13
        page.get_by_text("language", exact=True).first.click()
        page.get_by_label("node", exact=True).check()
        page.get_by_label("go", exact=True).check()
        page.keyboard.press("Escape")
        chosen = names_in(page)
        assert {name.split("/")[0] for name in chosen} == {"node", "go"}
        assert len(chosen) == 3
        assert page.locator("#filters output").inner_text() == "4 of 15 servers"  # koa failed
        drawn = " ".join(texts_of(page, "throughput-0"))
        assert "node/express+tfjs" in drawn
        assert "python" not in drawn
        page.get_by_label("Search servers").fill("tfjs")
        assert names_in(page) == ["node/express@builtin+tfjs"]
        address = page.url
    query = address[len(path.as_uri()) :]
    assert query == "?q=tfjs&language=go&language=node"
    with opened(browser, path, query) as page:
        assert names_in(page) == ["node/express@builtin+tfjs"]
        page.get_by_role("button", name="Show all", exact=True).click()
        wait_until(page, "document.querySelectorAll('#ranking-table tr[hidden]').length === 0")
        assert len(names_in(page)) == 13
        assert page.url == path.as_uri()


def test_sorting_and_tabs_by_keyboard(browser: Browser, report: Report, tmp_path: Path) -> None:
    path = write(report, tmp_path)
    with opened(browser, path) as page:
        page.locator("#ranking-table").get_by_role("button", name="peak memory").focus()
        page.keyboard.press("Enter")
        assert names_in(page)[0] == "go/net-http@builtin+onnxruntime"  # 58 MiB
        page.keyboard.press("Enter")
        assert names_in(page)[0] == "node/express@builtin+tfjs"  # 146 MiB
        page.get_by_role("radio", name="form, 16 connections").focus()
        page.keyboard.press("ArrowRight")
        assert names_in(page) == []
        assert names_in(page, "ranking-table-1")[1] == "python/falcon@uvicorn+onnxruntime"
        query = page.url[len(path.as_uri()) :]
    with opened(browser, path, query) as page:
        assert page.locator("#ranking-table-1").is_visible()
        assert not page.locator("#ranking-table").is_visible()
        page.get_by_role("radio", name="form, 16 connections").check(force=True)
        assert names_in(page)[0] == "node/express@builtin+tfjs"


def test_lines_are_chosen_and_kept_in_the_address(
    browser: Browser, written: tuple[Path, Report]
) -> None:
    path, _ = written
    with opened(browser, path) as page:
        assert "python/flask" in texts_of(page, "ecdf")
        page.locator("#lines").get_by_label("python/flask").uncheck()
        wait_until(page, "!document.querySelector('#ecdf svg').textContent.includes('flask')")
        query = page.url[len(path.as_uri()) :]
    with opened(browser, path, query) as page:
        assert "go/net-http" in texts_of(page, "percentiles")
        assert "python/flask" not in texts_of(page, "percentiles")


def test_the_data_can_be_saved(browser: Browser, written: tuple[Path, Report]) -> None:
    path, report = written
    with opened(browser, path) as page:
        with page.expect_download() as download:
            page.get_by_role("button", name="report.json").click()
        assert download.value.path().read_text() == REPORTS["json"](report)
        with page.expect_download() as download:
            page.get_by_role("button", name="latencies.csv").click()
        text = download.value.path().read_text()
    assert download.value.suggested_filename == "latencies.csv"
    curves = sum(len(each.service_ns) for each in report.latencies)
    assert len(list(csv.DictReader(io.StringIO(text)))) == curves


def test_hostile_names_are_shown_as_text(
    browser: Browser, make_report: Any, field: Sequence[Any], tmp_path: Path
) -> None:
    knowns = [replace(field[0], contestant=f"go/{HOSTILE}", title=HOSTILE), *field[1:3]]
    report = make_report(knowns, failing={field[2].variant.id: HOSTILE}, warning=HOSTILE)
    found = result(HOSTILE, case(HOSTILE, HOSTILE, as_expected=False, seen=HOSTILE))
    report = report.model_copy(update={"battery": (found,)})
    with opened(browser, write(report, tmp_path)) as page:
        draw_all(page)
        assert page.title() == "Ten servers, one model · servemark"
        assert page.locator("img").count() == 0
        assert page.locator("script").count() == page.locator("main ~ script").count() + (
            page.locator("figure script, li script").count()
        )
        assert any(f"go/{HOSTILE}"[:20] in text for text in texts_of(page, "throughput-0"))
        assert HOSTILE in page.locator("#problems").inner_text()
        assert page.locator("#bad-inputs li").inner_text().count(HOSTILE) == 3
        page.locator("#throughput-0 .mark-symbol path").first.hover()
        assert HOSTILE in page.locator("#vg-tooltip-element").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_page_fits_its_window_and_axe_finds_nothing_serious(
    browser: Browser, whole: Path, size: str, scheme: ColorScheme
) -> None:
    with opened(browser, whole, size=size, scheme=scheme) as page:
        draw_all(page)
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(wide) == 0
        page.screenshot(path=ARTEFACTS / "report" / f"{size}-{scheme}.png", full_page=True)
        inside = page.locator(".chart").evaluate_all(
            "charts => charts.filter((each) => each.scrollWidth > each.clientWidth + 1)"
            ".map((each) => each.id)"
        )
        assert inside == []
        for facet in page.locator(".facet summary").all():
            facet.click()
            assert page.evaluate(wide) == 0
            facet.click()
        page.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")
        found = Axe().run(page).response["violations"]
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    assert serious == [], [(e["id"], [n["html"] for n in e["nodes"]][:3]) for e in serious]


def test_runs_with_little_in_them_open_too(
    browser: Browser, make_report: Any, field: Sequence[Any], tmp_path: Path
) -> None:
    failing = {known.variant.id: "it does not start" for known in field[:2]}
    board = Board(
        name="one", title="One", engine="wrk", seed=1, blocks=1, warm_up_s=1, slice_s=1,
        cells=(CellGroup(workloads=("get",), connections=(16,)),),
    )  # fmt: skip
    reports = {
        "empty": make_report(field, stop_after=0),
        "failures": make_report(field[:2], failing=failing),
        "one": make_report(field[:1]),
        "one block": make_report(field[:2], board=board),
    }
    for name, report in reports.items():
        folder = tmp_path / name
        folder.mkdir()
        with opened(browser, write(report, folder), size="phone") as page:
            draw_all(page)
            assert page.locator(".answer").inner_text() == headline(Findings(report))
            assert page.locator("figure").count() == page.locator(".chart svg").count()


KINDS = {
    **dict.fromkeys(("empty or cut", "broken form", "wrong type", "too large", "bomb"), None),
    **dict.fromkeys(("random bytes", "broken HTTP"), None),
    **dict.fromkeys(("slow senders", "cut off"), "a sender occupies a thread until it is through"),
    **dict.fromkeys(("idle", "pipelining", "bad in thousands"), None),
}
"""The kinds of bad input, and what a manifest says of them."""


def battery_of(variant: str, number: int) -> BatteryResult:
    """What the battery finds, made up: the first variant stands all, the next all but its limits,
    and the others fail one more kind each."""
    cases = []
    for place, (kind, reason) in enumerate(KINDS.items()):
        limit = reason if number == 1 else None
        stood = limit is None and place >= number - 1
        for name in (f"{kind}, once", f"{kind}, again"):
            cases.append(case(kind, name, as_expected=stood, limit=limit))
    found = result(variant, *cases)
    return found.model_copy(update={"variant": parse_variant(variant)})


def with_every_section(report: Report) -> Report:
    """The report with capacities, latencies at them, the server's tax and the battery, made up."""
    variants = [each.variant for each in report.competitors]
    capacities = tuple(
        FoundCapacity(
            variant=variant,
            rate_per_s=figure(rate),
            by_block={0: rate},
            reasons=(),
            seconds=(9.0,),
            curve=tuple(point(rate * share, p99_ms) for share, p99_ms in CURVE),
        )
        for variant, rate in zip(variants, (4000.0, 1800.0, 900.0), strict=True)
    )
    taxes = tuple(
        Tax(
            variant=variant,
            cell=report.main_cell,
            cpu_ns={
                stage: figure(cpu_ns)
                for stage, cpu_ns in zip(STAGES, (20e3, 90e3, 150e3, 190e3), strict=True)
            },
            ceiling_per_s=figure(12_000),
            ceiling_decode_ns=40e3,
            ceiling_infer_ns=30e3,
            tax=figure(0.6),
        )
        for variant in variants
    )
    at_capacity = tuple(
        each.model_copy(update={"cell": None, "response_ns": tuple(2 * t for t in each.service_ns)})
        for each in report.latencies
        if each.cell == report.main_cell
    )
    return report.model_copy(
        update={
            "slo": Slo(),
            "capacities": capacities,
            "taxes": taxes,
            "battery": tuple(battery_of(name, number) for number, name in enumerate(variants)),
            "latencies": (*report.latencies, *at_capacity),
        }
    )


CURVE = ((0.5, 4.0), (0.9, 9.0), (1.0, 24.0), (1.2, 180.0))


def figure(value: float) -> Figure:
    return Figure(value=value, low=0.9 * value, high=1.1 * value, blocks=3)


def point(rate_per_s: float, p99_ms: float) -> Point:
    unknown = dict.fromkeys(Point.model_fields)
    known = {"rate_per_s": rate_per_s, "p99_ns": p99_ms * 1e6, "share_in_time": 0.995}
    return Point.model_validate(unknown | known)


def test_capacities_and_the_tax_are_drawn(
    browser: Browser, written: tuple[Path, Report], tmp_path: Path
) -> None:
    with opened(browser, write(with_every_section(written[1]), tmp_path)) as page:
        draw_all(page)
        assert page.locator("#capacity-curves .mark-rule line").count() >= 2 * 3
        assert page.locator("#service-response .mark-line path").count() == 2 * 3
        tax = texts_of(page, "tax-0")
        assert tax.count("190 µs") == 3
        assert "decoding it" in tax
        assert page.locator("#tax-0 .mark-rect path").count() == 4 * 3 + 3  # parts, and ticks


def test_the_battery_is_a_matrix_with_its_reasons_below(browser: Browser, whole: Path) -> None:
    with opened(browser, whole) as page:
        table = page.locator("#battery")
        assert table.locator("thead th").count() == 1 + len(KINDS) + 2
        marks = table.locator("tbody tr").evaluate_all(
            "rows => rows.map((row) => [...row.cells].map((cell) => cell.innerText.trim()))"
        )
        assert [row[1:13].count("✓") for row in marks] == [12, 10, 11]
        assert marks[1][8:10] == ["limit", "limit"]
        assert marks[2][1] == "✗ 2"
        said = page.locator("#bad-inputs").inner_text()
        assert "a sender occupies a thread until it is through" in said
        details = page.locator("#bad-inputs details")
        assert details.count() == 3
        details.first.locator("summary").click()
        assert details.first.locator("tbody tr").count() == 2 * len(KINDS)


def test_sixty_variants_are_shown_by_and_by(
    browser: Browser, make_run: Any, field: Sequence[Any], tmp_path: Path
) -> None:
    knowns = [
        replace(known, contestant=f"{known.contestant}-{number}")
        for number in range(5)
        for known in field
    ][:60]
    board = Board(
        name="wide", title="Wide", engine="native", seed=1, blocks=2, warm_up_s=1, slice_s=1,
        cells=(CellGroup(workloads=("get", "multipart"), connections=(16,)),),
    )  # fmt: skip
    report = build_report(make_run(knowns, board=board, raw=True), samples=True)
    with opened(browser, write(report, tmp_path)) as page:
        assert len(names_in(page)) == 60
        page.wait_for_selector("#throughput-0[data-drawn=yes]")
        hero = page.locator("figure").filter(has=page.locator("#throughput-0"))
        assert page.locator("#throughput-0 .mark-symbol path").count() == 20
        hero.get_by_role("button", name="Show all 60").click()
        wait_until(
            page, "document.querySelectorAll('#throughput-0 .mark-symbol path').length === 60"
        )
        assert page.locator("#lines input:checked").count() == 6
        for box in page.locator("#lines input:not(:checked)").all()[:2]:
            box.check()
        assert page.locator("#lines input:not(:checked):not(:disabled)").count() == 0
