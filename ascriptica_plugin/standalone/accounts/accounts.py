"""Sign-ins: the account, its email, password and role, and its end. The rules only; no Flask, never commits.

An account needs proof of its email: it begins when somebody opens the link that was sent there, and enters the password
that was chosen at sign-up.
"""

from datetime import datetime

from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from ...ledger import activity
from ...mail import send
from ...office import people
from ...office.emails import as_compared
from ...office.people import Person, participant_for
from ...shared.language import in_language, mark, spoken, t
from ...shared.said import Said
from ...tables.columns import begin_writing, change
from ...tables.locks import lock_participant
from ...tables.mails import Mail
from ...tables.office import Participant
from . import passwords
from .forgetting import forget_emails
from .links import LinkUnusable, end_links, find_link, use_up
from .sessions import end_sessions, hold
from .tables import Account, OneTimeLink, SecondStep


def add_account(
    session: Session, now: datetime, email: str, name: str, password: str, *, admin: bool = False
) -> Account:
    """Make a sign-in that counts as confirmed, and its participant, as `confirm` does.

    Raises ValueError with a sentence where the email already has a sign-in.
    """
    account = make_account(session, email, name, passwords.hash_of(password), admin)
    adopt_participant(session, account, now, activity.US, mark("made a sign-in"))
    return account


def correct_account(
    session: Session, account: Account, name: str, email: str, now: datetime, by: str, *, by_mail: bool
) -> bool:
    """Give the account this name and email. Returns whether the email changed.

    If it did, all sessions and links of the account end, and with `by_mail` the old email gets a mail. `by` is the
    email of the person who does it. Raises ValueError with a sentence where another account has the email.
    """
    hold(session, account.id)
    before = account.email
    try:
        with session.begin_nested():
            account.name, account.email = name, email.lower()
    except IntegrityError:
        raise ValueError(t("There is already a sign-in for {email}.", email=email)) from None
    if account.email == before:
        return False
    end_sessions(session, account)
    end_links(session, account)
    if by_mail:
        notify_owner(session, account, before, now, by, "email_changed")
    return True


def notify_owner(session: Session, account: Account, email: str, now: datetime, by: str, kind: str) -> None:
    """Queue a mail to the owner's email about what `by` did with the account.

    The mail is in the language of the page if the owner did it, else in the language in which the owner last
    registered, or in the site's if they never registered.
    """
    key = person_of(account).key
    theirs = spoken() if by == email else session.scalar(select(Participant.language).where(Participant.key == key))
    with in_language(theirs):
        send(session, now, kind, email)


def ask_for_email(session: Session, account: Account, email: str, now: datetime) -> None:
    """Send a link to the new email that confirms it, and a mail about it to the old one.

    The caller holds the account. Earlier requests for another email are cancelled.
    """
    for table in (OneTimeLink, Mail):
        change(session, delete(table).where(table.account_id == account.id, table.email.is_not(None)))
    send(session, now, "new_email", email.lower(), account_id=account.id)
    send(session, now, "email_asked", account.email)
    activity.note(
        session, now, account.email, mark("asked for another email"), participant_id=participant_id_of(session, account)
    )


def new_email_by_link(session: Session, token: str, account_id: int, now: datetime) -> Account:
    """Give the account the email that this link was sent to; all its sessions and links end.

    Raises LinkUnusable, also for another account's link, and ValueError as `correct_account` does.
    """
    begin_writing(session)
    # Lock the participant before the account, as the office's corrections do.
    key = person_of(session.get_one(Account, account_id)).key
    if participant := session.scalar(select(Participant).where(Participant.key == key)):
        lock_participant(session, participant)
    account = hold(session, account_id)
    link = use_up(session, token, now, for_email=True)
    email = link.email
    if account is None or email is None or link.account_id != account_id:
        raise LinkUnusable
    before = account.email
    correct_account(session, account, account.name, email, now, before, by_mail=True)
    if participant:
        people.correct(session, participant, now, before, email=email)
    else:
        activity.note(session, now, before, mark("changed the email"))
    return account


# -- the administrator's role -----------------------------------------------------------------------------------------

LAST_ADMINISTRATOR = mark("This is the last administrator. Make somebody else an administrator first.")


def _hold_with_administrators(session: Session, account_id: int) -> tuple[Account | None, bool]:
    """The account, locked with all administrators' accounts, and whether it is the last administrator's.

    All are locked, since two administrators who remove each other at the same time would leave none. They are locked in
    the order of their ids, so that transactions can't deadlock; for the same reason a caller must not hold an account
    already.
    """
    begin_writing(session)
    which = select(Account).where(or_(Account.is_admin, Account.id == account_id)).order_by(Account.id)
    held = list(session.scalars(which.with_for_update().execution_options(populate_existing=True)))
    account = next((one for one in held if one.id == account_id), None)
    return account, bool(account and account.is_admin and not any(one.is_admin for one in held if one is not account))


def set_role(session: Session, account_id: int, is_admin: bool, now: datetime, by: str, *, by_mail: bool) -> bool:
    """Give or remove the administrator's role. Returns whether that changed anything; if so, all sessions end.

    `by` is the person who did it, for the activity log. Raises ValueError with a sentence for the last administrator,
    LookupError where there is no such account.
    """
    account, is_last = _hold_with_administrators(session, account_id)
    if account is None:
        raise LookupError
    if account.is_admin == is_admin:
        return False
    if is_last:
        raise ValueError(t(LAST_ADMINISTRATOR))
    account.is_admin = is_admin
    session.flush()
    end_sessions(session, account)
    if by_mail:
        notify_owner(session, account, account.email, now, by, "role_given" if is_admin else "role_taken")
    what = "gave the administrator's role" if is_admin else "took the administrator's role"
    number = participant_id_of(session, account)
    activity.note(session, now, by, what, Said("whose", email=account.email), participant_id=number)
    return True


def make_account(session: Session, email: str, name: str, password_hash: str, admin: bool = False) -> Account:
    """Make an account without a participant. Raises ValueError with a sentence where the email already has one."""
    begin_writing(session)
    account = Account(email=email, name=name, password_hash=password_hash, is_admin=admin)
    try:
        with session.begin_nested():
            session.add(account)
    except IntegrityError:
        raise ValueError(t("There is already a sign-in for {email}.", email=email)) from None
    return account


def account_with(session: Session, email: str) -> Account | None:
    """The account with this email in any spelling, and its second step."""
    # Older accounts were stored in any spelling, and two may share a mailbox: each is found in the spelling stored.
    kept = email.strip().lower()
    either = select(Account).where(Account.email.in_({kept, as_compared(email)}))
    return session.scalar(either.options(joinedload(Account.second_step)).order_by(Account.email != kept).limit(1))


def person_of(account: Account) -> Person:
    """The account's owner as a `Person`, as hosts pass it."""
    return Person(key=f"account:{account.id}", email=account.email, name=account.name)


def close_account(session: Session, account: Account) -> None:
    """Delete the account, its sessions and links, and its email's sign-ups and mails; the participant stays.

    Raises ValueError with a sentence for the last administrator.
    """
    _, is_last = _hold_with_administrators(session, account.id)
    if is_last:
        raise ValueError(t(LAST_ADMINISTRATOR))
    end_sessions(session, account)
    end_links(session, account)
    email = account.email
    for statement in (
        delete(SecondStep).where(SecondStep.account_id == account.id),
        # SQLite may give the account's id to another one.
        update(Participant).where(Participant.key == person_of(account).key).values(key=None),
    ):
        session.execute(statement)
    session.delete(account)
    session.flush()
    forget_emails(session, {email})


def participant_id_of(session: Session, account: Account) -> int | None:
    """The id of the owner's participant, once they have registered or the office has entered them."""
    return session.scalar(select(Participant.id).where(Participant.key == person_of(account).key))


def account_of(session: Session, key: str | None) -> Account | None:
    """The account with this host's key, as in `person_of`."""
    kind, _, number = (key or "").partition(":")
    known = kind == "account" and number.isdecimal() and int(number) < 2**31
    return session.get(Account, int(number)) if known else None


def adopt_participant(session: Session, account: Account, now: datetime, by: str, what: str) -> None:
    """Give the account the participant whom the office entered with its email, if there is just one; else a new one."""
    person = person_of(account)
    same_email = people.by_email(session, [account.email]).get(account.email, [])
    words = None
    if len(same_email) == 1 and same_email[0].key is None:
        [entered] = same_email
        mine = update(Participant).where(Participant.id == entered.id, Participant.key.is_(None))
        if change(session, mine.values(key=person.key)) == 1:
            session.expire(entered, ["key"])
            people.correct(session, entered, now, account.email, name=account.name, email=account.email)
            words = Said("sign_in_given")
    elif same_email:
        words = Said("participant_made", others=len(same_email))
    participant = participant_for(session, person)
    session.flush()
    activity.note(session, now, by, what, words, participant_id=participant.id)


def new_password_by_link(session: Session, token: str, password_hash: str, now: datetime, *, by_mail: bool) -> Account:
    """Give the account of this link a new password. Raises LinkUnusable."""
    begin_writing(session)
    number = find_link(session, token, now).account_id
    # Lock the account before its link, as `change_password` does.
    account = hold(session, number) if number else None
    if account is None:
        raise LinkUnusable
    use_up(session, token, now)
    change_password(session, account, password_hash, now, by_mail=by_mail)
    return account


def change_password(session: Session, account: Account, password_hash: str, now: datetime, *, by_mail: bool) -> None:
    """Give the account a new password; all its sessions and links end."""
    hold(session, account.id)
    account.password_hash = password_hash
    end_sessions(session, account)
    end_links(session, account)
    if by_mail:
        send(session, now, "password_changed", account.email)
    activity.note(
        session, now, account.email, mark("changed the password"), participant_id=participant_id_of(session, account)
    )
