"""Passwords: what one may be, and how it is kept."""

import time

import pytest
from werkzeug.security import generate_password_hash

from ascriptica_plugin.standalone.accounts import passwords
from ascriptica_plugin.standalone.accounts.tables import Account

from ...office_at_work import HASHED_BY, PASSWORD
from ...pages import all_of
from .visitors import has_account


@pytest.mark.parametrize(
    "password", ["W,){Jd@{/z", "$%&/(!)=?*+#-_.:,", "four words that differ", "ünïcödé läuft", "ab12-cd34-ef56-7890"]
)
def test_a_good_password_is_taken(password):
    passwords.check(password, "Kim Berg", "kim.berg@example.org")


def test_passwords_hashed_in_an_older_way_are_hashed_anew_at_sign_in(site, ann):
    account = has_account(site)
    account.password_hash = generate_password_hash(PASSWORD, "pbkdf2:sha256:1000")
    site.extensions["sqlalchemy"].session.commit()
    assert ann.sign_in().status_code == 302
    assert all_of(site, Account)[0].password_hash.startswith(f"{passwords.METHOD}$")
    assert HASHED_BY == "scrypt:32768:8:3", "what OWASP asks for"
    assert ann.sign_in().status_code == 302


def test_a_password_made_to_take_long_takes_no_longer_than_another():
    """zxcvbn tries every combination of signs that stand for several letters: of all 200, for ten seconds."""
    began = time.thread_time()
    passwords.check("4@8({[<3691!|70$5+%2" * 10)
    assert time.thread_time() - began < 2
