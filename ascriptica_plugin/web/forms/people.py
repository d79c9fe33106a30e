"""The forms about people: registering a list of them, correcting one, erasing one."""

from collections import Counter
from collections.abc import Callable

from wtforms import BooleanField, Field, StringField, TextAreaField
from wtforms.validators import ValidationError

from ...office import emails, names, sis_ids
from ...office.pasted_list import PastedLine, TooMany, lines_of, read_people
from ...shared.language import mark
from .fields import read, strip
from .form import Form


class PeopleListField(TextAreaField):
    """One person per line, or several as a mail program writes them; `lines` are the people that were read."""

    data: str | None
    lines: list[PastedLine] = []

    def pre_validate(self, form: Form) -> None:
        typed = lines_of(self.data or "")
        if not typed:
            raise ValidationError(mark("Paste at least one email address."))
        try:
            self.lines = read_people(typed)
        except TooMany as reason:
            raise ValidationError(str(reason)) from None
        if not self.lines:
            raise ValidationError(mark("Paste at least one email address."))

    def keep_only(self, lines: list[PastedLine]) -> None:
        """Leave only these people in the box, as they were typed. A line that names the columns stays above them."""
        typed = dict(lines_of(self.data or ""))
        people_on = Counter(line.number for line in self.lines)
        kept = [typed[number] for number in list(typed)[:1] if number not in people_on]
        for line in lines:
            alone = people_on[line.number] == 1 or not line.email
            kept.append(typed[line.number] if alone else f"{line.name} <{line.email}>".strip())
            line.number = len(kept)
        self.data = "\n".join(kept)


class OnBehalfListForm(Form):
    """A pasted list of people whom the office registers."""

    people = PeopleListField(
        mark("One person per line"),
        description=mark(
            "An email, a comma and a name; or a name and the email in <angle brackets>. Columns of a spreadsheet and "
            "the recipients of a mail work, too. An email alone is enough for people who are here already."
        ),
    )


class ParticipantForm(Form):
    """A participant's data. An unchanged value is not validated, since it may come from the host."""

    name = StringField(mark("Name"), filters=[strip])
    email = StringField(mark("Email"), filters=[strip])
    sis_user_id = StringField(
        mark("SIS ID"),
        filters=[lambda value: (value or "").strip() or None],
        description=mark("The person's ID in Canvas's SIS data. With it, Canvas finds them whatever their email is."),
    )

    def validate_name(self, field: Field) -> None:
        self._read_if_changed(field, names.read_name)

    def validate_email(self, field: Field) -> None:
        self._read_if_changed(field, emails.read_email)

    def validate_sis_user_id(self, field: Field) -> None:
        self._read_if_changed(field, sis_ids.read_sis_user_id)

    def _read_if_changed(self, field: Field, reader: Callable[[str], str | None]) -> None:
        if field.object_data is None or field.data != field.object_data:
            field.data = read(reader, field.data or "")


class OnBehalfForm(ParticipantForm):
    """One person whom the office registers. People who are here already need no name."""

    name = StringField(
        mark("Name"), filters=[strip], description=mark("You can leave it blank for people who are here already.")
    )

    def validate_name(self, field: Field) -> None:
        if field.data:
            super().validate_name(field)


class EraseForm(Form):
    """Asks for the name before a participant is erased."""

    end_access = BooleanField(mark("End their access to Canvas"), default=True)
    name = StringField(mark("Type the participant's name"), filters=[strip])
