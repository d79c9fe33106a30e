"""Sessions: who is signed in, since when, and until when."""

import logging
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from ascriptica_plugin.office import people
from ascriptica_plugin.shared import clock, pauses
from ascriptica_plugin.standalone.accounts import accounts, sessions
from ascriptica_plugin.standalone.accounts.links import LinkUnusable, make_link
from ascriptica_plugin.standalone.accounts.tables import Account, AccountSession
from ascriptica_plugin.tables.office import Participant

from ...office_at_work import PASSWORD
from ...pages import all_of
from ...processes import until
from .visitors import NOW, has_account, visitor


def while_held(app: Flask, session: Session, act: Callable[[Session], object]) -> threading.Thread:
    """Somebody else acts in a thread, and comes as far as they can while this session holds the account."""

    def other() -> None:
        with app.app_context():
            theirs = app.extensions["sqlalchemy"].session
            try:
                act(theirs)
                theirs.commit()
            finally:
                theirs.remove()

    thread = threading.Thread(target=other)
    thread.start()
    engine = app.extensions["sqlalchemy"].engine
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            until(lambda: connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))
    return thread


def test_a_link_and_a_password_change_wait_for_each_other(app):
    session, now = app.extensions["sqlalchemy"].session, clock.utc_now()
    account = has_account(app)
    token = make_link(session, now, pauses.LINK_LASTS, to=account)
    session.commit()
    ended = []

    def use_link(theirs: Session) -> None:
        try:
            accounts.new_password_by_link(theirs, token, "by link", now, by_mail=False)
        except LinkUnusable:
            ended.append("over")

    held = sessions.hold(session, account.id)
    thread = while_held(app, session, use_link)
    accounts.change_password(session, held, "changed", now, by_mail=False)
    session.commit()
    thread.join(20)
    assert ended == ["over"]
    assert [one.password_hash for one in all_of(app, Account)] == ["changed"]


def test_erasing_waits_for_a_sign_in_that_is_under_way(app):
    session, now = app.extensions["sqlalchemy"].session, clock.utc_now()
    number = has_account(app).id
    token = sessions.begin_session(session, session.get(Account, number), now)
    session.commit()
    sessions.hold(session, number)
    thread = while_held(app, session, lambda theirs: accounts.close_account(theirs, theirs.get(Account, number)))
    assert sessions.renew_session(session, token)
    session.commit()
    thread.join(20)
    assert (all_of(app, Account), all_of(app, AccountSession)) == ([], [])


def test_a_session_begins_anew_at_sign_in_and_a_copied_cookie_is_worth_nothing_after_sign_out(site, ann, caplog):
    caplog.set_level(logging.INFO)
    has_account(site)
    ann.get("/sign-in")
    with ann.session_transaction() as cookie:
        cookie["planted"] = "by somebody else"
    ann.sign_in()
    with ann.session_transaction() as cookie:
        assert "planted" not in cookie
        first = cookie["_user_id"]
    assert first not in all_of(site, AccountSession)[0].token_hash
    copied = ann.get_cookie("session").value
    ann.sign_in()
    assert len(all_of(site, AccountSession)) == 1, "the browser's earlier session ended"
    thief = visitor(site)
    thief.set_cookie("session", copied)
    assert not thief.is_signed_in()
    thief.set_cookie("session", ann.get_cookie("session").value)
    assert thief.is_signed_in()
    ann.post("/sign-out")
    assert all_of(site, AccountSession) == []
    assert not thief.is_signed_in()
    assert re.search(r"Account \d+ signed out from 127.0.0.1\.", caplog.text)


def test_a_session_lasts_half_a_day_at_most_and_two_idle_hours(site, ann):
    session = site.extensions["sqlalchemy"].session
    token = sessions.begin_session(session, has_account(site), NOW)
    last = NOW + pauses.SESSION_LASTS
    assert sessions.owner_of_session(session, token, last - timedelta(seconds=1))
    assert sessions.owner_of_session(session, token, last) is None
    ann.sign_in()
    assert site.permanent_session_lifetime == timedelta(hours=2)
    left = ann.get_cookie("session").expires - datetime.now(UTC)
    assert timedelta(minutes=119) < left <= timedelta(minutes=120)
    site.config["PERMANENT_SESSION_LIFETIME"] = timedelta(seconds=-1)
    assert not ann.is_signed_in()


def test_a_closed_account_opens_nothing_though_its_number_is_given_again(site, ann):
    session = site.extensions["sqlalchemy"].session
    account = has_account(site)
    number = account.id
    people.participant_for(session, accounts.person_of(account))
    link = make_link(session, clock.utc_now(), pauses.LINK_LASTS, to=account)
    session.commit()
    ann.sign_in()
    accounts.close_account(session, account)
    session.commit()
    assert has_account(site, "lou@example.org").id == number
    assert not ann.is_signed_in()
    assert ann.get(f"/links/{link}").status_code == 410
    assert all_of(site, Participant)[0].key is None


def test_many_browsers_of_one_person_sign_in_at_once(app):
    has_account(app)
    form = {"email": "ann@example.org", "password": PASSWORD}
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: app.test_client().post("/sign-in", data=form).status_code, range(24)))
    assert set(answers) <= {302, 429}
    assert len(all_of(app, AccountSession)) == answers.count(302) >= 10
