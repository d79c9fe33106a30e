"""From sign-up to the account: confirmed by a one-time link, and deleted when it has expired."""

import re
from datetime import timedelta

import pytest

from ascriptica_plugin.office import allowances, registrations
from ascriptica_plugin.shared import clock, pauses
from ascriptica_plugin.standalone.accounts import forget_old_sign_ins, passwords, sessions, sign_ups, tries
from ascriptica_plugin.standalone.accounts.links import make_link
from ascriptica_plugin.standalone.accounts.tables import Account, AccountSession, OneTimeLink, SignUp
from ascriptica_plugin.tables.mails import Mail
from ascriptica_plugin.tables.office import LogEntry, Participant, Tries
from ascriptica_plugin.worker import rounds

from ...office_at_work import PASSWORD, Office
from ...pages import all_of, words
from .visitors import ANOTHER, NOW, handed_out, has_account, visitor


def test_a_sign_up_signs_in_only_with_the_link_that_the_office_hands_out(site, ann, boss):
    Office(site, None).course("ART")
    answer = ann.sign_up(path="/courses/ART")
    assert "Ask them for your link" in words(answer)
    assert not ann.is_signed_in()
    assert ann.sign_in().status_code == 422
    assert len(all_of(site, Account)) == 1, "only the administrator's"

    assert "1 sign-up waits to be confirmed" in words(boss.get("/tools/"))
    assert "A sign-up waits" in words(boss.get("/tools/participants?q=ANN@"))
    assert "sign-up waits" not in words(boss.get("/tools/participants?q=lou"))
    link = handed_out(boss, "/tools/participants")

    page = ann.get(link)
    assert page.headers["Referrer-Policy"] == "strict-origin"
    assert ann.get(link).status_code == 200, "a mail scanner that looks uses nothing up"
    assert ann.post(link, data={"password": ANOTHER}).status_code == 422
    assert not ann.is_signed_in()
    answer = ann.post(link, data={"password": PASSWORD})
    assert answer.location == "/courses/ART"
    assert ann.is_signed_in()
    assert ann.sign_in().status_code == 302
    assert "to be confirmed" not in words(boss.get("/tools/"))

    stranger = visitor(site)
    assert stranger.get(link).status_code == 410
    answer = stranger.post(link, data={"password": PASSWORD})
    assert answer.status_code == 410
    assert "This link no longer works" in words(answer)
    assert not stranger.is_signed_in()
    assert {"confirmed", "made a one-time link"} <= {entry.what for entry in all_of(site, LogEntry)}
    token = link.rpartition("/")[2]
    assert not any(token in entry.words for entry in all_of(site, LogEntry))


def test_the_office_s_entry_becomes_a_person_s_own_only_with_the_link(site, ann, boss):
    session = site.extensions["sqlalchemy"].session
    course = Office(site, None).course("ART")
    session.add(Participant(email="ANN@example.org", name="Ann by the office"))
    session.commit()
    [entered] = all_of(site, Participant)
    registrations.register(session, course, entered, clock.utc_now(), by="boss@example.org")
    session.commit()

    ann.sign_up()
    assert all_of(site, Participant)[0].key is None
    ann.post(handed_out(boss, f"/tools/participants/{entered.id}"), data={"password": PASSWORD})
    [mine] = all_of(site, Participant)
    assert (mine.key.split(":")[0], mine.name, mine.email) == ("account", "Ann", "ann@example.org")
    assert "ART here" in words(ann.get("/my/courses"))


@pytest.mark.parametrize("keys", [(None, None), ("account:99",), (None, "account:99")])
def test_a_confirmed_sign_up_makes_a_new_participant_where_the_owner_of_entries_is_unclear(site, keys):
    session = site.extensions["sqlalchemy"].session
    session.add_all(Participant(email="ann@example.org", name="Ann", key=key) for key in keys)
    session.commit()
    kept = passwords.hash_of(PASSWORD)
    sign_ups.sign_up(session, NOW, "ann@example.org", "Ann", kept, by_mail=False)
    token = make_link(session, NOW, pauses.LINK_LASTS, to=all_of(site, SignUp)[0])
    account = sign_ups.confirm(session, token, kept, NOW)
    session.commit()
    found = all_of(site, Participant)
    assert [one.key for one in found] == [*keys, f"account:{account.id}"]
    assert "none was taken over" in all_of(site, LogEntry)[-1].words


def test_two_people_who_sign_up_with_one_email_need_their_own_passwords(site, ann, boss):
    """A stranger who was faster gets nothing when the owner, or the office, uses a link."""
    stranger = visitor(site)
    stranger.sign_up(password=ANOTHER, name="Not Ann")
    ann.sign_up()
    buttons = re.findall(r'action="(/tools/sign-ups/[^"]+)"', boss.get("/tools/participants").text)
    links = [re.search(r'value="http://localhost(/links/[^"]+)"', boss.post(it).text)[1] for it in buttons]
    answers = [ann.post(link, data={"password": PASSWORD}).status_code for link in links]
    assert sorted(answers) == [302, 422] if answers[0] == 422 else answers == [302, 410]
    assert ann.is_signed_in()
    assert all_of(site, SignUp) == all_of(site, OneTimeLink) == []
    assert stranger.sign_in(password=ANOTHER).status_code == 422


def test_the_worker_deletes_expired_sessions_links_sign_ups_and_tries(app):
    session = app.extensions["sqlalchemy"].session
    account, old = has_account(app), clock.utc_now() - timedelta(days=8)
    for at in (old, clock.utc_now()):
        sessions.begin_session(session, account, at)
        make_link(session, at, timedelta(hours=1), to=account)
        sign_ups.sign_up(session, at, "new@example.org", "New", "hash", by_mail=True)
        make_link(session, at, timedelta(days=30), to=sign_ups.waiting(session)[0])
        allowances.take(session, tries.SIGN_UP_MAILS, str(at), at)
    session.commit()
    rounds.forget(app)
    forget_old_sign_ins(app)
    counts = [len(all_of(app, table)) for table in (AccountSession, OneTimeLink, SignUp, Mail, Tries)]
    assert counts == [1, 2, 1, 1, 2]
