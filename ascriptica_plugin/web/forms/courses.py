"""The forms about courses."""

import re

from wtforms import Field, HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange, Optional, Regexp, ValidationError

from ...canvas import addresses
from ...shared.language import mark, t
from ..base import settings
from .fields import NO_CONTROLS, ON_WITHDRAWAL, OfficeTimeField, PlacesField, can_be_seen, read, strip
from .form import Form


def _canvas_in_use() -> str | None:
    connection = settings().connection
    return connection.canvas_url if connection else None


class CourseForm(Form):
    """A course, and its place in Canvas. Times are typed in the office's zone and come out in UTC."""

    code = StringField(
        mark("Code"),
        filters=[strip],
        description=mark("Short and unique; it becomes part of the course's address."),
        validators=[
            InputRequired(mark("Give the course a code.")),
            Length(max=40, message=mark("Keep the code to 40 characters.")),
            Regexp(
                r"^[A-Za-z0-9][A-Za-z0-9._-]*$", message=mark("Use letters, digits, dots, dashes and underscores only.")
            ),
        ],
    )
    title = StringField(
        mark("Title"),
        filters=[strip],
        validators=[
            InputRequired(mark("Give the course a title.")),
            Length(max=255, message=mark("Keep the title to 255 characters.")),
            NO_CONTROLS,
            can_be_seen(mark("Give the course a visible title.")),
        ],
    )
    description = TextAreaField(
        mark("Description"),
        filters=[lambda value: (value or "").replace("\x00", "")],
        validators=[Length(max=20_000, message=mark("Keep the description to 20,000 characters."))],
    )
    starts_at = OfficeTimeField(mark("Starts"))
    ends_at = OfficeTimeField(mark("Ends"))
    registration_opens_at = OfficeTimeField(mark("Registration opens"))
    registration_closes_at = OfficeTimeField(mark("Registration closes"))
    capacity = PlacesField(
        mark("Places"),
        description=mark("Leave blank for no limit."),
        validators=[
            Optional(),
            NumberRange(0, 1_000_000, message=mark("Enter how many people fit, or leave it blank for no limit.")),
        ],
    )
    canvas_course = StringField(
        mark("Associated Canvas course"),
        filters=[strip],
        description=mark(
            "The Canvas course's ID, its address, or sis_course_id: and its SIS ID. Blank: not in Canvas."
        ),
    )
    canvas_section = StringField(
        mark("Canvas section"),
        filters=[strip],
        description=mark("A section's ID, or sis_section_id: and its SIS ID. Blank: the course's default section."),
    )

    canvas_shown = HiddenField()
    withdrawal = SelectField(
        mark("When somebody withdraws"),
        choices=[SelectChoice("", mark("As in Course Settings")), *ON_WITHDRAWAL],
        default="",
    )

    def validate_ends_at(self, field: Field) -> None:
        if field.data and self.starts_at.data and field.data < self.starts_at.data:
            raise ValidationError(mark("The course can't end before it starts."))

    def validate_registration_closes_at(self, field: Field) -> None:
        if field.data and self.registration_opens_at.data and field.data < self.registration_opens_at.data:
            raise ValidationError(mark("Registration can't close before it opens."))

    def validate_canvas_course(self, field: Field) -> None:
        if field.data:
            field.data = read(addresses.canvas_course, field.data, _canvas_in_use())
            if len(field.data) > 300:
                raise ValidationError(mark("That is too long for a Canvas course's ID."))

    def validate_canvas_section(self, field: Field) -> None:
        if field.data and not self.canvas_course.data:
            raise ValidationError(mark("Name the Canvas course that the section belongs to."))
        if field.data:
            field.data = read(addresses.canvas_section, field.data, _canvas_in_use())
            if len(field.data) > 300:
                raise ValidationError(mark("That is too long for a Canvas section's ID."))


class NumberForm(Form):
    """Confirms an act; if it removes many people, their number has to be typed."""

    seen = HiddenField()
    number = StringField(mark("Type the number"), filters=[strip])

    def is_right(self, number: int) -> bool:
        """Whether this number was typed; otherwise it becomes an error of the field."""
        right = re.sub(r"[.,\s]", "", self.number.data or "") == str(number)
        if not right:
            self.number.errors = [t("To confirm, type {number} here.", number=number)]
        return right


class FindCanvasCourseForm(Form):
    """Searches Canvas's courses. No field has the name of one of `CourseForm`, because those are sent along."""

    find = StringField(
        mark("Find"),
        filters=[strip],
        validators=[
            Optional(),
            Length(2, 100, message=mark("Type 2 to 100 characters to look for, or none to see all.")),
            NO_CONTROLS,
        ],
    )
    find_by = SelectField(
        mark("Search in"),
        choices=[
            SelectChoice("course", mark("Name, code or SIS ID")),
            SelectChoice("teacher", mark("Names of teachers")),
        ],
        default="course",
    )


class ProveForm(FindCanvasCourseForm):
    """Searches for the Canvas course of a proof, and names the user to enroll there."""

    test_user = StringField(
        mark("Test user"),
        filters=[strip],
        validators=[Length(max=255), NO_CONTROLS],
    )
