"""Shared by the pages of sign-ins: the blueprint, who is signed in, beginning a session, limits on tries."""

import functools
import ipaddress
import logging
import math
import re
from datetime import datetime
from typing import Any

from flask import Blueprint, current_app, g, redirect, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_login import UserMixin, current_user, login_user
from sqlalchemy.orm import Session
from wtforms import Field

from ....office import allowances
from ....shared.language import mark, t
from ....tables.columns import begin_writing
from ....web import base, errors, renewing, request_language, way_back
from ....web.forms.form import Form
from ....web.showing import show
from .. import passwords, second_step, sessions
from ..tables import Account
from ..tries import WRONG_FROM_ADDRESS, WRONG_FROM_EVERYWHERE, WRONG_PASSWORDS
from . import devices
from .forms import CodeForm

log = logging.getLogger(__package__.rpartition(".")[0])

SECRET = re.compile("password|token|secret|code")
"""The fields of secrets, by their names: here a code is one that signs somebody in."""

blueprint = Blueprint("ascriptica_accounts", __name__, template_folder="../templates")
request_language.register(blueprint)
blueprint.url_value_preprocessor(base.refuse_ids_too_high)
blueprint.before_request(functools.partial(renewing.protect, SECRET))
blueprint.after_request(base.log_refusals)
errors.register(blueprint)

WRONG_CODE = mark(
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
"""Names, and what shows them in a User-Agent. The first match counts, since they claim to be each other."""


class SignedIn(UserMixin):
    """Flask-Login's user: the account at the beginning of the request, and the session's token."""

    def __init__(self, account: Account, token: str):
        self.id, self.email, self.name, self.is_admin = account.id, account.email, account.name, account.is_admin
        self.second_step = account.second_step
        self.token = token

    def get_id(self) -> str:
        """The token, for the cookie: once the session has ended, it is worthless."""
        return self.token


def session() -> Session:
    """The host's database session of this request."""
    return base.session()


def by_mail() -> bool:
    """Whether this host sends mails."""
    return base.plugin().mailer is not None


def needs_second_step(account: Account | SignedIn) -> bool:
    """Whether the account has to set up a second step before it may administer."""
    obliged = account.is_admin and current_app.config["ASCRIPTICA_ADMIN_SECOND_STEP"]
    return bool(obliged and account.second_step is None)


# -- beginning a session ----------------------------------------------------------------------------------------------


# Each commits before the cookie changes: where that fails, the browser keeps the session that it had.


def begin(account: Account, now: datetime) -> None:
    """Sign in with a new session, whatever the browser had before, and commit. The account now knows the browser."""
    devices.remember(account)
    signed_in = SignedIn(account, sessions.begin_session(session(), account, now, _browser()))
    leave()
    # Flask renews a permanent session's cookie with each response, and refuses one that is older than IDLE.
    cookie.permanent = True
    login_user(signed_in)
    log.info("Account %d signed in from %s.", signed_in.id, visitor())


def begin_half(account: Account, now: datetime) -> None:
    """Let this browser enter the code, and commit."""
    token = sessions.begin_first_step(session(), account, now)
    leave()
    cookie["first_step"] = token


def renew() -> None:
    """Give this browser's session a new token, and commit. A session that has ended stays ended."""
    token = sessions.renew_session(session(), current_user.token)
    session().commit()
    if token:
        current_user.token = token
        login_user(current_user._get_current_object())


def leave() -> None:
    """End the browser's session, or its wait for the code, and commit."""
    sessions.end_session(session(), cookie.get("_user_id", ""))
    sessions.end_first_step(session(), cookie.get("first_step", ""))
    session().commit()
    cookie.clear()


def _browser() -> str:
    """The browser and system of this request, in words that people know."""
    called = request.user_agent.string
    names = [next((name for name, sign in known if re.search(sign, called)), "") for known in (BROWSERS, SYSTEMS)]
    return " on ".join(filter(None, names))


def own_path(target: str | None, otherwise: str = "ascriptica.catalogue") -> str:
    """The target if it is a path on this site, else the address of the page `otherwise`."""
    return target if target and way_back.is_own_path(target) else url_for(otherwise)


def first_page(account: Account) -> str:
    """Where somebody begins who wanted no other page: administrators at the overview."""
    return "ascriptica.overview" if account.is_admin else "ascriptica.catalogue"


def go_on(account: Account, wanted: str) -> ResponseReturnValue:
    """Redirect to the page that was wanted before signing in, or to what has to be set up first."""
    if needs_second_step(account):
        return redirect(url_for("ascriptica_accounts.own_second_step", next=wanted))
    return redirect(wanted)


# -- how often --------------------------------------------------------------------------------------------------------


def visitor() -> str:
    """The address of the visitor; for IPv6 the /64 network, since one customer has a whole one."""
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return "nowhere"
    # A server that listens for both writes IPv4 addresses like this, and they would all be in one network.
    address = getattr(address, "ipv4_mapped", None) or address
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


Try = tuple[allowances.Allowance, str]
"""An allowance, and whose it is."""


def apart(whose: str, account: Account | None) -> str:
    """Whose tries to count: the account's, or only this browser's where the account knows it."""
    browser = devices.known(account)
    return f"{whose} on {browser}" if browser else whose


def guesses(email: str, account: Account | None) -> list[Try]:
    """What a password given when signing in uses up, whether or not the email has an account.

    It is counted for the current password: a new one starts all counts again.
    """
    whose, address = account.password_hash if account else email, visitor()
    if (here := apart(whose, account)) != whose:
        return [(WRONG_PASSWORDS, here)]
    mine = (WRONG_PASSWORDS, f"{whose} from {address}")
    return [mine, (WRONG_FROM_ADDRESS, address), (WRONG_FROM_EVERYWHERE, whose)]


def forgive(tries: list[Try]) -> None:
    """Give back the tries of a right password: this one, and the wrong ones before it of the same person.

    In the order in which they were taken, so that two who sign in at once can't deadlock.
    """
    for allowance, subject in tries:
        give = allowances.give_all_back if allowance is WRONG_PASSWORDS else allowances.give_back
        give(session(), allowance, subject)


def wait_for(now: datetime, *wanted: Try) -> float:
    """Take one of each, and commit, so that simultaneous tries count. Returns how many seconds to wait, or 0."""
    begin_writing(session())
    for allowance, subject in wanted:
        if wait := allowances.take(session(), allowance, subject, now):
            log.warning("Too many tries from %s: %s.", visitor(), allowance.name)
            break
    session().commit()
    return wait


def too_many(form: Form, template: str, wait: float, remedy: str = "", **values: Any) -> ResponseReturnValue:
    """Show the page again, and how long to wait."""
    minutes = math.ceil(wait / 60)
    if minutes == 1:
        told = t("That was tried too often. Wait a minute, then try again.")
    elif minutes < 120:
        told = t("That was tried too often. Wait {minutes} minutes, then try again.", minutes=minutes)
    else:
        told = t("That was tried too often. Wait {hours} hours, then try again.", hours=math.ceil(minutes / 60))
    form.form_errors.append(f"{told} {t(remedy)}".rstrip())
    return show(template, form=form, **values), 429, {"Retry-After": str(math.ceil(wait))}


def unless_right(
    password: Field, form: Form, template: str, now: datetime, **values: Any
) -> ResponseReturnValue | None:
    """Check the password of somebody signed in. Returns the response to a wrong one, or to too many, else None.

    After a right one the account is held, and its tries are given back. The caller then calls `renew` or `begin`, so
    that the session gets a new token. Tries count for the session, so nobody else's guesses keep its owner waiting.
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
    if right:
        # The other one of a double click has renewed the session meanwhile: its cookie must stay as it is.
        g.ascriptica_keeps_cookie = True
        password.errors = [t("This was sent twice, and the first one counted. Check whether it is done.")]
    else:
        password.errors = [t("That is not your password. Try again.")]
    return show(template, form=form, **values), 422


def still_with(account_id: int, password_hash: str | None) -> Account | None:
    """Hold and return the account, unless its password was changed while it was checked."""
    account = sessions.hold(session(), account_id)
    return account if account and account.password_hash == password_hash else None


def codes_here() -> str:
    """Whose codes to count while signed in, apart from those entered when signing in."""
    return f"account {current_user.id} signed in"


def code_fits(form: CodeForm, account: Account, now: datetime) -> bool:
    """Whether the code is the account's, which uses it up. For a wrong one the form gets an error."""
    try:
        if second_step.accept(session(), account, form.code.data, base.plugin().canvases.keys, now):
            return True
        log.warning("A wrong code for account %d from %s.", account.id, visitor())
        form.code.errors = [t(WRONG_CODE)]
    except second_step.Unreadable as trouble:
        log.error("The second step of account %d can't be read with any of the keys.", account.id)
        form.code.errors = [str(trouble)]
    return False
