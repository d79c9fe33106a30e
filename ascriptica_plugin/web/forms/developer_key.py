"""The forms about the key to Canvas: its fields on Course Settings, and what Disconnect asks."""

from wtforms import BooleanField, Field, PasswordField, RadioField, StringField
from wtforms.fields import SelectChoice
from wtforms.validators import ValidationError

from .fields import strip
from .form import Form


class KeyFields(Form):
    canvas_key = RadioField(
        "The key to Canvas",
        choices=[SelectChoice("token", "Paste a token"), SelectChoice("developer_key", "Use a developer key")],
        default="token",
    )
    canvas_client_id = StringField("Client ID", filters=[strip])
    canvas_client_secret = PasswordField("Client secret", filters=[strip])

    @property
    def has_developer_key(self) -> bool:
        return self.canvas_key.data == "developer_key"

    def validate_canvas_client_id(self, field: Field) -> None:
        if self.has_developer_key:
            _check(field.data or "", 100, "Enter the client ID: the number in the key's column Details in Canvas.")
            if not field.data:
                raise ValidationError("Enter the client ID: the number in the key's column Details in Canvas.")

    def validate_canvas_client_secret(self, field: Field) -> None:
        if self.has_developer_key:
            _check(field.data or "", 512, "That is not a client secret. Choose Show Key in Canvas, and copy all of it.")


class DisconnectForm(Form):
    end_token = BooleanField("End the token in Canvas, too")


def _check(typed: str, longest: int, sentence: str) -> None:
    if not all(33 <= ord(character) < 127 for character in typed) or len(typed) > longest:
        raise ValidationError(sentence)
