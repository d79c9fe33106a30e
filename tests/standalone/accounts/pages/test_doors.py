"""Signing in, out and up: what is said, what is refused, how often one may try."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from ascriptica_plugin.shared import clock
from ascriptica_plugin.standalone.accounts import accounts, tries
from ascriptica_plugin.standalone.accounts.tables import SignUp
from ascriptica_plugin.tables.mails import Mail
from ascriptica_plugin.tables.office import Tries

from ....office_at_work import PASSWORD, Office, sign_in
from ....pages import all_of, words
from ..visitors import has_account, used_up, visitor


def test_an_unknown_email_and_a_wrong_password_get_the_same_answer(app, client):
    sign_in(client, app, "kim@example.org")
    client.post("/sign-out", follow_redirects=True)
    answers = [
        words(client.post("/sign-in", data={"email": email, "password": "wrong password"}))
        for email in ("kim@example.org", "who@example.org")
    ]
    assert answers[0].replace("kim@", "who@") == answers[1]
    assert "don't match" in answers[0]


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", "\t//e"]
)
def test_signing_in_leads_to_no_other_site(app, client, target):
    sign_in(client, app, "kim@example.org")
    answer = client.post(
        "/sign-in", query_string={"next": target}, data={"email": "kim@example.org", "password": PASSWORD}
    )
    assert answer.location == "/"


def test_signing_out_ends_the_session(app, kim):
    kim.post("/sign-out")
    assert kim.get("/my/courses").status_code == 302


def test_an_unusable_next_page_leads_to_the_catalogue(app, client):
    sign_in(client, app, "kim@example.org")
    answer = client.post("/sign-in?next=//[x", data={"email": "kim@example.org", "password": PASSWORD})
    assert answer.location == "/"


def test_every_way_in_leads_back_to_the_course(site, ann):
    Office(site, None).course("ART")
    ways = [f"/{way}?next=/courses/ART" for way in ("sign-in", "sign-up", "forgotten-password")]
    for page in ("/courses/ART", *ways):
        links = re.findall(r'href="(/(?:sign-|forgotten)[^"]+)"', ann.get(page).text)
        assert set(links) <= set(ways), page
        assert len(links) > 2, page
    assert "/sign-up?next=/courses/ART" in ann.sign_up(path="/courses/ART").text, "again, where no mail came"


def test_nothing_shows_whether_an_email_has_a_sign_in(site, ann):
    has_account(site)
    new, known = ann.sign_up("new@example.org"), ann.sign_up("ANN@example.org")
    assert (known.status_code, known.text) == (new.status_code, new.text)
    assert [one.email for one in all_of(site, SignUp)] == ["new@example.org"]
    for email in ("new@example.org", "ann@example.org", "nobody@example.org"):
        answer = ann.sign_in(email, "wrong password")
        assert (answer.status_code, "don't match" in words(answer)) == (422, True)


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
        ({"password": "Berg,Kim 1985!"}, "too easy to guess"),
        ({"password": "ascriptica canvas"}, "too easy to guess"),
        ({"password": "1221121221212"}, "too easy to guess"),
        # Ten signs typed, five on another keyboard.
        ({"password": "e\u0301" * 5}, "10 to 200 characters"),
    ],
)
def test_a_mistake_in_a_sign_up_is_named(site, ann, form, sentence):
    answer = ann.post(
        "/sign-up", data={"name": "Kim Berg", "email": "kim.berg@example.org", "password": PASSWORD} | form
    )
    assert answer.status_code == 422
    assert sentence in words(answer)
    assert "value=" in answer.text
    assert form.get("password", PASSWORD) not in answer.text or form.get("password") == "kim.berg@example.org"
    assert all_of(site, SignUp) == []


@pytest.mark.parametrize("path", ["/sign-in", "/sign-up"])
def test_a_text_too_long_to_be_right_is_refused_before_it_costs_time(site, ann, path):
    """For marks in no order, Unicode's normal form takes time with the square of their number."""
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


def test_a_hundred_passwords_guessed_at_once_are_stopped(app, caplog):
    """Ten are checked, however many processes are asked; the right one comes too late."""
    has_account(app)
    guesses = [f"guess number {n}" for n in range(100)] + [PASSWORD]

    def guess(password: str) -> int:
        return app.test_client().post("/sign-in", data={"email": "ann@example.org", "password": password}).status_code

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(guess, guesses))
    assert answers.count(422) == 10
    assert answers.count(429) == 91
    answer = visitor(app).sign_in()
    assert "Wait 10 minutes, then try again." in words(answer)
    assert 0 < int(answer.headers["Retry-After"]) <= 600
    elsewhere = {"environ_base": {"REMOTE_ADDR": "10.0.0.1"}}
    assert visitor(app).sign_in(**elsewhere).status_code == 302
    unknown = [visitor(app).sign_in("nobody@example.org", "wrong password", **elsewhere) for _ in range(12)]
    assert [answer.status_code for answer in unknown] == [422] * 10 + [429] * 2
    assert words(unknown[-1]) == words(answer).replace("ann@", "nobody@")
    assert PASSWORD not in caplog.text
    assert "ann@example.org" not in caplog.text
    assert "Too many tries from 127.0.0.1: wrong passwords for an account." in caplog.text
    assert re.search(r"A wrong password for account \d+ from 127.0.0.1\.", caplog.text)
    assert "A wrong password for no account from 10.0.0.1." in caplog.text


def test_guesses_from_one_address_at_many_accounts_are_stopped_there_alone(site, ann, at_once):
    has_account(site)
    used_up(site, tries.WRONG_FROM_ADDRESS, "2001:db8::/64")
    for address, status in (("2001:db8::7", 429), ("2001:db8::8", 429), ("2001:db8:0:1::7", 302), ("10.0.0.1", 302)):
        assert visitor(site).sign_in(environ_base={"REMOTE_ADDR": address}).status_code == status


def test_visitors_by_ipv4_are_distinguished_where_a_server_writes_them_as_ipv6(site, ann, at_once):
    has_account(site)
    wrong = {"REMOTE_ADDR": "::ffff:192.0.2.1"}
    used_up(site, replace(tries.WRONG_FROM_ADDRESS, at_once=tries.WRONG_FROM_ADDRESS.at_once - 3), "192.0.2.1")
    for n in range(3):
        assert ann.sign_in(f"x{n}@example.org", environ_base=wrong).status_code == 422
    for address, status in ((wrong["REMOTE_ADDR"], 429), ("192.0.2.1", 429), ("::ffff:192.0.2.2", 302)):
        assert visitor(site).sign_in(environ_base={"REMOTE_ADDR": address}).status_code == status


def test_a_right_password_uses_up_no_tries(site):
    has_account(site)
    for _ in range(12):
        assert visitor(site).sign_in().status_code == 302
    assert sum(it.until > clock.utc_now().timestamp() for it in all_of(site, Tries)) == 1, "but of the sessions"


def test_nobody_is_flooded_with_mails_or_sign_ups(mailing):
    """Sign-ups with one email are kept, and mailed three times; from one address a hundred are taken."""
    ann = visitor(mailing)
    assert [ann.sign_up().status_code for _ in range(5)] == [200] * 5
    assert ann.sign_up("lou@example.org").status_code == 200
    assert [one.email for one in all_of(mailing, Mail)] == ["ann@example.org"] * 3 + ["lou@example.org"]
    assert len(all_of(mailing, SignUp)) == 6
    used_up(mailing, tries.SIGN_UPS_FROM_ADDRESS, "127.0.0.1")
    answer = ann.sign_up(name="Kept Name")
    assert (answer.status_code, "Wait a minute" in words(answer), 'value="Kept Name"' in answer.text) == (
        429,
        True,
        True,
    )
    assert len(all_of(mailing, SignUp)) == 6
