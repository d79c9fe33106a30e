"""In a real browser: narrow windows leave no column of text beside empty space, and each page has one main button."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from .visitor import NEEDS_CHROMIUM, Walk, served

pytestmark = NEEDS_CHROMIUM

WIDTHS_OF_BOXES = """
return [...document.querySelectorAll(".sheet")].filter((one) => one.querySelector(".access-box")).map((one) => {
  const look = getComputedStyle(one);
  const inside = one.clientWidth - parseFloat(look.paddingLeft) - parseFloat(look.paddingRight);
  return one.querySelector(".access-box").offsetWidth / inside})"""
"""How much of its sheet each box takes that says where the access to Canvas stands."""

LINES_OF_SEARCHES = """
const at = (one) => one.getBoundingClientRect();
return [...document.querySelectorAll("form[role='search']")].map((one) =>
  at(one.querySelector("button")).top < at(one.querySelector("[type='search']")).bottom)"""
"""Whether each search has its button beside its field."""

ROOM_OF_QUESTIONS = """
return [...document.querySelectorAll("td:has(.question)")].map((one) =>
  one.querySelector(".question").getBoundingClientRect().left - one.getBoundingClientRect().left)"""
"""How far from the left edge of its cell each question begins."""

CUT_TIMES = """
const times = [...document.querySelectorAll("td time")];
return times.filter((one) => one.offsetHeight > 36).map((one) => one.outerHTML)"""
"""Times that go over two lines."""

HIDDEN_PARTS = """
return [...document.querySelectorAll(".table-sheet")].map((one) => one.scrollWidth - one.clientWidth)"""
"""How many pixels of each table are out of sight."""

MAIN_BUTTONS = """
const buttons = [...document.querySelectorAll("main .button-main")];
return buttons.filter((one) => one.checkVisibility()).map((one) => one.innerText)"""


@pytest.fixture
def walk(browser, furnished) -> Iterator[Walk]:
    with served(furnished.app) as address:
        browser.delete_all_cookies()
        yield Walk(browser, address)


def sign_in(walk: Walk, who: str) -> None:
    walk.sign_in(f"{who}@example.org", to="/my/courses")
    walk.sees("My courses")


@contextmanager
def window(walk: Walk, width: int) -> Iterator[None]:
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    walk.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        yield
    finally:
        walk.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("width", [375, 640, 1200])
def test_the_way_into_canvas_takes_the_whole_sheet(walk, width):
    sign_in(walk, "ann")
    with window(walk, width):
        walk.go("/my/courses")
        shares = walk.browser.execute_script(WIDTHS_OF_BOXES)
        assert len(shares) == 2
        assert all(share > 0.99 for share in shares), shares


@pytest.mark.parametrize("width", [800, 1020, 1200])
def test_a_list_is_seen_whole_without_scrolling_it(walk, width):
    sign_in(walk, "boss")
    with window(walk, width):
        for page in ("/tools/courses", "/tools/courses/ART", "/tools/canvas", "/tools/participants", "/tools/log"):
            walk.go(page)
            assert walk.browser.execute_script(HIDDEN_PARTS) == [0], page


def test_on_a_phone_nothing_is_squeezed(walk):
    sign_in(walk, "boss")
    with window(walk, 375):
        for page in ("/", "/tools/courses", "/tools/courses/ART", "/tools/participants"):
            walk.go(page)
            beside = walk.browser.execute_script(LINES_OF_SEARCHES)
            assert beside, page
            assert all(beside), page
        assert walk.browser.execute_script(CUT_TIMES) == []
        walk.go("/tools/courses/ART")
        assert walk.browser.execute_script(CUT_TIMES) == []
        walk.go("/tools/canvas")
        room = walk.browser.execute_script(ROOM_OF_QUESTIONS)
        assert room
        assert set(room) == {0}
        assert walk.browser.execute_script(CUT_TIMES) == []


def test_a_page_has_one_main_button_and_it_is_the_useful_one(walk):
    sign_in(walk, "boss")
    for page, main in (
        ("/tools/courses/ART", []),
        ("/tools/canvas/person?q=lou", ["Answer\n: ART here"]),
        ("/tools/canvas/person?q=ann", ["Look at Canvas now"]),
        ("/tools/participants?q=nobody", []),
    ):
        walk.go(page)
        assert walk.browser.execute_script(MAIN_BUTTONS) == main, page
    walk.go("/tools/participants")
    walk.press("Make a link\nfor new@example.org")
    walk.sees("One-time link for Nora New")
    assert walk.browser.execute_script(MAIN_BUTTONS) == ["Copy"]


@pytest.mark.parametrize("page", ["/tools/participants?q=nobody", "/tools/log?q=nothing", "/tools/courses?q=nothing"])
def test_where_nothing_is_found_one_link_shows_all(walk, page):
    sign_in(walk, "boss")
    walk.go(page)
    assert walk.browser.find_element("tag name", "main").text.count("Show all") == 1
