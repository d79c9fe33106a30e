"""How people new to Canvas sign in there: the fields on Course Settings."""

from collections import Counter

from wtforms import Field, SelectField
from wtforms.fields import SelectChoice
from wtforms.validators import ValidationError

from ...ledger import ways_in
from ...shared.language import mark, t
from ...shared.said import Said
from ...tables.canvas import Connection, Settings
from .form import Form

NAMES = {
    "apple": "Apple",
    "cas": "CAS",
    "clever": "Clever",
    "facebook": "Facebook",
    "github": "GitHub",
    "google": "Google",
    "ldap": "LDAP",
    "linkedin": "LinkedIn",
    "microsoft": "Microsoft",
    "openid_connect": "OpenID Connect",
    "saml": "SAML",
}
"""The names of the single sign-ons, by Canvas's words for them."""


class WayInFields(Form):
    """How people new to Canvas sign in there."""

    way_in = SelectField(
        mark("How people new to Canvas sign in"),
        choices=[
            SelectChoice(ways_in.OUR_MAIL, mark("We mail them a link to choose a password")),
            SelectChoice(ways_in.CANVAS_MAIL, mark("Canvas mails them a link to choose a password")),
            SelectChoice(ways_in.SSO, mark("Through the school's single sign-on")),
        ],
    )
    sign_in = SelectField(mark("Which single sign-on"))

    def offer(self, current: Settings, by_mail: bool) -> None:
        """Fill in what is set, and offer the ways to sign in that Canvas named when the connection was last checked.

        What was typed stays. `by_mail`: this installation can mail people.
        """
        self.by_mail = by_mail
        if not self.way_in.raw_data:
            self.way_in.data = ways_in.chosen(current, by_mail)
        connection = current.connection
        self.sign_in.choices = _choices(connection)
        if not self.sign_in.raw_data:
            self.sign_in.data = str(connection.sign_in_id or "") if connection else ""

    def validate_way_in(self, field: Field) -> None:
        if field.data == ways_in.OUR_MAIL and not self.by_mail:
            raise ValidationError(t("Mails are not set up on this server. Let Canvas mail it, or ask your operator."))

    def keep_way_in(self, current: Settings) -> None:
        """Save the fields. A default that nobody changed stays a default, so it may change when mails are set up
        later."""
        if self.way_in.data != ways_in.chosen(current, self.by_mail):
            current.way_in = self.way_in.data
        if current.connection is not None:
            current.connection.sign_in_id = int(self.sign_in.data) if self.sign_in.data else None


def in_words(current: Settings, *, by_mail: bool) -> Said:
    """What is set, for the activity log."""
    chosen = ways_in.chosen(current, by_mail)
    bound_to = current.connection.sign_in_id if current.connection and chosen == ways_in.SSO else None
    return Said("way_sso_bound", number=bound_to) if bound_to else Said(f"way_{chosen}")


def _choices(connection: Connection | None) -> list[SelectChoice]:
    known = [(number, NAMES.get(kind, kind)) for number, kind in (connection.sign_ins or [])] if connection else []
    # Canvas's own sign-in takes a password, so it is not a single sign-on.
    known = [(number, name) for number, name in known if name != "canvas"]
    times = Counter(name for _, name in known)
    choices = [SelectChoice("", t("LDAP, CAS or SAML, whichever it is"))]
    choices += [
        SelectChoice(str(number), t("{name}, number {number}", name=name, number=number) if times[name] > 1 else name)
        for number, name in known
    ]
    chosen = connection.sign_in_id if connection else None
    if chosen is not None and chosen not in [number for number, _ in known]:
        choices.append(SelectChoice(str(chosen), t("Number {number}, which Canvas does not show us", number=chosen)))
    return choices
