"""Browsers of people who sign up and sign in, and the links that they are given."""

import re
from datetime import UTC, datetime
from email.message import EmailMessage
from html import unescape

import pyotp
from flask import Flask, g
from flask.testing import FlaskClient

from ascriptica_plugin.office import allowances, people
from ascriptica_plugin.office.allowances import Allowance
from ascriptica_plugin.shared import clock
from ascriptica_plugin.standalone.accounts import accounts
from ascriptica_plugin.standalone.accounts.tables import Account

from ...office_at_work import PASSWORD
from ...pages import all_of, words

ANOTHER = "four words that differ"
NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)


class Visitor(FlaskClient):
    """A browser; each request stands alone, though the tests' application context outlives it."""

    def open(self, *args, **kwargs):
        for name in list(g):
            g.pop(name)
        return super().open(*args, **kwargs)

    def sign_up(
        self, email: str = "ann@example.org", name: str = "Ann", password: str = PASSWORD, path: str = "/", **kwargs
    ):
        form = {"name": name, "email": email, "password": password}
        return self.post("/sign-up", query_string={"next": path}, data=form, follow_redirects=True, **kwargs)

    def sign_in(self, email: str = "ann@example.org", password: str = PASSWORD, **kwargs):
        return self.post("/sign-in", data={"email": email, "password": password}, **kwargs)

    def is_signed_in(self) -> bool:
        return self.get("/my/courses").status_code == 200


def visitor(app: Flask) -> Visitor:
    return Visitor(app, app.response_class, use_cookies=True)


def has_account(app: Flask, email: str = "ann@example.org", password: str = PASSWORD, admin: bool = False) -> Account:
    session = app.extensions["sqlalchemy"].session
    account = accounts.add_account(session, clock.utc_now(), email, email.split("@")[0].title(), password, admin=admin)
    session.commit()
    return account


def handed_out(boss: Visitor, page: str) -> str:
    """The link that an administrator gets from the only such button on the page."""
    [button] = re.findall(r'action="(/tools/(?:sign-ups|accounts)/[^"]+/link)"', boss.get(page).text)
    answer = boss.post(button)
    assert "shown only once" in words(answer)
    return re.search(r'id="link" value="http://localhost([^"]+)"', answer.text)[1]


def link_in(message: EmailMessage) -> str:
    return re.search(r"http://register\.example\.org(/links/\S+)", message.get_content())[1]


def used_up(app: Flask, allowance: Allowance, subject: str) -> None:
    """Use up all tries that this limit allows."""
    session = app.extensions["sqlalchemy"].session
    for _ in range(allowance.at_once):
        allowances.take(session, allowance, subject, clock.utc_now())
    session.commit()


class Owner(Visitor):
    """Somebody with an account and an app that shows codes."""

    secret = ""

    def code(self, steps: int = 0) -> str:
        """What the app shows, its clock being so many steps of 30 s wrong."""
        return pyotp.TOTP(self.secret).at(clock.utc_now(), counter_offset=steps)

    def wrong(self) -> str:
        right = {self.code(steps) for steps in (-1, 0, 1)}
        return next(guess for guess in ("000000", "111111", "222222", "333333") if guess not in right)

    def offered(self, **kwargs):
        """The page with the key for the app; the key is typed into the app."""
        page = self.post("/my/second-step", data={"password": PASSWORD}, follow_redirects=True, **kwargs)
        self.secret = re.search(r'class="secret">([A-Z2-7 ]+)<', page.text)[1].replace(" ", "")
        return page

    def set_up(self, **kwargs):
        self.offered(**kwargs)
        return self.post("/my/second-step", data={"code": self.code()}, **kwargs)

    def give_code(self, code: str | None = None, **kwargs):
        return self.post("/sign-in/code", data={"code": code or self.code()}, **kwargs)


def elsewhere(ann: Owner) -> Owner:
    """Another browser of somebody who knows the same."""
    browser = Owner(ann.application, ann.application.response_class, use_cookies=True)
    browser.secret = ann.secret
    return browser


def page_of(app: Flask, email: str = "ann@example.org") -> str:
    """The participant's page in the office."""
    session = app.extensions["sqlalchemy"].session
    account = accounts.account_with(session, email)
    participant = people.participant_for(session, accounts.person_of(account))
    session.commit()
    return f"/tools/participants/{participant.id}"


def signed_in(app: Flask, email: str, *, admin: bool = False) -> Owner:
    has_account(app, email, admin=admin)
    browser = Owner(app, app.response_class, use_cookies=True)
    browser.sign_in(email)
    return browser


def emails(app: Flask) -> list[str]:
    return sorted(one.email for one in all_of(app, Account))


def administrators(app: Flask) -> list[str]:
    return sorted(one.email for one in all_of(app, Account) if one.is_admin)


def asks_for_password(answer) -> bool:
    return answer.status_code in (403, 422) and "Confirm that it is you" in words(answer)


def go_on(browser: Visitor, page, password: str = PASSWORD, **more):
    """Send the form of the page that asks for the password, with all that is in it."""
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text)
    form = {unescape(name): unescape(value) for name, value in hidden if name != "csrf_token"}
    assert 'action="/my/confirmation"' in page.text
    form |= {"own-password": password} | more
    answer = browser.post("/my/confirmation", data=form)
    if answer.status_code == 307:
        # As browsers do; werkzeug's client would send an empty form.
        answer = browser.post(answer.location, data=form)
    return browser.get(answer.location) if answer.status_code == 302 else answer


def corrected(browser: Visitor, page: str, **fields):
    return browser.post(page, data={"name": "Bea", "email": "bea@example.org", "sis_user_id": ""} | fields)


def session_of(app: Flask):
    return app.extensions["sqlalchemy"].session


def with_second_step(app: Flask) -> Owner:
    """Ann, who has set up a second step, on a browser of hers that is signed in."""
    ann = signed_in(app, "ann@example.org")
    assert ann.set_up().location == "/my/sign-in"
    return ann


AWAY = {"environ_base": {"REMOTE_ADDR": "10.0.0.1"}}
