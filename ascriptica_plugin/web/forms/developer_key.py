"""The forms about the key to Canvas: its fields on Course Settings, and what Disconnect asks."""

from wtforms import BooleanField, Field, PasswordField, RadioField, StringField
from wtforms.fields import SelectChoice
from wtforms.validators import ValidationError

from ...shared.language import mark, t
from .fields import strip
from .form import Form


class KeyFields(Form):
    """Which key to Canvas is used, and the developer key's ID and secret."""

    canvas_key = RadioField(
        mark("The key to Canvas"),
        choices=[
            SelectChoice("token", mark("Paste a token")),
            SelectChoice("developer_key", mark("Use a developer key")),
        ],
        default="token",
    )
    canvas_client_id = StringField(mark("Client ID"), filters=[strip])
    canvas_client_secret = PasswordField(mark("Client secret"), filters=[strip])

    @property
    def has_developer_key(self) -> bool:
        """Whether a developer key is chosen rather than a token."""
        return self.canvas_key.data == "developer_key"

    def validate_canvas_client_id(self, field: Field) -> None:
        if self.has_developer_key:
            missing = t("Enter the client ID: the number in the key's column Details in Canvas.")
            _check(field.data or "", 100, missing)
            if not field.data:
                raise ValidationError(missing)

    def validate_canvas_client_secret(self, field: Field) -> None:
        if self.has_developer_key:
            _check(
                field.data or "", 512, t("That is not a client secret. Choose Show Key in Canvas, and copy all of it.")
            )


class DisconnectForm(Form):
    """Whether the pasted token is ended in Canvas as well."""

    end_token = BooleanField(mark("End the token in Canvas, too"))


def _check(typed: str, longest: int, sentence: str) -> None:
    if not all(33 <= ord(character) < 127 for character in typed) or len(typed) > longest:
        raise ValidationError(sentence)
