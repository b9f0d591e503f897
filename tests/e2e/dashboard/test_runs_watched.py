"""A run watched to its end in a real browser; strangers kept out."""

from __future__ import annotations

import re
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from servemark.launch import available_cores, split_cores
from servemark.store import RunFolder
from servemark.ui.serving import own_core
from tests.browser import IN_BROWSER
from tests.conftest import ToyProject
from tests.e2e.dashboard.conftest import Dashboard

pytestmark = IN_BROWSER


def test_a_run_is_started_watched_to_its_end_and_read(
    toy_dashboard: Dashboard, toys: ToyProject, page: Page, browser: Browser
) -> None:
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(toy_dashboard.address)
    page.get_by_role("radio", name=re.compile("toys")).check()
    page.get_by_role("button", name="Start").click()
    page.wait_for_url(re.compile(r"/runs/.+-toys$"))
    second = browser.new_page()
    second.goto(page.url)
    for each in (page, second):
        expect(each.locator("#now .state")).to_have_text("done")
    second.close()
    (path,) = toys.runs()
    folder = RunFolder(path)
    good = page.locator("tr", has_text="toy/good")
    expect(good.locator("td").last).to_have_text("3")
    expect(page.locator("tr", has_text="toy/wrong")).to_contain_text("answers wrongly")
    assert f"{len(folder.trials())} trials" in page.locator("#now").inner_text()
    page.get_by_role("link", name="Read the report").wait_for()
    report = browser.new_page()
    report.goto(f"{page.url}/report.html")
    assert "Toys" in report.locator("body").inner_text()
    report.close()
    page.goto(toy_dashboard.address)
    assert path.name in page.locator("ul.runs").inner_text()
    assert "taken" not in page.title()
    assert page.locator("img").count() == 0
    assert troubles == []


def test_a_run_goes_on_without_its_dashboard_and_can_be_stopped_and_gone_on_with(
    toy_dashboard: Dashboard, toys: ToyProject, page: Page, tmp_path: Path
) -> None:
    toys.board(blocks=1000, title='"Long toys"')
    page.goto(toy_dashboard.address)
    page.get_by_role("radio", name=re.compile("toys")).check()
    page.get_by_role("button", name="Start").click()
    page.wait_for_url(re.compile(r"/runs/.+-toys$"))
    name = page.url.rsplit("/", 1)[1]
    assert toy_dashboard.end() == 0
    (path,) = toys.runs()
    holder = RunFolder(path).holder()
    assert holder is not None  # it is measured on
    again = Dashboard(
        toys.folder, toys.folder / "runs", toys.folder / ".servemark", tmp_path / "2.log"
    )
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"{again.address}runs/{name}")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#now .state")).to_have_text("stopped")
    kept = len(RunFolder(path).trials())
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#now .state")).to_have_text("going on")
    deadline = time.monotonic() + 60
    while len(RunFolder(path).trials()) == kept:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#now .state")).to_have_text("stopped")
    assert again.end() == 0


def test_it_is_no_burden_on_what_is_measured(toy_dashboard: Dashboard) -> None:
    cores = available_cores()
    assert toy_dashboard.niceness == 19
    assert toy_dashboard.cores == set(own_core(cores, split_cores(cores, 1, 1)))


def test_nobody_but_its_own_pages_can_change_anything(
    toy_dashboard: Dashboard, toys: ToyProject
) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    own = toy_dashboard.address.rstrip("/")
    for headers in (
        form,
        {**form, "Origin": "https://evil.example"},
        {**form, "Origin": own},
        {**form, "Origin": own, "X-Servemark-Secret": "guessed"},
    ):
        assert toy_dashboard.ask("POST", "/runs?board=toys", headers)[0] == 403
    # A name of somebody else's that was made to point here (DNS rebinding).
    assert toy_dashboard.ask("GET", "/", {"Host": "evil.example"})[0] == 421
    assert toys.runs() == []


@pytest.mark.parametrize(
    "path",
    [
        "/runs/..%2f..%2fboards/report.html",
        "/runs/%2e%2e/report.html",
        "/runs/../../../../etc/passwd",
        "/static/../templates/base.html",
        "/static/%2e%2e/templating.py",
        "/runs/nothing/report.html",
    ],
)
def test_no_path_leads_out_of_the_runs_folder(toy_dashboard: Dashboard, path: str) -> None:
    status, body = toy_dashboard.ask("GET", path)
    assert status in (400, 404)
    assert "root:" not in body
    assert "Jinja" not in body


def test_a_link_in_the_runs_folder_leads_nowhere(
    toy_dashboard: Dashboard, toys: ToyProject, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "run.json").write_text("{}")
    (elsewhere / "report.html").write_text("a secret")
    (toys.folder / "runs").mkdir(exist_ok=True)
    (toys.folder / "runs" / "link").symlink_to(elsewhere)
    status, body = toy_dashboard.ask("GET", "/runs/link/report.html")
    assert status == 404
    assert "a secret" not in body


def test_beyond_loopback_everything_needs_the_token(toys: ToyProject, tmp_path: Path) -> None:
    home = toys.folder / ".servemark"
    made = Dashboard(
        toys.folder, toys.folder / "runs", home, tmp_path / "ui.log", "--host", "0.0.0.0"
    )
    token = urlsplit(made.address).query
    assert token.startswith("token=")
    assert made.ask("GET", "/")[0] == 401
    assert made.ask("GET", "/?token=guessed")[0] == 401
    assert made.ask("GET", f"/?{token}")[0] == 303
    cookie = {"Cookie": f"servemark={token.partition('=')[2]}"}
    assert made.ask("GET", "/", cookie)[0] == 200
    assert made.end() == 0
