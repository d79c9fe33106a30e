"""Sessions: who is signed in on which browser, wholly or half. Tokens are kept as hashes."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, joinedload

from ...tables.columns import begin_writing, change
from .links import hash_of
from .tables import Account, AccountSession, FirstStep

SESSION_LASTS = timedelta(hours=12)


FIRST_STEP_LASTS = timedelta(minutes=5)


CONFIRMATION_LASTS = timedelta(minutes=10)
"""How long whoever gave the password may change the sign-ins of others."""


def hold(session: Session, account_id: int) -> Account | None:
    """The account as it is now, which nobody else changes until the transaction ends.

    Whoever begins a session looks at it so, and whoever ends all of them: else one could begin with a password that
    was replaced in that moment.
    """
    begin_writing(session)
    held = select(Account).where(Account.id == account_id).with_for_update()
    return session.scalar(held.execution_options(populate_existing=True))


def begin_session(session: Session, account: Account, now: datetime, browser: str = "") -> str:
    """The token of a new session of the account, whose owner has just shown that it is them."""
    token = secrets.token_urlsafe(32)
    when = {"made_at": now, "confirmed_at": now}
    session.add(AccountSession(token_hash=hash_of(token), account_id=account.id, browser=browser[:60], **when))
    session.flush()
    return token


def confirm_session(session: Session, token: str, now: datetime) -> None:
    """Whoever uses the session has just given the password, and the code where the account has a second step."""
    this = update(AccountSession).where(AccountSession.token_hash == hash_of(token))
    change(session, this.values(confirmed_at=now))


def is_confirmed(session: Session, token: str, now: datetime) -> bool:
    """Whether that was within the last ten minutes. A time to come was written by another machine's clock."""
    at = session.scalar(select(AccountSession.confirmed_at).where(AccountSession.token_hash == hash_of(token)))
    return at is not None and abs(now - at) < CONFIRMATION_LASTS


def renew_session(session: Session, token: str) -> str | None:
    """A new token for the session, the one until now opening nothing more; None where the session has ended."""
    new = secrets.token_urlsafe(32)
    this = update(AccountSession).where(AccountSession.token_hash == hash_of(token)).values(token_hash=hash_of(new))
    return new if change(session, this) == 1 else None


def owner_of_session(session: Session, token: str, now: datetime) -> Account | None:
    """Whose session it is, as long as it lasts; with the second step, if they have one."""
    return session.scalar(
        select(Account)
        .join(AccountSession, AccountSession.account_id == Account.id)
        .where(AccountSession.token_hash == hash_of(token), AccountSession.made_at > now - SESSION_LASTS)
        .options(joinedload(Account.second_step))
    )


def sessions_of(session: Session, account_id: int, now: datetime) -> list[AccountSession]:
    """The account's sessions that last, newest first."""
    theirs = (AccountSession.account_id == account_id, AccountSession.made_at > now - SESSION_LASTS)
    return list(session.scalars(select(AccountSession).where(*theirs).order_by(AccountSession.made_at.desc())))


def is_with(one: AccountSession, token: str) -> bool:
    """Whether it is the session with this token."""
    return one.token_hash == hash_of(token)


def end_other_sessions(session: Session, account_id: int, token: str, only: str | None = None) -> int:
    """End the account's sessions but the one with this token, or `only` the one with that hash; how many ended.

    A page may show the hash, which opens nothing.
    """
    theirs = [AccountSession.account_id == account_id, AccountSession.token_hash != hash_of(token)]
    if only is not None:
        theirs.append(AccountSession.token_hash == only)
    return change(session, delete(AccountSession).where(*theirs))


def end_session(session: Session, token: str) -> None:
    """Whoever has the session's cookie is signed in no longer."""
    change(session, delete(AccountSession).where(AccountSession.token_hash == hash_of(token)))


def end_sessions(session: Session, account: Account) -> None:
    """Sign the account out wherever it is signed in, or half signed in."""
    for table in (FirstStep, AccountSession):
        change(session, delete(table).where(table.account_id == account.id))


def begin_first_step(session: Session, account: Account, now: datetime) -> str:
    """The token of a browser that gave the right password."""
    token = secrets.token_urlsafe(32)
    session.add(FirstStep(token_hash=hash_of(token), account_id=account.id, ends_at=now + FIRST_STEP_LASTS))
    session.flush()
    return token


def owner_of_first_step(session: Session, token: str, now: datetime) -> Account | None:
    """Whose password was given there, as long as the code may follow."""
    return session.scalar(
        select(Account)
        .join(FirstStep, FirstStep.account_id == Account.id)
        .where(FirstStep.token_hash == hash_of(token), FirstStep.ends_at > now)
    )


def end_first_step(session: Session, token: str) -> None:
    """No code may follow any more."""
    change(session, delete(FirstStep).where(FirstStep.token_hash == hash_of(token)))
