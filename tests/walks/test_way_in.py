"""Somebody new to Canvas, to the end: registers, and is signed in to Canvas by our mail, or by single sign-on."""

import re
from email.message import EmailMessage

import pytest
import requests

from ascriptica_plugin.tables.mails import Mail
from ascriptica_plugin.worker import rounds

from ..inbox import Inbox
from ..office_at_work import Office, sign_in
from ..pages import COURSE_SETTINGS, all_of, save, typed, words
from ..practice_canvas import Practice

PASSWORD = "a password of Nora's"


@pytest.fixture
def office(mailing, canvas) -> Office:
    office = Office(mailing, canvas)
    office.connect()
    return office


def send_mails(office: Office) -> None:
    """A round of the worker."""
    rounds.send_mails(office.app)


def one_of(inbox: Inbox, subject: str) -> EmailMessage:
    [found] = [one for one in inbox.mails if subject in one["Subject"]]
    return found


def fill_in(browser: requests.Session, address: str, **form: str) -> requests.Response:
    page = browser.get(address, timeout=10)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]
    return browser.post(address, data={"csrf_token": token, **form}, timeout=10)


def test_a_person_gets_from_registering_to_signing_in_to_canvas(office, canvas: Practice, inbox, caplog):
    office.course("ART", "art")
    nora = office.app.test_client()
    sign_in(nora, office.app, "nora@example.org")
    nora.post("/courses/ART/register")
    office.deliver()
    send_mails(office)
    text = one_of(inbox, "Choose your password for Canvas: ART here").get_content()
    assert "You sign in there as nora@example.org." in text
    link = re.search(r"http\S+/register/\S+", text)[0]

    # The link is a secret: in the mail, and nowhere else.
    page = words(nora.get("/courses/ART"))
    assert "New to Canvas? We mail you a link to choose a password." in page
    code = link.rpartition("/")[2]
    assert code not in page
    assert code not in caplog.text
    assert all_of(office.app, Mail) == []
    assert "New to Canvas? We mail you a link" in one_of(inbox, "You are in: ART here").get_content()

    with requests.Session() as browser:
        assert "at least 8 characters" in fill_in(browser, link, password="short").text
        there = fill_in(browser, link, password=PASSWORD)
        assert there.url == f"{canvas.url}/dashboard"
        assert "Signed in as nora@example.org" in words(there)
        assert "Your courses Art" in words(there)
    with requests.Session() as another:
        assert another.get(link, timeout=10).status_code == 400
        at = f"{canvas.url}/login/canvas"
        assert fill_in(another, at, login="nora@example.org", password="another").status_code == 422
        assert fill_in(another, at, login="nora@example.org", password=PASSWORD).url == f"{canvas.url}/dashboard"

    # Nothing more is mailed, and a person who is in the course reads no more about links.
    office.settle(2)
    send_mails(office)
    assert len(inbox.mails) == 2
    [row] = [number for login, _, number, _, _ in canvas.rows() if login == "nora@example.org"]
    canvas.was_active(row, office.now)
    office.recheck("art")
    office.deliver()
    assert "New to Canvas?" not in words(nora.get("/courses/ART"))


def test_from_registering_to_being_signed_in_to_canvas_by_single_sign_on(office, canvas: Practice, inbox):
    """The sign-on is chosen from what Canvas lists; the login is bound to it, and nobody is mailed a link."""
    office.course("ART", "art")
    boss, nora = office.app.test_client(), office.app.test_client()
    sign_in(boss, office.app, "boss@example.org", admin=True)
    [google] = re.findall(r'<option[^>]* value="(\d+)">Google', boss.get(COURSE_SETTINGS).text)
    save(boss, typed(canvas), way_in="sso", sign_in=google)

    sign_in(nora, office.app, "nora@example.org")
    nora.post("/courses/ART/register")
    office.deliver()
    send_mails(office)
    page = words(nora.get("/courses/ART"))
    assert "nora@example.org" in page
    assert "Use your school's sign-in there." in page
    assert [one["Subject"] for one in inbox.mails] == ["You are in: ART here"]

    with requests.Session() as browser:
        assert 'href="/login/google"' in browser.get(f"{canvas.url}/login/canvas", timeout=10).text
        assert fill_in(browser, f"{canvas.url}/login/saml", login="nora@example.org").status_code == 422
        there = fill_in(browser, f"{canvas.url}/login/google", login="Nora@example.org")
        assert there.url == f"{canvas.url}/dashboard"
        assert "Your courses Art" in words(there)


def test_a_single_sign_on_of_the_older_kind_also_finds_logins_that_are_bound_to_none(canvas: Practice):
    """kim was in Canvas before: saml lets kim in, google does not."""
    with requests.Session() as browser:
        refused = fill_in(browser, f"{canvas.url}/login/google", login="kim@example.org")
        assert (refused.status_code, "no login kim@example.org" in refused.text) == (422, True)
        assert fill_in(browser, f"{canvas.url}/login/saml", login="nobody@example.org").status_code == 422
        assert fill_in(browser, f"{canvas.url}/login/saml", login="kim@example.org").url == f"{canvas.url}/dashboard"
        assert browser.get(f"{canvas.url}/login/ldap", timeout=10).status_code == 404
