"""Emails: what one may be, and the spelling in which they are compared.

`read_email` returns the tidy form or raises ValueError, whose text is a sentence for the person who typed it.
"""

import re
import unicodedata
from collections.abc import Collection
from contextlib import suppress

import idna
from email_validator import EmailNotValidError, validate_email

from ..shared.language import t

LONGEST_EMAIL = 100
"""Canvas takes logins of 100 characters at most, and the email becomes one."""


INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
"""Invisible characters that nobody types: they are copied along with an address."""


def read_email(typed: str) -> str:
    """An email address that can become a Canvas login: the domain in ASCII, without invisible characters.

    An address with letters outside ASCII is put in small letters, because SQLite can't compare their capitals.
    """
    email = without_invisible(typed)
    if not email:
        raise ValueError(t("Enter an email address."))
    # Check the length first: the time to read an address grows with the square of its length.
    if len(email) <= LONGEST_EMAIL:
        normal = _normal(email)
        if normal is None:
            raise ValueError(t("That is not an email address. An email address looks like ann@example.org."))
        email = normal
    if len(email) > LONGEST_EMAIL:
        raise ValueError(
            t(
                "Canvas takes logins of {most} characters at most. Use a shorter address.",
                most=LONGEST_EMAIL,
            )
        )
    return email


def without_invisible(typed: str | None) -> str:
    """The text without spaces around it and without invisible characters."""
    return INVISIBLE.sub("", typed or "").strip()


def _normal(email: str) -> str | None:
    # Mail programs decode an encoded word, so the mail would go to another address, or nowhere.
    if "=?" in email:
        return None
    try:
        # NFKC, since some keyboards and programs use other characters for the same letters and the same @.
        read = validate_email(INVISIBLE.sub("", unicodedata.normalize("NFKC", email)), check_deliverability=False)
    except EmailNotValidError:
        return None
    normal = f"{read.local_part}@{read.ascii_domain}"
    return normal if normal.isascii() else normal.lower()


def as_compared(email: str) -> str:
    """The one spelling in which emails are compared. A text that is not an email is returned in small letters."""
    if not email.isascii():
        with suppress(ValueError):
            email = read_email(email)
    return email.strip().lower()


def spellings(emails: Collection[str]) -> set[str]:
    """The emails in small letters, each with its domain as given, in ASCII, and in Unicode."""
    return {one.lower() for email in emails for one in (email, as_compared(email), _as_pronounced(as_compared(email)))}


def _as_pronounced(email: str) -> str:
    """With the domain in Unicode: older versions stored emails like this, and hosts may pass them."""
    name, at, domain = email.rpartition("@")
    try:
        return name + at + idna.decode(domain) if "xn--" in domain else email
    except idna.IDNAError:
        return email
