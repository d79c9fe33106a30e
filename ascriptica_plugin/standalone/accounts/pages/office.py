"""What the office does with the sign-ins of others: the buttons on its pages."""

from flask import abort, current_app, flash, redirect, render_template, request, url_for
from flask_login import current_user

from .... import activity, clock
from ....tables.columns import begin_writing
from ....web.base import for_administrators
from .. import accounts, links, second_step, sessions
from ..tables import Account, SignUp
from .base import blueprint, by_mail, session


@blueprint.post("/tools/sign-ups/<sign_up_id>/link")
@for_administrators
def hand_out_confirmation(sign_up_id: str):
    """Make the link that confirms a sign-up; shown once, for the office to give to the person."""
    return _hand_out(session().get(SignUp, sign_up_id) if sign_up_id.isalnum() else None)


@blueprint.post("/tools/accounts/<int:account_id>/link")
@for_administrators
def hand_out_password(account_id: int):
    """Make the link for somebody else's new password; shown once, for the office to give to the person."""
    return _hand_out(_somebody_else(account_id))


def _hand_out(to: SignUp | Account | None):
    if to is None:
        abort(404)
    now = clock.utc_now()
    begin_writing(session())
    token = links.make_link(session(), now, links.LINK_LASTS, to=to)
    words = f"{'To confirm the sign-up' if isinstance(to, SignUp) else 'For a new password'} of {to.email}."
    number = accounts.participant_id_of(session(), to) if isinstance(to, Account) else None
    activity.note(session(), now, current_user.email, "made a one-time link", words, participant_id=number)
    session().commit()
    address = current_app.config["ASCRIPTICA_ADDRESS"] or request.host_url.rstrip("/")
    return render_template(
        "ascriptica/hand_out.html",
        to=to,
        confirms=isinstance(to, SignUp),
        link=address + url_for(".use_link", token=token),
        until=now + links.LINK_LASTS,
    )


@blueprint.post("/tools/accounts/<int:account_id>/end-sessions")
@for_administrators
def end_sessions(account_id: int):
    """Sign somebody else out everywhere."""
    account = _somebody_else(account_id)
    sessions.end_sessions(session(), account)
    number = accounts.participant_id_of(session(), account)
    words = f"Of {account.email}."
    activity.note(session(), clock.utc_now(), current_user.email, "ended all sessions", words, participant_id=number)
    return _done(account, f"{account.name} is signed out everywhere.")


@blueprint.post("/tools/accounts/<int:account_id>/remove-second-step")
@for_administrators
def remove_second_step_of(account_id: int):
    """Let somebody else, who has lost the device with the app, sign in with the password alone."""
    account = _somebody_else(account_id)
    if not second_step.has_one(session(), account):
        return _done(account, f"{account.name} has no second step.")
    second_step.turn_off(session(), account, clock.utc_now(), current_user.email, by_mail=by_mail())
    return _done(account, f"{account.name} now signs in with the password alone, and is signed out everywhere.")


def _somebody_else(account_id: int) -> Account:
    """The account, held. One's own takes the password, on the pages of one's own sign-in."""
    account = sessions.hold(session(), account_id)
    if account is None or account.id == current_user.id:
        session().rollback()
        abort(404)
    return account


def _done(account: Account, words: str):
    number = accounts.participant_id_of(session(), account)
    session().commit()
    flash(words, "success")
    if number is None:
        return redirect(url_for("ascriptica.participants"))
    return redirect(url_for("ascriptica.participant", participant_id=number))
