"""Every form. A field's error is a sentence that names the remedy; tidying happens here, rules of the office do not."""

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from functools import partial
from typing import TypeVar

from flask import current_app
from flask_wtf import FlaskForm
from flask_wtf.file import FileAllowed, FileField, FileRequired
from wtforms import BooleanField, HiddenField, IntegerField, PasswordField, SelectField, StringField, TextAreaField
from wtforms.fields import DateTimeLocalField, SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange, Optional, Regexp, ValidationError

from . import addresses, csvfile, people
from .models import load_settings

T = TypeVar("T")

NO_CONTROLS = Regexp(
    re.compile(f"(?!.*{people.CONTROLS.pattern})", re.DOTALL),
    message="Take the line breaks and control characters out.",
)


def _read(reader: Callable[..., T], *values) -> T:
    """What a reader of `addresses` makes of the values; its sentence becomes the field's error."""
    try:
        return reader(*values)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def _canvas_in_use() -> str | None:
    connection = load_settings(current_app.extensions["sqlalchemy"].session).connection
    return connection.canvas_url if connection else None


def _strip(value: str | None) -> str | None:
    return value.strip() if value else value


class CanvasURLField(StringField):
    """Takes whatever names a Canvas and turns it into its web service URL; `tidied_from` is what was typed instead, as
    far as it may be shown: what follows a ? or # can be a secret."""

    tidied_from: str | None = None

    def pre_validate(self, form) -> None:
        typed = self.data or ""
        allow_private = current_app.extensions["ascriptica"].canvases.allow_private
        self.data = _read(partial(addresses.canvas_url, allow_private=allow_private), typed)
        if self.data != typed:
            self.tidied_from = re.split("[?#]", typed, maxsplit=1)[0]


class CanvasRootIDField(StringField):
    """A number, or an account's address on the Canvas typed above; `data` is an int once valid."""

    def pre_validate(self, form) -> None:
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
        "People whom Canvas doesn't know",
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
        choices=[SelectChoice("silent", "Sends no mail"), SelectChoice("mail", "Tells them by mail")],
    )
    on_withdrawal = SelectField("When somebody withdraws", choices=ON_WITHDRAWAL)

    def validate_canvas_token(self, field) -> None:
        token = field.data or ""
        if not all(33 <= ord(character) < 127 for character in token) or len(token) > 512:
            raise ValidationError("That is not a Canvas token: it has letters, digits and a ~, and no spaces.")


class OfficeTimeField(DateTimeLocalField):
    """A date and time on the office's clock; `data` is UTC."""

    def __init__(self, label: str, **kwargs):
        super().__init__(label, format=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"], validators=[Optional()], **kwargs)

    @property
    def _clock(self):
        return current_app.extensions["ascriptica"].timezone

    def _value(self) -> str:
        if self.raw_data:
            return " ".join(self.raw_data)
        return self.data.astimezone(self._clock).strftime("%Y-%m-%dT%H:%M") if self.data else ""

    def process_formdata(self, valuelist) -> None:
        try:
            super().process_formdata(valuelist)
            if self.data:
                self.data = self.data.replace(tzinfo=self._clock).astimezone(UTC)
        except (ValueError, OverflowError):
            self.data = None
            raise ValueError("Enter a date and a time, such as 2027-03-01T09:00.") from None


class PlacesField(IntegerField):
    """A number of people, or nothing."""

    def process_formdata(self, valuelist) -> None:
        try:
            super().process_formdata([value.strip() for value in valuelist])
        except ValueError:
            raise ValueError("Enter a whole number of places, or leave it blank for no limit.") from None
        if self.data is not None and abs(self.data) >= 2**31:
            # A validator would make a float of it, which has an end.
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

    def validate_ends_at(self, field) -> None:
        if field.data and self.starts_at.data and field.data < self.starts_at.data:
            raise ValidationError("The course can't end before it starts.")

    def validate_registration_closes_at(self, field) -> None:
        if field.data and self.registration_opens_at.data and field.data < self.registration_opens_at.data:
            raise ValidationError("Registration can't close before it opens.")

    def validate_canvas_course(self, field) -> None:
        if field.data:
            field.data = _read(addresses.canvas_course, field.data, _canvas_in_use())
            if len(field.data) > 300:
                raise ValidationError("That is too long for a Canvas course's ID.")

    def validate_canvas_section(self, field) -> None:
        if field.data and not self.canvas_course.data:
            raise ValidationError("Name the Canvas course that the section belongs to.")
        if field.data:
            field.data = _read(addresses.canvas_section, field.data, _canvas_in_use())
            if len(field.data) > 300:
                raise ValidationError("That is too long for a Canvas section's ID.")


class Confirmation(FlaskForm):
    """Nothing but the CSRF token: for buttons."""


# -- registering on behalf --------------------------------------------------------------------------------------------

MOST_LINES = 500


@dataclass
class PastedLine:
    """One line of a pasted list: `number` from 1, and either whom it names or the `problem` with it."""

    number: int
    typed: str
    email: str = ""
    name: str = ""
    problem: str | None = None


class PeopleListField(TextAreaField):
    """One person a line; `lines` is what was read."""

    lines: list[PastedLine] = []

    def pre_validate(self, form) -> None:
        typed = lines_of(self.data or "")
        if not typed:
            raise ValidationError("Paste at least one email address.")
        # Before each is read, which takes its time.
        if len(typed) > MOST_LINES:
            raise ValidationError(f"That is {len(typed):,} people. Paste at most {MOST_LINES} at a time.")
        self.lines = read_people(typed)


class OnBehalfListForm(FlaskForm):
    """A pasted list of people whom the office registers."""

    people = PeopleListField(
        "One person a line",
        description="An email; an email, a comma and a name; or a name and the email in <angle brackets>.",
    )


class CancelCourseForm(FlaskForm):
    """The second question before a course with many people is cancelled."""

    code = StringField("Type the course's code", filters=[_strip])


def lines_of(text: str) -> list[tuple[int, str]]:
    """The lines that are not blank, with their numbers; a heading is skipped."""
    typed = [(number, line.strip()) for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1) if line.strip()]
    if typed and "@" not in typed[0][1] and re.search(r"\be-?mail", typed[0][1], re.IGNORECASE):
        del typed[0]
    return typed


def read_people(typed: list[tuple[int, str]]) -> list[PastedLine]:
    """What stands on each line: an email, email and name in either order, or Name <email>."""
    first_at: dict[str, int] = {}
    lines = []
    for number, line in typed:
        read = _read_person(number, line)
        if read.problem is None and first_at.setdefault(read.email.lower(), number) != number:
            read.problem = f"The same email as in line {first_at[read.email.lower()]}."
        lines.append(read)
    return lines


def _read_person(number: int, typed: str) -> PastedLine:
    line = PastedLine(number, typed if len(typed) <= 80 else typed[:79] + "…")
    if len(typed) > 1000:
        line.problem = "Too long for one person."
    elif bracketed := re.fullmatch(r"(.*?)<([^<>]*)>[,;]?", typed):
        line.name, line.email = bracketed[1].strip(" \"',;\t"), bracketed[2].strip()
    else:
        separator = next((sign for sign in "\t;" if sign in typed), ",")
        cells = [cell.strip() for cell in next(csv.reader([typed], delimiter=separator, skipinitialspace=True))]
        emails, names = [cell for cell in cells if "@" in cell], [cell for cell in cells if cell and "@" not in cell]
        line.email, line.name = (emails or [""])[0], (names or [""])[0]
        if len(emails) > 1:
            line.problem = "More than one email. Write one person a line."
        elif len(names) > 1:
            line.problem = "More than an email and a name. Put a name with a comma in it in double quotes."
    try:
        if line.problem is None:
            line.email = people.read_email(line.email)
            line.name = people.read_name(line.name) if line.name else ""
    except ValueError as problem:
        line.problem = str(problem)
    return line


# -- people and imports -----------------------------------------------------------------------------------------------


class ParticipantForm(FlaskForm):
    """Who somebody is; what was there before and is not changed is not judged, since it may be the host's."""

    name = StringField("Name", filters=[_strip])
    email = StringField("Email", filters=[_strip])
    sis_user_id = StringField(
        "SIS ID",
        filters=[lambda value: (value or "").strip() or None],
        description="The person's ID in Canvas's SIS data. With it, Canvas knows them whatever their email is.",
    )

    def validate_name(self, field) -> None:
        self._judge(field, people.read_name)

    def validate_email(self, field) -> None:
        self._judge(field, people.read_email)

    def validate_sis_user_id(self, field) -> None:
        self._judge(field, people.read_sis_user_id)

    def _judge(self, field, reader: Callable[[str], str | None]) -> None:
        if field.object_data is None or field.data != field.object_data:
            field.data = _read(reader, field.data or "")


class EraseForm(FlaskForm):
    """The second question before a participant is erased."""

    end_access = BooleanField("End their access to Canvas", default=True)
    name = StringField("Type the participant's name", filters=[_strip])


class ImportForm(FlaskForm):
    """A CSV file to import, or only to try out."""

    kind = SelectField(
        "What is in the file", choices=[SelectChoice(kind, kind.capitalize()) for kind in csvfile.COLUMNS]
    )
    file = FileField(
        "CSV file",
        validators=[
            FileRequired("Choose a file."),
            FileAllowed(csvfile.ENDINGS, "Choose a CSV file, whose name ends with .csv."),
        ],
    )
    dry_run = BooleanField("Only try it out: tell what would become of each row, and change nothing")
