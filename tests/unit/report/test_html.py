"""The page: whole in itself, safe with hostile text, and with the figures of the JSON."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import Any

import pytest

from servemark.records import CellGroup
from servemark.report import REPORTS, Report, build_report
from servemark.report.findings import Findings
from servemark.report.headlines import headline
from servemark.report.html_tables import ranking_tables
from tests.unit.report.conftest import default_board

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
ADDRESSES = {"src", "href", "srcset", "data", "action", "formaction", "poster", "xlink:href"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """What a browser would find in a page."""

    elements: list[Element] = field(default_factory=list)
    open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in ("meta", "link", "br", "img", "input", "wbr"):
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> ends <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data

    def all(self, tag: str) -> list[Element]:
        return [element for element in self.elements if element.tag == tag]

    def has(self, identifier: str) -> bool:
        return any(each.attributes.get("id") == identifier for each in self.elements)

    def charts(self) -> dict[str, Any]:
        return {
            each.attributes["data-chart"]: json.loads(unpacked(each))
            for each in self.all("script")
            if "data-chart" in each.attributes
        }

    def programs(self) -> list[str]:
        """Scripts that run, not those that hold data."""
        return [each.text for each in self.all("script") if "type" not in each.attributes]


def unpacked(element: Element) -> bytes:
    """The file that an element holds."""
    return gzip.decompress(base64.b64decode(element.text))


def read(report: Report) -> Page:
    page = Page()
    page.feed(REPORTS["html"](report))
    page.close()
    assert page.open == []
    return page


@pytest.fixture(scope="module")
def page(report: Report) -> Page:
    return read(report)


def values_of(spec: Any) -> list[dict[str, Any]]:
    """Every row of data in a specification."""
    return [row for rows in spec.get("datasets", {}).values() for row in rows] or list(
        spec["data"]["values"]
    )


def rows_of(page: Page, table: str) -> list[list[Element]]:
    """The cells of a table's body, row by row."""
    start = next(i for i, e in enumerate(page.elements) if e.attributes.get("id") == table)
    rows: list[list[Element]] = []
    for element in page.elements[start + 1 :]:
        if element.tag == "table":
            break
        if element.tag == "tr":
            rows.append([])
        if element.tag in ("th", "td"):
            rows[-1].append(element)
    return rows[1:]


def test_nothing_is_fetched(page: Page) -> None:
    for element in page.elements:
        for name in ADDRESSES & set(element.attributes):
            address = element.attributes[name]
            allowed = address.startswith(("#", "data:"))
            if element.tag == "a":
                allowed = allowed or address == "https://example.org/"  # a contestant's homepage
            assert allowed, f"<{element.tag} {name}={address}>"
    style = "".join(element.text for element in page.all("style"))
    assert "url(" not in style
    assert "@import" not in style


def test_the_policy_forbids_what_is_not_in_the_page(page: Page) -> None:
    (policy,) = (
        each.attributes["content"]
        for each in page.all("meta")
        if each.attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert "default-src 'none'" in policy
    assert len(page.programs()) == 2
    for script in page.programs():
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe-eval" not in policy


def test_question_and_answer_come_first_and_then_a_chart(page: Page, report: Report) -> None:
    (heading,) = page.all("h1")
    assert heading.text == "Which web server should serve my model, and what does it cost?"
    answers = [each for each in page.all("p") if each.attributes.get("class") == "answer"]
    assert [each.text for each in answers] == [headline(Findings(report))]
    order = [e.tag for e in page.elements if e.tag in ("h1", "figure", "h2") or e in answers]
    assert order[:4] == ["h1", "p", "figure", "h2"]


def test_the_figures_of_the_ranking_are_those_of_the_json(page: Page, report: Report) -> None:
    document = json.loads(REPORTS["json"](report))
    results = {r["variant"]: r["figures"] for r in document["results"] if r["cell"] == "get/c16"}
    names = Findings(report).names
    by_name = {names[each["variant"]]: each["variant"] for each in document["competitors"]}
    main = {r["variant"]: r for r in document["results"] if r["cell"] == document["main_cell"]}
    rows = rows_of(page, "ranking-table")
    assert len(rows) == 13
    assert {row[1].attributes["data-value"] for row in rows} <= set(by_name)
    for row in rows:
        variant = by_name[row[1].attributes["data-value"]]
        figures = main[variant]["figures"]
        get = results[variant]["throughput_per_s"]["value"]
        shown = [float(cell.attributes["data-value"]) for cell in (row[0], *row[2:])]
        assert shown == pytest.approx(
            [
                main[variant]["rank"],
                figures["throughput_per_s"]["value"],
                get,
                next(
                    r["figures"]["throughput_per_s"]["value"]
                    for r in document["results"]
                    if (r["variant"], r["cell"]) == (variant, "raw/c16")
                ),
                get / figures["throughput_per_s"]["value"],
                figures["server_cpu_ns"]["value"],
                figures["peak_pss_bytes"]["value"],
                figures["first_answer_ns"]["value"],
            ],
            rel=1e-4,  # the ratio is a geometric mean over blocks
        )


def test_the_figures_of_the_charts_are_those_of_the_json(page: Page, report: Report) -> None:
    found = {
        (r.variant, r.cell): r.figures["throughput_per_s"] for r in report.results if r.figures
    }
    hero = values_of(page.charts()["throughput-0"])
    assert [v["label"] for v in hero][:2] == ["1 go/net-http", "2 python/sanic"]
    assert {(v["variant"], v["value"], v["low"], v["high"]) for v in hero} == {
        (variant, f.value, f.low, f.high)
        for (variant, cell), f in found.items()
        if cell == "multipart/c16"
    }
    loads = values_of(page.charts()["connections"])
    assert {(v["variant"], v["load"], v["value"]) for v in loads} == {
        (variant, cell.split("/c")[1], f.value)
        for (variant, cell), f in found.items()
        if cell.startswith("multipart/")
    }
    upload = {v["name"]: v["factor"] for v in values_of(page.charts()["upload"])}
    assert upload["python/falcon@uvicorn"] == "3.1×"  # 5,900 ÷ 1,900


def test_every_chart_has_data_and_says_in_words_what_it_shows(page: Page) -> None:
    charts = page.charts()
    assert list(charts) == [
        "throughput-0",
        "choices-throughput_per_s",
        "upload",
        "throughput-1",
        "throughput-2",
        "connections",
        "trade",
        "cost-server_cpu_ns",
        "cost-peak_pss_bytes",
        "cost-first_answer_ns",
    ]
    assert all(values_of(spec) for spec in charts.values())
    said = [each.attributes["aria-label"] for each in page.all("div")
            if each.attributes.get("role") == "img"]  # fmt: skip
    assert len(said) == len(charts)
    for chart, text in zip(charts, said, strict=True):
        if chart == "choices-throughput_per_s":
            assert "language" in text
            continue
        assert "go/net-http" in text
        assert "r/plumber" in text or chart == "trade"
    assert "5,200 (5,070–5,330)" in said[0]


def test_all_charts_have_the_variants_in_the_order_of_the_ranking(page: Page) -> None:
    charts = page.charts()
    for chart in ("throughput-0", "throughput-1", "cost-peak_pss_bytes"):
        (order,) = {json.dumps(layer["encoding"]["y"]["sort"]) for layer in charts[chart]["layer"]}
        assert json.loads(order)[0].endswith("go/net-http")
        assert json.loads(order)[-1].endswith("r/plumber")
    assert charts["connections"]["facet"]["sort"][:2] == ["go/net-http", "python/sanic"]


def test_charts_adapt_to_the_cells_that_there_are(
    make_report: Any, field: Sequence[Any], seed_board: Any
) -> None:
    speeds = {"get/c1": 100, "get/c100": 300, "get/t10c100": 290}
    knowns = [replace(known, per_s=speeds) for known in field[:3]]
    page = read(make_report(knowns, board=seed_board))
    charts = page.charts()
    assert "upload" not in charts
    assert "throughput-1" not in charts
    assert all(values_of(spec) for spec in charts.values())
    loads = {value["load"] for value in values_of(charts["connections"])}
    assert loads == {"1", "100", "100\n10 threads"}
    assert not page.has("upload-cost")
    assert not page.has("workloads")


def test_hostile_text_is_shown_as_text(make_report: Any, field: Sequence[Any]) -> None:
    name = f"python/{HOSTILE}"
    knowns = [
        replace(field[0], title=HOSTILE, homepage="javascript:alert(3)"),
        replace(field[1], contestant=name),
        field[3],
    ]
    report = make_report(knowns, failing={field[3].variant.id: HOSTILE}, warning=HOSTILE)
    page = read(report)
    assert len(page.programs()) == 2
    assert page.all("img") == []
    for element in page.elements:
        assert not any(attribute.startswith("on") for attribute in element.attributes)
        assert not element.attributes.get("href", "").startswith("javascript:")
    text = "".join(element.text for element in page.all("body"))
    assert text.count(HOSTILE) >= 4  # title, name, warning, error
    assert {value["name"] for value in values_of(page.charts()["throughput-0"])} == {
        "go/net-http",
        name,
    }


def test_problems_have_reason_remedy_and_log(page: Page) -> None:
    articles = {each.text.split()[0]: each.text for each in page.all("article")}
    died = articles["python/bottle@gunicorn+onnxruntime"]
    assert "it died under load with signal 9" in died
    assert "Traceback: out of memory" in died
    assert "servemark verify node/koa" in articles["node/koa@builtin+onnxruntime"]
    assert "apt-get install cargo" in articles["rust/axum@builtin+onnxruntime"]


def test_percentiles_of_an_engine_are_shown_under_its_caveat(page: Page) -> None:
    summaries = [each.text for each in page.all("summary")]
    assert "Latency percentiles: wrk's own, with synthetic samples" in summaries
    (row, *_) = rows_of(page, "latency-table-0")
    assert [cell.text.strip() for cell in row[1:]] == ["2.90 ms", "7.10 ms", "9.00 ms"]
    before = next(i for i, e in enumerate(page.elements) if e.attributes.get("id") == "cells")
    assert "p99" not in "".join(e.text for e in page.elements[:before] if e.tag in ("td", "th"))


def test_where_and_how_it_was_made_is_told(page: Page) -> None:
    told = " ".join("".join(each.text for each in page.all("dd")).split())
    for part in ("servemark run default", "AMD EPYC 7B13", "seed 20261122", "wrk 4.1.0", "kvm"):
        assert part in told


def test_warnings_are_visible(make_report: Any, field: Sequence[Any]) -> None:
    page = read(make_report(field[:2], stop_after=4, warning="Server and engine share a core."))
    warnings = [e.text for e in page.all("p") if e.attributes.get("class") == "warning"]
    assert "Server and engine share a core." in warnings[0]
    assert "The board is not done" in warnings[1]


def test_an_empty_run_and_a_run_of_failures_have_neither_charts_nor_ranking(
    make_report: Any, field: Sequence[Any]
) -> None:
    empty = read(make_report(field, stop_after=0))
    failing = {known.variant.id: "it does not start" for known in field[:2]}
    failures = read(make_report(field[:2], failing=failing))
    for page in (empty, failures):
        assert page.charts() == {}
        assert not page.has("ranking")
    assert "it does not start" in "".join(each.text for each in failures.all("article"))


def test_one_contestant_is_enough_for_every_chart(make_report: Any, field: Sequence[Any]) -> None:
    page = read(make_report(field[:1]))
    charts = page.charts()
    assert len(charts) == 9
    assert all(values_of(spec) for spec in charts.values())
    assert not page.has("filters")


@pytest.mark.slow
def test_sixty_variants_with_samples_stay_below_five_megabytes(
    make_run: Any, field: Sequence[Any]
) -> None:
    knowns = [
        replace(known, contestant=f"{known.contestant}-{number}")
        for number in range(5)
        for known in field
    ][:60]
    uploads = CellGroup(workloads=("get", "multipart", "raw"), connections=(16,))
    board = default_board(blocks=2).model_copy(update={"cells": (uploads,)})
    report = build_report(make_run(knowns, board=board, raw=True), samples=True)
    page = read(report)
    assert len(rows_of(page, "ranking-table")) == 60
    assert len(values_of(page.charts()["throughput-0"])) == 60
    assert len({value["name"] for value in values_of(page.charts()["percentiles"])}) == 60
    assert len(REPORTS["html"](report).encode()) < 5_000_000


def test_columns_can_be_sorted_by_keyboard(page: Page) -> None:
    heads = [each for each in page.all("th") if "data-first" in each.attributes]
    others = [each for each in page.all("button") if each.attributes["type"] == "reset"
              or "data-file" in each.attributes]  # fmt: skip
    assert len(page.all("button")) == len(heads) + len(others)
    sorted_by = [each for each in heads if "aria-sort" in each.attributes]
    assert {each.text.strip() for each in sorted_by} == {"#"}
    assert re.fullmatch("ascending|descending", sorted_by[0].attributes["aria-sort"])


def test_the_data_of_the_page_are_the_report(page: Page, report: Report) -> None:
    files = {
        each.attributes["data-content"]: unpacked(each)
        for each in page.all("script")
        if "data-content" in each.attributes
    }
    assert files["report.json"].decode() == REPORTS["json"](report)
    assert files["results.csv"].count(b"python/flask") > 0
    assert {"variants.csv", "blocks.csv", "decisions.csv", "problems.csv"} <= set(files)


def test_a_variant_can_be_filtered_by_whatever_differs(page: Page) -> None:
    boxes = {(e.attributes["name"], e.attributes["value"]) for e in page.all("input")
             if e.attributes.get("type") == "checkbox"}  # fmt: skip
    assert {("language", "go"), ("server", "gunicorn"), ("runtime", "base-r")} <= boxes
    assert not any(name in ("division", "model") for name, _ in boxes)  # all have the same
    (variants,) = (e for e in page.all("script") if e.attributes.get("id") == "variants")
    names = [each["name"] for each in json.loads(variants.text)]
    assert names[:2] == ["go/net-http", "python/sanic"]
    assert len(names) == 15


def test_those_of_one_place_are_marked_alike(make_report: Any, field: Sequence[Any]) -> None:
    twins = [field[0], replace(field[1], per_s=field[0].per_s), field[5]]
    page = read(make_report(twins))
    start = next(
        i for i, e in enumerate(page.elements) if e.attributes.get("id") == "ranking-table"
    )
    rows = [e for e in page.elements[start:] if e.tag == "tr" and "data-variant" in e.attributes]
    assert [row.attributes.get("class", "") for row in rows[:3]] == ["tie-1", "tie-1", ""]


def test_a_ranking_by_another_load_has_no_columns_of_the_main_load(
    make_report: Any, field: Sequence[Any]
) -> None:
    findings = Findings(make_report(field[:2]))
    heads = {cell.id: [c.head for c in table.columns] for cell, table in ranking_tables(findings)}
    assert heads["multipart/c16"][2:6] == ["form /s", "GET /s", "raw /s", "GET ÷ form"]
    assert heads["multipart/c1"][2:5] == ["form /s", "GET ÷ form, 16", "CPU per answer"]


def test_a_ranking_has_the_other_workloads_of_its_own_load_beside_it(
    make_report: Any, field: Sequence[Any]
) -> None:
    group = CellGroup(workloads=("get", "multipart"), connections=(16, 64))
    board = default_board().model_copy(update={"cells": (group,)})
    known = replace(field[0], per_s={**field[0].per_s, "get/c64": 9900.0})
    tables = ranking_tables(Findings(make_report([known], board=board)))
    (table,) = [table for cell, table in tables if cell.id == "multipart/c64"]
    assert [column.head for column in table.columns[2:4]] == ["form /s", "GET /s"]
    assert [datum.text for datum in table.rows[0][2:4]] == ["5,150", "9,900"]
