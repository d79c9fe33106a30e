"""What strangers did to people who have a sign-in or want one: a test is the stranger, and the person comes through."""

import alembic.command
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_login import current_user
from sqlalchemy import text

from ascriptica_plugin import clock, mail
from ascriptica_plugin.office import people
from ascriptica_plugin.standalone.accounts import accounts, links, passwords, sessions, tries
from ascriptica_plugin.standalone.accounts.tables import Account, AccountSession, SignUp
from ascriptica_plugin.tables.office import Mail, Participant
from ascriptica_plugin.worker import rounds

from ...office_at_work import PASSWORD
from ...pages import all_of, words
from ...tables.test_migrations import migrations
from .visitors import ANOTHER, Owner, elsewhere, has_account, link_in, used_up, visitor

pytestmark = pytest.mark.usefixtures("wait")

AWAY = {"environ_base": {"REMOTE_ADDR": "10.0.0.1"}}


@pytest.fixture
def posting(app) -> Flask:
    """An app on each kind of database that puts mails down to be sent, by whomever."""
    app.extensions["ascriptica"].mailer = mail.Mailer("smtp://127.0.0.1:1", "", "", str)
    return app


# -- keeping somebody from signing up ---------------------------------------------------------------------------------


def test_who_signs_up_after_a_stranger_comes_in_by_the_link_that_the_stranger_s_mail_had(mailing, inbox):
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
    """Whoever reads one mailbox shows nothing about another, whatever they signed up with."""
    session, now = app.extensions["sqlalchemy"].session, clock.utc_now()
    for email in ("eve@example.org", "ann@example.org"):
        accounts.sign_up(session, now, email, "Eve", passwords.hash_of(PASSWORD), by_mail=False)
    [hers] = accounts.waiting(session, email="eve@example.org")
    token = links.make_link(session, now, links.LINK_LASTS, to=hers)
    [victim] = accounts.waiting(session, email="ann@example.org")
    session.commit()
    with pytest.raises(links.LinkIsOver):
        accounts.confirm(session, token, victim.password_hash, now)
    session.rollback()
    assert accounts.confirm(session, token, hers.password_hash, now).email == "eve@example.org"


def test_a_hundred_sign_ups_with_an_email_cost_one_hash_to_tell_apart(app, monkeypatch):
    stranger, made = visitor(app), []
    for n in range(30):
        stranger.sign_up(password=f"{ANOTHER} {n}")
    stranger.sign_up("lou@example.org")
    session = app.extensions["sqlalchemy"].session
    ann = visitor(app)
    ann.sign_up()
    one = accounts.waiting(session, email="ann@example.org")[7]
    token = links.make_link(session, clock.utc_now(), links.LINK_LASTS, to=one)
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
    made = accounts.waiting(session)[0]
    one, another = (links.make_link(session, clock.utc_now(), links.LINK_LASTS, to=made) for _ in range(2))
    session.commit()
    guesses = [ann.post(f"/links/{one}", data={"password": "wrong password"}).status_code for _ in range(11)]
    assert guesses == [422] * 10 + [429]
    assert visitor(app).sign_in("lou@example.org").status_code == 302
    assert ann.post(f"/links/{another}", data={"password": PASSWORD}).status_code == 302


# -- locking an address out -------------------------------------------------------------------------------------------


def test_wrong_passwords_from_an_address_keep_nobody_there_out(app):
    """A pupil, and the school that has one address."""
    for name in ("ann", "lou"):
        has_account(app, f"{name}@example.org")
    pupil = visitor(app)
    for n in range(60):
        pupil.sign_in(f"x{n % 12}@example.org" if n < 48 else "ann@example.org", "wrong password")
    assert visitor(app).sign_in("lou@example.org").status_code == 302
    assert visitor(app).sign_in(**AWAY).status_code == 302, "somewhere else Ann comes in"


@pytest.mark.parametrize("door", [tries.WRONG_FROM_ADDRESS, tries.WRONG_FROM_EVERYWHERE])
def test_a_browser_that_signed_in_before_does_so_whatever_strangers_use_up(app, door, wait):
    account = has_account(app)
    ann, stranger = visitor(app), visitor(app)
    ann.sign_in()
    ann.post("/sign-out")
    used_up(app, door, "127.0.0.1" if door is tries.WRONG_FROM_ADDRESS else account.password_hash)
    for _ in range(12):
        stranger.sign_in(password="wrong password")
    assert stranger.sign_in().status_code == 429
    assert ann.sign_in().status_code == 302
    ann.post("/sign-out")
    mine = [ann.sign_in(password="wrong password").status_code for _ in range(11)]
    assert mine == [422] * 10 + [429], "it has its own allowance, and no more"


def test_many_addresses_together_guess_at_an_account_no_longer_than_one(app, wait):
    has_account(app)
    answers = []
    for n in range(11):
        who = {"environ_base": {"REMOTE_ADDR": f"10.0.1.{n}"}}
        answers += [visitor(app).sign_in(password="wrong password", **who).status_code for _ in range(10)]
    assert answers == [422] * 100 + [429] * 10
    told = visitor(app).sign_in(**AWAY)
    assert (told.status_code, "choose a new password, which works at once" in words(told)) == (429, True)
    session = app.extensions["sqlalchemy"].session
    token = links.make_link(session, clock.utc_now(), links.LINK_LASTS, to=all_of(app, Account)[0])
    session.commit()
    assert visitor(app).post(f"/links/{token}", data={"password": ANOTHER}, **AWAY).status_code == 302
    assert visitor(app).sign_in(password=ANOTHER, **AWAY).status_code == 302, "guesses at the one before count no more"


def test_no_door_closes_another(posting, wait):
    has_account(posting)
    stranger = visitor(posting)
    for n in range(101):
        stranger.post("/forgotten-password", data={"email": f"x{n}@example.org"})
    assert stranger.post("/forgotten-password", data={"email": "y@example.org"}).status_code == 429
    assert visitor(posting).sign_in().status_code == 302
    assert stranger.sign_up("new@example.org").status_code == 200
    used_up(posting, tries.SIGN_UPS_FROM_ADDRESS, "10.0.0.1")
    used_up(posting, tries.WRONG_FROM_ADDRESS, "10.0.0.1")
    assert stranger.sign_up("other@example.org", **AWAY).status_code == 429
    ask = {"data": {"email": "ann@example.org"}, **AWAY}
    assert [visitor(posting).post("/forgotten-password", **ask).status_code for _ in range(4)] == [302] * 3 + [429]
    assert "If you already have a mail from us, its link still works." in words(
        visitor(posting).post("/forgotten-password", **ask)
    )


def test_sign_ups_with_an_email_leave_its_owner_the_mails_for_a_new_password(posting):
    has_account(posting)
    for _ in range(5):
        visitor(posting).sign_up(password=ANOTHER, **AWAY)
    assert visitor(posting).post("/forgotten-password", data={"email": "ann@example.org"}).status_code == 302
    assert [one.kind for one in all_of(posting, Mail)] == ["known"] * 3 + ["password"]


def test_right_passwords_without_end_make_no_sessions_without_end(app, monkeypatch, wait):
    has_account(app)
    looked_at, fits = [], passwords.fits
    monkeypatch.setattr(passwords, "fits", lambda *given: looked_at.append(1) or fits(*given))
    answers = [visitor(app).sign_in().status_code for _ in range(80)]
    assert answers == [302] * 20 + [429] * 60
    assert len(all_of(app, AccountSession)) == 20
    assert len(looked_at) == 30, "what is refused is not hashed without end either"
    has_account(app, "lou@example.org")
    assert visitor(app).sign_in("lou@example.org").status_code == 302
    wait(minutes=10)
    assert [visitor(app).sign_in().status_code for _ in range(2)] == [302, 429]


# -- the cookie of a known browser ------------------------------------------------------------------------------------


def cookie_of(client: FlaskClient) -> str:
    return client.get_cookie("browser").value


def test_the_cookie_of_a_known_browser_opens_nothing_and_is_one_account_s(app, wait):
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
    """A thief who was signed in once has no guesses of their own at the next one."""
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


def test_a_browser_of_many_accounts_keeps_a_few(app):
    shared = visitor(app)
    for n in range(7):
        has_account(app, f"x{n}@example.org")
        shared.sign_in(f"x{n}@example.org")
        assert cookie_of(shared).count("/") == min(n, 4)
    before = len(cookie_of(shared))
    shared.sign_in("x6@example.org")
    assert len(cookie_of(shared)) == before < 500


# -- what a session that was stolen uses up ---------------------------------------------------------------------------


@pytest.fixture
def ann(app, wait) -> Owner:
    """Ann, signed in on a browser of hers with a second step, whose codes so far are used up."""
    has_account(app)
    ann = Owner(app, app.response_class, use_cookies=True)
    ann.sign_in()
    ann.set_up()
    wait(seconds=30)
    return ann


def stolen(ann: Owner) -> Owner:
    """Somebody with a copy of Ann's session, and nothing else of hers."""
    thief = elsewhere(ann)
    thief.set_cookie("session", ann.get_cookie("session").value)
    assert thief.is_signed_in()
    return thief


def test_a_stolen_session_without_the_password_uses_up_no_codes(ann, wait):
    thief = stolen(ann)
    guess = {"password": "wrong password", "code": ann.wrong()}
    answers = [thief.post("/my/second-step", data=guess).status_code for _ in range(12)]
    assert answers == [422] * 10 + [429] * 2
    for browser in (elsewhere(ann), ann):
        browser.sign_in()
        assert browser.give_code().location == "/", "at the doors"
        wait(seconds=30)
    assert ann.post("/my/second-step", data={"password": PASSWORD, "code": ann.code()}).location == "/my/sign-in"


def test_a_stolen_session_has_no_more_guesses_by_leaving_its_cookies(ann):
    guesses = {"/my/password": "old_password", "/my/second-step": "password"}
    answers = []
    for _ in range(6):
        for path, field in guesses.items():
            thief = stolen(ann)
            form = {field: "wrong password", "code": "000000"} | ({"password": ANOTHER} if "old" in field else {})
            answers.append(thief.post(path, data=form).status_code)
    assert answers == [422] * 10 + [429] * 2


def test_while_strangers_guess_a_signed_in_owner_changes_the_password(app, wait):
    account = has_account(app)
    ann, stranger = visitor(app), visitor(app)
    ann.sign_in()
    assert [stranger.sign_in(password="wrong password").status_code for _ in range(12)][-1] == 429
    used_up(app, tries.WRONG_FROM_EVERYWHERE, account.password_hash)
    form = {"old_password": PASSWORD, "password": ANOTHER}
    assert ann.post("/my/password", data=form).status_code == 302


def test_who_knows_the_password_uses_up_no_codes_of_a_browser_that_the_account_knows(ann):
    thief = elsewhere(ann)
    thief.sign_in()
    assert [thief.give_code(thief.wrong()).status_code for _ in range(11)] == [422] * 10 + [429]
    ann.post("/sign-out")
    ann.sign_in()
    assert ann.give_code().location == "/"
    thief = elsewhere(ann)
    thief.sign_in()
    assert thief.give_code().status_code == 429, "and that gave the thief nothing back"


def test_who_knows_the_password_and_no_code_keeps_its_owner_out_of_no_known_browser(app, ann):
    ann.post("/sign-out")
    for n in range(30):
        elsewhere(ann).sign_in(environ_base={"REMOTE_ADDR": f"10.0.1.{n}"})
    assert elsewhere(ann).sign_in(**AWAY).status_code == 429
    assert ann.sign_in().location == "/sign-in/code?next=/"
    assert ann.give_code().location == "/"


def test_browsers_known_before_the_second_step_have_no_codes_of_their_own(app, wait):
    """Else whoever knows the password signs in on a hundred of them before, and guesses with all."""
    account = has_account(app)
    thief, ann = visitor(app), Owner(app, app.response_class, use_cookies=True)
    thief.sign_in()
    ann.sign_in()
    ann.set_up()
    wait(seconds=30)
    used_up(app, tries.WRONG_CODES, f"account {account.id}")
    thief.sign_in()
    assert thief.post("/sign-in/code", data={"code": ann.code()}).status_code == 429
    ann.post("/sign-out")
    ann.sign_in()
    assert ann.give_code().location == "/", "where it was set up it is known"


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


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Ann@BÜCHER.example", "Ann@xn--bcher-kva.example"),
        ("Ann@xn--bcher-kva.example", "Ann@xn--bcher-kva.example"),
        ("u\u0308@Example.org", "\u00fc@example.org"),
        (" \u202aAnn@example.org\u202c ", "Ann@example.org"),
        ("\ufb01nn@example.org", "finn@example.org"),
    ],
)
def test_an_email_is_kept_as_it_is_sent_to(typed, kept):
    assert people.read_email(typed) == kept
    assert people.read_email(kept) == kept
    assert people.as_compared(typed) == people.as_compared(kept) == kept.lower()


def test_an_address_that_is_too_long_only_in_ascii_is_refused():
    email = f"ann@{'ü' * 20}.{'ü' * 20}.{'ü' * 20}.example"
    assert len(email) < people.LONGEST_EMAIL
    read = people.read_email(f"ann@{'ü' * 20}.example")
    assert read.startswith("ann@xn--")
    with pytest.raises(ValueError, match="Use a shorter address"):
        people.read_email(f"{'k' * 40}@{'ü' * 20}.{'ü' * 20}.{'ö' * 20}.{'ä' * 10}.ex")


def test_the_office_finds_whom_it_entered_before_however_the_domain_is_written(app):
    session = app.extensions["sqlalchemy"].session
    session.add(Participant(email="Ann@b\u00fccher.example", name="Ann"))
    session.commit()
    for email in ("ann@b\u00fccher.example", "ann@xn--bcher-kva.example", "ANN@B\u00dcCHER.example"):
        found = people.by_email(session, [email])
        assert [one.name for one in found[people.as_compared(email)]] == ["Ann"], email


def test_emails_from_before_are_brought_into_one_spelling_unless_somebody_has_that(app):
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
    accounts.sign_up(session, clock.utc_now(), "new@example.org", "New", "hash", by_mail=False)
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


def test_nobody_keeps_another_from_an_email_of_their_own(mailing):
    eve, ann = visitor(mailing), visitor(mailing)
    for browser, email in ((eve, "eve@example.org"), (ann, "ann@example.org")):
        has_account(mailing, email)
        browser.sign_in(email)
    ask = {"email": "ann.new@example.org", "password": PASSWORD}
    assert [eve.post("/my/email", data=ask).status_code for _ in range(4)] == [302, 302, 302, 429]
    assert ann.post("/my/email", data=ask).status_code == 302


def test_a_form_sent_twice_signs_nobody_out(app, monkeypatch):
    """The second one of a double click looks at the password while the first one renews the session."""
    has_account(app)
    ann, fits = visitor(app), passwords.fits
    ann.sign_in()

    def meanwhile(password: str, kept: str | None) -> bool:
        session = app.extensions["sqlalchemy"].session
        sessions.renew_session(session, current_user.token)
        session.commit()
        return fits(password, kept)

    monkeypatch.setattr(passwords, "fits", meanwhile)
    answer = ann.post("/my/second-step", data={"password": PASSWORD})
    assert (answer.status_code, "This was sent twice" in words(answer)) == (422, True)
    assert [one for one in answer.headers.getlist("Set-Cookie") if "session=" in one] == []


@pytest.mark.parametrize(
    ("one", "other"),
    [("ann@example.org", "ann\u1160@example.org"), ("ann@example.org", "an\U000e0101n@example.org")],
)
def test_a_sign_that_shows_nothing_makes_no_other_email(one, other):
    assert people.read_email(other) == one


def test_an_email_in_capitals_of_any_alphabet_is_found(app):
    session = app.extensions["sqlalchemy"].session
    for written, asked in (("ÄNN@example.org", "änn@example.org"), ("ΑΣ@example.org", "ας@example.org")):
        session.add(Participant(name="x", email=people.read_email(written)))
        session.flush()
        assert people.by_email(session, [asked]), written
    session.rollback()
