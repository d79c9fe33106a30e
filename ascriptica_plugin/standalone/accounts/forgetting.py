"""Deletes expired sessions, links and sign-ups, and the sign-ups and mails of an erased email. Never commits."""

from datetime import datetime

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from ...office.emails import spellings
from ...shared import pauses
from ...tables.columns import change
from ...tables.mails import Mail
from .tables import Account, AccountSession, FirstStep, OneTimeLink, SignUp


def forget_emails(session: Session, emails: set[str]) -> None:
    """Delete the sign-ups and waiting mails with these emails, except emails that an account has."""
    small = spellings(emails)
    small -= set(session.scalars(select(Account.email).where(Account.email.in_(small))))
    forget_sign_ups(session, SignUp.email.in_(small))
    change(session, delete(Mail).where(Mail.email.in_(small)))


def forget_old(session: Session, now: datetime) -> None:
    """Delete expired sessions, links and sign-ups."""
    for over in (
        delete(AccountSession).where(AccountSession.made_at <= now - pauses.SESSION_LASTS),
        delete(FirstStep).where(FirstStep.ends_at <= now),
        delete(OneTimeLink).where(OneTimeLink.ends_at <= now),
    ):
        change(session, over)
    forget_sign_ups(session, SignUp.made_at <= now - pauses.SIGN_UP_KEPT)


def forget_sign_ups(session: Session, which: ColumnElement[bool]) -> None:
    """Delete these sign-ups, with their links and waiting mails."""
    theirs = select(SignUp.id).where(which)
    for statement in (
        delete(OneTimeLink).where(OneTimeLink.sign_up_id.in_(theirs)),
        delete(Mail).where(Mail.sign_up_id.in_(theirs)),
        delete(SignUp).where(which),
    ):
        change(session, statement)
