"""Sign-in, sign-up and sign-out for a host that has no users of its own; a host that has some leaves this out.

Flask-Login keeps who is signed in, Werkzeug hashes the passwords.
"""

import functools

import click
from flask import Blueprint, Flask, current_app, flash, redirect, render_template, request, url_for
from flask.cli import with_appcontext
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_wtf import FlaskForm
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from werkzeug.security import check_password_hash, generate_password_hash
from wtforms import EmailField, PasswordField, StringField
from wtforms.validators import Email, InputRequired, Length

from .forms import NO_CONTROLS
from .models import Account, begin_writing
from .registrations import Person
from .views import base, errors

MIN_PASSWORD = 10
MAX_PASSWORD = 200

blueprint = Blueprint("ascriptica_accounts", __name__, template_folder="templates")
blueprint.after_request(base.shut_doors)
blueprint.context_processor(base.for_every_page)
errors.register(blueprint)


@functools.cache
def _nobodys_hash() -> str:
    """Checked when the email is unknown, so that an unknown and a wrong sign-in take the same time."""
    return generate_password_hash("nobody's")


class SignedIn(UserMixin):
    """Flask-Login's user: an account as it was at the beginning of the request."""

    def __init__(self, account: Account):
        self.id, self.email, self.name, self.is_admin = account.id, account.email, account.name, account.is_admin


class SignInForm(FlaskForm):
    email = EmailField("Email", validators=[InputRequired("Enter your email address."), NO_CONTROLS])
    password = PasswordField("Password", validators=[InputRequired("Enter your password.")])


class SignUpForm(FlaskForm):
    name = StringField(
        "Name",
        filters=[lambda value: (value or "").strip()],
        validators=[
            InputRequired("Enter your name."),
            Length(max=255, message="Keep the name to 255 characters."),
            NO_CONTROLS,
        ],
    )
    email = EmailField(
        "Email",
        filters=[lambda value: (value or "").strip()],
        validators=[
            InputRequired("Enter your email address."),
            Email("That is not an email address. It looks like ann@example.org."),
            Length(max=100, message="Canvas takes logins of 100 characters at most. Use a shorter address."),
        ],
    )
    password = PasswordField(
        "Password",
        description=f"At least {MIN_PASSWORD} characters.",
        validators=[
            InputRequired("Choose a password."),
            Length(MIN_PASSWORD, MAX_PASSWORD, f"Choose a password of {MIN_PASSWORD} to {MAX_PASSWORD} characters."),
        ],
    )


def init_app(app: Flask) -> None:
    """Add the pages and the `create-user` command; Ascriptica is set up on the application before."""
    # No context processor: it would ask the database on an error page too.
    manager = LoginManager(app, add_context_processor=False)
    manager.user_loader(lambda key: _load(key))
    app.register_blueprint(blueprint, url_prefix=app.config["ASCRIPTICA_URL_PREFIX"])
    app.register_error_handler(401, _ask_to_sign_in)
    for code in (404, 405):
        app.register_error_handler(code, errors.page_at_no_address)
    app.cli.commands["ascriptica"].add_command(create_user)


def load_participant() -> Person | None:
    """The signed-in person, for `Ascriptica(load_participant=...)`."""
    if not current_user.is_authenticated:
        return None
    return Person(key=f"account:{current_user.id}", email=current_user.email, name=current_user.name)


def may_administer() -> bool:
    """Whether an administrator is signed in, for `Ascriptica(may_administer=...)`."""
    return bool(current_user.is_authenticated and current_user.is_admin)


def forget_person(key: str) -> None:
    """Delete the account that is the sign-in of an erased participant, for `Ascriptica(forget_person=...)`."""
    if key.startswith("account:"):
        _session().execute(delete(Account).where(Account.id == int(key.removeprefix("account:"))))


def add_account(session: Session, email: str, name: str, password: str, *, admin: bool = False) -> Account:
    """A new sign-in; never commits. Raises ValueError with a sentence where the email has one already."""
    begin_writing(session)
    # In lower case by Python, since SQLite's lower() knows ASCII only.
    account = Account(email=email.lower(), name=name, password_hash=generate_password_hash(password), is_admin=admin)
    try:
        with session.begin_nested():
            session.add(account)
    except IntegrityError:
        raise ValueError(f"There is a sign-in for {email} already.") from None
    return account


def _session() -> Session:
    return current_app.extensions["sqlalchemy"].session


def _load(key: str) -> SignedIn | None:
    account = _session().get(Account, int(key)) if key.isdigit() else None
    return SignedIn(account) if account else None


def _ask_to_sign_in(error):
    if request.method != "GET":
        return redirect(url_for("ascriptica_accounts.sign_in"))
    return redirect(url_for("ascriptica_accounts.sign_in", next=request.full_path.rstrip("?")))


def _next_page() -> str:
    """Where to go after signing in: a path of ours, never another site's address."""
    target = request.args.get("next", "")
    own = target.startswith("/") and not target.startswith("//") and "\\" not in target and target.isprintable()
    return target if own else url_for("ascriptica.catalogue")


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in():
    """Sign in with email and password."""
    form = SignInForm()
    if form.validate_on_submit():
        account = _session().scalar(select(Account).where(Account.email == form.email.data.strip().lower()))
        right = check_password_hash(account.password_hash if account else _nobodys_hash(), form.password.data)
        if account and right:
            login_user(SignedIn(account))
            return redirect(_next_page())
        form.password.errors = ["Email and password don't go together. Try again."]
    return render_template("ascriptica/sign_in.html", form=form), 422 if form.errors else 200


@blueprint.route("/sign-up", methods=["GET", "POST"])
def sign_up():
    """Make a sign-in of one's own; it begins as a new participant, whoever else has the same email."""
    form = SignUpForm()
    if form.validate_on_submit():
        try:
            account = add_account(_session(), form.email.data, form.name.data, form.password.data)
            _session().commit()
        except ValueError as error:
            _session().rollback()
            form.email.errors = [f"{error} Sign in instead."]
        else:
            login_user(SignedIn(account))
            flash(f"Welcome, {account.name}.", "success")
            return redirect(_next_page())
    return render_template("ascriptica/sign_up.html", form=form), 422 if form.errors else 200


@blueprint.post("/sign-out")
def sign_out():
    """End the session."""
    logout_user()
    flash("You are signed out.")
    return redirect(url_for("ascriptica.catalogue"))


@click.command("create-user")
@click.argument("email")
@click.option("--name", required=True)
@click.option("--admin", is_flag=True, help="May administer.")
@click.password_option(envvar="ASCRIPTICA_PASSWORD")
@with_appcontext
def create_user(email: str, name: str, admin: bool, password: str) -> None:
    """Make a sign-in; the password comes from a prompt or ASCRIPTICA_PASSWORD."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise click.ClickException(f"Choose a password of {MIN_PASSWORD} to {MAX_PASSWORD} characters.")
    if not 0 < len(name.strip()) <= 255 or not name.isprintable():
        raise click.ClickException("Give a name of up to 255 printable characters.")
    try:
        add_account(_session(), email.strip(), name.strip(), password, admin=admin)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    _session().commit()
    click.echo(f"{email} can sign in.")
