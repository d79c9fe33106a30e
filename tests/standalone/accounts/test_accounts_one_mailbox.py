"""One mailbox is one account, however its address is spelled."""

import alembic.command
import pytest
from sqlalchemy import text

from ascriptica_plugin.shared import clock
from ascriptica_plugin.standalone.accounts import accounts, sign_ups
from ascriptica_plugin.standalone.accounts.tables import Account, SignUp
from ascriptica_plugin.tables.mails import Mail

from ...office_at_work import PASSWORD
from ...pages import all_of
from ...tables.test_migrations import migrations
from .visitors import has_account, visitor

pytestmark = pytest.mark.usefixtures("wait")


# -- one mailbox ------------------------------------------------------------------------------------------------------

SPELLINGS = [
    "ann@example\u3002org",
    "ann@example\uff0eorg",
    "\uff41nn@example.org",
    "\uff41\uff4e\uff4e@example.org",
    "ann\uff20example.org",
    "ann@\uff45xample.org",
    "a\u00adnn@example.org",
    "ann@exam\u00adple.org",
    "\u200bann@example.org",
    "ann@example.org\u200b",
    "\u202aann@example.org\u202c",
    "\ufeffann@example.org",
    "ANN@EXAMPLE.ORG",
]


def test_spellings_of_one_mailbox_get_no_more_mails(posting):
    ann = visitor(posting)
    for email in SPELLINGS:
        assert ann.sign_up(email).status_code == 200, ascii(email)
        ann.post("/forgotten-password", data={"email": email})
    assert [one.email for one in all_of(posting, Mail)] == ["ann@example.org"] * 6
    assert {one.email for one in all_of(posting, SignUp)} == {"ann@example.org"}


def test_one_mailbox_is_one_account_however_it_is_spelled(app):
    has_account(app)
    session = app.extensions["sqlalchemy"].session
    for email in SPELLINGS:
        with pytest.raises(ValueError, match="already"):
            accounts.add_account(session, clock.utc_now(), email, "Ann", PASSWORD)
        session.rollback()
        assert visitor(app).sign_in(email).status_code == 302, ascii(email)
    assert [one.email for one in all_of(app, Account)] == ["ann@example.org"]


def test_guesses_in_other_spellings_are_guesses_at_the_same_account(app):
    guesses = [visitor(app).sign_in(email, "wrong password").status_code for email in SPELLINGS]
    assert guesses == [422] * 10 + [429] * 3


def test_older_emails_are_brought_into_one_spelling_unless_it_is_taken(app):
    """Ann's twin keeps the spelling that they have, and signs in with it."""
    session = app.extensions["sqlalchemy"].session
    before = {
        "ann@example.org": "ann@example.org",
        "ann@example\u3002org": "ann@example\u3002org",
        "lou@b\u00fccher.example": "lou@xn--bcher-kva.example",
        "lou@b\u00fccher\uff0eexample": "lou@b\u00fccher\uff0eexample",
        "\uff4bim@example.org": "kim@example.org",
        "no email": "no email",
    }
    sign_ups.sign_up(session, clock.utc_now(), "new@example.org", "New", "hash", by_mail=False)
    for number, _ in enumerate(before):
        has_account(app, f"x{number}@example.org")
    session.commit()
    with app.extensions["sqlalchemy"].engine.connect() as connection:
        config = migrations()
        config.attributes["connection"] = connection
        alembic.command.downgrade(config, "0007")
        for number, email in enumerate(before, 1):
            connection.execute(
                text("UPDATE ascriptica_account SET email = :e WHERE id = :n"), {"e": email, "n": number}
            )
        connection.execute(text("UPDATE ascriptica_sign_up SET email = '\uff4eew@example.org'"))
        connection.commit()
        for _ in range(2):
            alembic.command.upgrade(config, "head")
            connection.commit()
    session.expire_all()
    assert [one.email for one in sorted(all_of(app, Account), key=lambda one: one.id)] == list(before.values())
    assert [one.email for one in all_of(app, SignUp)] == ["new@example.org"]
    for email in list(before)[:5]:
        ann = visitor(app)
        assert ann.sign_in(email).status_code == 302, ascii(email)
    found = [accounts.account_with(session, email).id for email in before]
    assert found == [1, 2, 3, 4, 5, 6]


def test_nobody_can_block_somebody_else_s_email(mailing):
    eve, ann = visitor(mailing), visitor(mailing)
    for browser, email in ((eve, "eve@example.org"), (ann, "ann@example.org")):
        has_account(mailing, email)
        browser.sign_in(email)
    ask = {"email": "ann.new@example.org", "password": PASSWORD}
    assert [eve.post("/my/email", data=ask).status_code for _ in range(4)] == [302, 302, 302, 429]
    assert ann.post("/my/email", data=ask).status_code == 302
