"""Begins, renews and ends a browser's session, and leads to the page that was wanted."""

import logging
import re
from datetime import datetime

from flask import redirect, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user

from ....shared.process_log import about
from ....web import way_back
from .. import sessions
from ..tables import Account
from . import devices
from .base import SignedIn, needs_second_step, session, visitor

log = logging.getLogger(__package__.rpartition(".")[0])

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
"""Names, and what shows them in a User-Agent. The first match counts, since browsers claim to be each other."""


# Each of these commits before the cookie changes: if the commit fails, the browser keeps the session that it had.


def begin(account: Account, now: datetime) -> None:
    """Sign in with a new session, whatever the browser had before, and commit. The account now knows the browser."""
    devices.remember(account)
    signed_in = SignedIn(account, sessions.begin_session(session(), account, now, _browser()))
    leave()
    # Flask renews a permanent session's cookie with each response, and refuses one that is older than `SESSION_IDLE`.
    cookie.permanent = True
    login_user(signed_in)
    number, address = signed_in.id, visitor()
    log.info("Account %d signed in from %s.", number, address, extra=about(account=number, address=address))


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
    """The page to begin at for somebody who wanted no other: for administrators, the overview."""
    return "ascriptica.overview" if account.is_admin else "ascriptica.catalogue"


def go_on(account: Account, wanted: str) -> ResponseReturnValue:
    """Redirect to the page that was wanted before signing in, or to what has to be set up first."""
    if needs_second_step(account):
        return redirect(url_for("ascriptica_accounts.own_second_step", next=wanted))
    return redirect(wanted)
