"""One's own sign-in: the password, the second step, and the sessions."""

from datetime import datetime

import segno
from flask import abort, flash, redirect, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_login import current_user

from ....office import allowances
from ....office.people import Person
from ....shared import clock, pauses
from ....shared.language import t
from ....tables.columns import Sealed
from ....web.base import plugin
from ....web.guards import for_participants
from ....web.showing import show
from .. import accounts, passwords, second_step
from ..sessions import end_other_sessions, hold, is_with, owner_of_session, sessions_of
from ..tables import Account
from ..tries import WRONG_CODES
from .base import blueprint, by_mail, needs_second_step, session
from .browser_session import begin, own_path, renew
from .checks import WRONG_CODE, code_fits, codes_here, too_many, unless_right, wait_for
from .forms import ChangePasswordForm, CodeForm, OwnPasswordForm, TurnOffForm

OFFER = "second_step_offer"
"""The key in the cookie for the secret that is being set up."""


@blueprint.get("/my/sign-in")
@for_participants
def own_sign_in(person: Person) -> ResponseReturnValue:
    """The parts of one's own sign-in, with links to change them."""
    sessions = sessions_of(session(), current_user.id, clock.utc_now())
    return show("ascriptica/own_sign_in.html", account=current_user, sessions=len(sessions))


@blueprint.route("/my/password", methods=["GET", "POST"])
@for_participants
def change_password(person: Person) -> ResponseReturnValue:
    """Change the password, and sign out everywhere else."""
    form, template = ChangePasswordForm(current_user.name, current_user.email), "ascriptica/change_password.html"
    if form.validate_on_submit():
        now = clock.utc_now()
        if refusal := unless_right(form.old_password, form, template, now):
            return refusal
        # renew() commits, so nobody waits for the account while the new password is hashed.
        renew()
        kept = passwords.hash_of(form.password.data)
        account = _own_account(now)
        accounts.change_password(session(), account, kept, now, by_mail=by_mail())
        begin(account, now)
        flash(t("Your password is changed, and you are signed out everywhere else."), "success")
        return redirect(url_for(".own_sign_in"))
    return show(template, form=form), 422 if form.errors else 200


@blueprint.route("/my/sessions", methods=["GET", "POST"])
@for_participants
def own_sessions(person: Person) -> ResponseReturnValue:
    """List one's sessions; with the password, end one of the others or all of them."""
    form, now = OwnPasswordForm(), clock.utc_now()
    found = sessions_of(session(), current_user.id, now)
    for one in found:
        # Keep the rows as they were: each session may end while the password is checked.
        session().expunge(one)
    here = [one for one in found if is_with(one, current_user.token)]
    others = [one for one in found if one not in here]
    values, template = {"here": here, "others": others}, "ascriptica/own_sessions.html"
    if others and form.validate_on_submit():
        if refusal := unless_right(form.password, form, template, now, **values):
            return refusal
        only = request.form.get("which", "").replace("\x00", "") or None
        ended = end_other_sessions(session(), current_user.id, current_user.token, only)
        renew()
        if ended:
            flash(t("You are signed out there."), "success")
        else:
            flash(t("That session has changed or ended. Look at the list again."), "warning")
        return redirect(url_for(".own_sessions"))
    return show(template, form=form, **values), 422 if form.errors else 200


# -- the second step --------------------------------------------------------------------------------------------------


@blueprint.route("/my/second-step", methods=["GET", "POST"])
@for_participants
def own_second_step(person: Person) -> ResponseReturnValue:
    """Turn the second step off, or set it up: the password leads to a key for the app, then a code confirms it."""
    now = clock.utc_now()
    if current_user.second_step:
        return _turn_off(now)
    if secret := _offered(now):
        return _turn_on(secret, now)
    form, template, needed = OwnPasswordForm(), "ascriptica/second_step_off.html", needs_second_step(current_user)
    if form.validate_on_submit():
        if refusal := unless_right(form.password, form, template, now, needed=needed):
            return refusal
        renew()
        sealed = Sealed.seal(second_step.new_secret(), plugin().canvases.keys)
        cookie[OFFER] = {"secret": sealed.ciphertext.decode(), "until": (now + pauses.SECOND_STEP_SET_UP).timestamp()}
        return redirect(url_for(".own_second_step", next=request.args.get("next")))
    return show(template, form=form, needed=needed), 422 if form.errors else 200


def _offered(now: datetime) -> str | None:
    """The secret that waits for its first code. Only this browser's cookie holds it, sealed and for ten minutes."""
    offer = cookie.get(OFFER)
    if not offer or offer["until"] <= now.timestamp():
        return None
    return Sealed(offer["secret"].encode()).open(plugin().canvases.keys)


def _turn_on(secret: str, now: datetime) -> ResponseReturnValue:
    form, template, email = CodeForm(), "ascriptica/second_step_set_up.html", current_user.email
    address = second_step.app_address(secret, email)
    values = {
        "secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        "address": address,
        "picture": segno.make(address, micro=False).svg_data_uri(scale=5, light="#fff"),
    }
    if form.validate_on_submit():
        if wait := wait_for(now, (WRONG_CODES, codes_here())):
            return too_many(form, template, wait, **values)
        account, keys = _own_account(now), plugin().canvases.keys
        if second_step.turn_on(session(), account, secret, form.code.data, keys, now, by_mail=by_mail()):
            allowances.give_all_back(session(), WRONG_CODES, codes_here())
            begin(account, now)
            flash(t("Signing in now also takes a code. You are signed out everywhere else."), "success")
            return redirect(own_path(request.args.get("next"), ".own_sign_in"))
        session().rollback()
        form.code.errors = [t(WRONG_CODE)]
    return show(template, form=form, **values), 422 if form.errors else 200


def _turn_off(now: datetime) -> ResponseReturnValue:
    form, template = TurnOffForm(), "ascriptica/second_step_on.html"
    values = {"since": current_user.second_step.made_at}
    if form.validate_on_submit():
        if refusal := unless_right(form.password, form, template, now, **values):
            return refusal
        # Only now, so that somebody who finds a signed-in browser uses up no tries for codes.
        if wait := wait_for(now, (WRONG_CODES, codes_here())):
            renew()
            return too_many(form, template, wait, **values)
        account = _own_account(now)
        if code_fits(form, account, now):
            allowances.give_all_back(session(), WRONG_CODES, codes_here())
            second_step.turn_off(session(), account, now, account.email, by_mail=by_mail())
            begin(account, now)
            flash(t("You now sign in with the password alone. You are signed out everywhere else."), "success")
            return redirect(url_for(".own_sign_in"))
        renew()
    return show(template, form=form, **values), 422 if form.errors else 200


def _own_account(now: datetime) -> Account:
    """Hold and return one's own account; 401 where the session has just ended, for example with a new password."""
    account = hold(session(), current_user.id)
    if account is None or owner_of_session(session(), current_user.token, now) is None:
        session().rollback()
        abort(401)
    return account
