"""The form with what pages and mails say about the office."""

import re

from wtforms import Field, SelectMultipleField, StringField, TextAreaField
from wtforms.fields import SelectChoice
from wtforms.validators import Length, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from ...office import emails
from ...shared.language import mark, t
from ..mails import KINDS
from .fields import NO_CONTROLS, read, strip
from .form import Form

MOST_ADDRESSES = 20

SHORT = [NO_CONTROLS, Length(max=255, message=mark("That is too long: 255 characters fit."))]


class OfficeForm(Form):
    """How participants reach the office, and who is mailed about what."""

    contact_text = StringField(mark("Where and when"), filters=[strip], validators=SHORT)
    contact_email = StringField(mark("Email"), filters=[strip])
    admin_mails = TextAreaField(mark("Mails to administrators go to"), render_kw={"rows": 3})
    mails = SelectMultipleField(
        mark("Mails that are sent"),
        choices=[SelectChoice(kind, words) for kind, words in KINDS.items()],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    contact_phone = StringField(mark("Phone"), filters=[strip], validators=SHORT)

    def validate_contact_email(self, field: Field) -> None:
        if field.data:
            field.data = read(emails.read_email, field.data)

    def validate_admin_mails(self, field: Field) -> None:
        typed = re.split(r"[\s,;]+", (field.data or "").strip())
        if len(typed) > MOST_ADDRESSES:
            raise ValidationError(
                t("Enter {number} addresses at most. A mailing list is one address.", number=MOST_ADDRESSES)
            )
        for address in filter(None, typed):
            try:
                emails.read_email(address)
            except ValueError:
                raise ValidationError(t("{address} is not an email address.", address=address)) from None
        field.data = "\n".join(dict.fromkeys(filter(None, typed)))
