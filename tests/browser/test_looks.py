"""In a real browser: how every page looks, by day and by night, at a desk and on a phone."""

from datetime import timedelta
from pathlib import Path

import flask
import pyotp
from selenium import webdriver
from selenium_axe_python import Axe
from sqlalchemy import select, update

import ascriptica_plugin
from ascriptica_plugin.office import odd_matches
from ascriptica_plugin.shared import clock
from ascriptica_plugin.standalone.accounts import accounts, sign_ups
from ascriptica_plugin.standalone.accounts import links as links_of
from ascriptica_plugin.standalone.accounts.tables import AccountSession
from ascriptica_plugin.tables.ledger import Match

from ..furnished import SECRET
from ..office_at_work import PASSWORD, Office
from .visitor import NEEDS_CHROMIUM, Walk, prefer, served

pytestmark = NEEDS_CHROMIUM

TEMPLATES = Path(ascriptica_plugin.__file__).parent.rglob("templates/ascriptica/*.html")
PARTS = {"base.html", "forms.html", "macros.html", "questions.html", "layout.html", "frame.html", "tools_menu.html"}
"""Templates that others are made of."""

PAGES = {path.name for path in TEMPLATES if not path.name.startswith("_")} - PARTS

TABS = """
const here = document.querySelectorAll(".tools [aria-current='page']");
return location.pathname.startsWith("/tools/") && document.querySelector(".tools") ? here.length : 1"""
"""How many of the tools are marked as the current one."""


TWICE = """
const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
return ids.filter((id, at) => ids.indexOf(id) !== at)"""
"""The ids that two things on a page have: a link leads to the first."""


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
        if self.browser.execute_script(TABS) != 1:
            self.faults.append(f"{self.browser.current_url}: no tool is marked as the one where we are")
        if twice := self.browser.execute_script(TWICE):
            self.faults.append(f"{self.browser.current_url}: twice on the page: {twice}")
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
    [sign_up] = sign_ups.waiting(session)
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
    looks.sign_in("ann@example.org", to="/my/courses")
    looks.sees("My courses")
    looks.go("/", "/courses/ART", "/courses/FULL", "/courses/LEFT", "/tools/courses", "/my/sign-in", "/my/password")
    looks.go("/my/email", f"/my/email/{link}")
    looks.sees("ann.new@example.org")
    looks.go("/courses/ART/withdraw", "/courses/FULL/withdraw")
    looks.go("/courses/OPEN")
    looks.press("Register")
    looks.sees("You are registered for OPEN here.")
    looks.go("/my/second-step")
    looks.fill(password=PASSWORD)
    looks.press("Continue")
    looks.sees("Scan this QR code")
    looks.sign_out()
    looks.sign_in("sam@example.org", to="/my/sessions")
    looks.fill(code=pyotp.TOTP(SECRET).now())
    looks.press("Sign in")
    looks.sees("Where you are signed in")
    looks.go("/my/second-step", "/my/sign-in")
    looks.sign_out()


def look_as_an_administrator(looks: Looks, office: Office, folder: Path) -> None:
    for _ in range(2):
        looks.sign_out()
        looks.sign_in("boss@example.org", to="/my/sessions")
    looks.sees("Elsewhere")
    looks.go("/", "/courses/ART", "/tools/courses", "/tools/courses/ART", "/tools/courses/FULL", "/tools/courses/LATE")
    looks.go(
        "/tools/courses/ART/edit",
        "/tools/courses/ART/results",
        "/tools/courses/ART/cancel",
        "/tools/courses/ART/move/1",
        "/tools/courses/ART/move/1?to=OPEN",
        "/tools/canvas?standing=removed",
    )
    looks.go("/tools/participants?q=nobody", "/tools/participants/1", "/tools/participants/1/erase")
    ron = office.participant("ron@example.org").id
    looks.go(f"/tools/participants/{ron}", "/tools/courses/BIO")
    kim = office.session.scalars(select(Match.participant_id).where(Match.question == "who")).first()
    office.session.execute(update(Match).where(Match.canvas_name == "Ina").values(canvas_name="Quite Another"))
    odd_matches.compare(office.session)
    office.session.commit()
    looks.go(f"/tools/participants/{kim}/who")
    looks.sees("None of them")
    looks.go(
        "/tools/",
        "/tools/canvas/person?q=ron",
        "/tools/canvas/person?q=r",
        "/tools/canvas/matches",
        "/tools/log",
        "/tools/log?q=nothing",
        "/tools/settings/course-settings",
        "/tools/settings/course-settings/disconnect",
        "/tools/settings/course-settings/prove",
        "/tools/settings/office",
        "/tools/canvas",
    )
    for words in (
        "Compare and choose",
        "that was there before us",
        "Canvas said no.",
        "They are one person",
        "Put back",
        "Invited",
    ):
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
    looks.go("/tools/courses/BIO/edit")
    looks.fill(canvas_course=str(office.canvas.ids["course.art"]))
    looks.press("Save")
    looks.sees("Reading Art in Canvas")
    # A read counts for five minutes, and on a slow machine the walk has taken longer so far.
    office.now = clock.utc_now()
    office.deliver()
    looks.go("/tools/courses/BIO/preview")
    looks.sees("are removed from")
    looks.press("Connect it")
    looks.sees("To confirm, type")
    looks.go("/tools/courses/ART/edit")
    looks.press("Find a Canvas course")
    looks.fill(find="art")
    looks.press("Find")
    looks.sees("Use this course")
    looks.go("/tools/courses/ART?another=1")
    looks.fill(people="x@example.org\nnobody")
    looks.press("Register them all")
    looks.sees("nobody: Enter an email address.")
    looks.go("/tools/courses/ART?another=1")
    looks.fill(people="Xi Yu, x@example.org")
    looks.browser.execute_script("document.getElementsByName('csrf_token').forEach((one) => { one.value = 'old' })")
    looks.press("Register them all")
    looks.sees("Send it once more")
    looks.press("Send it now")
    looks.sees("1 person is registered for ART")
    looks.go("/tools/courses/ART")
    looks.browser.execute_script("document.getElementById('register').open = true")
    looks.fill(name="Una Do", email="una@example.org")
    looks.press("Register")
    looks.sees("Undo")
    looks.go("/tools/settings/course-settings")
    looks.fill(canvas_root_id="none")
    looks.press("Save")
    looks.sees("This needs another look")
    looks.go("/tools/import?kind=participants")
    looks.press("Import the file")
    looks.sees("Choose a file.")
    (folder / "people.csv").write_text("email\nx@example.org\nnobody\n", encoding="utf-8")
    looks.fill(file=str(folder / "people.csv"))
    looks.press("Import the file")
    looks.sees("Rows that can't be imported")
    looks.go("/tools/import?kind=registrations")
    left = "".join(f"{who}@example.org,BIO,withdrawn\n" for who in ("ina", "rob", "ron"))
    (folder / "left.csv").write_text(f"email,course,status\n{left}", encoding="utf-8")
    looks.fill(file=str(folder / "left.csv"))
    looks.press("Import the file")
    looks.sees("you will be asked to type how many: 3.")
    looks.press("Import these now")
    looks.sees("Remove 3 people?")
    looks.go("/tools/import?kind=participants")
    (folder / "other.csv").write_text("E-Mail,Nachname\nx@example.org,Berg\n", encoding="utf-8")
    looks.fill(file=str(folder / "other.csv"))
    looks.press("Import the file")
    looks.sees("E-Mail")
