"""The whole walk in a real browser: registered, and in Canvas without a reload; withdrawn, and out of it."""

import shutil
import threading
from collections.abc import Callable, Iterator

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait
from sqlalchemy import update
from werkzeug.serving import make_server

from ascriptica_plugin import clock
from ascriptica_plugin.standalone.accounts import accounts
from ascriptica_plugin.standalone.accounts.tables import AccountSession

from ..conftest import PASSWORD, in_use, make_app
from ..processes import worker

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

pytestmark = [
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER),
        reason="The walk in a browser needs Debian's packages chromium and chromium-driver, which are not here.",
    ),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    profile = tmp_path_factory.mktemp("profile")
    for flag in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def site(empty_sqlite, tmp_path, canvas) -> Iterator[str]:
    """The product as processes would run it: a web server, a worker, the practice Canvas; an admin exists."""
    path = tmp_path / "office.sqlite3"
    shutil.copy(empty_sqlite, path)
    app = make_app(f"sqlite:///{path}", WTF_CSRF_ENABLED=True)
    with in_use(app):
        session = app.extensions["sqlalchemy"].session
        accounts.add_account(session, clock.utc_now(), "boss@example.org", "Boss", PASSWORD, admin=True)
        session.commit()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    process = worker(f"sqlite:///{path}")
    process.start()
    yield f"http://127.0.0.1:{server.port}"
    process.end()
    server.shutdown()
    thread.join()
    server.server_close()
    with in_use(app):
        pass


def _is_gone(element: WebElement) -> bool:
    try:
        element.is_enabled()
    except WebDriverException:
        # Stale; or, in the middle of the change of pages, an error of the driver's own.
        return True
    return False


class Walk:
    """A person at the browser, who reads words and presses buttons."""

    def __init__(self, browser: webdriver.Chrome, site: str):
        self.browser = browser
        self.site = site

    def go(self, path: str) -> None:
        self.browser.get(self.site + path)

    def sees(self, words: str) -> None:
        self._until(lambda: words in self.browser.find_element(By.TAG_NAME, "body").text, f"no “{words}”")

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            field = self.browser.find_element(By.NAME, name)
            field.clear()
            field.send_keys(value)

    def press(self, label: str) -> None:
        """Press a button, and wait for the page that it leads to."""
        before = self.browser.find_element(By.TAG_NAME, "html")
        self._until(lambda: self._pressed(label), f"no button {label}")
        self._until(lambda: _is_gone(before), f"{label} leads nowhere")

    def _pressed(self, label: str) -> bool:
        for button in self.browser.find_elements(By.CSS_SELECTOR, "main button, header button"):
            if button.text.strip() == label and button.is_displayed():
                button.send_keys(Keys.ENTER)
                return True
        return False

    def _until(self, true: Callable[[], bool], otherwise: str) -> None:
        # A page that moves on by itself may replace what was just found: then it is looked for again.
        waiting = WebDriverWait(self.browser, 20, ignored_exceptions=[StaleElementReferenceException])
        waiting.until(lambda browser: true(), f"{otherwise} on {self.browser.current_url}")

    def sign_out(self) -> None:
        self.browser.delete_all_cookies()


@pytest.fixture
def walk(browser, site) -> Walk:
    browser.delete_all_cookies()
    return Walk(browser, site)


def connect(walk: Walk, canvas) -> None:
    walk.go("/sign-in?next=/tools/settings/course-settings")
    walk.fill(email="boss@example.org", password=PASSWORD)
    walk.press("Sign in")
    switch = walk.browser.find_element(By.NAME, "display_canvas")
    assert not walk.browser.find_element(By.NAME, "canvas_url").is_displayed()
    switch.send_keys(Keys.SPACE)
    assert walk.browser.find_element(By.NAME, "canvas_url").is_displayed()
    walk.fill(canvas_url=canvas.api, canvas_token=canvas.token, canvas_root_id=str(canvas.ids["account.root"]))
    walk.press("Save")
    walk.sees("Connected to")


def handed_out(walk: Walk, email: str) -> str:
    """The link that the office makes for a sign-up."""
    walk.go(f"/sign-in?next=/tools/participants?q={email}")
    walk.fill(email="boss@example.org", password=PASSWORD)
    walk.press("Sign in")
    walk.press(f"Make a link\nfor {email}")
    link = walk.browser.find_element(By.ID, "link").get_attribute("value")
    walk.sign_out()
    return link


def test_from_settings_to_a_seat_and_back_without_a_reload(walk, canvas):
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
    walk.press("Withdraw")
    walk.sees("You have withdrawn from Art for all.")
    walk.sees("Your access to the Canvas course has ended.")
    assert canvas.roster("art") == {"nora@example.org": "deleted"}


def test_without_scripts_a_reload_does(walk, canvas):
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


def test_what_was_typed_goes_on_after_the_password(walk, tmp_path):
    """A form that is answered with the page that asks for the password is sent again by the browser itself."""
    with in_use(make_app(f"sqlite:///{tmp_path}/office.sqlite3")) as app:
        session = app.extensions["sqlalchemy"].session
        accounts.add_account(session, clock.utc_now(), "bea@example.org", "Bea", PASSWORD)
        session.commit()
        walk.go("/sign-in?next=/tools/participants?q=bea")
        walk.fill(email="boss@example.org", password=PASSWORD)
        walk.press("Sign in")
        session.execute(update(AccountSession).values(confirmed_at=None))
        session.commit()
    walk.browser.find_element(By.LINK_TEXT, "Bea").click()
    walk.fill(name="Beatrix", email="beatrix@example.org")
    walk.press("Save")
    walk.sees("Show that it is you")
    walk.fill(**{"own-password": "not that one"})
    walk.press("Go on")
    walk.sees("That is not your password.")
    walk.fill(**{"own-password": PASSWORD})
    walk.press("Go on")
    walk.sees("Beatrix is saved.")
    walk.sees("bea@example.org got no word of it")
    walk.press("Make them an administrator")
    walk.sees("Beatrix is an administrator now")
