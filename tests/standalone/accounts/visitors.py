"""Browsers of people who sign up and sign in, and the links that they are given."""

import re
from datetime import UTC, datetime
from email.message import EmailMessage

from flask import Flask, g
from flask.testing import FlaskClient

from ascriptica_plugin import clock
from ascriptica_plugin.standalone.accounts import accounts
from ascriptica_plugin.standalone.accounts.tables import Account

from ...office_at_work import PASSWORD
from ...pages import words

ANOTHER = "four words that differ"
NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)


class Visitor(FlaskClient):
    """A browser; each request stands alone, though the tests' application context outlives it."""

    def open(self, *args, **kwargs):
        for name in list(g):
            g.pop(name)
        return super().open(*args, **kwargs)

    def sign_up(self, email: str = "ann@example.org", name: str = "Ann", password: str = PASSWORD, path: str = "/"):
        form = {"name": name, "email": email, "password": password}
        return self.post("/sign-up", query_string={"next": path}, data=form, follow_redirects=True)

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
    assert "shown only this once" in words(answer)
    return re.search(r'id="link" value="http://localhost([^"]+)"', answer.text)[1]


def link_in(message: EmailMessage) -> str:
    return re.search(r"http://register\.example\.org(/links/\S+)", message.get_content())[1]
