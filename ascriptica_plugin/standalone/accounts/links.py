"""One-time links: stored as hashes. One DELETE decides who uses a link."""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, joinedload

from ...tables.columns import change
from ...tables.mails import Mail
from .tables import Account, OneTimeLink, SignUp


class LinkUnusable(Exception):
    """The one-time link was used, has expired, or never existed."""


def make_link(
    session: Session, now: datetime, lasts: timedelta, *, to: SignUp | Account, email: str | None = None
) -> str:
    """The token of a new one-time link that confirms a sign-up, or gives an account a new password or this email."""
    token = secrets.token_urlsafe(32)
    which = {"sign_up_id": to.id} if isinstance(to, SignUp) else {"account_id": to.id, "email": email}
    session.add(OneTimeLink(token_hash=hash_of(token), ends_at=now + lasts, **which))
    session.flush()
    return token


def find_link(session: Session, token: str, now: datetime, *, for_email: bool = False) -> OneTimeLink:
    """The link with this token, without using it up. Raises LinkUnusable.

    A link for a new email is found only with `for_email`, so it can't give a new password.
    """
    kind = OneTimeLink.email.is_not(None) if for_email else OneTimeLink.email.is_(None)
    found = session.scalar(
        select(OneTimeLink)
        .where(OneTimeLink.token_hash == hash_of(token), OneTimeLink.ends_at > now, kind)
        .options(joinedload(OneTimeLink.sign_up), joinedload(OneTimeLink.account))
    )
    if found is None or (found.sign_up or found.account) is None:
        raise LinkUnusable
    return found


def use_up(session: Session, token: str, now: datetime, *, for_email: bool = False) -> OneTimeLink:
    """Delete the link and return it. Raises LinkUnusable where it can't be used, or somebody has just used it."""
    link = find_link(session, token, now, for_email=for_email)
    this = delete(OneTimeLink).where(OneTimeLink.token_hash == link.token_hash)
    if change(session, this) != 1:
        raise LinkUnusable
    session.expunge(link)
    return link


def end_links(session: Session, account: Account) -> None:
    """Delete the account's links, and the waiting mails that would contain one."""
    for table in (OneTimeLink, Mail):
        change(session, delete(table).where(table.account_id == account.id))


def hash_of(token: str) -> str:
    """What the database keeps of a link's token."""
    # A token has 256 random bits, so a fast hash is enough.
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
