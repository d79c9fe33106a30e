"""A lost second step: who removes it, that nobody gets round it, and how its secret is kept."""

import logging
import re
from datetime import datetime

import pytest
from cryptography.fernet import Fernet, MultiFernet
from sqlalchemy import select

from ascriptica_plugin.shared import clock
from ascriptica_plugin.standalone.accounts import accounts, forget_old_sign_ins, passwords
from ascriptica_plugin.standalone.accounts.tables import Account, AccountSession, FirstStep, SecondStep
from ascriptica_plugin.standalone.accounts.tries import WRONG_CODES
from ascriptica_plugin.tables.columns import Sealed
from ascriptica_plugin.tables.mails import Mail
from ascriptica_plugin.tables.office import LogEntry, Participant
from ascriptica_plugin.worker import rounds

from ...disguises import disguises
from ...office_at_work import PASSWORD, in_use, make_app, rotated, sign_in
from ...pages import all_of, words
from .visitors import (
    ANOTHER,
    Owner,
    Visitor,
    elsewhere,
    handed_out,
    has_account,
    link_in,
    page_of,
    visitor,
    with_second_step,
)

pytestmark = pytest.mark.usefixtures("wait")


@pytest.fixture
def ann(app) -> Owner:
    return with_second_step(app)


@pytest.fixture
def boss(app) -> Visitor:
    client = visitor(app)
    sign_in(client, app, "boss@example.org", admin=True)
    return client


def test_the_secret_is_sealed_and_shown_only_while_it_is_set_up(app, caplog, boss):
    caplog.set_level(logging.DEBUG)
    has_account(app)
    ann = Owner(app, app.response_class, use_cookies=True)
    ann.sign_in()
    ann.offered()
    with ann.session_transaction() as cookie:
        # The cookie is signed, but everybody who sees it can read it.
        assert ann.secret not in str(cookie)
    answers = [ann.post("/my/second-step", data={"code": ann.code()})]
    for path in ("/my/sign-in", "/my/second-step", "/my/sessions", "/my/password"):
        answers.append(ann.get(path))
    answers.append(ann.post("/my/second-step", data={"password": PASSWORD, "code": ann.wrong()}))
    page = page_of(app)
    answers += [boss.get(page), boss.post(f"{page}/export"), boss.get("/tools/log")]
    [kept] = all_of(app, SecondStep)
    written = [answer.data + str(answer.headers).encode() for answer in answers]
    written += [caplog.text.encode(), kept.secret.ciphertext, repr(vars(kept)).encode()]
    assert kept.secret.open(app.extensions["ascriptica"].canvases.keys) == ann.secret
    assert [mark for mark in disguises(ann.secret) for where in written if mark in where.lower()] == []


def test_guessing_codes_is_stopped_on_one_s_own_pages_too(app, ann):
    answers = [
        ann.post("/my/second-step", data={"password": PASSWORD, "code": ann.wrong()}).status_code for _ in range(11)
    ]
    assert answers == [422] * 10 + [429]
    has_account(app, "lou@example.org")
    lou = Owner(app, app.response_class, use_cookies=True)
    lou.sign_in("lou@example.org")
    lou.offered()
    answers = [lou.post("/my/second-step", data={"code": lou.wrong()}).status_code for _ in range(11)]
    assert answers == [422] * 10 + [429]
    assert lou.post("/my/second-step", data={"code": lou.code()}).status_code == 429


def test_a_link_for_a_new_password_does_not_get_round_the_code(app, ann, boss, wait):
    wait(seconds=30)
    link = handed_out(boss, page_of(app))
    browser = elsewhere(ann)
    for _ in range(WRONG_CODES.at_once):
        browser.sign_in()
        browser.give_code(browser.wrong())
    answer = browser.post(link, data={"password": ANOTHER})
    assert answer.location.startswith("/sign-in/code")
    assert not browser.is_signed_in()
    assert not ann.is_signed_in()
    assert browser.give_code().status_code == 429, "a link gives no more guesses"
    wait(minutes=10)
    browser.sign_in(password=ANOTHER)
    browser.give_code()
    assert browser.is_signed_in()


def test_a_password_that_changes_while_it_is_checked_begins_no_session(app, monkeypatch):
    """The owner chooses another password between the slow check of the hash and the beginning of the session."""
    has_account(app)
    fits = passwords.fits

    def slowly(password: str, kept: str | None) -> bool:
        right = fits(password, kept)
        with app.app_context():
            own = app.extensions["sqlalchemy"].session
            account = accounts.account_with(own, "ann@example.org")
            accounts.change_password(own, account, passwords.hash_of(ANOTHER), clock.utc_now(), by_mail=False)
            own.commit()
        return right

    monkeypatch.setattr(passwords, "fits", slowly)
    thief = visitor(app)
    assert thief.sign_in().status_code == 422
    assert all_of(app, AccountSession) == []


def test_another_administrator_removes_a_lost_second_step(app, ann, boss):
    page = page_of(app)
    assert "Remove the second step" in words(boss.get(page))
    [button] = re.findall(r'action="(/tools/accounts/\d+/remove-second-step)"', boss.get(page).text)
    answer = boss.post(button, follow_redirects=True)
    assert "Ann now signs in with the password alone" in words(answer)
    assert "Remove the second step" not in words(answer)
    assert not ann.is_signed_in()
    assert ann.sign_in().location == "/"
    entry = all_of(app, LogEntry)[-1]
    assert (entry.who, entry.what, entry.words) == (
        "boss@example.org",
        "removed the second step",
        "The sign-in of ann@example.org.",
    )
    assert f"/tools/participants/{entry.participant_id}" == page
    assert "has no second step" in words(boss.post(button, follow_redirects=True))


def test_an_administrator_can_t_remove_their_own_second_step_on_the_office_s_pages(app, ann):
    session = app.extensions["sqlalchemy"].session
    account = accounts.account_with(session, "ann@example.org")
    account.is_admin = True
    session.commit()
    number, page = account.id, page_of(app)
    assert "This is you" in words(ann.get(page))
    assert "Remove the second step" not in words(ann.get(page))
    for what in ("remove-second-step", "end-sessions", "link"):
        assert ann.post(f"/tools/accounts/{number}/{what}").status_code == 404
        assert ann.post(f"/tools/accounts/99/{what}").status_code == 404
        assert ann.post(f"/tools/accounts/99999999999999/{what}").status_code == 404
    assert len(all_of(app, SecondStep)) == 1
    assert ann.is_signed_in()


def test_the_operator_removes_the_only_administrator_s_second_step(app, ann):
    runner = app.test_cli_runner()
    command = ["ascriptica", "remove-second-step"]
    assert "There is no sign-in" in runner.invoke(args=[*command, "lou@example.org"]).output
    done = runner.invoke(args=[*command, "Ann@example.org"])
    assert (done.exit_code, done.output) == (0, "Ann@example.org now signs in with the password alone.\n")
    assert not ann.is_signed_in()
    assert ann.sign_in().location == "/"
    again = runner.invoke(args=[*command, "ann@example.org"])
    assert (again.exit_code, "has no second step" in again.output) == (1, True)


def test_the_owner_learns_of_every_change_by_mail(mailing, inbox, wait):
    has_account(mailing)
    ann = Owner(mailing, mailing.response_class, use_cookies=True)
    ann.sign_in()
    ann.set_up()
    boss = visitor(mailing)
    sign_in(boss, mailing, "boss@example.org", admin=True)
    boss.post(f"/tools/accounts/{all_of(mailing, Account)[0].id}/remove-second-step")
    rounds.send_mails(mailing)
    assert [sent["Subject"] for sent in inbox.mails] == [
        "Your sign-in now takes a code",
        "Your sign-in no longer takes a code",
    ]
    assert [sent["To"] for sent in inbox.mails] == ["ann@example.org"] * 2
    assert ann.secret not in inbox.mails[0].as_string()


def test_a_link_by_mail_does_not_get_round_the_code(mailing, inbox, wait):
    has_account(mailing)
    ann = Owner(mailing, mailing.response_class, use_cookies=True)
    ann.sign_in()
    ann.set_up()
    wait(seconds=30)
    browser = elsewhere(ann)
    browser.post("/forgotten-password", data={"email": "ann@example.org"})
    rounds.send_mails(mailing)
    answer = browser.post(link_in(inbox.mails[-1]), data={"password": ANOTHER}, follow_redirects=True)
    assert "Enter your code" in words(answer)
    assert not browser.is_signed_in()
    assert browser.give_code().location == "/"
    assert browser.is_signed_in()


def test_a_closed_account_leaves_nothing_behind(app, ann, boss):
    elsewhere(ann).sign_in()
    page = page_of(app)
    assert boss.post(f"{page}/erase", data={"name": "Ann", "end_access": "y"}).status_code == 302
    assert [account.email for account in all_of(app, Account)] == ["boss@example.org"]
    assert all_of(app, SecondStep) == all_of(app, FirstStep) == []
    assert len(all_of(app, AccountSession)) == 1, "the administrator's"


def test_the_keys_of_secrets_rotate(database_url, wait):
    older, newer = (Fernet.generate_key().decode() for _ in range(2))
    with in_use(make_app(database_url, ASCRIPTICA_TOKEN_KEYS=older)) as app:
        has_account(app)
        ann = Owner(app, app.response_class, use_cookies=True)
        ann.sign_in()
        ann.set_up()
    with in_use(make_app(database_url, ASCRIPTICA_TOKEN_KEYS=f"{newer},{older}")) as app:
        assert rotated(app) == (
            0,
            "0 tokens are encrypted with the newest key.\n1 second step is encrypted with the newest key.\n",
        )
    with in_use(make_app(database_url, ASCRIPTICA_TOKEN_KEYS=newer)) as app:
        assert all_of(app, SecondStep)[0].secret.open(MultiFernet([Fernet(newer)])) == ann.secret
        wait(seconds=30)
        browser = Owner(app, app.response_class, use_cookies=True)
        browser.secret = ann.secret
        browser.sign_in()
        assert browser.give_code().status_code == 302


def test_a_secret_that_no_key_opens_leads_to_a_sentence(app, ann, boss, wait):
    session = app.extensions["sqlalchemy"].session
    gone = Sealed.seal(ann.secret, MultiFernet([Fernet(Fernet.generate_key())]))
    session.scalars(select(SecondStep)).one().secret = gone
    session.commit()
    wait(seconds=30)
    browser = elsewhere(ann)
    browser.sign_in()
    answer = browser.give_code()
    assert (answer.status_code, "Ask the office to remove it" in words(answer)) == (422, True)
    answer = ann.post("/my/second-step", data={"password": PASSWORD, "code": ann.code()})
    assert (answer.status_code, "Ask the office to remove it" in words(answer)) == (422, True)
    code, printed = rotated(app)
    assert (code, "The second step of ann@example.org can't be read" in printed) == (1, True)
    boss.post(f"/tools/accounts/{accounts.account_with(session, 'ann@example.org').id}/remove-second-step")
    assert browser.sign_in().location == "/"


def test_an_administrator_who_must_have_a_second_step_is_led_to_it(app, wait):
    app.config["ASCRIPTICA_ADMIN_SECOND_STEP"] = True
    has_account(app, admin=True)
    ann = Owner(app, app.response_class, use_cookies=True)
    answer = ann.sign_in(query_string={"next": "/tools/courses"})
    assert answer.location == "/my/second-step?next=/tools/courses"
    assert "Administrators need a second step here" in words(ann.get(answer.location))
    assert "Tools" not in words(ann.get("/"))
    assert ann.get("/tools/log").location == "/my/second-step?next=/tools/log"
    refused = ann.post("/tools/courses/new", data={"code": "ART", "title": "Art"})
    assert refused.location == "/my/second-step?next=/tools/courses/new"
    assert ann.get("/tools/courses/ART").status_code == 302
    done = ann.set_up(query_string={"next": "/tools/courses"})
    assert done.location == "/tools/courses"
    assert ann.get("/tools/courses").status_code == 200
    wait(seconds=30)
    ann.post("/my/second-step", data={"password": PASSWORD, "code": ann.code()})
    assert ann.get("/tools/courses").location.startswith("/my/second-step")
    bob = visitor(app)
    has_account(app, "bob@example.org")
    assert bob.sign_in("bob@example.org").location == "/"
    assert bob.get("/tools/courses").status_code == 403


def test_an_administrator_reads_the_hint_on_their_own_page_only_where_no_rule_demands_a_second_step(app, boss):
    assert "You are an administrator" in words(boss.get("/my/sign-in"))
    assert "second step" not in words(boss.get("/tools/courses")).lower()


def test_an_administrator_ends_all_of_somebody_s_sessions(app, ann, boss, wait):
    wait(seconds=30)
    half = elsewhere(ann)
    half.sign_in()
    page = page_of(app)
    assert "Signed in on 1 browser" in words(boss.get(page))
    [button] = re.findall(r'action="(/tools/accounts/\d+/end-sessions)"', boss.get(page).text)
    assert "Ann is signed out everywhere." in words(boss.post(button, follow_redirects=True))
    assert not ann.is_signed_in()
    assert half.give_code().status_code == 410
    assert boss.is_signed_in()
    entry = all_of(app, LogEntry)[-1]
    assert (entry.who, entry.what, entry.words) == (
        "boss@example.org",
        "ended all sessions",
        "The sign-in of ann@example.org.",
    )
    assert "Not signed in" in words(boss.get(page))


def test_a_person_s_export_has_their_second_step_and_sessions(app, ann):
    session = app.extensions["sqlalchemy"].session
    page_of(app)
    [participant] = all_of(app, Participant)
    held = app.extensions["ascriptica"].sign_ins.held_on(session, participant)
    assert datetime.fromisoformat(held["second_step_since"])
    assert [set(one) for one in held["sessions"]] == [{"made_at", "browser"}]


def test_expired_half_finished_sign_ins_are_deleted(app, ann, wait):
    elsewhere(ann).sign_in()
    wait(minutes=5)
    elsewhere(ann).sign_in()
    forget_old_sign_ins(app)
    assert len(all_of(app, FirstStep)) == 1
    assert all_of(app, Mail) == []
