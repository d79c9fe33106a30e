"""Sessions: who is signed in on which browser, or has given only the password there. Tokens are stored as hashes."""

import secrets
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, joinedload

from ...shared import pauses
from ...tables.columns import begin_writing, change
from .links import hash_of
from .tables import Account, AccountSession, FirstStep


def hold(session: Session, account_id: int) -> Account | None:
    """Lock the account's row, and return the account as it is now.

    Hold the account to begin a session or to end all of them: otherwise a session could begin with a password that is
    just being replaced.
    """
    begin_writing(session)
    held = select(Account).where(Account.id == account_id).with_for_update()
    return session.scalar(held.execution_options(populate_existing=True))


def begin_session(session: Session, account: Account, now: datetime, browser: str = "") -> str:
    """Make a session for an account whose owner has just signed in. Returns its token."""
    token = secrets.token_urlsafe(32)
    when = {"made_at": now, "confirmed_at": now}
    session.add(AccountSession(token_hash=hash_of(token), account_id=account.id, browser=browser[:60], **when))
    session.flush()
    return token


def confirm_session(session: Session, token: str, now: datetime) -> None:
    """Record that the session's user has just given the password, and the code where there is a second step."""
    this = update(AccountSession).where(AccountSession.token_hash == hash_of(token))
    change(session, this.values(confirmed_at=now))


def is_confirmed(session: Session, token: str, now: datetime) -> bool:
    """Whether the password was given within `CONFIRMATION_LASTS`.

    A time in the near future counts too: another machine's clock may have written it.
    """
    at = session.scalar(select(AccountSession.confirmed_at).where(AccountSession.token_hash == hash_of(token)))
    return at is not None and abs(now - at) < pauses.CONFIRMATION_LASTS


def renew_session(session: Session, token: str) -> str | None:
    """Replace the session's token, and return the new one; None where the session has ended."""
    new = secrets.token_urlsafe(32)
    this = update(AccountSession).where(AccountSession.token_hash == hash_of(token)).values(token_hash=hash_of(new))
    return new if change(session, this) == 1 else None


def owner_of_session(session: Session, token: str, now: datetime) -> Account | None:
    """The account of an unexpired session, with its second step; None where there is none."""
    return session.scalar(
        select(Account)
        .join(AccountSession, AccountSession.account_id == Account.id)
        .where(AccountSession.token_hash == hash_of(token), AccountSession.made_at > now - pauses.SESSION_LASTS)
        .options(joinedload(Account.second_step))
    )


def sessions_of(session: Session, account_id: int, now: datetime) -> list[AccountSession]:
    """The account's unexpired sessions, newest first."""
    theirs = (AccountSession.account_id == account_id, AccountSession.made_at > now - pauses.SESSION_LASTS)
    return list(session.scalars(select(AccountSession).where(*theirs).order_by(AccountSession.made_at.desc())))


def is_with(one: AccountSession, token: str) -> bool:
    """Whether this is the session with the token."""
    return one.token_hash == hash_of(token)


def end_other_sessions(session: Session, account_id: int, token: str, only: str | None = None) -> int:
    """End the account's sessions except the one with this token, or `only` the one with that hash. Returns how many.

    A page may show the hash: it gives no access.
    """
    theirs = [AccountSession.account_id == account_id, AccountSession.token_hash != hash_of(token)]
    if only is not None:
        theirs.append(AccountSession.token_hash == only)
    return change(session, delete(AccountSession).where(*theirs))


def end_session(session: Session, token: str) -> None:
    """End the session with this token."""
    change(session, delete(AccountSession).where(AccountSession.token_hash == hash_of(token)))


def end_sessions(session: Session, account: Account) -> None:
    """End all sessions of the account, and all sign-ins that still wait for the code."""
    for table in (FirstStep, AccountSession):
        change(session, delete(table).where(table.account_id == account.id))


def begin_first_step(session: Session, account: Account, now: datetime) -> str:
    """Let a browser that gave the right password enter the code. Returns its token."""
    token = secrets.token_urlsafe(32)
    session.add(FirstStep(token_hash=hash_of(token), account_id=account.id, ends_at=now + pauses.FIRST_STEP_LASTS))
    session.flush()
    return token


def owner_of_first_step(session: Session, token: str, now: datetime) -> Account | None:
    """The account whose password was given with this token, while the code may still be entered."""
    return session.scalar(
        select(Account)
        .join(FirstStep, FirstStep.account_id == Account.id)
        .where(FirstStep.token_hash == hash_of(token), FirstStep.ends_at > now)
    )


def end_first_step(session: Session, token: str) -> None:
    """Stop waiting for the code on this browser."""
    change(session, delete(FirstStep).where(FirstStep.token_hash == hash_of(token)))
