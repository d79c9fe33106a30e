"""The form of what participants and mails say about the office."""

from flask_wtf import FlaskForm
from wtforms import Field, StringField
from wtforms.validators import Length

from ...office import people
from .fields import NO_CONTROLS, read, strip

SHORT = [NO_CONTROLS, Length(max=255, message="That is too long: 255 characters fit.")]


class OfficeForm(FlaskForm):
    contact_text = StringField("Where and when", filters=[strip], validators=SHORT)
    contact_email = StringField("Email", filters=[strip])
    contact_phone = StringField("Phone", filters=[strip], validators=SHORT)

    def validate_contact_email(self, field: Field) -> None:
        if field.data:
            field.data = read(people.read_email, field.data)
