"""The office's main pages by the keyboard alone, and at twice the size: everything is reached, and nothing is cut."""

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from ascriptica_plugin.shared import clock

from ..office_at_work import PASSWORD
from .test_walks import connect
from .visitor import NEEDS_CHROMIUM, Walk, served

pytestmark = NEEDS_CHROMIUM

PAGES = (
    *("/", "/courses/ART", "/my/courses", "/tools/", "/tools/courses", "/tools/courses/ART", "/tools/courses/ART/edit"),
    *("/tools/courses/ART/cancel", "/tools/participants", "/tools/participants/1", "/tools/canvas", "/tools/import"),
    *("/tools/canvas/person?q=ina", "/tools/log", "/tools/settings/course-settings"),
)

REACHABLE = """
const open = (one) => !one.closest("details:not([open]) > :not(summary)");
const named = new Set();
window.reached = new Set();
const all = "a[href], button, input, select, textarea, summary, [tabindex='0']";
return [...document.querySelectorAll(all)].filter((one) =>
  !one.disabled && one.type !== "hidden" && one.tabIndex >= 0 && open(one) && one.checkVisibility()
  && !(one.type === "radio" && (named.has(one.name) || !named.add(one.name)))).length"""

FOCUSED = """
const one = document.activeElement;
if (one === document.body) return null;
// A date has several stops.
if (window.reached.has(one)) return [];
window.reached.add(one);
const look = getComputedStyle(one), at = one.getBoundingClientRect();
const seen = (look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2) || look.boxShadow !== "none";
const inside = at.bottom > 0 && at.top < innerHeight && at.right > 0 && at.left < innerWidth;
return [one.outerHTML.slice(0, 120), seen && inside]"""

CUT = """
const hidden = (one) => one.closest(".visually-hidden") || one.clientWidth <= 1 || one.tagName === "TEXTAREA";
return [...document.querySelectorAll("body *")].filter((one) => one.scrollWidth > one.clientWidth + 1
  && one.checkVisibility() && getComputedStyle(one).overflowX !== "visible" && !hidden(one))
  .map((one) => one.outerHTML.slice(0, 120))"""


@pytest.fixture
def desk(walk, canvas) -> Walk:
    """An administrator's browser, in an office with a course and somebody in it: participant 1."""
    connect(walk, canvas)
    walk.go("/tools/courses/new")
    walk.fill(code="ART", title="Art for all", canvas_course=f"{canvas.url}/courses/{canvas.ids['course.art']}")
    walk.press("Save")
    walk.sees("Art for all is saved.")
    walk.browser.execute_script("document.getElementById('register').open = true")
    walk.fill(name="Ina Moe", email="ina@example.org")
    walk.press("Register")
    walk.sees("Ina Moe is registered for Art for all.")
    return walk


def keys(walk: Walk, *pressed: str) -> None:
    ActionChains(walk.browser).send_keys(*pressed).perform()


def tab_to(walk: Walk, words: str) -> None:
    """Press Tab until an element with these words, or this name, has the focus."""
    for _ in range(80):
        keys(walk, Keys.TAB)
        focused = walk.browser.switch_to.active_element
        if words in (focused.get_attribute("name"), focused.text.strip().partition("\n")[0]):
            return
    raise AssertionError(f"the keyboard does not reach {words!r} on {walk.browser.current_url}")


def test_a_clerk_registers_somebody_and_undoes_it_by_the_keyboard_alone(desk, canvas):
    desk.go("/tools/courses/ART")
    tab_to(desk, "Register somebody")
    keys(desk, Keys.ENTER)
    tab_to(desk, "name")
    keys(desk, "Kim Lee")
    tab_to(desk, "email")
    keys(desk, "kim@example.org", Keys.ENTER)
    desk.sees("Kim Lee is registered for Art for all.")
    # The next person can be typed at once.
    assert desk.browser.switch_to.active_element.get_attribute("name") == "name"
    desk.browser.find_element(By.TAG_NAME, "h1").click()
    desk.go(desk.browser.current_url.removeprefix(desk.site).replace("another=1&", ""))
    tab_to(desk, "Undo")
    keys(desk, Keys.ENTER)
    desk.sees("The registration of Kim Lee for Art for all is undone.")


def faults_of(walk: Walk) -> list[str]:
    """What is wrong with this page by the keyboard alone: stops that are not reached, or not seen, on the way down; and
    whether the way back up ends."""
    number = walk.browser.execute_script(REACHABLE)
    found = []
    for _ in range(5 * number):
        keys(walk, Keys.TAB)
        focused = walk.browser.execute_script(FOCUSED)
        if focused is None or len(found) == number:
            break
        found += [focused] if focused else []
    faults = [f"not seen: {which}" for which, is_seen in found if not is_seen]
    if len(found) < number:
        faults.append(f"{len(found)} of {number} reached, last {found[-1:]}")
    for _ in range(5 * number):
        if walk.browser.switch_to.active_element.text == "Skip to main content":
            return faults
        ActionChains(walk.browser).key_down(Keys.SHIFT).send_keys(Keys.TAB).key_up(Keys.SHIFT).perform()
    return [*faults, f"no way back from {walk.browser.switch_to.active_element.get_attribute('outerHTML')[:120]}"]


def test_the_keyboard_reaches_everything_and_shows_where_it_is(desk):
    faults = []
    for page in PAGES:
        desk.go(page)
        faults += [f"{page}: {fault}" for fault in faults_of(desk)]
    assert faults == []


def test_the_keyboard_reaches_every_question_and_every_answer(browser, furnished, tmp_path):
    with served(furnished.app) as address:
        browser.delete_all_cookies()
        walk = Walk(browser, address)
        walk.sign_in("boss@example.org", to="/tools/courses")
        kim = furnished.participant("kim@example.org").id
        faults = []
        for page in (
            *("/tools/canvas", "/tools/canvas?standing=invited", "/tools/canvas?standing=cant_enter", "/tools/"),
            *(f"/tools/participants/{kim}/who", f"/tools/participants/{kim}", "/tools/canvas/person?q=ron"),
            *("/tools/courses/BIO", "/tools/settings/course-settings/disconnect", "/tools/settings/office"),
        ):
            walk.go(page)
            faults += [f"{page}: {fault}" for fault in faults_of(walk)]
        walk.go("/tools/courses/BIO/edit")
        walk.fill(canvas_course=str(furnished.canvas.ids["course.art"]))
        walk.press("Save")
        furnished.now = clock.utc_now()
        furnished.deliver()
        walk.go("/tools/courses/BIO/preview")
        walk.sees("are removed from")
        faults += [f"preview: {fault}" for fault in faults_of(walk)]
        left = "".join(f"{who}@example.org,BIO,withdrawn\n" for who in ("ina", "rob", "ron"))
        (tmp_path / "left.csv").write_text(f"email,course,status\n{left}", encoding="utf-8")
        walk.go("/tools/import?kind=registrations")
        walk.fill(file=str(tmp_path / "left.csv"))
        walk.press("Import the file")
        walk.sees("you will be asked to type how many: 3.")
        faults += [f"trial: {fault}" for fault in faults_of(walk)]
        walk.press("Import these now")
        walk.sees("Remove 3 people?")
        faults += [f"brake: {fault}" for fault in faults_of(walk)]
    assert faults == []


def test_nothing_is_cut_off_at_twice_the_size(desk):
    size = {"width": 640, "height": 480, "deviceScaleFactor": 2, "mobile": False}
    desk.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        for page in PAGES:
            desk.go(page)
            assert desk.browser.execute_script("return document.documentElement.scrollWidth") <= 640, page
            assert desk.browser.execute_script(CUT) == [], page
    finally:
        desk.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_first_key_leads_past_the_navigation(desk):
    desk.go("/tools/courses")
    keys(desk, Keys.TAB)
    assert desk.browser.switch_to.active_element.text == "Skip to main content"
    keys(desk, Keys.ENTER, Keys.TAB)
    inside = "return document.querySelector('main').contains(document.activeElement)"
    assert desk.browser.execute_script(inside)


def test_a_canvas_course_is_found_and_chosen_by_the_keyboard_alone(desk):
    desk.go("/tools/courses/new")
    tab_to(desk, "Find a Canvas course")
    keys(desk, Keys.ENTER)
    desk.sees("Leave the field blank to see all")
    keys(desk, "biol", Keys.ENTER)
    desk.sees("1 course.")
    keys(desk, Keys.TAB)
    assert desk.browser.switch_to.active_element.text == "Use this course\n: Biology"
    keys(desk, Keys.ENTER)
    desk.sees("Chosen: Biology")


def test_the_cursor_stands_in_the_first_field_of_the_sign_in_page(desk):
    desk.sign_out()
    desk.go("/sign-in?next=/tools/courses")
    keys(desk, "boss@example.org", Keys.TAB, PASSWORD, Keys.ENTER)
    desk.sees("Art for all")
