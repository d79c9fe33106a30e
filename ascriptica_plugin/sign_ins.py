"""Sign-ins: from sign-up over the one-time link to sessions and their end. The rules only; no Flask, never commits.

Nobody becomes anybody without proof: an account begins when the link that went to its email was used by somebody who
knows the password chosen at sign-up. Tokens of links and sessions are kept as hashes, and one DELETE decides who used
a link.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import and_, delete, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from . import allowances, log, passwords, people
from .allowances import Allowance
from .models import (
    Account,
    AccountSession,
    FirstStep,
    Mail,
    OneTimeLink,
    Participant,
    SecondStep,
    SignUp,
    begin_writing,
)
from .registrations import Person, participant_for

SESSION_LASTS = timedelta(hours=12)
FIRST_STEP_LASTS = timedelta(minutes=5)
SIGN_UP_KEPT = timedelta(days=7)
LINK_LASTS = timedelta(hours=24)
MAILED_PASSWORD_LINK_LASTS = timedelta(hours=1)

WRONG_FOR_ACCOUNT = Allowance("wrong passwords for an account", 10, 600)
WRONG_FROM_ADDRESS = Allowance("wrong passwords from an address", 50, 30)
SIGN_UPS_FROM_ADDRESS = Allowance("sign-ups from an address", 100, 36)
MAILS_TO_EMAIL = Allowance("mails to an email", 3, 3600)


class LinkIsOver(Exception):
    """The one-time link was used, is too old, or never was one."""


def add_account(
    session: Session, now: datetime, email: str, name: str, password: str, *, admin: bool = False
) -> Account:
    """A new sign-in that counts as confirmed, and its participant, as after `confirm`.

    Raises ValueError with a sentence where the email has one already.
    """
    account = _add_account(session, email, name, passwords.hash_of(password), admin)
    _adopt(session, account, now, log.US, "made a sign-in")
    return account


def correct_account(session: Session, account: Account, name: str, email: str) -> None:
    """Another name and email for the account; with another email, links that went to the one before open nothing.

    Raises ValueError with a sentence where the email has an account already.
    """
    hold(session, account.id)
    if account.email != email.lower():
        _end_links(session, account)
    try:
        with session.begin_nested():
            account.name, account.email = name, email.lower()
    except IntegrityError:
        raise ValueError(f"There is a sign-in for {email} already.") from None


def _add_account(session: Session, email: str, name: str, password_hash: str, admin: bool = False) -> Account:
    begin_writing(session)
    # In lower case by Python, since SQLite's lower() knows ASCII only.
    account = Account(email=email.lower(), name=name, password_hash=password_hash, is_admin=admin)
    try:
        with session.begin_nested():
            session.add(account)
    except IntegrityError:
        raise ValueError(f"There is a sign-in for {email} already.") from None
    return account


def account_with(session: Session, email: str) -> Account | None:
    """The account with this email, whatever its case."""
    return session.scalar(select(Account).where(Account.email == email.strip().lower()))


def person_of(account: Account) -> Person:
    """The account's owner as the host tells it to the office."""
    return Person(key=f"account:{account.id}", email=account.email, name=account.name)


def close_account(session: Session, account: Account) -> None:
    """Delete the account, all that it opens, and its email's sign-ups and mails; whose participant it was stays."""
    hold(session, account.id)
    end_sessions(session, account)
    _forget_sign_ups(session, SignUp.email == account.email)
    for statement in (
        delete(SecondStep).where(SecondStep.account_id == account.id),
        delete(OneTimeLink).where(OneTimeLink.account_id == account.id),
        delete(Mail).where(Mail.email == account.email),
        # SQLite may give the number of the account to another one.
        update(Participant).where(Participant.key == person_of(account).key).values(key=None),
    ):
        session.execute(statement)
    session.delete(account)
    session.flush()


def participant_id_of(session: Session, account: Account) -> int | None:
    """Which participant the account's owner is, once they have registered or the office has entered them."""
    return session.scalar(select(Participant.id).where(Participant.key == person_of(account).key))


def account_of(session: Session, key: str | None) -> Account | None:
    """The account of the person whom the host knows by this key."""
    kind, _, number = (key or "").partition(":")
    known = kind == "account" and number.isdecimal() and int(number) < 2**31
    return session.get(Account, int(number)) if known else None


# -- signing up -------------------------------------------------------------------------------------------------------


def sign_up(
    session: Session, now: datetime, email: str, name: str, password_hash: str, *, wanted: str = "", by_mail: bool
) -> None:
    """Keep a sign-up until its link is used. Where the email has an account, only its owner is told, by mail."""
    begin_writing(session)
    email = email.lower()
    if account_with(session, email):
        if by_mail:
            send(session, now, "known", email)
        return
    made = SignUp(id=secrets.token_hex(16), email=email, name=name, password_hash=password_hash, made_at=now)
    made.wanted = wanted[:500]
    session.add(made)
    if by_mail:
        send(session, now, "sign_up", email, made.id)
    session.flush()


def waiting(session: Session, words: str = "", email: str | None = None, most: int = 50) -> list[SignUp]:
    """Sign-ups that nobody has confirmed, newest first: with all of the words, or with this email."""
    text = SignUp.name + " " + SignUp.email
    which = and_(*(text.icontains(word, autoescape=True) for word in words.split()), true())
    if email is not None:
        which = SignUp.email == email.lower()
    return list(session.scalars(select(SignUp).where(which).order_by(SignUp.made_at.desc()).limit(most)))


def confirm(session: Session, token: str, now: datetime) -> Account:
    """Make the account of a sign-up whose link this is. What the office entered under its email becomes its owner's.

    Raises LinkIsOver.
    """
    begin_writing(session)
    link = _used(session, token, now)
    made = session.get(SignUp, link.sign_up_id) if link.sign_up_id else None
    if made is None:
        raise LinkIsOver
    try:
        account = _add_account(session, made.email, made.name, made.password_hash)
    except ValueError:
        raise LinkIsOver from None
    _forget_sign_ups(session, SignUp.email == account.email)
    _adopt(session, account, now, account.email, "confirmed")
    return account


def _adopt(session: Session, account: Account, now: datetime, by: str, what: str) -> None:
    """Give the account the one participant whom the office entered with its email, else a new one."""
    person = person_of(account)
    same_email = people.by_email(session, [account.email]).get(account.email, [])
    words = ""
    if len(same_email) == 1 and same_email[0].key is None:
        [entered] = same_email
        mine = update(Participant).where(Participant.id == entered.id, Participant.key.is_(None))
        if session.execute(mine.values(key=person.key)).rowcount == 1:
            people.correct(session, entered, now, account.email, name=account.name, email=account.email)
            words = "Whom the office entered with this email now signs in."
    elif same_email:
        words = f"Begins anew: {len(same_email)} participants have this email already, and none was taken over."
    participant = participant_for(session, person)
    session.flush()
    log.note(session, now, by, what, words, participant_id=participant.id)


# -- one-time links ---------------------------------------------------------------------------------------------------


def make_link(session: Session, now: datetime, lasts: timedelta, *, to: SignUp | Account) -> str:
    """The token of a new one-time link: it confirms a sign-up, or gives an account a new password."""
    token = secrets.token_urlsafe(32)
    which = {"sign_up_id": to.id} if isinstance(to, SignUp) else {"account_id": to.id}
    session.add(OneTimeLink(token_hash=_hash(token), ends_at=now + lasts, **which))
    session.flush()
    return token


def find_link(session: Session, token: str, now: datetime) -> OneTimeLink:
    """The link as long as it can be used; looking doesn't use it. Raises LinkIsOver."""
    found = session.scalar(
        select(OneTimeLink)
        .where(OneTimeLink.token_hash == _hash(token), OneTimeLink.ends_at > now)
        .options(joinedload(OneTimeLink.sign_up), joinedload(OneTimeLink.account))
    )
    if found is None or (found.sign_up or found.account) is None:
        raise LinkIsOver
    return found


def _used(session: Session, token: str, now: datetime) -> OneTimeLink:
    link = find_link(session, token, now)
    this = delete(OneTimeLink).where(OneTimeLink.token_hash == link.token_hash)
    if session.execute(this.execution_options(synchronize_session=False)).rowcount != 1:
        raise LinkIsOver
    session.expunge(link)
    return link


# -- passwords --------------------------------------------------------------------------------------------------------


def new_password_by_link(session: Session, token: str, password_hash: str, now: datetime, *, by_mail: bool) -> Account:
    """Give the account of this link a new password. Raises LinkIsOver."""
    begin_writing(session)
    number = find_link(session, token, now).account_id
    # Before the link, as whoever changes the password does.
    account = hold(session, number) if number else None
    if account is None:
        raise LinkIsOver
    _used(session, token, now)
    change_password(session, account, password_hash, now, by_mail=by_mail)
    # A stranger who keeps guessing can't keep the owner out.
    allowances.give_all_back(session, WRONG_FOR_ACCOUNT, account.email)
    return account


def change_password(session: Session, account: Account, password_hash: str, now: datetime, *, by_mail: bool) -> None:
    """The account's new password; all its sessions and links end."""
    hold(session, account.id).password_hash = password_hash
    end_sessions(session, account)
    _end_links(session, account)
    if by_mail:
        send(session, now, "password_changed", account.email)
    log.note(session, now, account.email, "changed the password", participant_id=participant_id_of(session, account))


def _end_links(session: Session, account: Account) -> None:
    theirs = delete(OneTimeLink).where(OneTimeLink.account_id == account.id)
    session.execute(theirs.execution_options(synchronize_session=False))


# -- sessions ---------------------------------------------------------------------------------------------------------


def hold(session: Session, account_id: int) -> Account | None:
    """The account as it is now, which nobody else changes until the transaction ends.

    Whoever begins a session looks at it so, and whoever ends all of them: else one could begin with a password that
    was replaced in that moment.
    """
    begin_writing(session)
    held = select(Account).where(Account.id == account_id).with_for_update()
    return session.scalar(held.execution_options(populate_existing=True))


def begin_session(session: Session, account: Account, now: datetime, browser: str = "") -> str:
    """The token of a new session of the account."""
    token = secrets.token_urlsafe(32)
    session.add(AccountSession(token_hash=_hash(token), account_id=account.id, made_at=now, browser=browser[:60]))
    session.flush()
    return token


def renew_session(session: Session, token: str) -> str | None:
    """A new token for the session, the one until now opening nothing more; None where the session has ended."""
    new = secrets.token_urlsafe(32)
    this = update(AccountSession).where(AccountSession.token_hash == _hash(token)).values(token_hash=_hash(new))
    return new if session.execute(this.execution_options(synchronize_session=False)).rowcount == 1 else None


def owner_of_session(session: Session, token: str, now: datetime) -> Account | None:
    """Whose session it is, as long as it lasts; with the second step, if they have one."""
    return session.scalar(
        select(Account)
        .join(AccountSession, AccountSession.account_id == Account.id)
        .where(AccountSession.token_hash == _hash(token), AccountSession.made_at > now - SESSION_LASTS)
        .options(joinedload(Account.second_step))
    )


def sessions_of(session: Session, account_id: int, now: datetime) -> list[AccountSession]:
    """The account's sessions that last, newest first."""
    theirs = (AccountSession.account_id == account_id, AccountSession.made_at > now - SESSION_LASTS)
    return list(session.scalars(select(AccountSession).where(*theirs).order_by(AccountSession.made_at.desc())))


def is_with(one: AccountSession, token: str) -> bool:
    """Whether it is the session with this token."""
    return one.token_hash == _hash(token)


def end_other_sessions(session: Session, account_id: int, token: str, only: str | None = None) -> int:
    """End the account's sessions but the one with this token, or `only` the one with that hash; how many ended.

    A page may show the hash, which opens nothing.
    """
    theirs = [AccountSession.account_id == account_id, AccountSession.token_hash != _hash(token)]
    if only is not None:
        theirs.append(AccountSession.token_hash == only)
    return session.execute(delete(AccountSession).where(*theirs).execution_options(synchronize_session=False)).rowcount


def end_session(session: Session, token: str) -> None:
    """Whoever has the session's cookie is signed in no longer."""
    this = delete(AccountSession).where(AccountSession.token_hash == _hash(token))
    session.execute(this.execution_options(synchronize_session=False))


def end_sessions(session: Session, account: Account) -> None:
    """Sign the account out wherever it is signed in, or half signed in."""
    for table in (FirstStep, AccountSession):
        theirs = delete(table).where(table.account_id == account.id)
        session.execute(theirs.execution_options(synchronize_session=False))


# -- half signed in: the password was right, the code is still to come ------------------------------------------------


def begin_first_step(session: Session, account: Account, now: datetime) -> str:
    """The token of a browser that gave the right password."""
    token = secrets.token_urlsafe(32)
    session.add(FirstStep(token_hash=_hash(token), account_id=account.id, ends_at=now + FIRST_STEP_LASTS))
    session.flush()
    return token


def owner_of_first_step(session: Session, token: str, now: datetime) -> Account | None:
    """Whose password was given there, as long as the code may follow."""
    return session.scalar(
        select(Account)
        .join(FirstStep, FirstStep.account_id == Account.id)
        .where(FirstStep.token_hash == _hash(token), FirstStep.ends_at > now)
    )


def end_first_step(session: Session, token: str) -> None:
    """No code may follow any more."""
    this = delete(FirstStep).where(FirstStep.token_hash == _hash(token))
    session.execute(this.execution_options(synchronize_session=False))


# -- mails, and what is over ------------------------------------------------------------------------------------------


def send(session: Session, now: datetime, kind: str, email: str, sign_up_id: str | None = None) -> None:
    """Have the worker send a mail of this kind; it goes out only if the caller commits."""
    session.add(Mail(kind=kind, email=email, sign_up_id=sign_up_id, made_at=now, try_at=now))


def forget_old(session: Session, now: datetime) -> None:
    """Delete sessions, links, sign-ups and tries that are over."""
    for over in (
        delete(AccountSession).where(AccountSession.made_at <= now - SESSION_LASTS),
        delete(FirstStep).where(FirstStep.ends_at <= now),
        delete(OneTimeLink).where(OneTimeLink.ends_at <= now),
    ):
        session.execute(over.execution_options(synchronize_session=False))
    _forget_sign_ups(session, SignUp.made_at <= now - SIGN_UP_KEPT)
    allowances.forget_old(session, now)


def _forget_sign_ups(session: Session, which) -> None:
    theirs = select(SignUp.id).where(which)
    for statement in (
        delete(OneTimeLink).where(OneTimeLink.sign_up_id.in_(theirs)),
        delete(Mail).where(Mail.sign_up_id.in_(theirs)),
        delete(SignUp).where(which),
    ):
        session.execute(statement.execution_options(synchronize_session=False))


def _hash(token: str) -> str:
    # Of 256 random bits: nothing slower is needed.
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
