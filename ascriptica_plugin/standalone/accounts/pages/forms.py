"""The forms of sign-ins."""

from typing import Any

from wtforms import EmailField, PasswordField, StringField
from wtforms.validators import InputRequired, Length, Regexp, ValidationError

from ....office import emails
from ....shared.language import mark, t
from ....web.forms.fields import NO_CONTROLS, can_be_seen
from ....web.forms.form import Form
from .. import passwords


def _strip(value: str | None) -> str:
    return (value or "").strip()


class NewPasswordField(PasswordField):
    """A new password; it must not be made of the form's `own_words`."""

    def __init__(self, label: str, **kwargs: Any) -> None:
        kwargs.setdefault("description", t("At least {number} characters. Spaces are fine.", number=passwords.SHORTEST))
        super().__init__(label, validators=[InputRequired(mark("Choose a password."))], **kwargs)

    def post_validate(self, form: Form, validation_stopped: bool) -> None:
        if self.data and not validation_stopped:
            try:
                passwords.check(self.data, *form.own_words())
            except ValueError as error:
                raise ValidationError(str(error)) from None


def _email_field() -> EmailField:
    return EmailField(
        mark("Email"), filters=[emails.without_invisible], validators=[InputRequired(mark("Enter your email address."))]
    )


class EmailForm(Form):
    """An email, for a link that is mailed to it."""

    email = _email_field()

    def validate_email(self, field: EmailField) -> None:
        try:
            field.data = emails.read_email(field.data)
        except ValueError as error:
            raise ValidationError(str(error)) from None


class SignInForm(Form):
    """Email and password."""

    email = EmailField(
        mark("Email"),
        filters=[emails.without_invisible],
        validators=[InputRequired(mark("Enter your email address.")), NO_CONTROLS],
    )
    password = PasswordField(mark("Password"), validators=[InputRequired(mark("Enter your password."))])


class SignUpForm(EmailForm):
    """Its fields are in the order of the page, so that the list of errors at its top is too."""

    name = StringField(
        mark("Name"),
        filters=[_strip],
        validators=[
            InputRequired(mark("Enter your name.")),
            Length(max=255, message=mark("Keep the name to 255 characters.")),
            NO_CONTROLS,
            can_be_seen(mark("Enter your name, with letters that can be seen.")),
        ],
    )
    email = _email_field()
    password = NewPasswordField(mark("Password"))

    def own_words(self) -> list[str]:
        """Words that this person's password must not be made of."""
        return [self.name.data or "", self.email.data or ""]


class ConfirmForm(Form):
    """The password of a sign-up, given with the link that confirms it."""

    password = PasswordField(mark("Password"), validators=[InputRequired(mark("Enter the password that you chose."))])


class NewPasswordForm(Form):
    """A new password."""

    password = NewPasswordField(mark("New password"))

    def __init__(self, *own_words: str, **kwargs: Any) -> None:
        """`own_words` are the person's name and email."""
        self._own_words = own_words
        super().__init__(**kwargs)

    def own_words(self) -> tuple[str, ...]:
        """Words that this person's password must not be made of."""
        return self._own_words


class ChangePasswordForm(NewPasswordForm):
    """Its fields are in the order of the page, so that the list of errors at its top is too."""

    old_password = PasswordField(
        mark("Current password"), validators=[InputRequired(mark("Enter your current password."))]
    )
    password = NewPasswordField(mark("New password"))


class OwnPasswordForm(Form):
    """The password of somebody who is signed in and has to confirm that it is them."""

    password = PasswordField(mark("Your password"), validators=[InputRequired(mark("Enter your password."))])


class CodeForm(Form):
    """The code of the second step."""

    code = StringField(
        mark("Code from your app"),
        # Apps show it in two halves.
        filters=[lambda typed: "".join((typed or "").split())],
        validators=[
            InputRequired(mark("Enter the code that your app shows.")),
            Regexp("^[0-9]{6}$", message=mark("The code has six digits. Enter what your app shows now.")),
        ],
        description=mark("The six digits that your app shows now."),
    )


class TurnOffForm(OwnPasswordForm, CodeForm):
    """Password and code, as at sign-in."""
