"""The second step of signing in: a code that an app makes of a secret and the time (TOTP, RFC 6238).

The rules only; no Flask, never commits. The secret is sealed with the keys of the Canvas token. One UPDATE decides who
used a code.
"""

from collections.abc import Iterable
from datetime import datetime

import pyotp
from cryptography.fernet import MultiFernet
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from ... import activity
from ...keys import Secrets
from ...mail import send
from ...tables.columns import Sealed, change
from . import accounts, sessions
from .tables import Account, SecondStep

CLOCKS_DIFFER = 1
"""So many time steps of 30 s may the app's clock be before or behind ours."""


class Unreadable(Exception):
    """No key opens the secret any more, so no code can be looked at; the text is a sentence for the person."""

    def __init__(self) -> None:
        super().__init__("Your second step can't be read any more. Ask the office to remove it, then set it up again.")


def new_secret() -> str:
    """160 random bits, as apps take them."""
    return pyotp.random_base32()


def app_address(secret: str, email: str) -> str:
    """What the QR code says: opened on a phone, it adds the account to its app."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Ascriptica")


def has_one(session: Session, account: Account) -> bool:
    """Whether signing in with the account takes a code."""
    return session.scalar(select(SecondStep.account_id).where(SecondStep.account_id == account.id)) is not None


def turn_on(
    session: Session, account: Account, secret: str, code: str, keys: MultiFernet, now: datetime, *, by_mail: bool
) -> bool:
    """Ask for codes of this secret from now on, and end all sessions; whether the code shows that the app has it.

    The caller holds the account.
    """
    step = _step_of(secret, code, now)
    if step is None or has_one(session, account):
        return False
    made = SecondStep(account_id=account.id, secret=Sealed.seal(secret, keys), used=step, made_at=now)
    session.add(made)
    session.flush()
    _changed(session, account, now, account.email, "turned the second step on", "second_step_on" if by_mail else None)
    return True


def accept(session: Session, account: Account, code: str, keys: MultiFernet, now: datetime) -> bool:
    """Whether this is a code of the account's that nobody has used; it is used from now on. Raises Unreadable."""
    held = session.get_one(SecondStep, account.id, populate_existing=True)
    secret = held.secret.open(keys)
    if secret is None:
        raise Unreadable
    step = _step_of(secret, code, now)
    if step is None:
        return False
    this = update(SecondStep).where(SecondStep.account_id == account.id, SecondStep.used < step)
    return change(session, this.values(used=step)) == 1


def turn_off(session: Session, account: Account, now: datetime, by: str, *, by_mail: bool) -> None:
    """From now on the password alone signs in; all sessions end. `by` is who wants it so, for the log."""
    change(session, delete(SecondStep).where(SecondStep.account_id == account.id))
    what = "turned the second step off" if by == account.email else "removed the second step"
    _changed(session, account, now, by, what, "second_step_off" if by_mail else None)


def _changed(session: Session, account: Account, now: datetime, by: str, what: str, mail: str | None) -> None:
    sessions.end_sessions(session, account)
    session.expire(account, ["second_step"])
    if mail:
        send(session, now, mail, account.email)
    words = "" if by == account.email else f"Of {account.email}."
    activity.note(session, now, by, what, words, participant_id=accounts.participant_id_of(session, account))


def _step_of(secret: str, code: str, now: datetime) -> int | None:
    """The time step whose code it is, out of those that are right now."""
    try:
        return pyotp.TOTP(secret).verify_and_get_timecode(code, for_time=now, valid_window=CLOCKS_DIFFER)
    except pyotp.OTPVerificationError:
        return None


def _secrets(session: Session) -> Iterable[tuple[SecondStep, str, str]]:
    for held in session.scalars(select(SecondStep).order_by(SecondStep.account_id).with_for_update()).all():
        yield held, "secret", session.get_one(Account, held.account_id).email


SECRETS = Secrets("second step", "second steps", "remove it with remove-second-step", _secrets)
