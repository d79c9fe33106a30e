"""In a real browser: the whole walk from registered to withdrawn, without a reload."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from sqlalchemy import update

from ascriptica_plugin.shared import clock
from ascriptica_plugin.standalone.accounts import accounts
from ascriptica_plugin.standalone.accounts.tables import AccountSession

from ..office_at_work import PASSWORD, in_use, make_app
from .visitor import NEEDS_CHROMIUM, Walk

pytestmark = NEEDS_CHROMIUM


def connect(walk: Walk, canvas) -> None:
    walk.sign_in("boss@example.org", to="/tools/settings/course-settings")
    switch = walk.browser.find_element(By.NAME, "display_canvas")
    assert not walk.browser.find_element(By.NAME, "canvas_url").is_displayed()
    switch.send_keys(Keys.SPACE)
    assert walk.browser.find_element(By.NAME, "canvas_url").is_displayed()
    walk.fill(canvas_url=canvas.api, canvas_token=canvas.token, canvas_root_id=str(canvas.ids["account.root"]))
    walk.press("Save")
    walk.sees("Connected to")


def handed_out(walk: Walk, email: str) -> str:
    """The link that the office makes for a sign-up."""
    walk.sign_in("boss@example.org", to=f"/tools/participants?q={email}")
    walk.press(f"Make a link\nfor {email}")
    walk.sees("\nCopy\n")
    link = walk.browser.find_element(By.ID, "link").get_attribute("value")
    walk.sign_out()
    return link


def test_pages_follow_a_registration_into_canvas_and_out_again_without_a_reload(walk, canvas):
    connect(walk, canvas)
    walk.go("/tools/courses/new")
    walk.fill(code="ART-101", title="Art for all", canvas_course=f"{canvas.url}/courses/{canvas.ids['course.art']}")
    walk.press("Save")
    walk.sees("Art for all is saved.")
    walk.sign_out()

    walk.go("/sign-up?next=/courses/ART-101")
    walk.fill(name="Nora New", email="nora@example.org", password=PASSWORD)
    walk.press("Sign up")
    walk.sees("Ask them for your link")
    link = handed_out(walk, "nora@example.org")
    walk.browser.get(link)
    walk.fill(password=PASSWORD)
    walk.press("Confirm and sign in")
    walk.sees("Welcome, Nora New.")
    walk.press("Register")
    walk.sees("You are registered for Art for all.")
    walk.sees("You are in the Canvas course.")
    assert canvas.roster("art") == {"nora@example.org": "active"}

    here, walk.site = walk.site, canvas.url
    walk.go(f"/courses/{canvas.ids['course.art']}")
    walk.sees("Nora New")
    walk.site = here

    walk.go("/courses/ART-101")
    walk.browser.find_element(By.LINK_TEXT, "Withdraw").click()
    walk.sees("Withdraw from Art for all?")
    walk.press("Withdraw")
    walk.sees("You have withdrawn from Art for all.")
    walk.sees("Your access to the Canvas course has ended.")
    assert canvas.roster("art") == {"nora@example.org": "deleted"}


def test_a_reload_shows_the_new_state_where_scripts_are_off(walk, canvas):
    connect(walk, canvas)
    walk.go("/tools/courses/new")
    walk.fill(code="ART-101", title="Art for all", canvas_course=str(canvas.ids["course.art"]))
    walk.press("Save")
    walk.sees("Art for all is saved.")
    walk.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        walk.go("/courses/ART-101")
        walk.press("Register")
        WebDriverWait(walk.browser, 15).until(lambda _: canvas.roster("art").get("boss@example.org") == "active")
        walk.browser.refresh()
        walk.sees("You are in the Canvas course.")
    finally:
        walk.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("scripts", [True, False])
def test_a_course_s_people_move_after_the_page_has_shown_it(walk, canvas, scripts):
    """A search finds the Canvas course; the page continues automatically, also where scripts are off."""
    connect(walk, canvas)
    walk.go("/tools/courses/new")
    walk.fill(code="ART-101", title="Art for all", canvas_course=str(canvas.ids["course.art"]))
    walk.press("Save")
    walk.sees("Art for all is saved.")
    walk.go("/tools/courses/ART-101?another=1")
    walk.fill(people="Nora New <nora@example.org>\nMax Old <max@example.org>")
    walk.press("Register them all")
    WebDriverWait(walk.browser, 15).until(lambda _: len(canvas.who_is_in("art")) == 2)
    walk.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
    try:
        walk.go("/tools/courses/ART-101/edit")
        walk.fill(title="Art for everybody")
        walk.press("Find a Canvas course")
        walk.fill(find="biol")
        walk.press("Find")
        walk.press("Use this course\n: Biology")
        walk.sees("Chosen: Biology")
        walk.press("Save")
        walk.sees("2 people are enrolled in Biology.")
        walk.sees("2 people are removed from Art.")
        assert len(canvas.who_is_in("art")) == 2
        walk.fill(number="2")
        walk.press("Connect it")
        walk.sees("Art for everybody is saved.")
    finally:
        walk.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    WebDriverWait(walk.browser, 15).until(lambda _: len(canvas.who_is_in("bio")) == 2 and not canvas.who_is_in("art"))


def test_a_form_is_saved_after_the_password_was_asked_for(walk, tmp_path):
    """The form is answered with a page that asks for the password; from there the browser sends it again."""
    with in_use(make_app(f"sqlite:///{tmp_path}/office.sqlite3")) as app:
        session = app.extensions["sqlalchemy"].session
        accounts.add_account(session, clock.utc_now(), "bea@example.org", "Bea", PASSWORD)
        session.commit()
        walk.sign_in("boss@example.org", to="/tools/participants?q=bea")
        session.execute(update(AccountSession).values(confirmed_at=None))
        session.commit()
    walk.browser.find_element(By.LINK_TEXT, "Bea").click()
    walk.browser.find_element(By.CSS_SELECTOR, "#correct summary").click()
    walk.fill(name="Beatrix", email="beatrix@example.org")
    walk.press("Save")
    walk.sees("Confirm that it is you")
    walk.fill(**{"own-password": "not that one"})
    walk.press("Continue")
    walk.sees("That is not your password.")
    walk.fill(**{"own-password": PASSWORD})
    walk.press("Continue")
    walk.sees("Beatrix is saved.")
    walk.sees("no mail about this went to bea@example.org")
    walk.press("Make them an administrator")
    walk.sees("Beatrix is an administrator now")
