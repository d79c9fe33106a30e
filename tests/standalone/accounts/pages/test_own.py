"""One's own sign-in: the password, and where one is signed in."""

import re

import pytest
from flask_login import current_user

from ascriptica_plugin.standalone.accounts import passwords, sessions
from ascriptica_plugin.standalone.accounts.tables import AccountSession

from ....office_at_work import PASSWORD
from ....pages import all_of, words
from ..visitors import ANOTHER, has_account, visitor


def test_a_changed_password_signs_out_everywhere_else(site, ann):
    has_account(site)
    elsewhere = visitor(site)
    for browser in (ann, elsewhere):
        browser.sign_in()
    assert ann.post("/my/password", data={"old_password": "wrong one", "password": ANOTHER}).status_code == 422
    assert "too easy" in words(ann.post("/my/password", data={"old_password": PASSWORD, "password": "Ann1Ann1Ann1"}))
    assert elsewhere.is_signed_in()
    before = ann.get_cookie("session").value
    assert ann.post("/my/password", data={"old_password": PASSWORD, "password": ANOTHER}).status_code == 302
    assert ann.is_signed_in()
    assert not elsewhere.is_signed_in()
    ann.set_cookie("session", before)
    assert not ann.is_signed_in()
    assert visitor(site).sign_in().status_code == 422


@pytest.mark.parametrize(
    ("fails", "path", "form"),
    [
        ("DELETE", "/my/password", {"old_password": PASSWORD, "password": ANOTHER}),
        ("DELETE", "/my/sessions", {"which": "", "password": PASSWORD}),
        ("DELETE", "/sign-out", {}),
        ("INSERT", "/sign-in", {"email": "ann@example.org", "password": PASSWORD}),
    ],
)
def test_a_person_stays_signed_in_when_the_database_fails(site, ann, fails, path, form):
    has_account(site)
    for browser in (visitor(site), ann):
        browser.sign_in()
    with site.extensions["sqlalchemy"].engine.begin() as connection:
        broken = f"CREATE TRIGGER broken BEFORE {fails} ON ascriptica_account_session BEGIN DELETE FROM nowhere; END"
        connection.exec_driver_sql(broken)
    assert ann.post(path, data=form).status_code == 503
    assert ann.is_signed_in()
    with site.extensions["sqlalchemy"].engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER broken")
    assert ann.post(path, data=form).status_code == 302


def test_a_new_password_is_hashed_only_with_tries_left_and_the_right_old_password(site, ann, monkeypatch):
    has_account(site)
    ann.sign_in()
    monkeypatch.setattr(passwords, "METHOD", "hashed in no way that there is")
    form = {"old_password": "wrong one", "password": ANOTHER}
    assert [ann.post("/my/password", data=form).status_code for _ in range(11)] == [422] * 10 + [429]


FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.mark.parametrize(
    ("called", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
            "Chrome on Windows",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605 Version/18.5 Safari/605", "Safari on Mac"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605 CriOS/140 Safari/604",
            "Chrome on iPhone",
        ),
        (
            "Mozilla/5.0 (Linux; Android 15; K) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        ("curl/8.14", "Unknown browser"),
        ("<script>", "Unknown browser"),
        ("", "Unknown browser"),
    ],
)
def test_a_session_is_listed_by_the_name_of_its_browser(app, called, name):
    has_account(app)
    ann = visitor(app)
    ann.sign_in(headers={"User-Agent": called})
    assert name in words(ann.get("/my/sessions"))


def test_a_person_sees_their_sessions_and_ends_one_or_all(app):
    has_account(app)
    here, phone, library = visitor(app), visitor(app), visitor(app)
    here.sign_in(headers={"User-Agent": FIREFOX})
    for browser in (phone, library):
        browser.sign_in(headers={"User-Agent": "iPhone Safari"})
    lou = visitor(app)
    has_account(app, "lou@example.org")
    for browser in (visitor(app), lou):
        browser.sign_in("lou@example.org")
    assert "Here, and on 2 more browsers." in words(here.get("/my/sign-in"))
    page = here.get("/my/sessions")
    assert "Firefox on Linux" in words(page)
    offered = [value for value in re.findall(r'name="which"[^>]* value="([^"]*)"', page.text) if value]
    assert len(offered) == 2
    with phone.session_transaction() as cookie:
        kept = all_of(app, AccountSession)
        [mine] = [one.token_hash for one in kept if sessions.is_with(one, cookie["_user_id"])]
    assert mine in offered

    assert here.post("/my/sessions", data={"which": mine}).status_code == 422
    assert here.post("/my/sessions", data={"which": mine, "password": ANOTHER}).status_code == 422
    assert phone.is_signed_in()
    assert lou.post("/my/sessions", data={"which": mine, "password": PASSWORD}).status_code == 302
    assert phone.is_signed_in(), "nobody ends somebody else's"
    copied = here.get_cookie("session").value
    answer = here.post("/my/sessions", data={"which": mine, "password": PASSWORD}, follow_redirects=True)
    assert "You are signed out there." in words(answer)
    thief = visitor(app)
    thief.set_cookie("session", copied)
    assert not thief.is_signed_in(), "the password makes the session's token anew"
    assert [browser.is_signed_in() for browser in (here, phone, library)] == [True, False, True]
    answer = here.post("/my/sessions", data={"which": mine, "password": PASSWORD}, follow_redirects=True)
    assert "has changed or ended" in words(answer)
    here.post("/my/sessions", data={"which": "", "password": PASSWORD})
    assert [browser.is_signed_in() for browser in (here, phone, library, lou)] == [True, False, False, True]
    assert "Nowhere else." in words(here.get("/my/sessions"))
    assert "Nowhere else." in words(here.post("/my/sessions", data={"which": mine, "password": ANOTHER}))


def test_a_form_sent_twice_signs_nobody_out(app, monkeypatch):
    """The second request of a double click checks the password while the first one renews the session."""
    has_account(app)
    ann, fits = visitor(app), passwords.fits
    ann.sign_in()

    def meanwhile(password: str, kept: str | None) -> bool:
        session = app.extensions["sqlalchemy"].session
        sessions.renew_session(session, current_user.token)
        session.commit()
        return fits(password, kept)

    monkeypatch.setattr(passwords, "fits", meanwhile)
    answer = ann.post("/my/second-step", data={"password": PASSWORD})
    assert (answer.status_code, "This was sent twice" in words(answer)) == (422, True)
    assert [one for one in answer.headers.getlist("Set-Cookie") if "session=" in one] == []


def test_the_app_s_code_and_a_course_s_code_have_different_names_in_german(site, ann):
    has_account(site)
    ann.sign_in()
    ann.post("/my/second-step", data={"password": PASSWORD})
    page = ann.get("/my/second-step", headers={"Accept-Language": "de"}).text
    assert re.findall('<label for="code">(.*?)</label>', page) == ["Code aus Ihrer App"]
