"""The second step of signing in: a code that an app computes from a secret and the time (TOTP, RFC 6238).

The rules only; no Flask, never commits. The secret is sealed with the same keys as the Canvas token. One UPDATE decides
who uses a code.
"""

from collections.abc import Iterable
from datetime import datetime

import pyotp
from cryptography.fernet import MultiFernet
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from ...ledger import activity
from ...shared.language import mark, t
from ...shared.said import Said
from ...tables.columns import Sealed, change
from ...tables.keys import Secrets
from . import accounts, sessions
from .tables import Account, SecondStep

CLOCKS_DIFFER = 1
"""How many time steps of 30 s the app's clock may be ahead of or behind ours."""


class Unreadable(Exception):
    """No key opens the secret any more, so no code can be checked; the text is a sentence for the person."""

    def __init__(self) -> None:
        super().__init__(
            t("Your second step can't be read any more. Ask the office to remove it, then set it up again.")
        )


def new_secret() -> str:
    """A secret of 160 random bits, in base32 as apps expect it."""
    return pyotp.random_base32()


def app_address(secret: str, email: str) -> str:
    """The address in the QR code. Opened on a phone, it adds the account to the app there."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Ascriptica")


def has_one(session: Session, account: Account) -> bool:
    """Whether signing in with the account needs a code."""
    return session.scalar(select(SecondStep.account_id).where(SecondStep.account_id == account.id)) is not None


def turn_on(
    session: Session, account: Account, secret: str, code: str, keys: MultiFernet, now: datetime, *, by_mail: bool
) -> bool:
    """Require codes of this secret from now on, and end all sessions. Returns False for a wrong code.

    It also returns False where the account already has a second step. The caller holds the account.
    """
    step = _step_of(secret, code, now)
    if step is None or has_one(session, account):
        return False
    made = SecondStep(account_id=account.id, secret=Sealed.seal(secret, keys), used=step, made_at=now)
    session.add(made)
    session.flush()
    _changed(
        session, account, now, account.email, mark("turned the second step on"), "second_step_on" if by_mail else None
    )
    return True


def accept(session: Session, account: Account, code: str, keys: MultiFernet, now: datetime) -> bool:
    """Whether this is an unused code of the account; if so, this uses it up. Raises Unreadable."""
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
    """Remove the second step, and end all sessions. `by` is the person who did it, for the activity log."""
    change(session, delete(SecondStep).where(SecondStep.account_id == account.id))
    what = mark("turned the second step off") if by == account.email else mark("removed the second step")
    _changed(session, account, now, by, what, "second_step_off" if by_mail else None)


def _changed(session: Session, account: Account, now: datetime, by: str, what: str, mail: str | None) -> None:
    sessions.end_sessions(session, account)
    session.expire(account, ["second_step"])
    if mail:
        accounts.notify_owner(session, account, account.email, now, by, mail)
    words = None if by == account.email else Said("whose", email=account.email)
    activity.note(session, now, by, what, words, participant_id=accounts.participant_id_of(session, account))


def _step_of(secret: str, code: str, now: datetime) -> int | None:
    """The time step of this code; None if the code is not valid now."""
    try:
        return pyotp.TOTP(secret).verify_and_get_timecode(code, for_time=now, valid_window=CLOCKS_DIFFER)
    except pyotp.OTPVerificationError:
        return None


def _secrets(session: Session) -> Iterable[tuple[SecondStep, str, str]]:
    for held in session.scalars(select(SecondStep).order_by(SecondStep.account_id).with_for_update()).all():
        yield held, "secret", session.get_one(Account, held.account_id).email


SECRETS = Secrets("second step", "second steps", "remove it with remove-second-step", _secrets)
