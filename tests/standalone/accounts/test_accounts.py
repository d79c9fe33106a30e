"""Sign-ins: confirmed by a one-time link, guessed by nobody, ended for good."""

import logging
import re
import shutil
import smtplib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session
from werkzeug.security import generate_password_hash

from ascriptica_plugin import allowances, clock, mail
from ascriptica_plugin.allowances import Allowance
from ascriptica_plugin.office import people, registrations
from ascriptica_plugin.standalone.accounts import accounts, forget_old_sign_ins, mails, passwords, sessions
from ascriptica_plugin.standalone.accounts.links import LINK_LASTS, LinkIsOver, find_link, make_link
from ascriptica_plugin.standalone.accounts.tables import Account, AccountSession, OneTimeLink, SignUp
from ascriptica_plugin.tables.office import LogEntry, Mail, Participant, Tries
from ascriptica_plugin.worker import rounds

from ...conftest import HASHED_BY, PASSWORD, Office, in_use, make_app, sign_in
from ...processes import until, worker
from ...web.test_pages import all_of, words

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


# -- signing up -------------------------------------------------------------------------------------------------------


def test_a_sign_up_signs_in_only_with_the_link_that_the_office_hands_out(site, ann, boss):
    Office(site, None).course("ART")
    answer = ann.sign_up(path="/courses/ART")
    assert "Ask them for your link" in words(answer)
    assert not ann.is_signed_in()
    assert ann.sign_in().status_code == 422
    assert len(all_of(site, Account)) == 1, "only the administrator's"

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

    stranger = visitor(site)
    assert stranger.get(link).status_code == 410
    answer = stranger.post(link, data={"password": PASSWORD})
    assert answer.status_code == 410
    assert "This link is over" in words(answer)
    assert not stranger.is_signed_in()
    assert {"confirmed", "made a one-time link"} <= {entry.what for entry in all_of(site, LogEntry)}
    token = link.rpartition("/")[2]
    assert not any(token in entry.words for entry in all_of(site, LogEntry))


def test_every_way_in_leads_back_to_the_course(site, ann):
    Office(site, None).course("ART")
    ways = [f"/{way}?next=/courses/ART" for way in ("sign-in", "sign-up", "forgotten-password")]
    for page in ("/courses/ART", *ways):
        links = re.findall(r'href="(/(?:sign-|forgotten)[^"]+)"', ann.get(page).text)
        assert set(links) <= set(ways), page
        assert len(links) > 2, page
    assert "/sign-up?next=/courses/ART" in ann.sign_up(path="/courses/ART").text, "again, where no mail came"


def test_what_the_office_entered_becomes_theirs_with_the_link_and_not_before(site, ann, boss):
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
def test_where_it_is_not_clear_whose_they_are_somebody_new_begins(site, keys):
    session = site.extensions["sqlalchemy"].session
    session.add_all(Participant(email="ann@example.org", name="Ann", key=key) for key in keys)
    session.commit()
    accounts.sign_up(session, NOW, "ann@example.org", "Ann", passwords.hash_of(PASSWORD), by_mail=False)
    token = make_link(session, NOW, LINK_LASTS, to=all_of(site, SignUp)[0])
    account = accounts.confirm(session, token, NOW)
    session.commit()
    found = all_of(site, Participant)
    assert [one.key for one in found] == [*keys, f"account:{account.id}"]
    assert "none was taken over" in all_of(site, LogEntry)[-1].words


def test_two_who_sign_up_with_one_email_each_need_their_own_password(site, ann, boss):
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


def test_nothing_tells_whether_an_email_has_a_sign_in(site, ann):
    has_account(site)
    new, known = ann.sign_up("new@example.org"), ann.sign_up("ANN@example.org")
    assert (known.status_code, known.text) == (new.status_code, new.text)
    assert [one.email for one in all_of(site, SignUp)] == ["new@example.org"]
    for email in ("new@example.org", "ann@example.org", "nobody@example.org"):
        answer = ann.sign_in(email, "wrong password")
        assert (answer.status_code, "don't go together" in words(answer)) == (422, True)


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"name": ""}, "Enter your name"),
        ({"name": "a\x00b"}, "control characters"),
        ({"name": "\u200b\u3164\u2800\ufe0f"}, "letters that can be seen"),
        ({"email": "kim"}, "not an email address"),
        ({"email": f"{'k' * 99}@example.org"}, "Use a shorter address"),
        ({"password": "short"}, "10 to 200 characters"),
        ({"password": "x" * 201}, "10 to 200 characters"),
        ({"password": "password1234"}, "too easy to guess"),
        ({"password": "qwertyuiop"}, "too easy to guess"),
        ({"password": "kim.berg@example.org"}, "too easy to guess"),
        ({"password": "Kim Berg 1"}, "too easy to guess"),
        ({"password": "kimberg2026"}, "too easy to guess"),
        ({"password": "Ascriptica!!"}, "too easy to guess"),
        ({"password": "P@ssw0rd123"}, "too easy to guess"),
        # Ten signs typed, five on another keyboard.
        ({"password": "e\u0301" * 5}, "10 to 200 characters"),
    ],
)
def test_a_bad_sign_up_is_named(site, ann, form, sentence):
    answer = ann.post(
        "/sign-up", data={"name": "Kim Berg", "email": "kim.berg@example.org", "password": PASSWORD} | form
    )
    assert answer.status_code == 422
    assert sentence in words(answer)
    assert "value=" in answer.text
    assert form.get("password", PASSWORD) not in answer.text or form.get("password") == "kim.berg@example.org"
    assert all_of(site, SignUp) == []


@pytest.mark.parametrize("password", ["W,){Jd@{/z", "$%&/(!)=?*+#-_.:,", "four words that differ", "ünïcödé läuft"])
def test_a_good_password_is_taken(password):
    passwords.check(password, "Kim Berg", "kim.berg@example.org")


@pytest.mark.parametrize("path", ["/sign-in", "/sign-up"])
def test_what_is_too_long_to_be_right_is_not_worked_on(site, ann, path):
    """Marks in no order, which take Unicode time with the square of how many there are."""
    marks = "a" + "\u0301" * 40_000 + "\u0323" * 40_000
    began = time.thread_time()
    for field in ("email", "password"):
        form = {"name": "Ann", "email": "ann@example.org", "password": PASSWORD} | {field: f"{marks}@example.org"}
        assert ann.post(path, data=form).status_code == 422
    assert time.thread_time() - began < 2


def test_letters_of_every_alphabet_sign_in_however_they_are_typed(site, ann):
    session = site.extensions["sqlalchemy"].session
    accounts.add_account(session, clock.utc_now(), "Änn@example.org", "Änn", "Zu\u0308rich im Ma\u0308rz")
    session.commit()
    assert ann.sign_in("änn@Example.org", "Zürich im März").status_code == 302


def test_the_operator_s_users_are_confirmed_and_their_passwords_are_checked(site, ann):
    command = ["ascriptica", "create-user", "Ann@example.org", "--name", "Ann"]
    runner = site.test_cli_runner()
    refused = runner.invoke(args=command, env={"ASCRIPTICA_PASSWORD": "password1234"})
    assert (refused.exit_code, "too easy" in refused.output) == (1, True)
    assert runner.invoke(args=command, env={"ASCRIPTICA_PASSWORD": PASSWORD}).exit_code == 0
    assert ann.sign_in().status_code == 302


# -- links ------------------------------------------------------------------------------------------------------------


def while_held(app: Flask, session: Session, act: Callable[[Session], object]) -> threading.Thread:
    """Somebody else acts, and has come as far as they can while this session holds the account."""

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


def test_a_link_and_a_change_of_the_password_wait_in_one_line(app):
    session, now = app.extensions["sqlalchemy"].session, clock.utc_now()
    account = has_account(app)
    token = make_link(session, now, LINK_LASTS, to=account)
    session.commit()
    told = []

    def use_link(theirs: Session) -> None:
        try:
            accounts.new_password_by_link(theirs, token, "by link", now, by_mail=False)
        except LinkIsOver:
            told.append("over")

    held = sessions.hold(session, account.id)
    thread = while_held(app, session, use_link)
    accounts.change_password(session, held, "changed", now, by_mail=False)
    session.commit()
    thread.join(20)
    assert told == ["over"]
    assert [one.password_hash for one in all_of(app, Account)] == ["changed"]


def test_erasing_somebody_who_types_their_password_waits_in_one_line(app):
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


def test_one_of_many_who_use_a_link_at_once_wins(app):
    session = app.extensions["sqlalchemy"].session
    account = has_account(app)
    token = make_link(session, clock.utc_now(), LINK_LASTS, to=account)
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
            except LinkIsOver:
                own.rollback()
                return False
            return True

    with ThreadPoolExecutor(6) as threads:
        assert sorted(threads.map(use, range(6))) == [False] * 5 + [True]
    assert len([entry for entry in all_of(app, LogEntry) if entry.what == "changed the password"]) == 1


def test_a_link_ends_and_is_kept_as_a_hash(site):
    session = site.extensions["sqlalchemy"].session
    account = has_account(site)
    token = make_link(session, NOW, timedelta(hours=1), to=account)
    session.commit()
    assert len(token) >= 43, "256 bits"
    assert token not in all_of(site, OneTimeLink)[0].token_hash
    assert find_link(session, token, NOW + timedelta(minutes=59)).account.id == account.id
    for wrong in (token[:-1], "", "x", "ü\ud800", all_of(site, OneTimeLink)[0].token_hash):
        with pytest.raises(LinkIsOver):
            find_link(session, wrong, NOW)
    with pytest.raises(LinkIsOver):
        accounts.new_password_by_link(session, token, "hash", NOW + timedelta(hours=1), by_mail=False)
    with pytest.raises(LinkIsOver):
        accounts.confirm(session, token, NOW)


def test_a_new_password_by_the_office_s_link_ends_sessions_links_and_the_wait(site, ann, boss):
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


# -- passwords and sessions -------------------------------------------------------------------------------------------


def test_a_changed_password_signs_out_everywhere_else(site, ann):
    has_account(site)
    elsewhere = visitor(site)
    for browser in (ann, elsewhere):
        browser.sign_in()
    assert ann.post("/my/password", data={"old_password": "wrong one", "password": ANOTHER}).status_code == 422
    assert "too easy" in words(ann.post("/my/password", data={"old_password": PASSWORD, "password": "Ann1Ann1Ann1"}))
    assert elsewhere.is_signed_in()
    before = ann.get_cookie("session").value
    assert ann.post("/my/password", data={"old_password": PASSWORD, "password": ANOTHER}).status_code == 302
    assert ann.is_signed_in()
    assert not elsewhere.is_signed_in()
    ann.set_cookie("session", before)
    assert not ann.is_signed_in()
    assert visitor(site).sign_in().status_code == 422


@pytest.mark.parametrize(
    ("fails", "path", "form"),
    [
        ("DELETE", "/my/password", {"old_password": PASSWORD, "password": ANOTHER}),
        ("DELETE", "/my/sessions", {"which": "", "password": PASSWORD}),
        ("DELETE", "/sign-out", {}),
        ("INSERT", "/sign-in", {"email": "ann@example.org", "password": PASSWORD}),
    ],
)
def test_whose_database_fails_stays_signed_in(site, ann, fails, path, form):
    has_account(site)
    for browser in (visitor(site), ann):
        browser.sign_in()
    with site.extensions["sqlalchemy"].engine.begin() as connection:
        broken = f"CREATE TRIGGER broken BEFORE {fails} ON ascriptica_account_session BEGIN DELETE FROM nowhere; END"
        connection.exec_driver_sql(broken)
    assert ann.post(path, data=form).status_code == 503
    assert ann.is_signed_in()
    with site.extensions["sqlalchemy"].engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER broken")
    assert ann.post(path, data=form).status_code == 302


def test_a_new_password_is_hashed_for_nobody_who_has_no_tries_or_not_the_old_one(site, ann, monkeypatch):
    has_account(site)
    ann.sign_in()
    monkeypatch.setattr(passwords, "METHOD", "hashed in no way that there is")
    form = {"old_password": "wrong one", "password": ANOTHER}
    assert [ann.post("/my/password", data=form).status_code for _ in range(11)] == [422] * 10 + [429]


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
    last = NOW + sessions.SESSION_LASTS
    assert sessions.owner_of_session(session, token, last - timedelta(seconds=1))
    assert sessions.owner_of_session(session, token, last) is None
    ann.sign_in()
    assert site.permanent_session_lifetime == timedelta(hours=2)
    left = ann.get_cookie("session").expires - datetime.now(UTC)
    assert timedelta(minutes=119) < left <= timedelta(minutes=120)
    site.config["PERMANENT_SESSION_LIFETIME"] = timedelta(seconds=-1)
    assert not ann.is_signed_in()


def test_passwords_kept_in_an_older_way_are_kept_anew_at_sign_in(site, ann):
    account = has_account(site)
    account.password_hash = generate_password_hash(PASSWORD, "pbkdf2:sha256:1000")
    site.extensions["sqlalchemy"].session.commit()
    assert ann.sign_in().status_code == 302
    assert all_of(site, Account)[0].password_hash.startswith(f"{passwords.METHOD}$")
    assert HASHED_BY == "scrypt:32768:8:3", "what OWASP asks for"
    assert ann.sign_in().status_code == 302


def test_a_closed_account_opens_nothing_though_its_number_is_given_again(site, ann):
    session = site.extensions["sqlalchemy"].session
    account = has_account(site)
    number = account.id
    people.participant_for(session, accounts.person_of(account))
    link = make_link(session, clock.utc_now(), LINK_LASTS, to=account)
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


# -- guessing ---------------------------------------------------------------------------------------------------------


def test_a_hundred_guessed_passwords_are_stopped_though_they_come_at_once(app, caplog):
    """Ten are looked at, however many processes are asked; the right one comes too late."""
    has_account(app)
    guesses = [f"guess number {n}" for n in range(100)] + [PASSWORD]

    def guess(password: str) -> int:
        return app.test_client().post("/sign-in", data={"email": "ann@example.org", "password": password}).status_code

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(guess, guesses))
    assert answers.count(422) == 10
    assert answers.count(429) == 91
    elsewhere = {"environ_base": {"REMOTE_ADDR": "10.0.0.1"}}
    told = visitor(app).sign_in(**elsewhere)
    assert "Wait 10 minutes, then try again." in words(told)
    assert 0 < int(told.headers["Retry-After"]) <= 600
    unknown = [visitor(app).sign_in("nobody@example.org", "wrong password", **elsewhere) for _ in range(12)]
    assert [answer.status_code for answer in unknown] == [422] * 10 + [429] * 2
    assert words(unknown[-1]) == words(told).replace("ann@", "nobody@")
    assert PASSWORD not in caplog.text
    assert "ann@example.org" not in caplog.text
    assert "Too many tries from 127.0.0.1: wrong passwords for an account." in caplog.text
    assert re.search(r"A wrong password for account \d+ from 127.0.0.1\.", caplog.text)
    assert "A wrong password for no account from 10.0.0.1." in caplog.text


def test_one_address_guesses_at_many_accounts_no_longer_and_others_go_on(site, ann):
    has_account(site)
    session = site.extensions["sqlalchemy"].session
    for _ in range(accounts.WRONG_FROM_ADDRESS.at_once):
        allowances.take(session, accounts.WRONG_FROM_ADDRESS, "2001:db8::/64", clock.utc_now())
    session.commit()
    for address, status in (("2001:db8::7", 429), ("2001:db8::8", 429), ("2001:db8:0:1::7", 302), ("10.0.0.1", 302)):
        assert visitor(site).sign_in(environ_base={"REMOTE_ADDR": address}).status_code == status


def test_visitors_by_ipv4_are_told_apart_where_a_server_writes_them_as_ipv6(site, ann):
    has_account(site)
    wrong = {"REMOTE_ADDR": "::ffff:192.0.2.1"}
    for n in range(accounts.WRONG_FROM_ADDRESS.at_once):
        assert ann.sign_in(f"x{n}@example.org", environ_base=wrong).status_code == 422
    for address, status in ((wrong["REMOTE_ADDR"], 429), ("192.0.2.1", 429), ("::ffff:192.0.2.2", 302)):
        assert visitor(site).sign_in(environ_base={"REMOTE_ADDR": address}).status_code == status


def test_who_signs_in_rightly_uses_nothing_up(site):
    has_account(site)
    for _ in range(12):
        assert visitor(site).sign_in().status_code == 302
    assert sum(it.until > clock.utc_now().timestamp() for it in all_of(site, Tries)) == 0


def test_an_allowance_comes_back_with_time(app):
    session = app.extensions["sqlalchemy"].session
    three = Allowance("three", 3, 60)
    assert [allowances.take(session, three, "me", NOW) for _ in range(5)] == [0, 0, 0, 60, 60]
    assert allowances.take(session, three, "you", NOW) == 0
    later = NOW + timedelta(seconds=70)
    assert [allowances.take(session, three, "me", later) for _ in range(2)] == [0, 50]
    allowances.give_back(session, three, "me")
    assert allowances.take(session, three, "me", later) == 0
    allowances.give_all_back(session, three, "me")
    assert [allowances.take(session, three, "me", later) for _ in range(4)] == [0, 0, 0, 60]
    session.commit()
    allowances.forget_old(session, NOW + timedelta(days=1))
    assert all_of(app, Tries) == []


def test_nobody_is_flooded_with_mails_or_sign_ups(site, ann):
    answers = [ann.sign_up().status_code for _ in range(5)]
    assert answers == [200, 200, 200, 429, 429]
    assert "Wait 60 minutes" in words(ann.sign_up(name="Kept Name"))
    assert 'value="Kept Name"' in ann.sign_up(name="Kept Name").text
    assert ann.sign_up("lou@example.org").status_code == 200
    assert len(all_of(site, SignUp)) == 4


def test_what_is_over_is_forgotten_by_the_worker(app):
    session = app.extensions["sqlalchemy"].session
    account, old = has_account(app), clock.utc_now() - timedelta(days=8)
    for at in (old, clock.utc_now()):
        sessions.begin_session(session, account, at)
        make_link(session, at, timedelta(hours=1), to=account)
        accounts.sign_up(session, at, "new@example.org", "New", "hash", by_mail=True)
        make_link(session, at, timedelta(days=30), to=accounts.waiting(session)[0])
        allowances.take(session, accounts.MAILS_TO_EMAIL, str(at), at)
    session.commit()
    rounds.forget(app)
    forget_old_sign_ins(app)
    counts = [len(all_of(app, table)) for table in (AccountSession, OneTimeLink, SignUp, Mail, Tries)]
    assert counts == [1, 2, 1, 1, 1]


# -- mail -------------------------------------------------------------------------------------------------------------


def link_in(message: EmailMessage) -> str:
    return re.search(r"http://register\.example\.org(/links/\S+)", message.get_content())[1]


def test_the_link_comes_by_mail_and_never_from_the_host_header(mailing, inbox):
    ann = visitor(mailing)
    name = "Win at http://evil.example"
    assert ann.post("/sign-up", headers={"Host": "evil.example"}, data={"email": "x"}).status_code == 400
    assert "We have sent you a mail" in words(ann.sign_up(name=name))
    assert inbox.mails == [], "no request waits for a mail server"
    rounds.send_mails(mailing)
    rounds.send_mails(mailing)
    [sent] = inbox.mails
    assert (sent["To"], sent["From"]) == ("ann@example.org", "Course office <office@example.org>")
    assert "evil" not in sent.as_string(), "nothing that a stranger typed"
    ann.post(link_in(sent), data={"password": PASSWORD})
    assert ann.is_signed_in()
    assert all_of(mailing, Mail) == []

    assert "We have sent you a mail" in words(ann.sign_up(password=ANOTHER))
    rounds.send_mails(mailing)
    assert "has a sign-in already" in inbox.mails[1].get_content()
    assert visitor(mailing).post(link_in(inbox.mails[1]), data={"password": ANOTHER}).status_code == 302
    rounds.send_mails(mailing)
    assert inbox.mails[2]["Subject"] == "Your password was changed"


def test_the_worker_sends_it(mailing, inbox):
    environment = {name: mailing.config[name] for name in ("SMTP_URL", "MAIL_FROM", "ASCRIPTICA_ADDRESS")}
    process = worker(mailing.config["SQLALCHEMY_DATABASE_URI"], **environment)
    process.start()
    visitor(mailing).sign_up()
    until(lambda: inbox.mails)
    code, log = process.end()
    assert code == 0
    assert link_in(inbox.mails[0]).rpartition("/")[2] not in log


def test_a_forgotten_password_by_mail(mailing, inbox):
    has_account(mailing)
    ann = visitor(mailing)
    known, unknown = (
        ann.post("/forgotten-password", data={"email": email}, follow_redirects=True)
        for email in ("Ann@Example.org", "nobody@example.org")
    )
    assert (known.status_code, known.text) == (unknown.status_code, unknown.text)
    assert ann.post("/forgotten-password", data={"email": "ann"}).status_code == 422
    waiting = [(one.kind, one.email) for one in all_of(mailing, Mail)]
    assert waiting == [("password", "ann@example.org"), ("password", "nobody@example.org")], "both take as long"
    rounds.send_mails(mailing)
    [sent] = inbox.mails
    assert all_of(mailing, Mail) == []
    link = link_in(sent)
    assert all_of(mailing, OneTimeLink)[0].ends_at <= clock.utc_now() + timedelta(hours=1)
    assert ann.post(link, data={"password": ANOTHER}).status_code == 302
    assert ann.is_signed_in()
    assert ann.get(link).status_code == 410
    for _ in range(2):
        ann.post("/forgotten-password", data={"email": "ann@example.org"})
    assert ann.post("/forgotten-password", data={"email": "ann@example.org"}).status_code == 429


@pytest.mark.parametrize("ask", ["/forgotten-password", "/sign-up"])
@pytest.mark.parametrize(
    ("wanted", "lands_on"), [("/courses/ART", "/courses/ART"), ("https://evil.example", "/"), ("//evil.example", "/")]
)
def test_a_new_password_by_mail_leads_back_to_the_course(mailing, inbox, ask, wanted, lands_on):
    """Also for somebody who signs up and has forgotten that they have a sign-in; in the same browser."""
    has_account(mailing)
    ann, form = visitor(mailing), {"name": "Ann", "email": "ann@example.org", "password": "typed and not needed"}
    assert ann.post(ask, query_string={"next": wanted}, data=form).status_code == 302
    rounds.send_mails(mailing)
    assert ann.post(link_in(inbox.mails[0]), data={"password": ANOTHER}).location == lands_on
    assert ann.is_signed_in()
    with ann.session_transaction() as cookie:
        assert "wanted" not in cookie


def test_a_mail_waits_while_the_server_is_away_and_goes_out_once(mailing, inbox, caplog):
    session = mailing.extensions["sqlalchemy"].session
    mailer = mailing.extensions["ascriptica"].mailer
    has_account(mailing)
    mail.send(session, NOW, "password", "ann@example.org")
    session.commit()
    inbox.controller.stop()
    assert mail.send_due(session, mailer, lambda: NOW) == 0
    inbox.controller = Controller(inbox, hostname="127.0.0.1", port=inbox.port)
    inbox.controller.start()
    inbox.answer = "451 later"
    assert mail.send_due(session, mailer, lambda: NOW + timedelta(seconds=29)) == 0
    assert mail.send_due(session, mailer, lambda: NOW + timedelta(seconds=30)) == 0
    inbox.answer = "250 OK"
    assert mail.send_due(session, mailer, lambda: NOW + timedelta(seconds=60)) == 0
    assert mail.send_due(session, mailer, lambda: NOW + timedelta(seconds=90)) == 1
    assert mail.send_due(session, mailer, lambda: NOW + timedelta(hours=5)) == 0
    assert len(inbox.mails) == 1

    for at in (NOW, NOW - timedelta(days=2)):
        mail.send(session, at, "password", "ann@example.org")
    session.commit()
    inbox.answer = "550 nobody here"
    assert mail.send_due(session, mailer, lambda: NOW) == 0
    assert all_of(mailing, Mail) == []
    assert "refuses the recipient" in caplog.text
    assert "too old" in caplog.text
    assert "ann@example.org" not in caplog.text


def test_no_address_that_a_stranger_signs_up_with_keeps_others_from_their_mail(mailing, inbox, caplog):
    """Mail programs decode two, to a line break and to another address; this server takes no letters like the third."""
    inbox.controller.stop()
    inbox.controller = Controller(inbox, hostname="127.0.0.1", port=inbox.port, enable_SMTPUTF8=False)
    inbox.controller.start()
    ann = visitor(mailing)
    for email in ("=?utf-8?q?eve=0a?=@example.org", "=?utf-8?q?kim?=@example.org"):
        assert "not an email address" in words(ann.sign_up(email))
    ann.sign_up("\u00fc@example.org")
    ann.sign_up("ann@example.org")
    rounds.send_mails(mailing)
    assert [sent["To"] for sent in inbox.mails] == ["ann@example.org"]
    assert "refuses the recipient" in caplog.text
    assert all_of(mailing, Mail) == []


def test_two_workers_send_a_mail_once(app, inbox):
    session = app.extensions["sqlalchemy"].session
    mailer = mail.Mailer(
        f"smtp://127.0.0.1:{inbox.port}",
        "office@example.org",
        "http://register.example.org",
        mails.Writer("http://register.example.org", lambda name, **values: f"http://register.example.org/{name}"),
    )
    has_account(app)
    for _ in range(6):
        mail.send(session, NOW, "password", "ann@example.org")
    session.commit()

    def work(_: int) -> int:
        with app.app_context():
            return mail.send_due(app.extensions["sqlalchemy"].session, mailer, lambda: NOW)

    with ThreadPoolExecutor(3) as threads:
        assert sum(threads.map(work, range(3))) == 6
    assert len(inbox.mails) == 6
    assert session.scalar(select(func.count()).select_from(Mail)) == 0


def test_a_server_elsewhere_must_speak_tls(inbox, monkeypatch):
    """The server offers none: on this machine that will do, under any other name nothing is sent."""

    def write(*about: object) -> None:
        """Nothing: the message is written already."""

    message = EmailMessage()
    message["From"] = message["To"] = "ann@example.org"
    mail.Mailer(f"smtp://localhost:{inbox.port}", "", "", write).send(message)
    assert len(inbox.mails) == 1
    with pytest.raises(smtplib.SMTPNotSupportedError):
        mail.Mailer(f"smtp://127.1:{inbox.port}", "", "", write).send(message)
    with pytest.raises(OSError, match="SSL"):
        mail.Mailer(f"smtps://127.0.0.1:{inbox.port}", "", "", write).send(message)
    assert len(inbox.mails) == 1


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"SMTP_URL": "smtp://mail.example.org"}, "MAIL_FROM"),
        ({"SMTP_URL": "smtp://mail.example.org", "MAIL_FROM": "a@example.org"}, "ASCRIPTICA_ADDRESS"),
        ({"SMTP_URL": "mail.example.org", "MAIL_FROM": "a@b.org", "ASCRIPTICA_ADDRESS": "http://a.org"}, "SMTP_URL"),
        ({"ASCRIPTICA_ADDRESS": "register.example.org"}, "ASCRIPTICA_ADDRESS"),
        ({"ASCRIPTICA_ADDRESS": "https://register.example.org/path"}, "ASCRIPTICA_ADDRESS"),
        ({"ASCRIPTICA_ADDRESS": "https://[x"}, "ASCRIPTICA_ADDRESS"),
        ({"ASCRIPTICA_PROXIES": "yes"}, "ASCRIPTICA_PROXIES"),
    ],
)
def test_settings_that_can_t_be_right_are_refused_at_the_start(config, sentence):
    with pytest.raises(RuntimeError, match=sentence):
        make_app("sqlite://", **config)


def test_a_mailer_keeps_its_password_to_itself():
    assert "secret" not in repr(mail.Mailer("smtp://me:secret@mail.example.org", "", "", str))
