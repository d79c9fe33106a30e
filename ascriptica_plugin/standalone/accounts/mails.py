"""The texts of mails about sign-ins. They contain nothing that a stranger typed, except the recipient's address."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from ...shared import pauses
from ...shared.language import Marked, in_language, nearest, t
from ...tables.mails import Mail
from . import accounts, links
from .tables import Account, SignUp

TEXTS: Marked[dict[str, tuple[str, str]]] = {
    "sign_up": (
        "Confirm your sign-up",
        "Somebody signed up at {address} with this email address. If it was you, open this page within a day and enter "
        "the password that you chose:\n\n{link}\n\nIf it was not you, do nothing. Without this link there is no "
        "sign-in, and nothing of yours is shown to anybody.\n",
    ),
    "known": (
        "You already have a sign-in",
        "Somebody signed up at {address} with this email address, which already has a sign-in. Nothing was changed. If "
        "it was you, sign in with your existing password:\n\n{sign_in}\n\nIf you don't remember it, choose a new one "
        "here within an hour:\n\n{link}\n\nIf it was not you, do nothing.\n",
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
        "A second step was set up for your sign-in at {address}: it now takes a code from an app and the password. "
        "If it was not you, inform the office and choose a new password at once:\n\n{forgotten}\n",
    ),
    "second_step_off": (
        "Your sign-in no longer takes a code",
        "The second step of your sign-in at {address} was removed: you now sign in with the password alone. If this "
        "was not you, and you did not ask the office for it, choose a new password at once, and set the second step up "
        "again:\n\n{forgotten}\n",
    ),
    "new_email": (
        "Confirm your new email address",
        "Somebody with a sign-in at {address} asked to change its email address to this one. If it was you, open this "
        "page within an hour. Use a browser where you are signed in, or sign in there with your old email address:"
        "\n\n{link}\n\nIf it was not you, do nothing: without this link nothing changes.\n",
    ),
    "email_taken": (
        "You already have a sign-in",
        "Somebody with a sign-in at {address} asked to change its email address to this one, which already has another "
        "sign-in. Nothing was changed. If it was you, sign in with this one:\n\n{sign_in}\n\nIf it was not you, do "
        "nothing.\n",
    ),
    "email_asked": (
        "Somebody asked to change your email address",
        "Somebody who entered your password asked to change the email address of your sign-in at {address}. Nothing "
        "was changed yet: the new address has to be confirmed first. If it was not you, choose a new password at once. "
        "This stops the change:\n\n{forgotten}\n",
    ),
    "email_changed": (
        "Your email address was changed",
        "Your sign-in at {address} now has another email address, and this one no longer works. You were signed out "
        "everywhere else. If this was not you, and you did not ask the office for it, contact the office at once.\n",
    ),
    "role_given": (
        "You are an administrator now",
        "Your sign-in at {address} now has the administrator's role, and you were signed out everywhere. If you did "
        "not expect it, ask the office.\n",
    ),
    "role_taken": (
        "You are no longer an administrator",
        "Your sign-in at {address} no longer has the administrator's role, and you were signed out everywhere. If you "
        "did not expect it, ask the office.\n",
    ),
}
"""Subject and text, by kind."""


@dataclass(frozen=True)
class Writer:
    """Writes the mails about sign-ins. `page` makes the address of one of our pages from its name and values.
    `of_office` writes all other mails. `language` is the language of mails that no page has queued."""

    address: str
    language: str
    page: Callable[..., str]
    of_office: Callable[[Session, Mail, datetime], tuple[str, str] | None]

    def __call__(self, session: Session, mail: Mail, now: datetime) -> tuple[str, str] | None:
        """Subject and text, with a new link; None where the account or sign-up is no longer there."""
        if mail.kind not in TEXTS:
            return self.of_office(session, mail, now)
        with in_language(nearest(mail.language) or self.language):
            return self._write(session, mail, now)

    def _write(self, session: Session, mail: Mail, now: datetime) -> tuple[str, str] | None:
        kind = mail.kind
        if kind == "new_email" and accounts.account_with(session, mail.email):
            kind = "email_taken"
        subject, text = TEXTS[kind]
        # A mail without a link always goes out: changing the email again must not keep it from the old address.
        link = self._link(session, mail, now) if "{link}" in text else ""
        if link is None:
            return None
        pages = {"sign_in": self.page("sign_in"), "forgotten": self.page("forgotten_password")}
        return t(subject), t(text, address=self.address, link=link, **pages)

    def _link(self, session: Session, mail: Mail, now: datetime) -> str | None:
        about: SignUp | Account | None
        lasts, page, email = pauses.MAILED_PASSWORD_LINK_LASTS, "use_link", None
        if mail.kind == "sign_up":
            about, lasts = session.get(SignUp, mail.sign_up_id), pauses.LINK_LASTS
        elif mail.kind == "new_email":
            about, page, email = session.get(Account, mail.account_id), "confirm_email", mail.email
        else:
            about = accounts.account_with(session, mail.email)
        if about is None:
            return None
        return self.page(page, token=links.make_link(session, now, lasts, to=about, email=email))
