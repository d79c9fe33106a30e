"""The second step of signing in: set up, and asked for wherever a password was; a code works once."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import pyotp
import pytest

from ascriptica_plugin.shared import clock
from ascriptica_plugin.standalone.accounts import accounts, second_step
from ascriptica_plugin.standalone.accounts.tables import Account, AccountSession, FirstStep, SecondStep
from ascriptica_plugin.standalone.accounts.tries import WRONG_CODES
from ascriptica_plugin.tables.office import LogEntry

from ...office_at_work import PASSWORD
from ...pages import all_of, words
from .visitors import ANOTHER, Owner, elsewhere, has_account, visitor, with_second_step

pytestmark = pytest.mark.usefixtures("wait")


@pytest.fixture
def ann(app) -> Owner:
    return with_second_step(app)


def test_setting_up_takes_the_password_and_a_right_code(app):
    has_account(app)
    ann = Owner(app, app.response_class, use_cookies=True)
    ann.sign_in()
    assert ann.post("/my/second-step", data={"password": ANOTHER}).status_code == 422
    page = ann.offered()
    assert all_of(app, SecondStep) == [], "nothing counts yet"
    address = unescape(re.search(r'href="(otpauth:[^"]+)"', page.text)[1])
    assert pyotp.parse_uri(address).secret == ann.secret
    assert "ann%40example.org" in address
    assert 'src="data:image/svg+xml' in page.text
    assert ann.secret in words(ann.get("/my/second-step")).replace(" ", ""), "a phone that comes back from its app"
    for wrong in (ann.wrong(), ann.code(-2), ann.code(2)):
        assert ann.post("/my/second-step", data={"code": wrong}).status_code == 422
    assert "has six digits" in words(ann.post("/my/second-step", data={"code": "12345x"}))
    halves = f" {ann.code()[:3]} {ann.code()[3:]} "
    answer = ann.post("/my/second-step", data={"code": halves}, follow_redirects=True)
    assert "Signing in now also takes a code" in words(answer)
    assert "a code from your app, since" in words(answer)
    assert [entry.what for entry in all_of(app, LogEntry)] == ["made a sign-in", "turned the second step on"]


def test_a_second_step_not_set_up_within_ten_minutes_starts_again(app, wait):
    has_account(app)
    ann = Owner(app, app.response_class, use_cookies=True)
    ann.sign_in()
    ann.offered()
    first = ann.secret
    wait(minutes=10)
    assert ann.post("/my/second-step", data={"code": ann.code()}).status_code == 422
    assert all_of(app, SecondStep) == []
    ann.offered()
    assert ann.secret != first


def test_setting_up_and_turning_off_sign_out_everywhere_else(app, wait):
    has_account(app)
    ann = Owner(app, app.response_class, use_cookies=True)
    other = visitor(app)
    for browser in (ann, other):
        browser.sign_in()
    ann.set_up()
    assert (ann.is_signed_in(), other.is_signed_in()) == (True, False)
    wait(seconds=30)
    another = elsewhere(ann)
    another.sign_in()
    another.give_code()
    assert another.is_signed_in()
    wait(seconds=30)
    assert ann.post("/my/second-step", data={"password": ANOTHER, "code": ann.code()}).status_code == 422
    assert ann.post("/my/second-step", data={"password": PASSWORD, "code": ann.wrong()}).status_code == 422
    assert len(all_of(app, SecondStep)) == 1
    assert ann.post("/my/second-step", data={"password": PASSWORD, "code": ann.code()}).location == "/my/sign-in"
    assert (ann.is_signed_in(), another.is_signed_in()) == (True, False)
    assert all_of(app, SecondStep) == []
    assert [entry.what for entry in all_of(app, LogEntry)][-1] == "turned the second step off"
    assert visitor(app).sign_in().location == "/"


def test_nobody_is_signed_in_before_the_code(ann, wait):
    wait(seconds=30)
    browser = elsewhere(ann)
    answer = browser.sign_in(query_string={"next": "/my/courses"})
    assert answer.location == "/sign-in/code?next=/my/courses"
    assert not browser.is_signed_in()
    assert browser.get("/my/second-step").status_code == 302
    with browser.session_transaction() as cookie:
        token = cookie["first_step"]
    assert "ann@example.org" in words(browser.get(answer.location))
    assert "code is wrong" in words(browser.give_code(browser.wrong()))
    assert not browser.is_signed_in()
    answer = browser.post(answer.location, data={"code": browser.code()})
    assert answer.location == "/my/courses"
    assert browser.is_signed_in()
    assert all_of(browser.application, FirstStep) == []
    with browser.session_transaction() as cookie:
        assert "first_step" not in cookie
        cookie.clear()
        cookie["_user_id"] = token
    assert not browser.is_signed_in(), "the password's token opens nothing"


def test_a_right_password_ends_the_earlier_session_and_a_wrong_one_asks_for_no_code(app, ann, wait):
    has_account(app, "lou@example.org")
    browser = elsewhere(ann)
    browser.sign_in("lou@example.org")
    assert browser.is_signed_in()
    assert browser.sign_in(password=ANOTHER).status_code == 422
    assert browser.get("/sign-in/code").status_code == 410
    browser.sign_in()
    assert not browser.is_signed_in()


def test_the_code_has_five_minutes_and_the_same_browser(ann, wait):
    browser, stranger = elsewhere(ann), elsewhere(ann)
    browser.sign_in()
    wait(minutes=4, seconds=59)
    assert browser.get("/sign-in/code").status_code == 200
    assert stranger.get("/sign-in/code").status_code == stranger.give_code().status_code == 410
    wait(seconds=1)
    assert browser.get("/sign-in/code").status_code == 410
    assert "Sign in again" in words(browser.give_code())
    assert not browser.is_signed_in()


def test_a_half_finished_sign_in_ends_when_the_password_changes(ann, wait):
    wait(seconds=30)
    thief = elsewhere(ann)
    thief.sign_in()
    assert ann.post("/my/password", data={"old_password": PASSWORD, "password": ANOTHER}).status_code == 302
    assert thief.give_code().status_code == 410
    assert not thief.is_signed_in()
    assert ann.is_signed_in()


def test_a_code_works_once_and_earlier_codes_do_not_work_after_it(ann, wait):
    """A clock may be a step ahead or behind; somebody who looks over a shoulder comes too late."""
    browser = elsewhere(ann)
    browser.sign_in()
    assert browser.give_code().status_code == 422, "the code of setting up"
    assert browser.give_code(browser.code(1)).status_code == 302
    stranger = elsewhere(ann)
    stranger.sign_in()
    assert stranger.give_code(stranger.code(1)).status_code == 422
    assert stranger.give_code(stranger.code(2)).status_code == 422
    wait(seconds=30)
    assert stranger.give_code(stranger.code(-1)).status_code == 422
    assert stranger.give_code(stranger.code()).status_code == 422
    wait(seconds=60)
    assert stranger.give_code(stranger.code(-1)).status_code == 302


def test_one_of_ten_uses_of_a_code_at_once_succeeds(app, ann, wait):
    wait(seconds=30)
    browsers = [elsewhere(ann) for _ in range(10)]
    for browser in browsers:
        browser.sign_in()
    code, begin = ann.code(), threading.Barrier(10)
    number = accounts.account_with(app.extensions["sqlalchemy"].session, "ann@example.org").id
    app.extensions["sqlalchemy"].session.commit()
    keys = app.extensions["ascriptica"].canvases.keys

    def use(_: int) -> bool:
        with app.app_context():
            own = app.extensions["sqlalchemy"].session
            account = own.get(Account, number)
            begin.wait()
            right = second_step.accept(own, account, code, keys, clock.utc_now())
            own.commit()
            return right

    with ThreadPoolExecutor(10) as threads:
        assert sorted(threads.map(use, range(10))) == [False] * 9 + [True]


def test_one_of_ten_requests_with_one_code_is_let_in(app, ann, wait):
    wait(seconds=30)
    browsers = [elsewhere(ann) for _ in range(10)]
    for browser in browsers:
        browser.sign_in()
    code = ann.code()
    # Not `Visitor.open`, which tidies up what threads have of their own.
    clients = [app.test_client() for _ in browsers]
    for client, browser in zip(clients, browsers, strict=True):
        client.set_cookie("session", browser.get_cookie("session").value)
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda one: one.post("/sign-in/code", data={"code": code}).status_code, clients))
    assert sorted(answers) == [302] + [422] * 9
    assert len(all_of(app, AccountSession)) == 2, "Ann's own, and the one"


def test_guessing_codes_is_stopped_even_with_the_right_password(ann, wait, caplog):
    wait(seconds=30)
    thief = elsewhere(ann)
    thief.sign_in()
    answers = [thief.give_code(thief.wrong()).status_code for _ in range(WRONG_CODES.at_once + 1)]
    assert answers == [422] * WRONG_CODES.at_once + [429]
    assert thief.give_code().status_code == 429, "the right one comes too late"
    another = elsewhere(ann)
    another.sign_in()
    answer = another.give_code(environ_base={"REMOTE_ADDR": "10.0.0.1"})
    assert (answer.status_code, "Wait 10 minutes" in words(answer)) == (429, True)
    assert re.search(r"A wrong code for account \d+ from 127.0.0.1\.", caplog.text)
    assert thief.wrong() not in caplog.text
    wait(minutes=10)
    owner = elsewhere(ann)
    owner.sign_in()
    assert owner.give_code().status_code == 302
    wait(seconds=30)
    assert ann.post("/my/second-step", data={"password": PASSWORD, "code": ann.wrong()}).status_code == 422
