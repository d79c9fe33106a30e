"""Two web processes that know of each other by the database alone, and browsers at several addresses."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import requests

from ascriptica_plugin.standalone.accounts import passwords
from ascriptica_plugin.standalone.accounts.tables import Account, AccountSession
from ascriptica_plugin.standalone.accounts.tries import SESSIONS

from ..office_at_work import HASHED_BY, PASSWORD
from ..pages import all_of
from ..processes import Web, until
from ..standalone.accounts.visitors import has_account, used_up


class Browser:
    """A browser at an address, behind the one proxy."""

    def __init__(self, web: Web, address: str):
        self.web, self.session = web, requests.Session()
        self.session.headers["X-Forwarded-For"] = address

    def post(self, path: str, **fields: str) -> int:
        """Send the form of the page as a browser does. Returns the answer's status."""
        page = self.session.get(self.web.url + "/sign-in", timeout=60).text
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]
        data = {"csrf_token": token, **fields}
        return self.session.post(self.web.url + path, data, timeout=60, allow_redirects=False).status_code

    def sign_in(self, email: str, password: str = PASSWORD) -> int:
        return self.post("/sign-in", email=email, password=password)


@pytest.fixture
def web(app, tmp_path, monkeypatch) -> Iterator[Web]:
    # As the processes hash, so that none of them does it anew at the first sign-in.
    monkeypatch.setattr(passwords, "METHOD", HASHED_BY)
    for name in ("ann", "lou"):
        has_account(app, f"{name}@example.org")
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    web = Web(url, "", tmp_path / "web.log", workers=2, ASCRIPTICA_PROXIES="1")
    web.start()
    yield web
    web.end()


def at_once(count: int, act) -> list[int]:
    with ThreadPoolExecutor(8) as threads:
        return sorted(threads.map(act, range(count)))


def test_guesses_from_one_address_lock_only_that_account_and_unknown_browsers_there(app, web):
    until(lambda: len(web.serving()) == 2)
    hers = Browser(web, "10.0.0.1")
    assert hers.sign_in("ann@example.org") == 302
    assert hers.post("/sign-out") == 302
    answers = at_once(40, lambda n: Browser(web, "10.0.0.1").sign_in("ann@example.org", f"guess number {n}"))
    assert answers == [422] * 10 + [429] * 30
    assert Browser(web, "10.0.0.1").sign_in("ann@example.org") == 429
    assert Browser(web, "10.0.0.1").sign_in("lou@example.org") == 302, "somebody else at the address"
    assert Browser(web, "10.0.0.2").sign_in("ann@example.org") == 302, "the same person somewhere else"
    assert hers.sign_in("ann@example.org") == 302, "the browser that signed in before"


def test_right_passwords_at_once_make_no_more_sessions_than_allowed(app, web):
    [hash_of_lou] = [account.password_hash for account in all_of(app, Account) if account.name == "Lou"]
    used_up(app, replace(SESSIONS, at_once=SESSIONS.at_once - 5), hash_of_lou)
    answers = at_once(12, lambda n: Browser(web, f"10.0.0.{n % 2}").sign_in("lou@example.org"))
    assert answers == [302] * 5 + [429] * 7
    assert len(all_of(app, AccountSession)) == 5
