"""The base class of our forms, which are shown in the language of the request.

The texts of a form class are written once, in English, and marked with `mark`. Each form shows them in the present
language: labels, hints, choices, and errors that validators find.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask_wtf import FlaskForm
from wtforms import Field, SelectFieldBase
from wtforms.i18n import get_translations

from ...shared.language import SOURCE, present, t


class Form(FlaskForm):
    """A form whose labels, hints and choices are in the page's language."""

    class Meta(FlaskForm.Meta):
        def bind_field(self, form: Any, unbound_field: Any, options: Mapping[str, Any]) -> Field:
            field = super().bind_field(form, unbound_field, options)
            field.label.text, field.description = t(field.label.text), t(field.description)
            if isinstance(field, SelectFieldBase) and field.choices:
                field.choices = [replace(one, label=t(one.label)) for one in field.choices]
            return field

        def get_translations(self, form: Any) -> Any:
            """WTForms' own sentences, no matter what a host has set up for its forms."""
            return get_translations([present(), SOURCE])

    def validate(self, extra_validators: Mapping[str, Sequence[Any]] | None = None) -> bool:
        fits = super().validate(extra_validators)
        for field in self:
            field.errors = [t(error) for error in field.errors]
        return fits
