"""Checks passwords and codes, as often as they may be tried. A try counts for the person who makes it."""

import logging
import math
from datetime import datetime
from typing import Any

from flask import g
from flask.typing import ResponseReturnValue
from flask_login import current_user
from wtforms import Field

from ....office import allowances
from ....shared.language import mark, t
from ....shared.process_log import about
from ....tables.columns import begin_writing
from ....web.base import plugin
from ....web.forms.form import Form
from ....web.showing import show
from .. import passwords, second_step, sessions
from ..tables import Account
from ..tries import WRONG_FROM_ADDRESS, WRONG_FROM_EVERYWHERE, WRONG_PASSWORDS
from . import devices
from .base import session, visitor
from .forms import CodeForm

log = logging.getLogger(__package__.rpartition(".")[0])

WRONG_CODE = mark(
    "That code is wrong, or was used already. Wait for the next one. If no code works, correct the clock of your "
    "device."
)

Try = tuple[allowances.Allowance, str]
"""An allowance, and whose it is."""


def apart(whose: str, account: Account | None) -> str:
    """Whose tries to count: the account's, or only this browser's where the account knows it."""
    browser = devices.known(account)
    return f"{whose} on {browser}" if browser else whose


def guesses(email: str, account: Account | None) -> list[Try]:
    """The tries that a password entered at sign-in uses up, whether or not the email has an account.

    They are counted for the current password: after a new password, all counts start again.
    """
    whose, address = account.password_hash if account else email, visitor()
    if (here := apart(whose, account)) != whose:
        return [(WRONG_PASSWORDS, here)]
    mine = (WRONG_PASSWORDS, f"{whose} from {address}")
    return [mine, (WRONG_FROM_ADDRESS, address), (WRONG_FROM_EVERYWHERE, whose)]


def forgive(tries: list[Try]) -> None:
    """Give back the tries after a right password: its own, and those of the same person's wrong ones before it.

    They go back in the order in which they were taken, so that two people who sign in at once can't deadlock.
    """
    for allowance, subject in tries:
        give = allowances.give_all_back if allowance is WRONG_PASSWORDS else allowances.give_back
        give(session(), allowance, subject)


def wait_for(now: datetime, *wanted: Try) -> float:
    """Take one try of each, and commit, so that simultaneous tries count. Returns how many seconds to wait, or 0."""
    begin_writing(session())
    for allowance, subject in wanted:
        if wait := allowances.take(session(), allowance, subject, now):
            its = about(address=visitor(), allowance=allowance.name)
            log.warning("Too many tries from %s: %s.", visitor(), allowance.name, extra=its)
            break
    session().commit()
    return wait


def too_many(form: Form, template: str, wait: float, remedy: str = "", **values: Any) -> ResponseReturnValue:
    """Show the page again, with how long to wait."""
    minutes = math.ceil(wait / 60)
    if minutes == 1:
        said = t("That was tried too often. Wait a minute, then try again.")
    elif minutes < 120:
        said = t("That was tried too often. Wait {minutes} minutes, then try again.", minutes=minutes)
    else:
        said = t("That was tried too often. Wait {hours} hours, then try again.", hours=math.ceil(minutes / 60))
    form.form_errors.append(f"{said} {t(remedy)}".rstrip())
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
        # The first request of a double click has renewed the session meanwhile: its cookie must stay as it is.
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
    """Whose codes to count while somebody is signed in; those entered when signing in are counted apart."""
    return f"account {current_user.id} signed in"


def code_fits(form: CodeForm, account: Account, now: datetime) -> bool:
    """Whether the code is the account's, which uses it up. For a wrong one the form gets an error."""
    try:
        if second_step.accept(session(), account, form.code.data, plugin().canvases.keys, now):
            return True
        its = about(account=account.id, address=visitor())
        log.warning("A wrong code for account %d from %s.", account.id, visitor(), extra=its)
        form.code.errors = [t(WRONG_CODE)]
    except second_step.Unreadable as trouble:
        its = about(account=account.id)
        log.error("The second step of account %d can't be read with any of the keys.", account.id, extra=its)
        form.code.errors = [str(trouble)]
    return False
