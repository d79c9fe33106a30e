"""How often somebody may try: in each test a stranger tries, and the owner of the sign-in still gets in."""

import pytest

from ascriptica_plugin.shared import clock, pauses
from ascriptica_plugin.standalone.accounts import links, passwords, tries
from ascriptica_plugin.standalone.accounts.tables import Account, AccountSession
from ascriptica_plugin.tables.mails import Mail

from ...office_at_work import PASSWORD
from ...pages import all_of, words
from .visitors import ANOTHER, AWAY, Owner, elsewhere, has_account, used_up, visitor, with_second_step

pytestmark = pytest.mark.usefixtures("wait")


# -- locking an address out -------------------------------------------------------------------------------------------


def test_wrong_passwords_from_an_address_lock_nobody_else_there_out(app):
    """As when a pupil guesses at a school that has one address."""
    for name in ("ann", "lou"):
        has_account(app, f"{name}@example.org")
    pupil = visitor(app)
    for n in range(60):
        pupil.sign_in(f"x{n % 12}@example.org" if n < 48 else "ann@example.org", "wrong password")
    assert visitor(app).sign_in("lou@example.org").status_code == 302
    assert visitor(app).sign_in(**AWAY).status_code == 302, "somewhere else Ann comes in"


@pytest.mark.parametrize("door", [tries.WRONG_FROM_ADDRESS, tries.WRONG_FROM_EVERYWHERE])
def test_a_known_browser_can_sign_in_whatever_tries_strangers_use_up(app, door, wait):
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


def test_many_addresses_together_get_no_more_guesses_at_an_account_than_one(app, wait):
    has_account(app)
    answers = []
    for n in range(11):
        who = {"environ_base": {"REMOTE_ADDR": f"10.0.1.{n}"}}
        answers += [visitor(app).sign_in(password="wrong password", **who).status_code for _ in range(10)]
    assert answers == [422] * 100 + [429] * 10
    answer = visitor(app).sign_in(**AWAY)
    assert (answer.status_code, "choose a new password, which works at once" in words(answer)) == (429, True)
    session = app.extensions["sqlalchemy"].session
    token = links.make_link(session, clock.utc_now(), pauses.LINK_LASTS, to=all_of(app, Account)[0])
    session.commit()
    assert visitor(app).post(f"/links/{token}", data={"password": ANOTHER}, **AWAY).status_code == 302
    assert visitor(app).sign_in(password=ANOTHER, **AWAY).status_code == 302, "guesses at the one before count no more"


def test_each_limit_of_tries_closes_only_its_own_page(posting, wait):
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


def test_many_right_passwords_make_a_limited_number_of_sessions(app, monkeypatch, wait):
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


# -- what a session that was stolen uses up ---------------------------------------------------------------------------


@pytest.fixture
def ann(app, wait) -> Owner:
    """Ann, signed in on a browser of hers with a second step, whose codes so far are used up."""
    ann = with_second_step(app)
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


def test_a_signed_in_owner_can_change_the_password_while_strangers_guess(app, wait):
    account = has_account(app)
    ann, stranger = visitor(app), visitor(app)
    ann.sign_in()
    assert [stranger.sign_in(password="wrong password").status_code for _ in range(12)][-1] == 429
    used_up(app, tries.WRONG_FROM_EVERYWHERE, account.password_hash)
    form = {"old_password": PASSWORD, "password": ANOTHER}
    assert ann.post("/my/password", data=form).status_code == 302


def test_a_person_who_knows_the_password_uses_up_no_codes_of_a_browser_that_the_account_knows(ann):
    thief = elsewhere(ann)
    thief.sign_in()
    assert [thief.give_code(thief.wrong()).status_code for _ in range(11)] == [422] * 10 + [429]
    ann.post("/sign-out")
    ann.sign_in()
    assert ann.give_code().location == "/"
    thief = elsewhere(ann)
    thief.sign_in()
    assert thief.give_code().status_code == 429, "and that gave the thief nothing back"


def test_a_person_who_knows_the_password_and_no_code_keeps_its_owner_out_of_no_known_browser(app, ann):
    ann.post("/sign-out")
    for n in range(30):
        elsewhere(ann).sign_in(environ_base={"REMOTE_ADDR": f"10.0.1.{n}"})
    assert elsewhere(ann).sign_in(**AWAY).status_code == 429
    assert ann.sign_in().location == "/sign-in/code?next=/"
    assert ann.give_code().location == "/"


def test_browsers_known_before_the_second_step_have_no_tries_for_codes_of_their_own(app, wait):
    """Otherwise somebody who knows the password could sign in on a hundred browsers first, and guess with all."""
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
