"""The page in headless Chromium without a network: its charts draw, the console stays empty."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from servemark.report import REPORTS, Report

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--enable-logging=stderr",
    "--window-size=1280,800",
    "--virtual-time-budget=20000",
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="needs Chromium (apt-get install chromium)"),
]


class Document(HTMLParser):
    """The tags of a document, and the text right within elements by their tag."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.attributes: dict[str, str | None] = {}
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.update(attrs if tag == "html" else ())

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.tags[-1] if self.tags else "", []).append(data)


def opened(report: Report, folder: Path) -> tuple[Document, list[str]]:
    """The document after its scripts have run, and what they wrote to the console."""
    path = folder / "report.html"
    path.write_text(REPORTS["html"](report), encoding="utf-8")
    profile = f"--user-data-dir={folder / 'profile'}"
    ended = subprocess.run(
        [BROWSER or "", *FLAGS, profile, "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return Document(ended.stdout), re.findall(r"CONSOLE.*", ended.stderr)


def test_every_chart_is_drawn_and_the_console_stays_empty(report: Report, tmp_path: Path) -> None:
    document, console = opened(report, tmp_path)
    assert console == []
    assert document.attributes["data-drawn"] == "yes"
    assert document.tags.count("svg") == document.tags.count("figure") == 8
    assert "5,200" in document.texts["text"]


def test_hostile_names_are_drawn_as_text(
    make_report: Any, field: Sequence[Any], tmp_path: Path
) -> None:
    hostile = "</script><script>document.title='taken'</script><img src=x onerror=alert(1)>"
    knowns = [replace(field[0], contestant=f"go/{hostile}", title=hostile), *field[1:3]]
    document, console = opened(make_report(knowns), tmp_path)
    assert console == []
    assert document.texts["title"][0] == "Ten servers, one model · servemark"
    assert "img" not in document.tags
    assert f"go/{hostile}"[:20] in "".join(document.texts["text"])
