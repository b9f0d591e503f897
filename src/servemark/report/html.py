"""The report as one page that opens from the disk, offline, and asks the network for nothing."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment

from servemark.report import headlines
from servemark.report import html_tables as tables
from servemark.report.battery import MARKS, headline, reading, remarks
from servemark.report.battery_tables import cases_tables, matrix_table
from servemark.report.choice_wording import choice_sentence
from servemark.report.findings import QUESTION, Findings
from servemark.report.gallery import gallery
from servemark.report.json import render_json
from servemark.report.model import Report
from servemark.report.served_wording import models_sentence
from servemark.report.tables import as_csv, tables_of
from servemark.report.theme import schemes_for_page, style_sheet
from servemark.report.troubles import troubles, warnings
from servemark.report.web import charting_library, templates
from servemark.report.wording import cell_title, count, number, plain

_FOLDER = Path(__file__).parent
_SCRIPTS = ("sortable.js", "page_charts.js", "page.js")


def render_html(report: Report) -> str:
    """The report as a page without anything outside of it."""
    findings = Findings(report)
    script = _inline("\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in _SCRIPTS))
    style = style_sheet() + (_FOLDER / "page.css").read_text(encoding="utf-8")
    return (
        _templates()
        .get_template("page.html")
        .render(
            report=report,
            findings=findings,
            question=QUESTION,
            answer=headlines.headline(findings),
            doubt=headlines.doubt(findings),
            upload_said=headlines.upload_headline(findings),
            capacity_said=headlines.capacity_headline(findings),
            noise_floor=headlines.noise_floor(findings),
            warnings=warnings(findings),
            troubles=troubles(report),
            how_to_read=findings.how_to_read,
            charts=gallery(findings),
            worth=choice_sentence(findings),
            rankings=tables.ranking_tables(findings),
            decisions=tables.decisions_table(findings),
            cells=tables.cells_table(findings),
            times=tables.times_table(findings),
            latencies=tables.latency_tables(findings),
            competitors=tables.competitors_table(findings),
            capacities=tables.capacity_table(findings),
            served=tables.models_table(findings),
            reversals=models_sentence(findings),
            taxes=tables.tax_tables(findings),
            nodes=tables.nodes_table(findings),
            noise=tables.noise_table(findings),
            caching=tables.caching_table(findings),
            variants=_variants(findings),
            facets=_facets(findings),
            looks=schemes_for_page(),
            downloads=_downloads(report),
            battery=_battery(findings),
            bundle=_bundle(),
            script=script,
            style=style,
            hashes=[_hash(_bundle()), _hash(script)],
            cell_title=cell_title,
            count=count,
            number=number,
        )
    )


FACETS = ("language", "server", "runtime", "model", "division")
"""What variants can be filtered by."""


def _variants(findings: Findings) -> list[dict[str, str]]:
    """What the page's filters look at, in the order of the ranking."""
    competitors = {each.variant: each for each in findings.report.competitors}
    ranked = findings.order()
    order = [*ranked, *(name for name in competitors if name not in ranked)]
    return [
        {"variant": name, "name": findings.names[name], "title": plain(competitors[name].title)}
        | {facet: str(getattr(competitors[name], facet)) for facet in FACETS}
        for name in order
    ]


def _facets(findings: Findings) -> dict[str, list[str]]:
    """The values of each facet that has several."""
    values = {
        facet: sorted({str(getattr(each, facet)) for each in findings.report.competitors})
        for facet in FACETS
    }
    return {facet: found for facet, found in values.items() if len(found) > 1}


@dataclass(frozen=True, slots=True)
class Download:
    """A file that the page gives away, compressed and as text."""

    name: str
    size: int
    content: str


def _downloads(report: Report) -> list[Download]:
    files = {"report.json": render_json(report).encode()}
    files |= {f"{name}.csv": as_csv(table) for name, table in tables_of(report).items()}
    return [Download(name, len(content), _packed(content)) for name, content in files.items()]


def _packed(content: bytes | str) -> str:
    """A file as the page holds it: compressed, in letters that need no escaping."""
    data = content.encode() if isinstance(content, str) else content
    return base64.b64encode(gzip.compress(data, mtime=0)).decode()


@cache
def _templates() -> Environment:
    environment = templates()
    environment.filters["packed"] = _packed
    return environment


@cache
def _bundle() -> str:
    return _inline(charting_library())


def _inline(script: str) -> str:
    """The script as it may stand in a page: nothing in it ends its element early."""
    script = script.replace("\r\n", "\n").replace("\r", "\n")
    script = re.sub(r"</(script)", r"<\\/\1", script, flags=re.IGNORECASE)
    return script.replace("<!--", r"<\!--")


def _hash(script: str) -> str:
    """The script as the page's content security policy names it."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _battery(findings: Findings) -> dict[str, object] | None:
    results, names = findings.report.battery, findings.names
    if not results:
        return None
    return {
        "headline": headline(results),
        "reading": reading(MARKS),
        "matrix": matrix_table(results, names),
        "remarks": remarks(results, names),
        "cases": cases_tables(results, names),
    }
