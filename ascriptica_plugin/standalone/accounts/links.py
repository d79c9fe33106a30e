"""One-time links: kept as hashes, and one DELETE decides who used one."""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, joinedload

from ...tables.columns import change
from ...tables.office import Mail
from .tables import Account, OneTimeLink, SignUp

LINK_LASTS = timedelta(hours=24)


MAILED_PASSWORD_LINK_LASTS = timedelta(hours=1)


class LinkIsOver(Exception):
    """The one-time link was used, is too old, or never was one."""


def make_link(
    session: Session, now: datetime, lasts: timedelta, *, to: SignUp | Account, email: str | None = None
) -> str:
    """The token of a new one-time link: it confirms a sign-up, or gives an account a new password, or this email."""
    token = secrets.token_urlsafe(32)
    which = {"sign_up_id": to.id} if isinstance(to, SignUp) else {"account_id": to.id, "email": email}
    session.add(OneTimeLink(token_hash=hash_of(token), ends_at=now + lasts, **which))
    session.flush()
    return token


def find_link(session: Session, token: str, now: datetime, *, for_email: bool = False) -> OneTimeLink:
    """The link as long as it can be used; looking doesn't use it. Raises LinkIsOver.

    One `for_email` is not found without that word: it gives nobody a new password.
    """
    kind = OneTimeLink.email.is_not(None) if for_email else OneTimeLink.email.is_(None)
    found = session.scalar(
        select(OneTimeLink)
        .where(OneTimeLink.token_hash == hash_of(token), OneTimeLink.ends_at > now, kind)
        .options(joinedload(OneTimeLink.sign_up), joinedload(OneTimeLink.account))
    )
    if found is None or (found.sign_up or found.account) is None:
        raise LinkIsOver
    return found


def use_up(session: Session, token: str, now: datetime, *, for_email: bool = False) -> OneTimeLink:
    link = find_link(session, token, now, for_email=for_email)
    this = delete(OneTimeLink).where(OneTimeLink.token_hash == link.token_hash)
    if change(session, this) != 1:
        raise LinkIsOver
    session.expunge(link)
    return link


def end_links(session: Session, account: Account) -> None:
    """None of the account's links opens anything any more, nor will one that a mail was about to bring."""
    for table in (OneTimeLink, Mail):
        change(session, delete(table).where(table.account_id == account.id))


def hash_of(token: str) -> str:
    # Of 256 random bits: nothing slower is needed.
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
