"""The form of Course Settings."""

import re
from functools import partial
from typing import Any

from flask import current_app
from wtforms import BooleanField, Field, Form, PasswordField, SelectField, StringField
from wtforms.fields import SelectChoice
from wtforms.validators import ValidationError

from ...canvas import addresses
from ...shared.language import mark, t
from .developer_key import KeyFields
from .fields import ON_WITHDRAWAL, read, strip
from .way_in import WayInFields


class CanvasURLField(StringField):
    """Turns any address of a Canvas into its web service URL.

    `tidied_from` is what was typed, without anything after a ? or #, since that may be a secret.
    """

    data: Any  # what was typed; a str once valid
    tidied_from: str | None = None

    def pre_validate(self, form: Form) -> None:
        typed = self.data or ""
        allow_private = current_app.extensions["ascriptica"].canvases.allow_private
        self.data = read(partial(addresses.canvas_url, allow_private=allow_private), typed)
        if self.data != typed:
            self.tidied_from = re.split("[?#]", typed, maxsplit=1)[0]


class CanvasRootIDField(StringField):
    """A number, or an account's address in the Canvas of the form's URL; `data` is an int once valid."""

    data: Any

    def pre_validate(self, form: Form) -> None:
        there = None if form.canvas_url.errors else form.canvas_url.data
        self.data = read(addresses.canvas_account, str(self.data or ""), there)


FIRST, LAST = ("display_canvas", "canvas_url"), ("way_in", "sign_in", "mass_by_sis")
"""The fields that the page shows first and last. Otherwise those of `KeyFields` and `WayInFields` would come before all
others."""


class CourseSettingsForm(WayInFields, KeyFields):
    """Course Settings: the connection to Canvas, and what happens to people there."""

    _fields: dict[str, Field]

    display_canvas = BooleanField(mark("Display Canvas"))
    canvas_url = CanvasURLField(mark("Canvas web service URL"))
    canvas_token = PasswordField(mark("Canvas web service token"), filters=[strip])
    canvas_root_id = CanvasRootIDField(mark("Canvas root ID"))
    missing_users = SelectField(
        mark("People without a Canvas user"),
        choices=[
            SelectChoice("create", mark("Create a Canvas user for them")),
            SelectChoice("wait", mark("Let them wait for the office")),
        ],
    )
    enroll = SelectField(
        mark("Enroll people"),
        choices=[
            SelectChoice("active", mark("At once")),
            SelectChoice("invited", mark("By invitation, which they accept in Canvas")),
        ],
    )
    canvas_mail = SelectField(
        mark("When somebody is enrolled, Canvas"),
        choices=[SelectChoice("silent", mark("Sends no mail")), SelectChoice("mail", mark("Sends them a mail"))],
    )
    on_withdrawal = SelectField(mark("When somebody withdraws"), choices=ON_WITHDRAWAL)
    mass_by_sis = BooleanField(mark("Send many people at once by SIS import"))

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        # The list of errors has the fields in the order of the page.
        on_the_page = sorted(self._fields, key=lambda name: (name not in FIRST, name in LAST))
        self._fields = {name: self._fields[name] for name in on_the_page}

    def validate_canvas_token(self, field: Field) -> None:
        token = field.data or ""
        if not all(33 <= ord(character) < 127 for character in token) or len(token) > 512:
            raise ValidationError(
                t(
                    "That is not a Canvas token. A token is one line of letters and digits, often with a ~, without "
                    "spaces."
                )
            )
