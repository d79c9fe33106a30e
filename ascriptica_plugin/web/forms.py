"""All forms. A field's error is a sentence that says what to do. The office's rules are in `office`."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from flask import current_app
from flask_wtf import FlaskForm
from flask_wtf.file import FileAllowed, FileField, FileRequired
from wtforms import (
    BooleanField,
    Field,
    Form,
    HiddenField,
    IntegerField,
    PasswordField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields import DateTimeLocalField, SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange, Optional, Regexp, ValidationError

from ..canvas import addresses
from ..office import people, sis_ids
from ..office.imports.file import ENDINGS
from ..office.imports.header import COLUMNS
from ..office.pasted_list import PastedLine, TooMany, lines_of, read_people
from .base import settings

T = TypeVar("T")


NO_CONTROLS = Regexp(
    re.compile(f"(?!.*{people.CONTROLS.pattern})", re.DOTALL),
    message="Remove the line breaks and control characters.",
)


def can_be_seen(message: str) -> Callable[[FlaskForm, StringField], None]:
    """A validator for names and titles: at least one character is visible."""

    def validate(form: FlaskForm, field: StringField) -> None:
        if not people.shows(field.data):
            raise ValidationError(message)

    return validate


def _read(reader: Callable[..., T], *values: Any) -> T:
    """Call `reader` with the values; the sentence of its ValueError becomes the field's error."""
    try:
        return reader(*values)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def _canvas_in_use() -> str | None:
    connection = settings().connection
    return connection.canvas_url if connection else None


def _strip(value: str | None) -> str | None:
    return value.strip() if value else value


class CanvasURLField(StringField):
    """Turns any address of a Canvas into its web service URL.

    `tidied_from` is what was typed, without anything after a ? or #, since that may be a secret.
    """

    data: Any  # what was typed; a str once valid
    tidied_from: str | None = None

    def pre_validate(self, form: Form) -> None:
        typed = self.data or ""
        allow_private = current_app.extensions["ascriptica"].canvases.allow_private
        self.data = _read(partial(addresses.canvas_url, allow_private=allow_private), typed)
        if self.data != typed:
            self.tidied_from = re.split("[?#]", typed, maxsplit=1)[0]


class CanvasRootIDField(StringField):
    """A number, or an account's address in the Canvas of the form's URL; `data` is an int once valid."""

    data: Any

    def pre_validate(self, form: Form) -> None:
        there = None if form.canvas_url.errors else form.canvas_url.data
        self.data = _read(addresses.canvas_account, str(self.data or ""), there)


ON_WITHDRAWAL = [
    SelectChoice("delete", "Delete the enrollment: off the roster"),
    SelectChoice("deactivate", "Deactivate it: on the roster, no access"),
    SelectChoice("conclude", "Conclude it: they can still read"),
]


class CourseSettingsForm(FlaskForm):
    display_canvas = BooleanField("Display Canvas")
    canvas_url = CanvasURLField("Canvas web service URL")
    canvas_token = PasswordField("Canvas web service token", filters=[_strip])
    canvas_root_id = CanvasRootIDField("Canvas root ID")
    missing_users = SelectField(
        "People without a Canvas user",
        choices=[
            SelectChoice("create", "Create a Canvas user for them"),
            SelectChoice("wait", "Let them wait for the office"),
        ],
    )
    enroll = SelectField(
        "Enroll people",
        choices=[
            SelectChoice("active", "At once"),
            SelectChoice("invited", "By invitation, which they accept in Canvas"),
        ],
    )
    canvas_mail = SelectField(
        "When somebody is enrolled, Canvas",
        choices=[SelectChoice("silent", "Sends no mail"), SelectChoice("mail", "Sends them a mail")],
    )
    on_withdrawal = SelectField("When somebody withdraws", choices=ON_WITHDRAWAL)

    def validate_canvas_token(self, field: Field) -> None:
        token = field.data or ""
        if not all(33 <= ord(character) < 127 for character in token) or len(token) > 512:
            raise ValidationError("That is not a Canvas token. A token has letters, digits and a ~, and no spaces.")


class OfficeTimeField(DateTimeLocalField):
    """A date and time in the office's time zone; `data` is in UTC."""

    data: datetime | None

    def __init__(self, label: str, **kwargs: Any):
        super().__init__(label, format=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"], validators=[Optional()], **kwargs)

    @property
    def _clock(self) -> ZoneInfo:
        return current_app.extensions["ascriptica"].timezone

    def _value(self) -> str:
        if self.raw_data:
            return " ".join(self.raw_data)
        return self.data.astimezone(self._clock).strftime("%Y-%m-%dT%H:%M") if self.data else ""

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata(valuelist)
            if self.data:
                self.data = self.data.replace(tzinfo=self._clock).astimezone(UTC)
        except (ValueError, OverflowError):
            self.data = None
            raise ValueError("Enter a date and a time, such as 2027-03-01T09:00.") from None


class PlacesField(IntegerField):
    """A number of people, or nothing."""

    data: int | None

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata([value.strip() for value in valuelist])
        except ValueError:
            raise ValueError("Enter a whole number of places, or leave it blank for no limit.") from None
        if self.data is not None and abs(self.data) >= 2**31:
            # NumberRange would turn it into a float, which can overflow.
            self.data = None
            raise ValueError("Enter how many people fit, or leave it blank for no limit.")


class CourseForm(FlaskForm):
    code = StringField(
        "Code",
        filters=[_strip],
        description="Short and unique; it becomes part of the course's address.",
        validators=[
            InputRequired("Give the course a code."),
            Length(max=40, message="Keep the code to 40 characters."),
            Regexp(r"^[A-Za-z0-9][A-Za-z0-9._-]*$", message="Use letters, digits, dots, dashes and underscores only."),
        ],
    )
    title = StringField(
        "Title",
        filters=[_strip],
        validators=[
            InputRequired("Give the course a title."),
            Length(max=255, message="Keep the title to 255 characters."),
            NO_CONTROLS,
            can_be_seen("Give the course a visible title."),
        ],
    )
    description = TextAreaField(
        "Description",
        filters=[lambda value: (value or "").replace("\x00", "")],
        validators=[Length(max=20_000, message="Keep the description to 20,000 characters.")],
    )
    starts_at = OfficeTimeField("Starts")
    ends_at = OfficeTimeField("Ends")
    registration_opens_at = OfficeTimeField("Registration opens")
    registration_closes_at = OfficeTimeField("Registration closes")
    capacity = PlacesField(
        "Places",
        description="Leave blank for no limit.",
        validators=[
            Optional(),
            NumberRange(0, 1_000_000, message="Enter how many people fit, or leave it blank for no limit."),
        ],
    )
    canvas_course = StringField(
        "Associated Canvas course",
        filters=[_strip],
        description="The Canvas course's ID, its address, or sis_course_id: and its SIS ID. Blank: not in Canvas.",
    )
    canvas_section = StringField(
        "Canvas section",
        filters=[_strip],
        description="A section's ID, or sis_section_id: and its SIS ID. Blank: the course's default section.",
    )

    canvas_shown = HiddenField()
    withdrawal = SelectField(
        "When somebody withdraws",
        choices=[SelectChoice("", "As in Course Settings"), *ON_WITHDRAWAL],
        default="",
    )

    def validate_ends_at(self, field: Field) -> None:
        if field.data and self.starts_at.data and field.data < self.starts_at.data:
            raise ValidationError("The course can't end before it starts.")

    def validate_registration_closes_at(self, field: Field) -> None:
        if field.data and self.registration_opens_at.data and field.data < self.registration_opens_at.data:
            raise ValidationError("Registration can't close before it opens.")

    def validate_canvas_course(self, field: Field) -> None:
        if field.data:
            field.data = _read(addresses.canvas_course, field.data, _canvas_in_use())
            if len(field.data) > 300:
                raise ValidationError("That is too long for a Canvas course's ID.")

    def validate_canvas_section(self, field: Field) -> None:
        if field.data and not self.canvas_course.data:
            raise ValidationError("Name the Canvas course that the section belongs to.")
        if field.data:
            field.data = _read(addresses.canvas_section, field.data, _canvas_in_use())
            if len(field.data) > 300:
                raise ValidationError("That is too long for a Canvas section's ID.")


class Confirmation(FlaskForm):
    """Only the CSRF token: for buttons."""


class PeopleListField(TextAreaField):
    """One person per line, or several as a mail program writes them; `lines` are the people that were read."""

    lines: list[PastedLine] = []

    def pre_validate(self, form: Form) -> None:
        typed = lines_of(self.data or "")
        if not typed:
            raise ValidationError("Paste at least one email address.")
        try:
            self.lines = read_people(typed)
        except TooMany as reason:
            raise ValidationError(str(reason)) from None
        if not self.lines:
            raise ValidationError("Paste at least one email address.")


class OnBehalfListForm(FlaskForm):
    """A pasted list of people whom the office registers."""

    people = PeopleListField(
        "One person per line",
        description="An email; an email, a comma and a name; or a name and the email in <angle brackets>. "
        "Columns of a spreadsheet and the recipients of a mail work, too.",
    )


class CancelCourseForm(FlaskForm):
    """Asks for the code before a course with many people is cancelled."""

    code = StringField("Type the course's code", filters=[_strip])


class ParticipantForm(FlaskForm):
    """A participant's data. An unchanged value is not validated, since it may come from the host."""

    name = StringField("Name", filters=[_strip])
    email = StringField("Email", filters=[_strip])
    sis_user_id = StringField(
        "SIS ID",
        filters=[lambda value: (value or "").strip() or None],
        description="The person's ID in Canvas's SIS data. With it, Canvas finds them whatever their email is.",
    )

    def validate_name(self, field: Field) -> None:
        self._read_if_changed(field, people.read_name)

    def validate_email(self, field: Field) -> None:
        self._read_if_changed(field, people.read_email)

    def validate_sis_user_id(self, field: Field) -> None:
        self._read_if_changed(field, sis_ids.read_sis_user_id)

    def _read_if_changed(self, field: Field, reader: Callable[[str], str | None]) -> None:
        if field.object_data is None or field.data != field.object_data:
            field.data = _read(reader, field.data or "")


class EraseForm(FlaskForm):
    """Asks for the name before a participant is erased."""

    end_access = BooleanField("End their access to Canvas", default=True)
    name = StringField("Type the participant's name", filters=[_strip])


class ImportForm(FlaskForm):
    """A CSV file to import or to try out."""

    kind = SelectField("What is in the file", choices=[SelectChoice(kind, kind.capitalize()) for kind in COLUMNS])
    file = FileField(
        "CSV file",
        validators=[
            FileRequired("Choose a file."),
            FileAllowed(ENDINGS, "Choose a CSV file. Its name ends with .csv."),
        ],
    )
    dry_run = BooleanField("Only try it out: show what would happen to each row, and change nothing")
    rename = BooleanField(
        "Rename people: whoever is here under another name gets the file's",
        description="Without it, such rows are listed and left out.",
    )
