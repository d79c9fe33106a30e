"""In a real browser: the whole walk from registered to withdrawn, without a reload; and how every page looks."""

import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import flask
import pyotp
import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait
from selenium_axe_python import Axe
from sqlalchemy import select, update
from werkzeug.serving import make_server

import ascriptica_plugin
from ascriptica_plugin import clock
from ascriptica_plugin.office import registrations
from ascriptica_plugin.standalone.accounts import accounts, second_step
from ascriptica_plugin.standalone.accounts import links as links_of
from ascriptica_plugin.standalone.accounts.tables import AccountSession
from ascriptica_plugin.tables.canvas import Match, Seat

from ..office_at_work import PASSWORD, Office, in_use, make_app, policy, someone
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
    with served(app) as address:
        process = worker(f"sqlite:///{path}")
        process.start()
        yield address
        process.end()
    with in_use(app):
        pass


@contextmanager
def served(app: flask.Flask) -> Iterator[str]:
    """The address of a web server with the app, as long as it is needed."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


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
        # A page that updates automatically may replace what was just found: then it is looked for again.
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


# -- how it looks -----------------------------------------------------------------------------------------------------

STYLESHEET = Path(ascriptica_plugin.__file__).parent / "static/ascriptica.css"
TEMPLATES = Path(ascriptica_plugin.__file__).parent.rglob("templates/ascriptica/*.html")
PARTS = {"base.html", "forms.html", "macros.html", "questions.html", "layout.html", "tools_menu.html", "_sis_ids.html"}
"""What other templates are made of."""

PAGES = {path.name for path in TEMPLATES} - PARTS - {"import_columns.html"}
SECRET = second_step.new_secret()


@pytest.fixture
def furnished(empty_sqlite, tmp_path, canvas) -> Iterator[Office]:
    """An office with something to show on every page. No worker is there, so nothing moves by itself."""
    canvas.seed(
        users={
            "one": {"name": "Kim One", "login": "one@example.org", "email": "kim@example.org"},
            "two": {"name": "Kim Two", "login": "two@example.org", "email": "kim@example.org"},
        },
        courses={"art": {"name": "Art"}, "bio": {"name": "Biology"}},
    )
    path = shutil.copy(empty_sqlite, tmp_path / "office.sqlite3")
    with in_use(make_app(f"sqlite:///{path}", WTF_CSRF_ENABLED=True)) as app:
        office = Office(app, canvas)
        office.connect()
        session, now = office.session, office.now
        ann, sam, _ = (
            accounts.add_account(session, now, f"{name}@example.org", name.title(), PASSWORD, admin=name == "boss")
            for name in ("ann", "sam", "boss")
        )
        # An hour ago, since a code works only once.
        then = now - timedelta(hours=1)
        keys = app.extensions["ascriptica"].canvases.keys
        assert second_step.turn_on(session, sam, SECRET, pyotp.TOTP(SECRET).at(then), keys, then, by_mail=False)
        session.commit()
        people = {who: someone(who) for who in ("kim", "lou", "max")} | {"ann": accounts.person_of(ann)}

        dates = {"starts_at": now + timedelta(weeks=2), "ends_at": now + timedelta(weeks=4)}
        art = office.course("ART", "art", description="Brushes and paper are there.", capacity=9, **dates)
        full, left = office.course("FULL", capacity=1, **dates), office.course("LEFT", "bio")
        office.course("LATE", registration_opens_at=now + timedelta(days=2))
        office.course("OPEN")
        for who, person in people.items():
            registrations.register(session, art, person, now)
            registrations.register(session, full, person, now, wait=who != "kim")
        registrations.register(session, left, people["ann"], now)
        session.commit()
        for name, cause in (("Lou", "found_there"), ("Max", "refused")):
            waits = {"cause": cause, "cause_detail": "Canvas said no.", "held": True}
            session.execute(update(Seat).where(Seat.participant.has(name=name)).values(**waits))
        session.commit()
        office.deliver()
        # Whom a hand removed in Canvas, who is invited, and whom two participants lead to.
        policy(office, by_invitation=True)
        bio = office.course("BIO", "bio", **dates)
        for who in ("ina", "rob", "ron"):
            registrations.register(session, bio, someone(who), now)
        session.commit()
        office.deliver()
        for name, cause in (("Rob", "changed_in_canvas"), ("Ron", "same_user")):
            waits = {"cause": cause, "cause_scope": "deleted", "held": True, "version": Seat.version + 1}
            session.execute(update(Seat).where(Seat.participant.has(name=name)).values(**waits))
        rob, ron = session.scalars(
            select(Match).where(Match.canvas_name.in_(("Rob", "Ron"))).order_by(Match.canvas_name)
        )
        ron.question, ron.candidates = "same_user", [{"id": rob.canvas_user_id, "name": "Rob", "login_id": "rob"}]
        session.commit()
        registrations.withdraw(session, left, people["ann"], now)
        accounts.sign_up(session, now, "new@example.org", "Nora New", "hash", by_mail=False)
        session.commit()
        yield office


def prefer(browser: webdriver.Chrome, scheme: str) -> None:
    """Light or dark, as somebody has set it on their machine."""
    wish = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", wish)


class Looks(Walk):
    """A walk that has every page examined: by day and by night, at a desk and on a phone."""

    def __init__(self, browser: webdriver.Chrome, site: str):
        super().__init__(browser, site)
        self.faults: list[str] = []

    def go(self, *paths: str) -> None:
        for path in paths:
            super().go(path)
            self.examine()

    def press(self, label: str) -> None:
        super().press(label)
        self.examine()

    def examine(self) -> None:
        axe = Axe(self.browser)
        axe.inject()
        for scheme, width in (("light", 1200), ("dark", 1200), ("light", 375), ("dark", 375), ("light", 320)):
            prefer(self.browser, scheme)
            self.browser.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
            )
            at = f"{self.browser.current_url} ({scheme}, {width} px)"
            if self.browser.execute_script("return document.documentElement.scrollWidth > innerWidth"):
                self.faults.append(f"{at}: has to be scrolled sideways")
            found = axe.run(options={"resultTypes": ["violations"]})["violations"]
            self.faults += [f"{at}: {one['id']} {[node['target'] for node in one['nodes']]}" for one in found]
        self.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_axe_finds_nothing_on_any_page(browser, furnished, tmp_path):
    rendered = set()

    def note(sender, template, context) -> None:
        rendered.add((template.name or "").rpartition("/")[2])

    with served(furnished.app) as address, flask.template_rendered.connected_to(note):
        browser.delete_all_cookies()
        looks = Looks(browser, address)
        look_as_a_stranger(looks, furnished)
        look_as_a_participant(looks, furnished)
        look_as_an_administrator(looks, furnished, tmp_path)
    assert PAGES - rendered == set()
    assert looks.faults == []


def look_as_a_stranger(looks: Looks, office: Office) -> None:
    session, now = office.session, office.now
    [sign_up] = accounts.waiting(session)
    ann = accounts.account_with(session, "ann@example.org")
    links = [links_of.make_link(session, now, timedelta(days=1), to=to) for to in (sign_up, ann)]
    session.commit()
    looks.go("/", "/courses/ART", "/courses/FULL", "/courses/LATE", "/nope", "/sign-in/code", "/forgotten-password")
    looks.go("/sign-up/next", "/forgotten-password/next", "/links/nope", *(f"/links/{link}" for link in links))
    looks.go("/sign-up")
    looks.press("Sign up")
    looks.sees("These need another look")
    looks.go("/sign-in")
    looks.press("Sign in")
    looks.sees("These need another look")


def look_as_a_participant(looks: Looks, office: Office) -> None:
    session, now = office.session, office.now
    ann = accounts.account_with(session, "ann@example.org")
    link = links_of.make_link(session, now, timedelta(days=1), to=ann, email="ann.new@example.org")
    session.commit()
    looks.go("/sign-in?next=/my/courses")
    looks.fill(email="ann@example.org", password=PASSWORD)
    looks.press("Sign in")
    looks.sees("My courses")
    looks.go("/", "/courses/ART", "/courses/FULL", "/courses/LEFT", "/tools/courses", "/my/sign-in", "/my/password")
    looks.go("/my/email", f"/my/email/{link}")
    looks.sees("ann.new@example.org")
    looks.go("/courses/OPEN")
    looks.press("Register")
    looks.sees("You are registered for OPEN here.")
    looks.go("/my/second-step")
    looks.fill(password=PASSWORD)
    looks.press("Continue")
    looks.sees("Scan this QR code")
    looks.sign_out()
    looks.go("/sign-in?next=/my/sessions")
    looks.fill(email="sam@example.org", password=PASSWORD)
    looks.press("Sign in")
    looks.fill(code=pyotp.TOTP(SECRET).now())
    looks.press("Sign in")
    looks.sees("Where you are signed in")
    looks.go("/my/second-step", "/my/sign-in")
    looks.sign_out()


def look_as_an_administrator(looks: Looks, office: Office, folder: Path) -> None:
    for _ in range(2):
        looks.sign_out()
        looks.go("/sign-in?next=/my/sessions")
        looks.fill(email="boss@example.org", password=PASSWORD)
        looks.press("Sign in")
    looks.sees("Elsewhere")
    looks.go("/", "/courses/ART", "/tools/courses", "/tools/courses/ART", "/tools/courses/FULL", "/tools/courses/LATE")
    looks.go("/tools/courses/ART/edit", "/tools/courses/ART/cancel", "/tools/canvas?standing=removed")
    looks.go("/tools/participants?q=nobody", "/tools/participants/1", "/tools/participants/1/erase")
    ron = office.participant("ron@example.org").id
    looks.go(f"/tools/participants/{ron}", "/tools/courses/BIO")
    looks.go("/tools/log", "/tools/log?q=nothing", "/tools/settings/course-settings", "/tools/canvas")
    for words in ("None of them", "Let it stay", "Canvas said no.", "They are one person", "Put back", "Invited"):
        looks.sees(words)

    looks.go("/tools/participants")
    looks.press("Make a link\nfor new@example.org")
    looks.sees("One-time link for Nora New")
    office.session.execute(update(AccountSession).values(confirmed_at=None))
    office.session.commit()
    looks.go("/tools/participants")
    looks.press("Make a link\nfor new@example.org")
    looks.sees("Confirm that it is you")
    looks.go("/tools/courses/new")
    looks.press("Save")
    looks.sees("Give the course a title.")
    looks.go("/tools/courses/ART?another=1")
    looks.fill(people="x@example.org\nnobody")
    looks.press("Register them all")
    looks.sees("Line 2, nobody")
    looks.go("/tools/settings/course-settings")
    looks.fill(canvas_root_id="none")
    looks.press("Save")
    looks.sees("This needs another look")
    looks.go("/tools/import?kind=participants")
    looks.press("Import")
    looks.sees("Choose a file.")
    (folder / "people.csv").write_text("email\nx@example.org\nnobody\n", encoding="utf-8")
    looks.fill(file=str(folder / "people.csv"))
    looks.press("Import")
    looks.sees("Rows that can't be imported")


def contrast(one: str, other: str) -> float:
    """Between two colours as a browser tells them, rgb(…), by WCAG's formula."""

    def light(colour: str) -> float:
        parts = [int(part) / 255 for part in re.fullmatch(r"rgb\((\d+), (\d+), (\d+)\)", colour).groups()]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, bright = sorted((light(one), light(other)))
    return (bright + 0.05) / (dark + 0.05)


def styles(browser: webdriver.Chrome, css: str) -> dict[str, str]:
    """What the first such element looks like."""
    return browser.execute_script(
        "const all = getComputedStyle(document.querySelector(arguments[0]));"
        "return Object.fromEntries([...all].map(name => [name, all.getPropertyValue(name)]))",
        css,
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_one_fills_in_is_seen_and_so_is_where_one_is(browser, furnished, scheme):
    with served(furnished.app) as address:
        browser.delete_all_cookies()
        walk = Walk(browser, address)
        walk.go("/sign-in?next=/tools/import")
        walk.fill(email="boss@example.org", password=PASSWORD)
        walk.press("Sign in")
        prefer(browser, scheme)
        sheet = styles(browser, ".sheet")["background-color"]
        seen = {}
        for css in ("select", "[type=file]", "[type=checkbox]", "main form button"):
            browser.execute_script("document.activeElement.blur()")
            seen[css] = styles(browser, css)
            assert seen[css]["outline-style"] == "none", css
            # As by the keyboard, whose focus is always shown.
            browser.execute_script("document.querySelector(arguments[0]).focus({focusVisible: true})", css)
            focused = styles(browser, css)
            assert (focused["outline-style"], focused["outline-width"]) == ("solid", "3px"), css
            assert contrast(focused["outline-color"], sheet) >= 3, css
        alike = ("border-top-color", "border-top-width", "border-top-left-radius", "background-color", "color")
        assert [seen["select"][name] for name in alike] == [seen["[type=file]"][name] for name in alike]
        assert contrast(seen["select"]["border-top-color"], sheet) >= 3
        assert contrast(seen["select"]["color"], sheet) >= 7


HOST = """<!doctype html><html><head><title>A host</title></head><body class="page">
<h1 class="sheet">Host</h1><p class="quiet">Words, <a class="button" href="/">a link</a>, <code>code</code></p>
<form class="field"><label>A<input></label><select><option>One</select><textarea></textarea><button>Go</button></form>
<table class="table-sheet"><tr><th>A</th><td>B</td></tr></table><ul class="rows"><li class="notice">C</li></ul>
<div class="ascriptica"><h2>Ours</h2><button class="button-main">Register</button></div>
<p class="notice">After it</p></body></html>"""

ALL_AROUND = """return [...document.querySelectorAll("*")]
  .filter((one) => !one.closest(".ascriptica, style"))
  .map((one) => [one.tagName, ...["", "::before", "::after", "::marker"].map((part) => {
    const all = getComputedStyle(one, part);
    return [...all].map((name) => `${name}: ${all.getPropertyValue(name)}`);
  })])"""


def test_a_host_s_page_around_ours_looks_as_before(browser, tmp_path):
    page = tmp_path / "host.html"
    page.write_text(HOST, encoding="utf-8")
    browser.get(page.as_uri())
    # How tall ours is moves what stands below it, which is no look of the host's.
    browser.execute_script("document.querySelector('.ascriptica').style = 'height: 5rem; overflow: hidden'")
    around, ours = browser.execute_script(ALL_AROUND), styles(browser, ".button-main")
    add = "document.head.append(Object.assign(document.createElement('style'), {textContent: arguments[0]}))"
    browser.execute_script(add, STYLESHEET.read_text(encoding="utf-8"))
    assert styles(browser, ".button-main")["background-color"] != ours["background-color"]
    assert browser.execute_script(ALL_AROUND) == around
