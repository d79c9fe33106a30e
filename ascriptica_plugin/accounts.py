"""The pages of sign-ins, for a host that has no users of its own; a host that has some leaves this out.

Flask-Login tells the request who is signed in; the rules are in `sign_ins`.
"""

import ipaddress
import logging
import math
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import click
from flask import Blueprint, Flask, abort, current_app, flash, redirect, render_template, request, url_for
from flask import session as cookie
from flask.cli import with_appcontext
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import EmailField, PasswordField, StringField
from wtforms.validators import Email, InputRequired, Length, ValidationError

from . import allowances, drain, mail, passwords, sign_ins
from . import log as office_log
from .forms import NO_CONTROLS
from .models import Account, OneTimeLink, SignUp, begin_writing
from .registrations import Person
from .sign_ins import MAILS_TO_EMAIL, SIGN_UPS_FROM_ADDRESS, WRONG_FOR_ACCOUNT, WRONG_FROM_ADDRESS, add_account
from .views import base, errors
from .views.base import for_administrators, for_everybody, for_participants

IDLE = timedelta(hours=2)
"""A browser that asked for nothing for so long is signed out."""

log = logging.getLogger(__name__)

blueprint = Blueprint("ascriptica_accounts", __name__, template_folder="templates")
blueprint.after_request(base.shut_doors)
blueprint.context_processor(base.for_every_page)
errors.register(blueprint)


class SignedIn(UserMixin):
    """Flask-Login's user: an account as it was at the beginning of the request, and the session's token."""

    def __init__(self, account: Account, token: str):
        self.id, self.email, self.name, self.is_admin = account.id, account.email, account.name, account.is_admin
        self.token = token

    def get_id(self) -> str:
        """What the cookie holds: nothing that would still open a session that has ended."""
        return self.token


# -- forms ------------------------------------------------------------------------------------------------------------


def _strip(value: str | None) -> str:
    return (value or "").strip()


class NewPasswordField(PasswordField):
    """A password to be chosen; the form's `own_words` are what it must not be made of."""

    def __init__(self, label: str, **kwargs):
        kwargs.setdefault("description", f"At least {passwords.SHORTEST} characters. Spaces are fine.")
        super().__init__(label, validators=[InputRequired("Choose a password.")], **kwargs)

    def post_validate(self, form: FlaskForm, validation_stopped: bool) -> None:
        if self.data and not validation_stopped:
            try:
                passwords.check(self.data, *form.own_words())
            except ValueError as error:
                raise ValidationError(str(error)) from None


class EmailForm(FlaskForm):
    email = EmailField(
        "Email",
        filters=[_strip],
        validators=[
            InputRequired("Enter your email address."),
            Email("That is not an email address. It looks like ann@example.org."),
            Length(max=100, message="Canvas takes logins of 100 characters at most. Use a shorter address."),
        ],
    )


class SignInForm(FlaskForm):
    email = EmailField("Email", filters=[_strip], validators=[InputRequired("Enter your email address."), NO_CONTROLS])
    password = PasswordField("Password", validators=[InputRequired("Enter your password.")])


class SignUpForm(EmailForm):
    name = StringField(
        "Name",
        filters=[_strip],
        validators=[
            InputRequired("Enter your name."),
            Length(max=255, message="Keep the name to 255 characters."),
            NO_CONTROLS,
        ],
    )
    password = NewPasswordField("Password")

    def own_words(self) -> list[str]:
        return [self.name.data or "", self.email.data or ""]


class ConfirmForm(FlaskForm):
    password = PasswordField("Password", validators=[InputRequired("Enter the password that you chose.")])


class NewPasswordForm(FlaskForm):
    password = NewPasswordField("New password")

    def __init__(self, account: SignedIn | Account, **kwargs):
        self._account = account
        super().__init__(**kwargs)

    def own_words(self) -> list[str]:
        return [self._account.name, self._account.email]


class ChangePasswordForm(NewPasswordForm):
    old_password = PasswordField("Password until now", validators=[InputRequired("Enter your password until now.")])


# -- the host ---------------------------------------------------------------------------------------------------------


def init_app(app: Flask) -> None:
    """Add the pages and the `create-user` command; Ascriptica is set up on the application before.

    With `SMTP_URL` mails are sent, from `MAIL_FROM` and with links to `ASCRIPTICA_ADDRESS`; without it the office
    hands links out. Raises RuntimeError where one of them is missing.
    """
    # No context processor: it would ask the database on an error page too.
    manager = LoginManager(app, add_context_processor=False)
    manager.user_loader(_load)
    app.register_blueprint(blueprint, url_prefix=app.config["ASCRIPTICA_URL_PREFIX"])
    app.register_error_handler(401, _ask_to_sign_in)
    for code in (404, 405):
        app.register_error_handler(code, errors.page_at_no_address)
    app.cli.commands["ascriptica"].add_command(create_user)
    app.extensions["ascriptica_mail"] = _mailer(app)


def _mailer(app: Flask) -> mail.Mailer | None:
    url, sender, address = (app.config.get(name) for name in ("SMTP_URL", "MAIL_FROM", "ASCRIPTICA_ADDRESS"))
    if not url:
        return None
    if not sender or not address:
        raise RuntimeError("With SMTP_URL, set MAIL_FROM to the sender and ASCRIPTICA_ADDRESS to this site's address.")
    try:
        mail.check_url(url)
    except ValueError as error:
        raise RuntimeError(str(error)) from None
    # Never from a request: its Host header is the visitor's own word.
    site = urlsplit(address)
    pages = app.url_map.bind(site.netloc, url_scheme=site.scheme)

    def page(name: str, **values: str) -> str:
        return pages.build(f"{blueprint.name}.{name}", values, force_external=True)

    return mail.Mailer(url, sender, address, page)


def load_participant() -> Person | None:
    """The signed-in person, for `Ascriptica(load_participant=...)`."""
    return sign_ins.person_of(current_user) if current_user.is_authenticated else None


def may_administer() -> bool:
    """Whether an administrator is signed in, for `Ascriptica(may_administer=...)`."""
    return bool(current_user.is_authenticated and current_user.is_admin)


def forget_person(key: str) -> None:
    """Delete the account that is the sign-in of an erased participant, for `Ascriptica(forget_person=...)`."""
    if account := sign_ins.account_of(_session(), key):
        sign_ins.close_account(_session(), account)


def _session() -> Session:
    return base.session()


def _by_mail() -> bool:
    return current_app.extensions["ascriptica_mail"] is not None


def _load(token: str) -> SignedIn | None:
    account = sign_ins.owner_of_session(_session(), token, drain.utc_now())
    return SignedIn(account, token) if account else None


def _begin(account: Account, now: datetime) -> None:
    """Sign in: a new session, whatever the browser had before. The caller commits."""
    sign_ins.end_session(_session(), cookie.get("_user_id", ""))
    token = sign_ins.begin_session(_session(), account, now)
    cookie.clear()
    # Flask sends a permanent session's cookie anew with each answer, and takes none that is older than IDLE.
    cookie.permanent = True
    login_user(SignedIn(account, token))
    log.info("Account %d signed in from %s.", account.id, _visitor())


def _ask_to_sign_in(error):
    if request.method != "GET":
        return redirect(url_for("ascriptica_accounts.sign_in"))
    return redirect(url_for("ascriptica_accounts.sign_in", next=request.full_path.rstrip("?")))


def _own_path(target: str | None) -> str:
    """A path of ours to go on to, never another site's address; the courses where there is none."""
    target = target or ""
    own = target.startswith("/") and not target.startswith("//") and "\\" not in target and target.isprintable()
    return target if own else url_for("ascriptica.catalogue")


# -- how often --------------------------------------------------------------------------------------------------------


def _visitor() -> str:
    """The address that a request comes from; of IPv6 the network, since anybody there has addresses without end."""
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return "nowhere"
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


def _wait_for(now: datetime, *wanted: tuple[allowances.Allowance, str]) -> float:
    """Take one of each, and commit, so that tries at the same moment count; how many seconds to wait, or 0."""
    begin_writing(_session())
    wait = 0.0
    for allowance, subject in wanted:
        wait = wait or allowances.take(_session(), allowance, subject, now)
    _session().commit()
    if wait:
        log.warning("Too many tries from %s: %s.", _visitor(), allowance.name)
    return wait


def _too_many(form: FlaskForm, template: str, wait: float, remedy: str = "", **values):
    minutes = math.ceil(wait / 60)
    time = "a minute" if minutes == 1 else f"{minutes} minutes" if minutes < 120 else f"{math.ceil(minutes / 60)} hours"
    form.form_errors.append(f"That was tried too often. Wait {time}, then try again. {remedy}".rstrip())
    return render_template(template, form=form, **values), 429, {"Retry-After": str(math.ceil(wait))}


# -- signing in and out -----------------------------------------------------------------------------------------------


@blueprint.route("/sign-in", methods=["GET", "POST"])
@for_everybody
def sign_in():
    """Sign in with email and password."""
    form = SignInForm()
    if form.validate_on_submit():
        now, email, visitor = drain.utc_now(), form.email.data.lower(), _visitor()
        if wait := _wait_for(now, (WRONG_FROM_ADDRESS, visitor), (WRONG_FOR_ACCOUNT, email)):
            return _too_many(form, "ascriptica/sign_in.html", wait, "Or choose a new password, which works at once.")
        account = sign_ins.account_with(_session(), email)
        if passwords.fits(form.password.data, account.password_hash if account else None):
            begin_writing(_session())
            allowances.give_all_back(_session(), WRONG_FOR_ACCOUNT, email)
            allowances.give_back(_session(), WRONG_FROM_ADDRESS, visitor)
            if passwords.is_outdated(account.password_hash):
                account.password_hash = passwords.hash_of(form.password.data)
            _begin(account, now)
            _session().commit()
            return redirect(_own_path(request.args.get("next")))
        log.warning("A sign-in with a wrong email or password from %s.", visitor)
        form.password.errors = [
            "Email and password don't go together. Try again; after a sign-up, its link has to be used first."
        ]
    return render_template("ascriptica/sign_in.html", form=form), 422 if form.errors else 200


@blueprint.post("/sign-out")
@for_everybody
def sign_out():
    """End the session, here or, with `everywhere`, wherever the account is signed in."""
    begin_writing(_session())
    if request.form.get("everywhere") and current_user.is_authenticated:
        sign_ins.end_sessions(_session(), _session().get(Account, current_user.id))
    sign_ins.end_session(_session(), cookie.get("_user_id", ""))
    _session().commit()
    logout_user()
    cookie.clear()
    flash("You are signed out.")
    return redirect(url_for("ascriptica.catalogue"))


# -- signing up, and the link -----------------------------------------------------------------------------------------


@blueprint.route("/sign-up", methods=["GET", "POST"])
@for_everybody
def sign_up():
    """Ask for a sign-in of one's own. Whoever has one already with this email is not told here, but by mail."""
    form = SignUpForm()
    if form.validate_on_submit():
        now, email = drain.utc_now(), form.email.data
        wanted = [(SIGN_UPS_FROM_ADDRESS, _visitor()), (MAILS_TO_EMAIL, email.lower())]
        if wait := _wait_for(now, *wanted):
            return _too_many(form, "ascriptica/sign_up.html", wait)
        kept = passwords.hash_of(form.password.data)
        next_page = _own_path(request.args.get("next"))
        sign_ins.sign_up(_session(), now, email, form.name.data, kept, wanted=next_page, by_mail=_by_mail())
        _session().commit()
        return redirect(url_for(".signed_up"))
    return render_template("ascriptica/sign_up.html", form=form), 422 if form.errors else 200


@blueprint.get("/sign-up/next")
@for_everybody
def signed_up():
    """What happens after a sign-up; the same for everybody."""
    return render_template("ascriptica/one_more_step.html", after="sign_up", by_mail=_by_mail())


@blueprint.route("/forgotten-password", methods=["GET", "POST"])
@for_everybody
def forgotten_password():
    """Ask for a link to choose a new password; without mail the page tells how the office helps."""
    form = EmailForm()
    if _by_mail() and form.validate_on_submit():
        now, email = drain.utc_now(), form.email.data.lower()
        if wait := _wait_for(now, (SIGN_UPS_FROM_ADDRESS, _visitor()), (MAILS_TO_EMAIL, email)):
            return _too_many(form, "ascriptica/forgotten_password.html", wait, by_mail=True)
        begin_writing(_session())
        if sign_ins.account_with(_session(), email):
            sign_ins.send(_session(), now, "password", email)
        _session().commit()
        return redirect(url_for(".password_asked"))
    page = render_template("ascriptica/forgotten_password.html", form=form, by_mail=_by_mail())
    return page, 422 if form.errors else 200


@blueprint.get("/forgotten-password/next")
@for_everybody
def password_asked():
    """What happens after asking for a new password; the same for everybody."""
    return render_template("ascriptica/one_more_step.html", after="password", by_mail=_by_mail())


@blueprint.route("/links/<token>", methods=["GET", "POST"])
@for_everybody
def use_link(token: str):
    """What a one-time link opens. Looking at it, as mail scanners do, uses nothing up."""
    try:
        link = sign_ins.find_link(_session(), token, drain.utc_now())
        answer = _confirm(link, token) if link.sign_up else _choose_password(link, token)
    except sign_ins.LinkIsOver:
        _session().rollback()
        answer = render_template("ascriptica/link_is_over.html", by_mail=_by_mail()), 410
    response = current_app.make_response(answer)
    # No Referer may carry the token. Not no-referrer: over https Flask-WTF asks where a form comes from.
    response.headers["Referrer-Policy"] = "strict-origin"
    return response


def _confirm(link: OneTimeLink, token: str):
    """The password shows that whoever reads the mail is whoever signed up, not only who is in that mailbox."""
    form, made = ConfirmForm(), link.sign_up
    if form.validate_on_submit():
        now, kept, wanted = drain.utc_now(), made.password_hash, made.wanted
        if wait := _wait_for(now, (WRONG_FROM_ADDRESS, _visitor())):
            return _too_many(form, "ascriptica/confirm.html", wait, sign_up=made)
        if passwords.fits(form.password.data, kept):
            account = sign_ins.confirm(_session(), token, now)
            allowances.give_back(_session(), WRONG_FROM_ADDRESS, _visitor())
            _begin(account, now)
            _session().commit()
            flash(f"Welcome, {account.name}.", "success")
            return redirect(_own_path(wanted))
        form.password.errors = ["That is not the password of this sign-up. Try again, or sign up once more."]
    return render_template("ascriptica/confirm.html", form=form, sign_up=made), 422 if form.errors else 200


def _choose_password(link: OneTimeLink, token: str):
    form = NewPasswordForm(link.account)
    if form.validate_on_submit():
        now, kept = drain.utc_now(), passwords.hash_of(form.password.data)
        account = sign_ins.new_password_by_link(_session(), token, kept, now, by_mail=_by_mail())
        _begin(account, now)
        _session().commit()
        flash("Your new password is saved, and you are signed in with it.", "success")
        return redirect(url_for("ascriptica.catalogue"))
    page = render_template("ascriptica/new_password.html", form=form, account=link.account)
    return page, 422 if form.errors else 200


# -- one's own password -----------------------------------------------------------------------------------------------


@blueprint.route("/my/password", methods=["GET", "POST"])
@for_participants
def change_password(person: Person):
    """Change the password, which signs out everywhere else."""
    form = ChangePasswordForm(current_user)
    if form.validate_on_submit():
        now = drain.utc_now()
        if wait := _wait_for(now, (WRONG_FOR_ACCOUNT, person.email)):
            return _too_many(form, "ascriptica/change_password.html", wait)
        account = _session().get(Account, current_user.id)
        if passwords.fits(form.old_password.data, account.password_hash):
            kept = passwords.hash_of(form.password.data)
            begin_writing(_session())
            allowances.give_all_back(_session(), WRONG_FOR_ACCOUNT, person.email)
            sign_ins.change_password(_session(), account, kept, now, by_mail=_by_mail())
            _begin(account, now)
            _session().commit()
            flash("Your password is changed, and you are signed out everywhere else.", "success")
            return redirect(url_for(".change_password"))
        form.old_password.errors = ["That is not your password. Try again."]
    return render_template("ascriptica/change_password.html", form=form), 422 if form.errors else 200


# -- links that the office hands out ----------------------------------------------------------------------------------


@blueprint.post("/tools/sign-ups/<sign_up_id>/link")
@for_administrators
def hand_out_confirmation(sign_up_id: str):
    """Make the link that confirms a sign-up; shown once, for the office to give to the person."""
    return _hand_out(_session().get(SignUp, sign_up_id))


@blueprint.post("/tools/accounts/<int:account_id>/link")
@for_administrators
def hand_out_password(account_id: int):
    """Make the link for a new password of an account; shown once, for the office to give to the person."""
    return _hand_out(_session().get(Account, account_id) if account_id < 2**31 else None)


def _hand_out(to: SignUp | Account | None):
    if to is None:
        abort(404)
    now = drain.utc_now()
    begin_writing(_session())
    token = sign_ins.make_link(_session(), now, sign_ins.LINK_LASTS, to=to)
    words = f"{'To confirm the sign-up' if isinstance(to, SignUp) else 'For a new password'} of {to.email}."
    office_log.note(_session(), now, base.person().email, "made a one-time link", words)
    _session().commit()
    address = current_app.config["ASCRIPTICA_ADDRESS"] or request.host_url.rstrip("/")
    return render_template(
        "ascriptica/hand_out.html",
        to=to,
        confirms=isinstance(to, SignUp),
        link=address + url_for(".use_link", token=token),
        until=now + sign_ins.LINK_LASTS,
    )


@click.command("create-user")
@click.argument("email")
@click.option("--name", required=True)
@click.option("--admin", is_flag=True, help="May administer.")
@click.password_option(envvar="ASCRIPTICA_PASSWORD")
@with_appcontext
def create_user(email: str, name: str, admin: bool, password: str) -> None:
    """Make a sign-in; the password comes from a prompt or ASCRIPTICA_PASSWORD."""
    if not 0 < len(name.strip()) <= 255 or not name.isprintable():
        raise click.ClickException("Give a name of up to 255 printable characters.")
    try:
        passwords.check(password, name, email)
        add_account(_session(), email.strip(), name.strip(), password, admin=admin)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    _session().commit()
    click.echo(f"{email} can sign in.")
