"""The cookie of a browser that signed in before: it opens nothing, and is one account's."""

import pytest
from flask.testing import FlaskClient

from ascriptica_plugin.standalone.accounts import tries

from ....office_at_work import PASSWORD
from ..visitors import ANOTHER, AWAY, has_account, used_up, visitor

pytestmark = pytest.mark.usefixtures("wait")


def cookie_of(client: FlaskClient) -> str:
    return client.get_cookie("browser").value


def test_the_cookie_of_a_known_browser_opens_nothing_and_belongs_to_one_account(app, wait):
    has_account(app)
    lou = has_account(app, "lou@example.org")
    ann = visitor(app)
    answer = ann.sign_in()
    [given] = [one for one in answer.headers.getlist("Set-Cookie") if one.startswith("browser=")]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(given.split("; "))
    assert "ann" not in given
    kept = cookie_of(ann)
    thief = visitor(app)
    thief.set_cookie("browser", kept)
    assert not thief.is_signed_in()
    used_up(app, tries.WRONG_FROM_EVERYWHERE, lou.password_hash)
    assert thief.sign_in("lou@example.org").status_code == 429, "it is Ann's"
    for forged in (kept[:-1] + ("A" if kept[-1] != "A" else "B"), "/" * 4000, "x.y.z", "ü", lou.password_hash):
        thief.set_cookie("browser", forged)
        assert thief.sign_in("lou@example.org").status_code == 429


def test_a_new_password_makes_every_browser_unknown(app, wait):
    """A thief who was signed in once gets no guesses of their own at the new password."""
    account = has_account(app)
    thief, ann = visitor(app), visitor(app)
    thief.sign_in()
    ann.sign_in()
    assert ann.post("/my/password", data={"old_password": PASSWORD, "password": ANOTHER}).status_code == 302
    session = app.extensions["sqlalchemy"].session
    session.refresh(account)
    used_up(app, tries.WRONG_FROM_EVERYWHERE, account.password_hash)
    assert thief.sign_in(password=ANOTHER, **AWAY).status_code == 429
    ann.post("/sign-out")
    assert ann.sign_in(password=ANOTHER).status_code == 302, "where it was chosen it is known"


def test_a_browser_with_many_accounts_stays_known_to_a_few(app):
    shared = visitor(app)
    for n in range(7):
        has_account(app, f"x{n}@example.org")
        shared.sign_in(f"x{n}@example.org")
        assert cookie_of(shared).count("/") == min(n, 4)
    before = len(cookie_of(shared))
    shared.sign_in("x6@example.org")
    assert len(cookie_of(shared)) == before < 500
