"""The office's buttons for the sign-ins of others. All need the administrator's password, given within ten minutes."""

from flask import abort, current_app, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from ....ledger import activity
from ....shared import clock, pauses
from ....shared.language import mark, t
from ....shared.said import Said
from ....tables.columns import begin_writing
from ....web.guards import for_administrators
from ....web.showing import show
from .. import accounts, links, second_step, sessions
from ..tables import Account, SignUp
from .base import blueprint, by_mail, session
from .confirming import after_confirmation


@blueprint.post("/tools/sign-ups/<sign_up_id>/link")
@for_administrators
@after_confirmation
def hand_out_confirmation(sign_up_id: str) -> ResponseReturnValue:
    """Make the link that confirms a sign-up; it is shown once, for the office to give to the person."""
    return _hand_out(session().get(SignUp, sign_up_id) if sign_up_id.isalnum() else None)


@blueprint.post("/tools/accounts/<int:account_id>/link")
@for_administrators
@after_confirmation
def hand_out_password(account_id: int) -> ResponseReturnValue:
    """Make the link for somebody else's new password; it is shown once, for the office to give to the person."""
    return _hand_out(_somebody_else(account_id))


def _hand_out(to: SignUp | Account | None) -> ResponseReturnValue:
    if to is None:
        abort(404)
    now = clock.utc_now()
    begin_writing(session())
    token = links.make_link(session(), now, pauses.LINK_LASTS, to=to)
    words = Said("link_for_sign_up" if isinstance(to, SignUp) else "link_for_password", email=to.email)
    number = accounts.participant_id_of(session(), to) if isinstance(to, Account) else None
    activity.note(session(), now, current_user.email, mark("made a one-time link"), words, participant_id=number)
    session().commit()
    address = current_app.config["ASCRIPTICA_ADDRESS"] or request.host_url.rstrip("/")
    return show(
        "ascriptica/hand_out.html",
        to=to,
        confirms=isinstance(to, SignUp),
        link=address + url_for(".use_link", token=token),
        until=now + pauses.LINK_LASTS,
    )


@blueprint.post("/tools/accounts/<int:account_id>/end-sessions")
@for_administrators
@after_confirmation
def end_sessions(account_id: int) -> ResponseReturnValue:
    """Sign somebody else out everywhere."""
    account = _somebody_else(account_id)
    sessions.end_sessions(session(), account)
    number = accounts.participant_id_of(session(), account)
    words = Said("whose", email=account.email)
    activity.note(
        session(), clock.utc_now(), current_user.email, mark("ended all sessions"), words, participant_id=number
    )
    return _done(account, t("{name} is signed out everywhere.", name=account.name))


@blueprint.post("/tools/accounts/<int:account_id>/make-administrator")
@for_administrators
@after_confirmation
def make_administrator(account_id: int) -> ResponseReturnValue:
    """Give somebody else the administrator's role."""
    return _set_role(account_id, True)


@blueprint.post("/tools/accounts/<int:account_id>/make-participant")
@for_administrators
@after_confirmation
def make_participant(account_id: int) -> ResponseReturnValue:
    """Remove the administrator's role from somebody else."""
    return _set_role(account_id, False)


def _set_role(account_id: int, is_admin: bool) -> ResponseReturnValue:
    if account_id >= 2**31 or account_id == current_user.id:
        abort(404)
    now, by = clock.utc_now(), current_user.email
    try:
        changed = accounts.set_role(session(), account_id, is_admin, now, by, by_mail=by_mail())
    except LookupError:
        session().rollback()
        abort(404)
    except ValueError as reason:
        session().rollback()
        return _done(session().get_one(Account, account_id), str(reason), "danger")
    account = session().get_one(Account, account_id)
    if not changed:
        already = t("{name} is already an administrator.", name=account.name)
        return _done(account, already if is_admin else t("{name} is not an administrator.", name=account.name), "info")
    given = t("{name} is an administrator now, and is signed out everywhere.", name=account.name)
    taken = t("{name} is no longer an administrator, and is signed out everywhere.", name=account.name)
    words = given if is_admin else taken
    return _done(account, words + ("" if by_mail() else f" {without_mail(account.email)}"))


@blueprint.post("/tools/accounts/<int:account_id>/remove-second-step")
@for_administrators
@after_confirmation
def remove_second_step_of(account_id: int) -> ResponseReturnValue:
    """Remove the second step of somebody else who has lost the device with the app."""
    account = _somebody_else(account_id)
    if not second_step.has_one(session(), account):
        return _done(account, t("{name} has no second step.", name=account.name))
    second_step.turn_off(session(), account, clock.utc_now(), current_user.email, by_mail=by_mail())
    words = t("{name} now signs in with the password alone, and is signed out everywhere.", name=account.name)
    return _done(account, words + ("" if by_mail() else f" {without_mail(account.email)}"))


def _somebody_else(account_id: int) -> Account:
    """Hold and return the account; 404 for one's own, which is changed on the pages of one's own sign-in."""
    account = sessions.hold(session(), account_id)
    if account is None or account.id == current_user.id:
        session().rollback()
        abort(404)
    return account


def without_mail(email: str) -> str:
    """The sentence for the office where no mail goes out."""
    return t("Mails are not set up, so no mail about this went to {email}. Let them know yourself.", email=email)


def _done(account: Account, words: str, tone: str = "success") -> ResponseReturnValue:
    number = accounts.participant_id_of(session(), account)
    session().commit()
    flash(words, tone)
    if number is None:
        return redirect(url_for("ascriptica.participants"))
    return redirect(url_for("ascriptica.participant", participant_id=number))
