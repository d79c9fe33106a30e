"""Signing in, in one step or two, and out; signing up; the pages of one-time links."""

import hashlib
from datetime import datetime

from flask import current_app, flash, redirect, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_login import current_user, logout_user
from itsdangerous import Signer

from .... import mail
from ....office import allowances, emails
from ....shared import clock
from ....shared.language import mark, t
from ....shared.process_log import about
from ....tables.columns import begin_writing
from ....web.guards import for_everybody
from ....web.showing import show
from .. import accounts, links, passwords, second_step, sessions, sign_ups
from ..tables import Account, SignUp
from ..tries import (
    RESET_MAILS,
    RESETS_FROM_ADDRESS,
    SESSIONS,
    SIGN_UPS_FROM_ADDRESS,
    WRONG_CODES,
    WRONG_PASSWORDS,
)
from .base import blueprint, by_mail, session, visitor
from .browser_session import begin, begin_half, first_page, go_on, leave, log, own_path
from .checks import apart, code_fits, forgive, guesses, still_with, too_many, wait_for
from .forms import CodeForm, ConfirmForm, EmailForm, NewPasswordForm, SignInForm, SignUpForm

WORKS_AT_ONCE = mark("Or choose a new password, which works at once.")

# -- signing in and out -----------------------------------------------------------------------------------------------


@blueprint.route("/sign-in", methods=["GET", "POST"])
@for_everybody
def sign_in() -> ResponseReturnValue:
    """Sign in with email and password."""
    form, template = SignInForm(), "ascriptica/sign_in.html"
    if form.validate_on_submit():
        now, email = clock.utc_now(), emails.as_compared(form.email.data)
        account = accounts.account_with(session(), email)
        number, kept = (account.id, account.password_hash) if account else (0, "")
        tries = guesses(email, account)
        # With a second step, the password alone can't make a browser known, so known browsers count apart.
        browsers = apart(kept, account) if account and account.second_step else kept
        if wait := wait_for(now, *tries):
            return too_many(form, template, wait, WORKS_AT_ONCE)
        right = passwords.fits(form.password.data, kept)
        if right and (wait := wait_for(now, (SESSIONS, browsers))):
            return too_many(form, template, wait, WORKS_AT_ONCE)
        if right and (account := still_with(number, kept)):
            forgive(tries)
            if passwords.is_outdated(kept):
                account.password_hash = passwords.hash_of(form.password.data)
            return _let_in(account, now, own_path(request.args.get("next"), first_page(account)))
        session().rollback()
        whose, its = f"account {number}" if number else "no account", about(account=number or None, address=visitor())
        log.warning("A wrong password for %s from %s.", whose, visitor(), extra=its)
        form.password.errors = [
            t("Email and password don't match. Try again. If you have just signed up, open your link first.")
        ]
    return show(template, form=form), 422 if form.errors else 200


def _let_in(account: Account, now: datetime, wanted: str) -> ResponseReturnValue:
    """After the right password, or a link: sign in, or ask for the code where the account has a second step."""
    if second_step.has_one(session(), account):
        begin_half(account, now)
        return redirect(url_for(".give_code", next=wanted))
    begin(account, now)
    return go_on(account, wanted)


@blueprint.route("/sign-in/code", methods=["GET", "POST"])
@for_everybody
def give_code() -> ResponseReturnValue:
    """The second step of signing in: the code from the app, within `FIRST_STEP_LASTS` of the password."""
    form, now, token = CodeForm(), clock.utc_now(), cookie.get("first_step", "")
    account = sessions.owner_of_first_step(session(), token, now)
    number, email = (account.id, account.email) if account else (0, "")
    if account and form.validate_on_submit():
        # Counted for the account, not its password: a new password gives no more tries to a reader of the owner's mail.
        whose = apart(f"account {number}", account)
        if wait := wait_for(now, (WRONG_CODES, whose)):
            return too_many(form, "ascriptica/code.html", wait, email=email)
        sessions.hold(session(), number)
        # It may have just ended, for example with a new password.
        account = sessions.owner_of_first_step(session(), token, now)
        if account and code_fits(form, account, now):
            allowances.give_all_back(session(), WRONG_CODES, whose)
            begin(account, now)
            return redirect(own_path(request.args.get("next"), first_page(account)))
        session().rollback()
    if account is None:
        return show("ascriptica/code_is_late.html"), 410
    return show("ascriptica/code.html", form=form, email=email), 422 if form.errors else 200


@blueprint.post("/sign-out")
@for_everybody
def sign_out() -> ResponseReturnValue:
    """End the session."""
    number = current_user.id if current_user.is_authenticated else None
    begin_writing(session())
    leave()
    if number:
        its = about(account=number, address=visitor())
        log.info("Account %d signed out from %s.", number, visitor(), extra=its)
    logout_user()
    flash(t("You are signed out."))
    return redirect(url_for("ascriptica.catalogue"))


# -- signing up, and the link -----------------------------------------------------------------------------------------


@blueprint.route("/sign-up", methods=["GET", "POST"])
@for_everybody
def sign_up() -> ResponseReturnValue:
    """Ask for a sign-in. The page doesn't show that the email already has one; its owner gets a mail that says so."""
    form = SignUpForm()
    if form.validate_on_submit():
        now, email = clock.utc_now(), form.email.data
        if wait := wait_for(now, (SIGN_UPS_FROM_ADDRESS, visitor())):
            return too_many(form, "ascriptica/sign_up.html", wait)
        kept = passwords.hash_of(form.password.data, _salt_of(email))
        next_page = own_path(request.args.get("next"))
        sign_ups.sign_up(session(), now, email, form.name.data, kept, wanted=next_page, by_mail=by_mail())
        session().commit()
        _come_back_later(next_page)
        return redirect(url_for(".signed_up", next=request.args.get("next")))
    return show("ascriptica/sign_up.html", form=form), 422 if form.errors else 200


def _salt_of(email: str) -> str:
    """One salt for all sign-ups with an email, so that one hash finds those with a password; only we can make it."""
    signer = Signer(
        current_app.config["SECRET_KEY"],
        salt="ascriptica sign-ups",
        key_derivation="hmac",
        digest_method=hashlib.sha256,
    )
    return signer.get_signature(emails.as_compared(email)).decode()


@blueprint.get("/sign-up/next")
@for_everybody
def signed_up() -> ResponseReturnValue:
    """What happens after a sign-up; the same for everybody."""
    return show("ascriptica/one_more_step.html", after="sign_up", by_mail=by_mail())


@blueprint.route("/forgotten-password", methods=["GET", "POST"])
@for_everybody
def forgotten_password() -> ResponseReturnValue:
    """Ask for a link to choose a new password; without mail the page says how the office helps."""
    form = EmailForm()
    if by_mail() and form.validate_on_submit():
        now, email = clock.utc_now(), emails.as_compared(form.email.data)
        if wait := wait_for(now, (RESETS_FROM_ADDRESS, visitor()), (RESET_MAILS, email)):
            remedy = t("If you already have a mail from us, its link still works.")
            return too_many(form, "ascriptica/forgotten_password.html", wait, remedy, by_mail=True)
        begin_writing(session())
        # The worker looks for the account: if this view did, the response's time would show whether there is one.
        mail.send(session(), now, "password", email)
        session().commit()
        _come_back_later(own_path(request.args.get("next")))
        return redirect(url_for(".password_asked", next=request.args.get("next")))
    page = show("ascriptica/forgotten_password.html", form=form, by_mail=by_mail())
    return page, 422 if form.errors else 200


@blueprint.get("/forgotten-password/next")
@for_everybody
def password_asked() -> ResponseReturnValue:
    """What happens after asking for a new password; the same for everybody."""
    return show("ascriptica/one_more_step.html", after="password", by_mail=by_mail())


def _come_back_later(wanted: str) -> None:
    """Remember the page that the link for a new password leads to, in the browser where it was asked for."""
    cookie["wanted"] = wanted[:500]


@blueprint.route("/links/<token>", methods=["GET", "POST"])
@for_everybody
def use_link(token: str) -> ResponseReturnValue:
    """The page of a one-time link. Opening it, as mail scanners do, uses nothing up."""
    try:
        link = links.find_link(session(), token, clock.utc_now())
        if link.sign_up:
            answer = _confirm(link.sign_up, token)
        else:
            answer = _choose_password(session().get_one(Account, link.account_id), token)
    except links.LinkUnusable:
        session().rollback()
        answer = show("ascriptica/link_is_over.html", by_mail=by_mail()), 410
    response = current_app.make_response(answer)
    # No Referer may carry the token. Not no-referrer: over https Flask-WTF checks the Referer of a form.
    response.headers["Referrer-Policy"] = "strict-origin"
    return response


def _confirm(sign_up: SignUp, token: str) -> ResponseReturnValue:
    """Confirm a sign-up. The password shows that the reader of the mail is the person who signed up."""
    form, email = ConfirmForm(), sign_up.email
    if form.validate_on_submit():
        now, newest_first = clock.utc_now(), sign_ups.confirmed_by(session(), sign_up)
        pages = {made.password_hash: made.wanted for made in reversed(newest_first)}
        if wait := wait_for(now, (WRONG_PASSWORDS, token)):
            return too_many(form, "ascriptica/confirm.html", wait, email=email)
        if kept := passwords.fitting(form.password.data, pages):
            account = sign_ups.confirm(session(), token, kept, now)
            begin(account, now)
            flash(t("Welcome, {name}.", name=account.name), "success")
            return redirect(own_path(pages[kept]))
        form.password.errors = [t("That is not the password of this sign-up. Try again, or sign up again.")]
    return show("ascriptica/confirm.html", form=form, email=email), 422 if form.errors else 200


def _choose_password(account: Account, token: str) -> ResponseReturnValue:
    form = NewPasswordForm(account.name, account.email)
    if form.validate_on_submit():
        now, kept = clock.utc_now(), passwords.hash_of(form.password.data)
        owner = accounts.new_password_by_link(session(), token, kept, now, by_mail=by_mail())
        answer = _let_in(owner, now, own_path(cookie.get("wanted"), first_page(owner)))
        flash(t("Your new password is saved."), "success")
        return answer
    page = show("ascriptica/new_password.html", form=form, account=account)
    return page, 422 if form.errors else 200
