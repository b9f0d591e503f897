"""Digits drawn in a real browser, and answered by real contestants."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from servemark.cli.project import Project
from servemark.launch.usage import tree_below
from servemark.records import Variant
from tests.browser import IN_BROWSER, SLOW_MS
from tests.conftest import ToyProject
from tests.e2e.dashboard.conftest import HOSTILE, Dashboard

pytestmark = IN_BROWSER

Points = list[tuple[float, float]]
AIOHTTP = Variant(contestant="python/aiohttp", server="builtin", runtime="onnxruntime")
FLASK = Variant(contestant="python/flask", server="gunicorn", runtime="onnxruntime")
ONE: Points = [(150, 40), (140, 240)]
TWO: Points = [
    *((80, 90), (110, 50), (150, 45), (185, 70), (190, 110), (160, 150), (110, 200), (75, 235)),
    *((130, 232), (210, 235)),
]
ZERO: Points = [(140 + 60 * math.cos(t / 8), 140 + 90 * math.sin(t / 8)) for t in range(52)]


@pytest.fixture
def playground(real_dashboard: Dashboard, prepared: Callable[[Variant], None], page: Page) -> Page:
    """The playground with two contestants chosen."""
    for variant in (AIOHTTP, FLASK):
        prepared(variant)
    page.goto(f"{real_dashboard.address}playground")
    choose(page, AIOHTTP.id, FLASK.id)
    return page


def choose(page: Page, *variants: str) -> None:
    """Exactly these, as a user ticks them."""
    folded = page.locator(".contestants details:not([open]) > summary")
    while folded.count():
        folded.first.click()
    for box in page.locator("input[name=variant]").all():
        box.set_checked(box.get_attribute("value") in variants)


def places(page: Page, points: Points) -> Points:
    """Points of the sheet (280 wide and high) on the screen."""
    page.locator("#canvas").scroll_into_view_if_needed()
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    scale = box["width"] / 280
    return [(box["x"] + x * scale, box["y"] + y * scale) for x, y in points]


def draw(page: Page, points: Points) -> None:
    """With the mouse."""
    first, *rest = places(page, points)
    page.mouse.move(*first)
    page.mouse.down()
    for place in rest:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def draw_with_a_finger(page: Page, points: Points) -> None:
    session = page.context.new_cdp_session(page)
    kinds = ["touchStart", *["touchMove"] * (len(points) - 1)]
    for kind, (x, y) in zip(kinds, places(page, points), strict=True):
        touched = {"type": kind, "touchPoints": [{"x": x, "y": y}]}
        session.send("Input.dispatchTouchEvent", touched)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_drawn_digits_are_recognised_by_several_contestants_side_by_side(
    playground: Page, screenshot: Callable[[Page, str], None]
) -> None:
    answers = playground.locator(".answer[data-answered]")
    for digit, stroke in {"1": ONE, "0": ZERO, "2": TWO}.items():
        playground.get_by_role("button", name="Clear").click()
        expect(playground.locator(".answer")).to_have_count(0)
        draw(playground, stroke)
        expect(answers).to_have_count(2)
        expect(answers.locator("output")).to_have_text([digit, digit])
    expect(answers.locator("h3")).to_have_text([AIOHTTP.id, FLASK.id])
    for text in answers.locator("p").all():
        expect(text).to_contain_text("% sure, in ")
    # The same sheet to each: the picture that the model saw is 28 x 28, ink white on black.
    address = answers.locator("img").first.get_attribute("src") or ""
    seen = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
    assert (seen.size, seen.mode) == ((28, 28), "L")
    assert seen.getpixel((0, 0)) == 0
    assert seen.getextrema() == (0, 255)
    screenshot(playground, "playground-answered")
    left, right = (card.bounding_box() for card in answers.all())
    assert left is not None
    assert right is not None
    assert left["y"] == right["y"]  # side by side, where there is room


def test_as_a_form_and_as_a_raw_body_the_answer_is_the_same(playground: Page) -> None:
    choose(playground, AIOHTTP.id)
    answer = playground.locator(".answer[data-answered]")
    draw(playground, TWO)
    sure = []
    for form in ("a raw body", "a form"):
        with playground.expect_response("**/playground/ask?*") as asked:
            playground.get_by_role("radio", name=form).check()
        expected = "raw" if form == "a raw body" else "multipart"
        assert f"form={expected}" in asked.value.url
        expect(answer.locator("output")).to_have_text("2")
        sure.append(asked.value.json()["probability"])
    assert sure[0] == sure[1]


def test_a_file_is_answered_as_the_golden_set_has_it_and_what_is_no_image_is_refused(
    playground: Page, root: Path, tmp_path: Path
) -> None:
    outputs = playground.locator(".answer[data-answered] output")
    playground.locator("#file").set_input_files(root / "models" / "mnist" / "golden" / "two.jpg")
    expect(outputs).to_have_text(["2", "2"])
    # The TEST_IMAGE's probability in golden.json: 0.998075843.
    expect(playground.locator(".answer p").first).to_contain_text("99.8 % sure")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image at all")
    playground.locator("#file").set_input_files(broken)
    problems = playground.locator(".answer[data-answered] .problem")
    expect(problems).to_have_count(2)
    for problem in problems.all():
        expect(problem).to_contain_text("422")


def test_a_finger_draws_on_a_phone(
    real_dashboard: Dashboard,
    prepared: Callable[[Variant], None],
    browser: Browser,
    screenshot: Callable[[Page, str], None],
) -> None:
    prepared(AIOHTTP)
    phone = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = phone.new_page()
    page.set_default_timeout(SLOW_MS)
    page.goto(f"{real_dashboard.address}playground")
    choose(page, AIOHTTP.id)
    draw_with_a_finger(page, TWO)
    expect(page.locator(".answer[data-answered] output")).to_have_text("2")
    screenshot(page, "playground-phone")
    phone.close()


def test_no_server_is_left_behind(
    root: Path,
    project: Project,
    prepared: Callable[[Variant], None],
    tmp_path: Path,
    page: Page,
) -> None:
    prepared(AIOHTTP)
    mark = str(project.home / "envs" / "python-aiohttp-onnxruntime")
    dashboard = Dashboard(root, tmp_path / "runs", project.home, tmp_path / "own.log")
    page.goto(f"{dashboard.address}playground")
    choose(page, AIOHTTP.id)
    draw(page, ONE)
    page.locator(".answer[data-answered]").wait_for()
    below = tree_below(dashboard.process.pid)
    assert any(mark in Path(f"/proc/{pid}/cmdline").read_text() for pid in below)
    assert dashboard.end() == 0
    assert [pid for pid in below if Path(f"/proc/{pid}").exists()] == []


def test_hostile_titles_and_errors_are_shown_as_text(
    toy_dashboard: Dashboard, toys: ToyProject, page: Page
) -> None:
    assert toys.call("prepare").returncode == 0
    page.goto(f"{toy_dashboard.address}playground")
    choose(page, "toy/rude@builtin+numpy")
    assert HOSTILE in page.locator(".contestants").inner_text()
    draw(page, ONE)
    problem = page.locator(".answer[data-answered] .problem")
    expect(problem).to_contain_text(f'422 {{"data": null, "error": "{HOSTILE}"}}')
    assert page.title() == "Playground · servemark"
