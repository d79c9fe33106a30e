"""flask ascriptica create-user, set-role and remove-second-step."""

import re

import click
from flask.cli import with_appcontext

from ...office import emails, names
from ...shared import clock
from ...tables.columns import begin_writing
from . import accounts, passwords, second_step, sessions
from .pages.base import by_mail, session


@click.command("create-user")
@click.argument("email")
@click.option("--name", required=True)
@click.option("--admin", is_flag=True, help="May administer.")
@click.password_option(envvar="ASCRIPTICA_PASSWORD")
@with_appcontext
def create_user(email: str, name: str, admin: bool, password: str) -> None:
    """Make a sign-in; the password comes from a prompt or ASCRIPTICA_PASSWORD."""
    email = email.strip()
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", email) or len(email) > emails.LONGEST_EMAIL:
        raise click.ClickException(f"{email} is not an email address. Write it like ann@example.org.")
    try:
        name = names.read_name(name)
        passwords.check(password, name, email)
        accounts.add_account(session(), clock.utc_now(), email, name, password, admin=admin)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    session().commit()
    click.echo(f"{email} can sign in.")


@click.command("set-role")
@click.argument("email")
@click.argument("role", type=click.Choice(["administrator", "participant"]))
@with_appcontext
def set_role(email: str, role: str) -> None:
    """Make somebody an administrator, or take that role from them (participant); ends their sessions.

    The last administrator keeps it.
    """
    account = accounts.account_with(session(), email)
    if account is None:
        raise click.ClickException(f"There is no sign-in for {email}.")
    number = account.id
    session().rollback()
    is_admin, by = role == "administrator", "the set-role command"
    try:
        changed = accounts.set_role(session(), number, is_admin, clock.utc_now(), by, by_mail=by_mail())
    except LookupError:
        raise click.ClickException(f"There is no sign-in for {email} any more.") from None
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    session().commit()
    click.echo(f"{email} is {'an administrator' if is_admin else 'a participant'}{'' if changed else ' already'}.")


@click.command("remove-second-step")
@click.argument("email")
@with_appcontext
def remove_second_step(email: str) -> None:
    """Remove the second step of somebody who has lost the device with the app; ends their sessions."""
    begin_writing(session())
    account = accounts.account_with(session(), email)
    if account is None:
        raise click.ClickException(f"There is no sign-in for {email}.")
    sessions.hold(session(), account.id)
    if not second_step.has_one(session(), account):
        raise click.ClickException(f"{email} has no second step.")
    second_step.turn_off(session(), account, clock.utc_now(), "the remove-second-step command", by_mail=by_mail())
    session().commit()
    click.echo(f"{email} now signs in with the password alone.")
