"""Fields and validators that several forms share."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from flask import current_app
from wtforms import IntegerField, StringField
from wtforms.fields import DateTimeLocalField, SelectChoice
from wtforms.form import BaseForm
from wtforms.validators import Optional, Regexp, StopValidation, ValidationError

from ...office import names
from ...shared.language import mark
from .form import Form

T = TypeVar("T")


NO_CONTROLS = Regexp(
    re.compile(f"(?!.*{names.CONTROLS.pattern})", re.DOTALL),
    message=mark("Remove the line breaks and control characters."),
)


def can_be_seen(message: str) -> Callable[[Form, StringField], None]:
    """A validator for names and titles: at least one character is visible."""

    def validate(form: Form, field: StringField) -> None:
        if not names.shows(field.data):
            raise ValidationError(message)

    return validate


def read(reader: Callable[..., T], *values: Any) -> T:
    """Call `reader` with the values; the sentence of its ValueError becomes the field's error."""
    try:
        return reader(*values)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def strip(value: str | None) -> str | None:
    """The text without space around it."""
    return value.strip() if value else value


ON_WITHDRAWAL = [
    SelectChoice("delete", mark("Delete the enrollment: off the roster")),
    SelectChoice("deactivate", mark("Deactivate it: on the roster, no access")),
    SelectChoice("conclude", mark("Conclude it: they can still read")),
    SelectChoice("by_activity", mark("By activity: delete it if nothing was done yet, otherwise keep their work")),
]


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
            raise ValueError(mark("Enter a date and a time, such as 2027-03-01T09:00.")) from None


class PlacesField(IntegerField):
    """A number of people, or nothing."""

    data: int | None

    def process_formdata(self, valuelist: list[str]) -> None:
        typed = [value.strip() for value in valuelist if value.strip()]
        self.data = None
        try:
            super().process_formdata(typed)
        except ValueError:
            raise ValueError(mark("Enter a whole number of places, or leave it blank for no limit.")) from None
        if self.data is not None and abs(self.data) >= 2**31:
            # NumberRange would turn it into a float, which can overflow.
            self.data = None
            raise ValueError(mark("Enter how many people fit, or leave it blank for no limit."))

    def pre_validate(self, form: BaseForm) -> None:
        if self.process_errors:
            # One sentence is enough: no validator looks at what could not be read.
            raise StopValidation


class Confirmation(Form):
    """Only the CSRF token: for buttons."""
