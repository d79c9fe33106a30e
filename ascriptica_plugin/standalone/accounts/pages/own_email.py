"""One's own email: asking for a new one, and the link that confirms it."""

from typing import Any

from flask import current_app, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from wtforms import EmailField, ValidationError

from ....office.people import Person
from ....shared import clock
from ....shared.language import t
from ....web.forms.fields import Confirmation
from ....web.guards import for_participants
from ....web.showing import show
from .. import accounts, links
from ..tries import EMAIL_MAILS
from .base import blueprint, by_mail, session
from .browser_session import begin, renew
from .checks import too_many, unless_right, wait_for
from .forms import EmailForm, OwnPasswordForm
from .own import _own_account


class ChangeEmailForm(OwnPasswordForm, EmailForm):
    """The new email, and the password to confirm that it is the owner."""

    def validate_email(self, field: EmailField) -> None:
        super().validate_email(field)
        if field.data.lower() == current_user.email:
            raise ValidationError(t("That is your email already."))


@blueprint.route("/my/email", methods=["GET", "POST"])
@for_participants
def change_email(person: Person) -> ResponseReturnValue:
    """Send a link to a new email, which confirms it. Without mail, the office changes the email."""
    form, template, values = ChangeEmailForm(), "ascriptica/change_email.html", dict[str, Any](by_mail=by_mail())
    if by_mail() and form.validate_on_submit():
        now, email = clock.utc_now(), form.email.data
        if refusal := unless_right(form.password, form, template, now, **values):
            return refusal
        renew()
        if wait := wait_for(now, (EMAIL_MAILS, f"account {current_user.id}")):
            return too_many(form, template, wait, **values)
        accounts.ask_for_email(session(), _own_account(now), email, now)
        session().commit()
        flash(
            t("We have sent a link to {email}. Open it within an hour: until then nothing changes.", email=email),
            "success",
        )
        return redirect(url_for(".own_sign_in"))
    return show(template, form=form, **values), 422 if form.errors else 200


@blueprint.route("/my/email/<token>", methods=["GET", "POST"])
@for_participants
def confirm_email(person: Person, token: str) -> ResponseReturnValue:
    """The page of the link in the mail, for the person who asked for it. Opening it uses nothing up."""
    response = current_app.make_response(_confirm(token))
    # As for other links: no Referer may carry the token.
    response.headers["Referrer-Policy"] = "strict-origin"
    return response


def _confirm(token: str) -> ResponseReturnValue:
    form, now = Confirmation(), clock.utc_now()
    try:
        link = links.find_link(session(), token, now, for_email=True)
        if link.account_id != current_user.id:
            raise links.LinkUnusable
        if not form.validate_on_submit():
            return show("ascriptica/confirm_email.html", email=link.email), 422 if form.errors else 200
        account = accounts.new_email_by_link(session(), token, current_user.id, now)
    except (links.LinkUnusable, ValueError):
        # ValueError: that email got a sign-in meanwhile. Those who read its mail may know that.
        session().rollback()
        return show("ascriptica/link_is_over.html", by_mail=by_mail()), 410
    begin(account, now)
    flash(t("You now sign in as {email}. You are signed out everywhere else.", email=account.email), "success")
    return redirect(url_for(".own_sign_in"))
