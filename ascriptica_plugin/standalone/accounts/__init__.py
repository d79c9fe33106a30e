"""Sign-ins, for a site that has no users of its own; other hosts leave this out.

Flask-Login knows who is signed in; `accounts`, `sessions`, `links` and `second_step` have the rules. The pages: `doors`
for signing in, signing up and out; `own` and `own_email` for one's own sign-in; `office` for changing the sign-ins of
others, for which `confirming` asks for the password.
"""

from typing import cast
from urllib.parse import urlsplit

from click import Group
from flask import Flask, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, current_user
from werkzeug.exceptions import HTTPException

from ...ledger import activity
from ...mail import Mailer
from ...office.people import Person
from ...shared import clock, config, pauses
from ...shared.language import mark, t
from ...shared.said import Said
from ...tables.columns import begin_writing
from ...web import mails as of_office
from ...web import way_back
from . import accounts, commands, forgetting, mails, second_step, sessions
from .about import SignIns
from .pages import doors, own, own_email
from .pages import office as office_pages
from .pages.base import SignedIn, blueprint, by_mail, needs_second_step, session
from .pages.confirming import demand_confirmation

__all__ = [
    "correct_person",
    "doors",
    "forget_person",
    "init_app",
    "load_participant",
    "may_administer",
    "office_pages",
    "own",
    "own_email",
]


def init_app(app: Flask) -> None:
    """Add the pages and the commands. Set up `Ascriptica` and `front` on the application first.

    With `SMTP_URL` mails are sent, from `MAIL_FROM` and with links to `ASCRIPTICA_ADDRESS`; without it the office
    hands links out. Raises RuntimeError where one of the three is missing. With `ASCRIPTICA_ADMIN_SECOND_STEP`
    administrators have to set up a second step before they can do anything in the office.
    """
    values, plugin = config.read(app.config, config.SITE), app.extensions["ascriptica"]
    # No context processor: it would ask the database on an error page too.
    manager = LoginManager(app, add_context_processor=False)
    manager.user_loader(_load)
    app.register_blueprint(blueprint, url_prefix=app.config["ASCRIPTICA_URL_PREFIX"])
    app.before_request(_lead_to_second_step)
    app.register_error_handler(401, _ask_to_sign_in)
    for command in (commands.create_user, commands.set_role, commands.remove_second_step):
        cast(Group, app.cli.commands["ascriptica"]).add_command(command)
    plugin.sign_in = f"{blueprint.name}.sign_in"
    plugin.sign_ins = SignIns()
    plugin.owns_database = True
    plugin.rounds.append(forget_old_sign_ins)
    plugin.secrets.append(second_step.SECRETS)
    if mailer := _mailer(app, values["SMTP_URL"], values["MAIL_FROM"], values["ASCRIPTICA_ADDRESS"], plugin.language):
        plugin.mail_by(mailer)


def _mailer(app: Flask, url: str | None, sender: str | None, address: str, language: str) -> Mailer | None:
    if not url:
        return None
    if not sender or not address:
        raise RuntimeError("With SMTP_URL, set MAIL_FROM to the sender and ASCRIPTICA_ADDRESS to this site's address.")
    # Never from a request: visitors choose its Host header.
    site = urlsplit(address)
    pages = app.url_map.bind(site.netloc, app.config["APPLICATION_ROOT"], url_scheme=site.scheme)

    def page(name: str, **values: str) -> str:
        return pages.build(f"{blueprint.name}.{name}", values, force_external=True)

    return Mailer(url, sender, address, mails.Writer(address, language, page, of_office=of_office.Writer(app, address)))


def forget_old_sign_ins(app: Flask) -> float:
    """Delete expired sessions, links and sign-ups: a round of the worker."""
    open_session = app.extensions["sqlalchemy"].session
    begin_writing(open_session)
    forgetting.forget_old(open_session, clock.utc_now())
    open_session.commit()
    return pauses.FORGET_SECONDS


def load_participant() -> Person | None:
    """The signed-in person, for `Ascriptica(load_participant=...)`."""
    return accounts.person_of(current_user) if current_user.is_authenticated else None


def may_administer() -> bool:
    """Whether an administrator is signed in, for `Ascriptica(may_administer=...)`."""
    return bool(current_user.is_authenticated and current_user.is_admin and not needs_second_step(current_user))


def forget_person(key: str) -> None:
    """Delete the account of an erased participant, for `Ascriptica(forget_person=...)`.

    Asks for the administrator's password first. Raises ValueError with a sentence for the last administrator.
    """
    if account := accounts.account_of(session(), key):
        demand_confirmation()
        accounts.close_account(session(), account)


def correct_person(key: str, name: str, email: str) -> str | None:
    """Give a corrected participant's account the same name and email, for `Ascriptica(correct_person=...)`.

    A new email needs the administrator's password first: somebody who finds a signed-in browser could otherwise have a
    link for a new password sent to their own address. Raises ValueError with a sentence where the email can't be used,
    and where administrators would change their own. Returns a sentence where no mail about it goes to the old address.
    """
    account = accounts.account_of(session(), key)
    if account is None:
        return None
    before, now = account.email, clock.utc_now()
    if before != email.lower():
        if account.id == current_user.id:
            if by_mail():
                raise ValueError(t("This is your own sign-in. Change its email on the page Your sign-in."))
            raise ValueError(t("This is your own sign-in. Ask another administrator to change its email."))
        demand_confirmation()
    by = current_user.email
    if not accounts.correct_account(session(), account, name, email, now, by, by_mail=by_mail()) or by_mail():
        return None
    number = accounts.participant_id_of(session(), account)
    words = Said("no_mail_to_old")
    activity.note(session(), now, current_user.email, mark("sent no mail"), words, participant_id=number)
    return office_pages.without_mail(before)


def _load(token: str) -> SignedIn | None:
    account = sessions.owner_of_session(session(), token, clock.utc_now())
    return SignedIn(account, token) if account else None


def _ask_to_sign_in(error: HTTPException) -> ResponseReturnValue:
    return redirect(url_for("ascriptica_accounts.sign_in", next=way_back.page_asked_for()))


def _lead_to_second_step() -> ResponseReturnValue | None:
    """Redirect an administrator who has to set up a second step from the office's pages to the page for that."""
    view = current_app.view_functions.get(request.endpoint or "")
    if getattr(view, "guard", "") != "administrators":
        return None
    if not current_user.is_authenticated or not needs_second_step(current_user):
        return None
    return redirect(url_for("ascriptica_accounts.own_second_step", next=way_back.page_asked_for()))
