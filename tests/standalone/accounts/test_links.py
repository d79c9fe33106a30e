"""One-time links: used once, by one, for a while."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from ascriptica_plugin.office import people
from ascriptica_plugin.shared import clock, pauses
from ascriptica_plugin.standalone.accounts import accounts, passwords, sign_ups
from ascriptica_plugin.standalone.accounts.links import LinkUnusable, find_link, make_link
from ascriptica_plugin.standalone.accounts.tables import OneTimeLink
from ascriptica_plugin.tables.office import LogEntry, Participant

from ...pages import all_of, words
from .visitors import ANOTHER, NOW, handed_out, has_account, visitor


def test_one_of_many_uses_of_a_link_at_once_succeeds(app):
    session = app.extensions["sqlalchemy"].session
    account = has_account(app)
    token = make_link(session, clock.utc_now(), pauses.LINK_LASTS, to=account)
    session.commit()
    kept = passwords.hash_of(ANOTHER)
    begin = threading.Barrier(6)

    def use(_: int) -> bool:
        with app.app_context():
            own = app.extensions["sqlalchemy"].session
            begin.wait()
            try:
                accounts.new_password_by_link(own, token, kept, clock.utc_now(), by_mail=False)
                own.commit()
            except LinkUnusable:
                own.rollback()
                return False
            return True

    with ThreadPoolExecutor(6) as threads:
        assert sorted(threads.map(use, range(6))) == [False] * 5 + [True]
    assert len([entry for entry in all_of(app, LogEntry) if entry.what == "changed the password"]) == 1


def test_a_link_expires_and_is_stored_as_a_hash(site):
    session = site.extensions["sqlalchemy"].session
    account = has_account(site)
    token = make_link(session, NOW, timedelta(hours=1), to=account)
    session.commit()
    assert len(token) >= 43, "256 bits"
    assert token not in all_of(site, OneTimeLink)[0].token_hash
    assert find_link(session, token, NOW + timedelta(minutes=59)).account.id == account.id
    for wrong in (token[:-1], "", "x", "ü\ud800", all_of(site, OneTimeLink)[0].token_hash):
        with pytest.raises(LinkUnusable):
            find_link(session, wrong, NOW)
    with pytest.raises(LinkUnusable):
        accounts.new_password_by_link(session, token, "hash", NOW + timedelta(hours=1), by_mail=False)
    with pytest.raises(LinkUnusable):
        sign_ups.confirm(session, token, account.password_hash, NOW)


def test_a_new_password_by_the_office_s_link_ends_sessions_links_and_lockouts(site, ann, boss):
    account = has_account(site)
    ann.sign_in()
    people.participant_for(site.extensions["sqlalchemy"].session, accounts.person_of(account))
    site.extensions["sqlalchemy"].session.commit()
    [participant] = all_of(site, Participant)
    page = f"/tools/participants/{participant.id}"
    earlier, link = handed_out(boss, page), handed_out(boss, page)
    thief = visitor(site)
    for _ in range(20):
        thief.sign_in(password="wrong password")
    assert thief.sign_in().status_code == 429
    assert "Ask the office" in words(thief.get("/forgotten-password"))

    owner = visitor(site)
    assert owner.post(link, data={"password": "password1234"}).status_code == 422
    assert "Your new password is saved." in words(owner.post(link, data={"password": ANOTHER}, follow_redirects=True))
    assert owner.is_signed_in()
    assert not ann.is_signed_in()
    assert owner.get(earlier).status_code == owner.get(link).status_code == 410
    assert ann.sign_in().status_code == 422
    assert ann.sign_in(password=ANOTHER).status_code == 302
