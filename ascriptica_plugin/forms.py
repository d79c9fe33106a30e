"""Every form. A field's error is a sentence that names the remedy; tidying happens here, rules of the office do not."""

from collections.abc import Callable
from datetime import UTC
from functools import partial
from typing import TypeVar

from flask import current_app
from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField, PasswordField, StringField, TextAreaField
from wtforms.fields import DateTimeLocalField
from wtforms.validators import InputRequired, Length, NumberRange, Optional, Regexp, ValidationError

from . import addresses
from .models import load_settings

T = TypeVar("T")

NO_CONTROLS = Regexp(r"^[^\x00-\x1f\x7f]*$", message="Take the line breaks and control characters out.")


def _read(reader: Callable[..., T], *values) -> T:
    """What a reader of `addresses` makes of the values; its sentence becomes the field's error."""
    try:
        return reader(*values)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def _strip(value: str | None) -> str | None:
    return value.strip() if value else value


class CanvasURLField(StringField):
    """Takes whatever names a Canvas and turns it into its web service URL; `tidied_from` is what was typed instead."""

    tidied_from: str | None = None

    def pre_validate(self, form) -> None:
        typed = self.data or ""
        allow_private = current_app.extensions["ascriptica"].canvases.allow_private
        self.data = _read(partial(addresses.canvas_url, allow_private=allow_private), typed)
        if self.data != typed:
            self.tidied_from = typed


class CanvasRootIDField(StringField):
    """A number, or an account's address; `data` is an int once valid."""

    def pre_validate(self, form) -> None:
        self.data = _read(addresses.canvas_account, str(self.data or ""))


class CourseSettingsForm(FlaskForm):
    display_canvas = BooleanField("Display Canvas")
    canvas_url = CanvasURLField("Canvas web service URL")
    canvas_token = PasswordField("Canvas web service token", filters=[_strip])
    canvas_root_id = CanvasRootIDField("Canvas root ID")

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

    def validate_ends_at(self, field) -> None:
        if field.data and self.starts_at.data and field.data < self.starts_at.data:
            raise ValidationError("The course can't end before it starts.")

    def validate_registration_closes_at(self, field) -> None:
        if field.data and self.registration_opens_at.data and field.data < self.registration_opens_at.data:
            raise ValidationError("Registration can't close before it opens.")

    def validate_canvas_course(self, field) -> None:
        if field.data:
            connection = load_settings(current_app.extensions["sqlalchemy"].session).connection
            field.data = _read(addresses.canvas_course, field.data, connection.canvas_url if connection else None)
            if len(field.data) > 300:
                raise ValidationError("That is too long for a Canvas course's ID.")

    def validate_canvas_section(self, field) -> None:
        if field.data and not self.canvas_course.data:
            raise ValidationError("Name the Canvas course that the section belongs to.")
        if field.data:
            field.data = _read(addresses.canvas_section, field.data)
            if len(field.data) > 300:
                raise ValidationError("That is too long for a Canvas section's ID.")


class Confirmation(FlaskForm):
    """Nothing but the CSRF token: for buttons."""
