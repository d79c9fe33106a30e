"""What mails about sign-ins say. Nothing that a stranger typed is in one but its address."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from ...tables.office import Mail
from . import accounts, links
from .tables import SignUp

TEXTS = {
    "sign_up": (
        "Confirm your sign-up",
        "Somebody signed up at {address} with this email address. If it was you, open this page within a day and type "
        "the password that you chose:\n\n{link}\n\nIf it was not you, do nothing: without this link there is no "
        "sign-in, and nothing of yours is shown to anybody.\n",
    ),
    "known": (
        "You have a sign-in already",
        "Somebody signed up at {address} with this email address, which has a sign-in already. Nothing has changed. If "
        "it was you, sign in with the password that you have:\n\n{sign_in}\n\nIf you don't remember it, choose a new "
        "one here within an hour:\n\n{link}\n\nIf it was not you, do nothing.\n",
    ),
    "password": (
        "Choose a new password",
        "Somebody asked for a new password at {address} for this email address. If it was you, choose one here within "
        "an hour:\n\n{link}\n\nIf it was not you, do nothing: your password stays as it is.\n",
    ),
    "password_changed": (
        "Your password was changed",
        "The password of your sign-in at {address} was changed, and you were signed out everywhere else. If it was not "
        "you, choose a new one at once:\n\n{forgotten}\n",
    ),
    "second_step_on": (
        "Your sign-in now takes a code",
        "A second step was set up for your sign-in at {address}: besides the password it takes a code from an app. If "
        "it was not you, tell the office, and choose a new password at once:\n\n{forgotten}\n",
    ),
    "second_step_off": (
        "Your sign-in takes no code any more",
        "The second step of your sign-in at {address} was removed: the password alone signs you in. If neither you nor "
        "the office did it at your wish, choose a new password at once, and set the second step up again:\n\n"
        "{forgotten}\n",
    ),
}
"""Subject and text, by kind."""


@dataclass(frozen=True)
class Writer:
    """Writes the mails about sign-ins. `page` makes the address of a page of ours from its name and its values."""

    address: str
    page: Callable[..., str]

    def __call__(self, session: Session, mail: Mail, now: datetime) -> tuple[str, str] | None:
        """Subject and text, with a link made for it; None where what it was about is no longer there."""
        if mail.kind == "sign_up":
            about, lasts = session.get(SignUp, mail.sign_up_id), links.LINK_LASTS
        else:
            about, lasts = accounts.account_with(session, mail.email), links.MAILED_PASSWORD_LINK_LASTS
        if about is None:
            return None
        subject, text = TEXTS[mail.kind]
        link = ""
        if "{link}" in text:
            link = self.page("use_link", token=links.make_link(session, now, lasts, to=about))
        pages = {"sign_in": self.page("sign_in"), "forgotten": self.page("forgotten_password")}
        return subject, text.format(address=self.address, link=link, **pages)
