"""A site with sign-ins, and two people at their browsers."""

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask import Flask

from ascriptica_plugin import mail
from ascriptica_plugin.shared import clock

from ...office_at_work import in_use, make_app, sign_in
from .visitors import Owner, Visitor, signed_in, visitor


@pytest.fixture
def site(empty_sqlite, tmp_path) -> Iterator[Flask]:
    """A host without mail, with an administrator boss@example.org."""
    shutil.copy(empty_sqlite, tmp_path / "office.sqlite3")
    with in_use(make_app(f"sqlite:///{tmp_path}/office.sqlite3")) as app:
        yield app


@pytest.fixture
def ann(site) -> Visitor:
    return visitor(site)


@pytest.fixture
def boss(site) -> Visitor:
    client = visitor(site)
    sign_in(client, site, "boss@example.org", admin=True)
    return client


@pytest.fixture
def at_once(monkeypatch) -> None:
    """The office's clock stands still."""
    now = clock.utc_now()
    monkeypatch.setattr(clock, "utc_now", lambda: now)


@pytest.fixture
def wait(monkeypatch) -> Callable[..., None]:
    """The office's clock, which stands still until it is moved on: a code is right for half a minute."""
    now = [clock.utc_now()]
    monkeypatch.setattr(clock, "utc_now", lambda: now[0])

    def wait(**by: float) -> None:
        now[0] += timedelta(**by)

    return wait


@pytest.fixture
def copied(app, wait) -> Owner:
    """The browser of Alex, an administrator. Its user does not know the password, and Alex signed in a while ago."""
    alex = signed_in(app, "alex@example.org", admin=True)
    wait(minutes=11)
    return alex


@pytest.fixture
def posting(app) -> Flask:
    """An app on each kind of database that queues mails, no matter who sends them."""
    app.extensions["ascriptica"].mailer = mail.Mailer("smtp://127.0.0.1:1", "", "", str)
    return app
