"""Somebody signs up after a stranger did so with their email: they get in, the stranger does not."""

import pytest

from ascriptica_plugin.shared import clock, pauses
from ascriptica_plugin.standalone.accounts import links, passwords, sign_ups
from ascriptica_plugin.standalone.accounts.tables import Account, SignUp
from ascriptica_plugin.worker import rounds

from ...office_at_work import PASSWORD
from ...pages import all_of, words
from .visitors import ANOTHER, AWAY, has_account, link_in, visitor

pytestmark = pytest.mark.usefixtures("wait")


def test_an_owner_who_signs_up_after_a_stranger_gets_in_by_the_link_already_mailed(mailing, inbox):
    stranger, ann = visitor(mailing), visitor(mailing)
    for n in range(6):
        assert stranger.sign_up(password=f"{ANOTHER} {n}", name="Not Ann", **AWAY).status_code == 200
    assert "We have sent you a mail" in words(ann.sign_up(path="/my/courses"))
    rounds.send_mails(mailing)
    assert [sent["To"] for sent in inbox.mails] == ["ann@example.org"] * 3, "and no flood"
    oldest, newest = link_in(inbox.mails[0]), link_in(inbox.mails[-1])
    assert "Not Ann" not in ann.get(oldest).text, "nothing that a stranger typed"
    assert ann.post(oldest, data={"password": "none of the passwords"}).status_code == 422
    answer = ann.post(oldest, data={"password": PASSWORD})
    assert (answer.status_code, answer.location) == (302, "/my/courses")
    assert ann.is_signed_in()
    assert [account.name for account in all_of(mailing, Account)] == ["Ann"]
    assert stranger.post(newest, data={"password": f"{ANOTHER} 5"}).status_code == 410
    assert stranger.sign_in(password=f"{ANOTHER} 5").status_code == 422


def test_a_link_confirms_no_sign_up_with_another_email(app):
    """A person who reads one mailbox learns nothing about another, whatever they signed up with."""
    session, now = app.extensions["sqlalchemy"].session, clock.utc_now()
    for email in ("eve@example.org", "ann@example.org"):
        sign_ups.sign_up(session, now, email, "Eve", passwords.hash_of(PASSWORD), by_mail=False)
    [hers] = sign_ups.waiting(session, email="eve@example.org")
    token = links.make_link(session, now, pauses.LINK_LASTS, to=hers)
    [victim] = sign_ups.waiting(session, email="ann@example.org")
    session.commit()
    with pytest.raises(links.LinkUnusable):
        sign_ups.confirm(session, token, victim.password_hash, now)
    session.rollback()
    assert sign_ups.confirm(session, token, hers.password_hash, now).email == "eve@example.org"


def test_a_link_costs_one_hash_even_with_a_hundred_sign_ups_for_its_email(app, monkeypatch):
    stranger, made = visitor(app), []
    for n in range(30):
        stranger.sign_up(password=f"{ANOTHER} {n}")
    stranger.sign_up("lou@example.org")
    session = app.extensions["sqlalchemy"].session
    ann = visitor(app)
    ann.sign_up()
    one = sign_ups.waiting(session, email="ann@example.org")[7]
    token = links.make_link(session, clock.utc_now(), pauses.LINK_LASTS, to=one)
    session.commit()
    hash_now = passwords._hash
    monkeypatch.setattr(passwords, "_hash", lambda *given: made.append(1) or hash_now(*given))
    assert ann.post(f"/links/{token}", data={"password": PASSWORD}).status_code == 302
    assert len(made) == 1
    assert len({signup.password_hash.split("$")[1] for signup in all_of(app, SignUp)}) == 1, (
        "another email, another salt"
    )
    assert [kept.email for kept in all_of(app, SignUp)] == ["lou@example.org"]


def test_guesses_at_a_link_use_up_nobody_else_s(app):
    has_account(app, "lou@example.org")
    session, ann = app.extensions["sqlalchemy"].session, visitor(app)
    ann.sign_up()
    made = sign_ups.waiting(session)[0]
    one, another = (links.make_link(session, clock.utc_now(), pauses.LINK_LASTS, to=made) for _ in range(2))
    session.commit()
    guesses = [ann.post(f"/links/{one}", data={"password": "wrong password"}).status_code for _ in range(11)]
    assert guesses == [422] * 10 + [429]
    assert visitor(app).sign_in("lou@example.org").status_code == 302
    assert ann.post(f"/links/{another}", data={"password": PASSWORD}).status_code == 302
