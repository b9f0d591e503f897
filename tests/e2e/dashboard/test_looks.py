"""Every page at three sizes, light and dark: nothing sticks out, nobody is kept out."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser import IN_BROWSER
from tests.conftest import ToyProject
from tests.e2e.dashboard.conftest import HOSTILE, Dashboard

pytestmark = IN_BROWSER

SIZES: dict[str, ViewportSize] = {
    "laptop": {"width": 1280, "height": 800},
    "tablet": {"width": 768, "height": 1024},
    "phone": {"width": 390, "height": 844},
}
SERIOUS = ("serious", "critical")


@pytest.fixture
def look(page: Page, screenshot: Callable[[Page, str], None]) -> Callable[[str], None]:
    """Looks at the page as it is now, at every size, light and dark."""

    def at_all_sizes(name: str) -> None:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            for size, viewport in SIZES.items():
                page.set_viewport_size(viewport)
                wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert wider <= 0, f"{name} is {wider} pixels wider than a {size}"
                screenshot(page, f"{name}-{size}-{scheme}")
            found = Axe().run(page)
            serious = [each for each in found.response["violations"] if each["impact"] in SERIOUS]
            assert serious == [], found.generate_report()

    return at_all_sizes


def test_every_page_is_accessible_fits_and_shows_hostile_names_as_text(
    toy_dashboard: Dashboard, toys: ToyProject, page: Page, look: Callable[[str], None]
) -> None:
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(toy_dashboard.address)
    look("runs-none")
    page.get_by_role("radio", name=re.compile("toys")).check()
    page.get_by_role("button", name="Start").click()
    page.wait_for_url(re.compile(r"/runs/.+-toys$"))
    page.locator(".known .dot").first.wait_for()
    look("run-going-on")
    expect(page.locator("#now .state")).to_have_text("done")
    assert HOSTILE in page.locator("h1").inner_text()
    assert HOSTILE in page.locator("#troubles").inner_text()
    page.locator("#part details summary").click()
    look("run-done")
    (first,) = toys.runs()
    second = first.with_name(first.name.replace("-toys", "-twin"))
    shutil.copytree(first, second)
    for name, address in {
        "runs": "",
        "compare": f"compare?run={first.name}&run={second.name}",
        "not-here": "runs/nothing",
        "playground": "playground",
    }.items():
        page.goto(f"{toy_dashboard.address}{address}")
        look(name)
    assert "taken" not in page.title()
    assert troubles == []


def test_it_can_be_used_with_the_keyboard_alone(
    toy_dashboard: Dashboard, toys: ToyProject, page: Page
) -> None:
    toys.board(blocks=60)  # so that it is not done before it is stopped
    page.goto(toy_dashboard.address)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.type") == "submit":
            break
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/(jobs|runs)/"))
    page.wait_for_url(re.compile(r"/runs/.+-toys$"))
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Stop").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#now .state")).to_have_text("stopped")
