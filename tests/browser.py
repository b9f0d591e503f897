"""Debian's Chromium, for the tests that look at pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.conftest import ROOT

ARTEFACTS = Path(os.environ.get("SERVEMARK_ARTEFACTS", ROOT / ".servemark" / "artefacts"))
"""Where screenshots are kept, for people to look at."""
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
IN_BROWSER = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt-get install chromium)"),
]
SLOW_MS = 90_000
"""What a page shows may wait for servers that start, on cores that other tests keep busy."""
expect.set_options(timeout=SLOW_MS)


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """Chromium without a window, started with those flags too."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        yield found
        found.close()
