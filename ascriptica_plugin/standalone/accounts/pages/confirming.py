"""Asks for the password once more before the sign-in of somebody else is changed.

Somebody who finds a signed-in browser, or copies its cookie, has a session but not the password.
"""

import functools
from collections.abc import Callable
from typing import Any

from flask import abort, make_response, redirect, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from ....office import allowances
from ....office.people import Person
from ....shared import clock
from ....web.guards import for_participants
from ....web.showing import show
from ....web.way_back import page_before, this_page
from .. import sessions
from ..tables import Account
from ..tries import WRONG_CODES
from .base import blueprint, session
from .browser_session import own_path, renew
from .checks import code_fits, codes_here, too_many, unless_right, wait_for
from .forms import OwnPasswordForm, TurnOffForm

PREFIX = "own-"
"""Prefix of this page's field names, since the fields of the requested page are sent with them."""

TEMPLATE = "ascriptica/confirmation.html"


def demand_confirmation() -> None:
    """Return only if the password was given within ten minutes; else end the request with the page that asks for it.

    Nothing that the request did is kept. The page contains what was sent, and sends it again after the right password.
    """
    if sessions.is_confirmed(session(), current_user.token, clock.utc_now()):
        return
    session().rollback()
    abort(make_response(_page(_form(None), this_page()), 403))


def after_confirmation(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Decorator: the view runs only within ten minutes of the password; after that, the page asks for it first."""

    @functools.wraps(view)
    def guarded(**kwargs: Any) -> ResponseReturnValue:
        demand_confirmation()
        return view(**kwargs)

    return guarded


@blueprint.post("/my/confirmation")
@for_participants
def confirm_session(person: Person) -> ResponseReturnValue:
    """Take the password, and the code where there is a second step, then do what was requested."""
    now, to = clock.utc_now(), own_path(request.form.get(f"{PREFIX}to"))
    form, takes_code = _form(request.form), bool(current_user.second_step)
    if form.validate():
        if refusal := unless_right(form.password, form, TEMPLATE, now, **_values(to)):
            return refusal
        # Only now, so that somebody who finds a signed-in browser uses up no tries for codes.
        if takes_code and (wait := wait_for(now, (WRONG_CODES, codes_here()))):
            renew()
            return too_many(form, TEMPLATE, wait, **_values(to))
        account = session().get_one(Account, current_user.id)
        right = not takes_code or code_fits(form, account, now)
        if right:
            if takes_code:
                allowances.give_all_back(session(), WRONG_CODES, codes_here())
            sessions.confirm_session(session(), current_user.token, now)
        renew()
        if right:
            # 307: the browser sends the same data again, to that address.
            return redirect(to, 307)
    return _page(form, to), 422


def _form(typed: MultiDict[str, str] | None) -> OwnPasswordForm:
    kind = TurnOffForm if current_user.second_step else OwnPasswordForm
    return kind(formdata=typed, prefix=PREFIX)


def _page(form: OwnPasswordForm, to: str) -> str:
    return show(TEMPLATE, form=form, **_values(to))


def _values(to: str) -> dict:
    sent = request.form.items(multi=True)
    kept = [(name, value) for name, value in sent if name != "csrf_token" and not name.startswith(PREFIX)]
    # After a wrong password the page before is this one, so there is none to go back to.
    back = page_before() if request.endpoint != f"{blueprint.name}.confirm_session" else None
    return {"to": to, "kept": kept, "back": back}
