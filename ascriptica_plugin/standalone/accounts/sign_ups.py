"""Sign-ups: what is kept until a link confirms the email, and the account that is made then. Never commits."""

import secrets
from datetime import datetime

from sqlalchemy import and_, select, true
from sqlalchemy.orm import Session

from ...mail import send
from ...office import allowances
from ...office.emails import as_compared
from ...shared.language import mark
from ...tables.columns import begin_writing
from .accounts import account_with, adopt_participant, make_account
from .forgetting import forget_sign_ups
from .links import LinkUnusable, find_link, use_up
from .tables import Account, SignUp
from .tries import SIGN_UP_MAILS


def sign_up(
    session: Session, now: datetime, email: str, name: str, password_hash: str, *, wanted: str = "", by_mail: bool
) -> None:
    """Keep a sign-up until a link confirms it. Where the email has an account, its owner only gets a mail.

    Once the allowance of mails is used up, none is sent: an earlier link to the email works for this sign-up too.
    """
    begin_writing(session)
    email = as_compared(email)
    by_mail = by_mail and not allowances.take(session, SIGN_UP_MAILS, email, now)
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
    """Unconfirmed sign-ups, newest first: those with all of the words, or with this email."""
    text = SignUp.name + " " + SignUp.email
    which = and_(*(text.icontains(word, autoescape=True) for word in words.split()), true())
    if email is not None:
        which = SignUp.email == as_compared(email)
    return list(session.scalars(select(SignUp).where(which).order_by(SignUp.made_at.desc()).limit(most)))


def confirmed_by(session: Session, sign_up: SignUp) -> list[SignUp]:
    """The sign-ups that this one's link may confirm, newest first: all with its email, which the link proves.

    The password selects one of them, so a stranger who signs up with somebody's email can't get in their way.
    """
    with_email = select(SignUp).where(SignUp.email == sign_up.email)
    return list(session.scalars(with_email.order_by(SignUp.made_at.desc(), SignUp.id)))


def confirm(session: Session, token: str, password_hash: str, now: datetime) -> Account:
    """Make the account of the sign-up with this password. The link proves its email.

    A participant whom the office entered with this email then belongs to the account. Raises LinkUnusable.
    """
    begin_writing(session)
    link = find_link(session, token, now)
    found = confirmed_by(session, link.sign_up) if link.sign_up else []
    made = next((one for one in found if one.password_hash == password_hash), None)
    if made is None:
        raise LinkUnusable
    use_up(session, token, now)
    try:
        account = make_account(session, made.email, made.name, made.password_hash)
    except ValueError:
        raise LinkUnusable from None
    forget_sign_ups(session, SignUp.email == account.email)
    adopt_participant(session, account, now, account.email, mark("confirmed"))
    return account
