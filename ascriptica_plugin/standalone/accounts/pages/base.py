"""What the pages of sign-ins stand on: the blueprint, who is signed in, how a session begins, how often one may try."""

import ipaddress
import logging
import math
import re
from datetime import datetime
from typing import Any

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_login import UserMixin, current_user, login_user
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import Field

from .... import allowances
from ....tables.columns import begin_writing
from ....web import base, errors
from .. import passwords, second_step, sessions
from ..tables import Account
from ..tries import WRONG_FROM_ADDRESS, WRONG_FROM_EVERYWHERE, WRONG_PASSWORDS
from . import devices
from .forms import CodeForm

log = logging.getLogger(__package__.rpartition(".")[0])

blueprint = Blueprint("ascriptica_accounts", __name__, template_folder="../templates")
blueprint.url_value_preprocessor(base.refuse_ids_too_high)
blueprint.after_request(base.shut_doors)
blueprint.context_processor(base.for_every_page)
errors.register(blueprint)

WRONG_CODE = (
    "That code is wrong, or was used already. Wait for the next one. If no code works, correct the clock of your "
    "device."
)

BROWSERS = [
    ("Edge", "Edg"),
    ("Opera", "OPR/"),
    ("Samsung Internet", "SamsungBrowser"),
    ("Firefox", "Firefox|FxiOS"),
    ("Chrome", "Chrome|CriOS"),
    ("Safari", "Safari"),
]
SYSTEMS = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("ChromeOS", "CrOS"),
    ("Windows", "Windows"),
    ("Mac", "Macintosh"),
    ("Linux", "Linux"),
]
"""What a person calls them, and what of a User-Agent tells them; the first that fits, since they pose as each other."""


class SignedIn(UserMixin):
    """Flask-Login's user: an account as it was at the beginning of the request, and the session's token."""

    def __init__(self, account: Account, token: str):
        self.id, self.email, self.name, self.is_admin = account.id, account.email, account.name, account.is_admin
        self.second_step = account.second_step
        self.token = token

    def get_id(self) -> str:
        """What the cookie holds: nothing that would still open a session that has ended."""
        return self.token


def session() -> Session:
    """The host's session of this request."""
    return base.session()


def by_mail() -> bool:
    """Whether this host sends mails."""
    return base.plugin().mailer is not None


def needs_second_step(account: Account | SignedIn) -> bool:
    """Whether the account may administer only once it has a second step."""
    obliged = account.is_admin and current_app.config["ASCRIPTICA_ADMIN_SECOND_STEP"]
    return bool(obliged and account.second_step is None)


# -- beginning a session ----------------------------------------------------------------------------------------------


# Each commits before the cookie changes: where that fails, the browser keeps the session that it had.


def begin(account: Account, now: datetime) -> None:
    """Sign in, and commit: a new session, whatever the browser had before, which the account knows from now on."""
    devices.remember(account)
    signed_in = SignedIn(account, sessions.begin_session(session(), account, now, _browser()))
    leave()
    # Flask sends a permanent session's cookie anew with each answer, and takes none that is older than IDLE.
    cookie.permanent = True
    login_user(signed_in)
    log.info("Account %d signed in from %s.", signed_in.id, visitor())


def begin_half(account: Account, now: datetime) -> None:
    """Let the code follow, and commit."""
    token = sessions.begin_first_step(session(), account, now)
    leave()
    cookie["first_step"] = token


def renew() -> None:
    """Give this browser's session a new token, and commit; one that has ended stays so."""
    token = sessions.renew_session(session(), current_user.token)
    session().commit()
    if token:
        current_user.token = token
        login_user(current_user._get_current_object())


def leave() -> None:
    """End whatever session the browser had, whole or half, and commit."""
    sessions.end_session(session(), cookie.get("_user_id", ""))
    sessions.end_first_step(session(), cookie.get("first_step", ""))
    session().commit()
    cookie.clear()


def _browser() -> str:
    """What signs in, in words that its owner knows it by."""
    called = request.user_agent.string
    names = [next((name for name, sign in known if re.search(sign, called)), "") for known in (BROWSERS, SYSTEMS)]
    return " on ".join(filter(None, names))


def own_path(target: str | None, otherwise: str = "ascriptica.catalogue") -> str:
    """A path of ours to go on to, never another site's address; a page of ours where there is none."""
    return target if target and errors.is_own_path(target) else url_for(otherwise)


def go_on(account: Account, wanted: str) -> ResponseReturnValue:
    """On to the page that somebody who signed in wanted, or to what they have to set up before."""
    if needs_second_step(account):
        return redirect(url_for("ascriptica_accounts.own_second_step", next=wanted))
    return redirect(wanted)


# -- how often --------------------------------------------------------------------------------------------------------


def visitor() -> str:
    """The address that a request comes from; of IPv6 the network, since anybody there has addresses without end."""
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return "nowhere"
    # As a server that listens for both writes those of IPv4, which would all be one network.
    address = getattr(address, "ipv4_mapped", None) or address
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


Try = tuple[allowances.Allowance, str]
"""What is used up, and whose it is."""


def apart(whose: str, account: Account | None) -> str:
    """Whose tries they are: the account's, or this browser's alone where the account knows it."""
    browser = devices.known(account)
    return f"{whose} on {browser}" if browser else whose


def guesses(email: str, account: Account | None) -> list[Try]:
    """What somebody uses up who gives a password at the doors, for the account with this email or for none.

    It is counted for the password of today: with a new one everybody begins anew.
    """
    whose, address = account.password_hash if account else email, visitor()
    if (here := apart(whose, account)) != whose:
        return [(WRONG_PASSWORDS, here)]
    mine = (WRONG_PASSWORDS, f"{whose} from {address}")
    return [mine, (WRONG_FROM_ADDRESS, address), (WRONG_FROM_EVERYWHERE, whose)]


def forgive(tries: list[Try]) -> None:
    """The password was right: this guess counts for nobody, and those before it not for who made them.

    In the order in which they were taken, so that two who sign in at once don't wait for each other.
    """
    for allowance, subject in tries:
        give = allowances.give_all_back if allowance is WRONG_PASSWORDS else allowances.give_back
        give(session(), allowance, subject)


def wait_for(now: datetime, *wanted: Try) -> float:
    """Take one of each, and commit, so that tries at the same moment count; how many seconds to wait, or 0."""
    begin_writing(session())
    for allowance, subject in wanted:
        if wait := allowances.take(session(), allowance, subject, now):
            log.warning("Too many tries from %s: %s.", visitor(), allowance.name)
            break
    session().commit()
    return wait


def too_many(form: FlaskForm, template: str, wait: float, remedy: str = "", **values: Any) -> ResponseReturnValue:
    """The page again, with how long to wait."""
    minutes = math.ceil(wait / 60)
    time = "a minute" if minutes == 1 else f"{minutes} minutes" if minutes < 120 else f"{math.ceil(minutes / 60)} hours"
    form.form_errors.append(f"That was tried too often. Wait {time}, then try again. {remedy}".rstrip())
    return render_template(template, form=form, **values), 429, {"Retry-After": str(math.ceil(wait))}


def unless_right(
    password: Field, form: FlaskForm, template: str, now: datetime, **values: Any
) -> ResponseReturnValue | None:
    """The answer to somebody signed in who gives a wrong password, or too many; None where it is right.

    Then the account is held and none of its tries counts; the caller goes on with `renew` or `begin`, since whoever
    gave the password gets a new token. Tries count for the session, so nobody else's guesses keep its owner waiting.
    """
    mine = (WRONG_PASSWORDS, current_user.token)
    if wait := wait_for(now, mine):
        return too_many(form, template, wait, **values)
    account = session().get(Account, current_user.id)
    kept = account.password_hash if account else None
    right = passwords.fits(password.data, kept) and still_with(current_user.id, kept)
    if right and sessions.owner_of_session(session(), current_user.token, now):
        forgive([mine])
        return None
    session().rollback()
    password.errors = ["That is not your password. Try again."]
    return render_template(template, form=form, **values), 422


def still_with(account_id: int, password_hash: str | None) -> Account | None:
    """The account, held, unless its password was changed while it was looked at."""
    account = sessions.hold(session(), account_id)
    return account if account and account.password_hash == password_hash else None


def codes_here() -> str:
    """Whose codes are counted here: those who are signed in, who use up none of those at the doors."""
    return f"account {current_user.id} signed in"


def code_fits(form: CodeForm, account: Account, now: datetime) -> bool:
    """Whether the code is the account's, which uses it up; where it isn't, the form says so."""
    try:
        if second_step.accept(session(), account, form.code.data, base.plugin().canvases.keys, now):
            return True
        log.warning("A wrong code for account %d from %s.", account.id, visitor())
        form.code.errors = [WRONG_CODE]
    except second_step.Unreadable as trouble:
        log.error("The second step of account %d can't be read with any of the keys.", account.id)
        form.code.errors = [str(trouble)]
    return False
