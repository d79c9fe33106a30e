"""What the office does with the sign-ins of others: its pages' buttons, and the operator's commands."""

import re

import click
from flask import abort, current_app, flash, redirect, render_template, request, url_for
from flask.cli import with_appcontext
from flask_login import current_user

from .. import drain, log, passwords, people, second_step, sign_ins
from ..models import Account, SignUp, begin_writing
from ..views.base import for_administrators
from .base import blueprint, by_mail, session

# -- links to hand out ------------------------------------------------------------------------------------------------


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
    now = drain.utc_now()
    begin_writing(session())
    token = sign_ins.make_link(session(), now, sign_ins.LINK_LASTS, to=to)
    words = f"{'To confirm the sign-up' if isinstance(to, SignUp) else 'For a new password'} of {to.email}."
    number = sign_ins.participant_id_of(session(), to) if isinstance(to, Account) else None
    log.note(session(), now, current_user.email, "made a one-time link", words, participant_id=number)
    session().commit()
    address = current_app.config["ASCRIPTICA_ADDRESS"] or request.host_url.rstrip("/")
    return render_template(
        "ascriptica/hand_out.html",
        to=to,
        confirms=isinstance(to, SignUp),
        link=address + url_for(".use_link", token=token),
        until=now + sign_ins.LINK_LASTS,
    )


# -- sessions and second steps ----------------------------------------------------------------------------------------


@blueprint.post("/tools/accounts/<int:account_id>/end-sessions")
@for_administrators
def end_sessions(account_id: int):
    """Sign somebody else out everywhere."""
    account = _somebody_else(account_id)
    sign_ins.end_sessions(session(), account)
    number = sign_ins.participant_id_of(session(), account)
    words = f"Of {account.email}."
    log.note(session(), drain.utc_now(), current_user.email, "ended all sessions", words, participant_id=number)
    return _done(account, f"{account.name} is signed out everywhere.")


@blueprint.post("/tools/accounts/<int:account_id>/remove-second-step")
@for_administrators
def remove_second_step_of(account_id: int):
    """Let somebody else, who has lost the device with the app, sign in with the password alone."""
    account = _somebody_else(account_id)
    if not second_step.has_one(session(), account):
        return _done(account, f"{account.name} has no second step.")
    second_step.turn_off(session(), account, drain.utc_now(), current_user.email, by_mail=by_mail())
    return _done(account, f"{account.name} now signs in with the password alone, and is signed out everywhere.")


def _somebody_else(account_id: int) -> Account:
    """The account, held. One's own takes the password, on the pages of one's own sign-in."""
    account = sign_ins.hold(session(), account_id) if account_id < 2**31 else None
    if account is None or account.id == current_user.id:
        session().rollback()
        abort(404)
    return account


def _done(account: Account, words: str):
    number = sign_ins.participant_id_of(session(), account)
    session().commit()
    flash(words, "success")
    if number is None:
        return redirect(url_for("ascriptica.participants"))
    return redirect(url_for("ascriptica.participant", participant_id=number))


# -- commands ---------------------------------------------------------------------------------------------------------


@click.command("create-user")
@click.argument("email")
@click.option("--name", required=True)
@click.option("--admin", is_flag=True, help="May administer.")
@click.password_option(envvar="ASCRIPTICA_PASSWORD")
@with_appcontext
def create_user(email: str, name: str, admin: bool, password: str) -> None:
    """Make a sign-in; the password comes from a prompt or ASCRIPTICA_PASSWORD."""
    email = email.strip()
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", email) or len(email) > people.LONGEST_EMAIL:
        raise click.ClickException(f"{email} is not an email address. It looks like ann@example.org.")
    try:
        name = people.read_name(name)
        passwords.check(password, name, email)
        sign_ins.add_account(session(), drain.utc_now(), email, name, password, admin=admin)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    session().commit()
    click.echo(f"{email} can sign in.")


@click.command("remove-second-step")
@click.argument("email")
@with_appcontext
def remove_second_step(email: str) -> None:
    """Let somebody sign in with the password alone, who has lost the device with the app; ends their sessions."""
    begin_writing(session())
    account = sign_ins.account_with(session(), email)
    if account is None:
        raise click.ClickException(f"There is no sign-in for {email}.")
    sign_ins.hold(session(), account.id)
    if not second_step.has_one(session(), account):
        raise click.ClickException(f"{email} has no second step.")
    second_step.turn_off(session(), account, drain.utc_now(), "the remove-second-step command", by_mail=by_mail())
    session().commit()
    click.echo(f"{email} now signs in with the password alone.")
