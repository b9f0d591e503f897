"""The dashboard as a process of its own, and a real browser to look at it with."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from servemark.cli.project import Project
from tests.browser import ARTEFACTS, SLOW_MS, chromium
from tests.conftest import ToyProject

HOSTILE = "<img src=x onerror=document.title='taken'>"


class Dashboard:
    """``servemark ui`` as a process of its own."""

    def __init__(self, root: Path, runs: Path, home: Path, log: Path, *options: str) -> None:
        command = [sys.executable, "-m", "servemark", "--root", str(root), "--runs", str(runs)]
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [*command, "ui", "--port", "0", "--no-open", *options],
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, "SERVEMARK_HOME": str(home), "NO_COLOR": "1"},
            )
        self.address = ""
        while not self.address:
            assert self.process.poll() is None, log.read_text()
            found = re.search(r"http://\S+", log.read_text())
            self.address = found[0] if found else ""
            time.sleep(0.05)
        self.niceness = os.getpriority(os.PRIO_PROCESS, self.process.pid)
        self.cores = os.sched_getaffinity(self.process.pid)
        _bring_forward(self.process.pid)

    def end(self) -> int:
        """Ctrl-C; its exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=30)

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Status and body, asked without a browser."""
        place = urlsplit(self.address)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=10)
        connection.request(method, path, headers=dict(headers or {}))
        response = connection.getresponse()
        body = response.read().decode()
        connection.close()
        return response.status, body


def _bring_forward(pid: int) -> None:
    """At the lowest priority, on one core, a dashboard stands still beside tests that compute: it
    gets the priority and the cores of a test, where that may be."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(ProcessLookupError, PermissionError):
            os.sched_setaffinity(int(thread.name), os.sched_getaffinity(0))
            os.setpriority(os.PRIO_PROCESS, int(thread.name), os.getpriority(os.PRIO_PROCESS, 0))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    found = browser.new_page()
    found.set_default_timeout(SLOW_MS)
    yield found
    found.close()


@pytest.fixture
def toy_dashboard(toys: ToyProject, tmp_path: Path) -> Iterator[Dashboard]:
    """A dashboard of toys: one with a hostile title that answers wrongly, one with hostile errors,
    and a board with a hostile title."""
    toys.add("good", "wrong", "rude")
    manifest = toys.folder / "contestants" / "toy" / "wrong" / "contestant.toml"
    manifest.write_text(manifest.read_text().replace("The wrong one", HOSTILE))
    toys.board(blocks=3, title=f'"Toys {HOSTILE}"')
    runs, home = toys.folder / "runs", toys.folder / ".servemark"
    found = Dashboard(toys.folder, runs, home, tmp_path / "ui.log")
    yield found
    if found.process.poll() is None:
        assert found.end() == 0


@pytest.fixture
def real_dashboard(root: Path, project: Project, tmp_path: Path) -> Iterator[Dashboard]:
    """A dashboard of this checkout's contestants, with a runs folder of its own."""
    found = Dashboard(root, tmp_path / "runs", project.home, tmp_path / "ui.log")
    yield found
    assert found.end() == 0


@pytest.fixture
def screenshot() -> Callable[[Page, str], None]:
    """Keeps a picture of the whole page, as it is now."""

    def keep(page: Page, name: str) -> None:
        page.screenshot(path=ARTEFACTS / "dashboard" / f"{name}.png", full_page=True)

    return keep
