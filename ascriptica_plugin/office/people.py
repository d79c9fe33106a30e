"""People as the office keeps them: what a name, an email and a SIS ID may be, finding and correcting people.

Never commits. Each `read_` answers the tidy form or raises ValueError, whose text is a sentence for the person who
typed.
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import ColumnElement, and_, func, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from .. import activity
from ..ledger import claims, due
from ..tables.canvas import CanvasUser, Seat
from ..tables.columns import begin_writing
from ..tables.office import Participant

LONGEST_EMAIL = 100
"""Canvas takes logins of 100 characters at most, and the email becomes one."""


CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What moves a terminal or turns a line around, and shows in no name."""


_BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and signs by their kind, which show nothing: fillers of Hangul, and Braille's blank."""


LABELS = {"name": "name", "email": "email", "sis_user_id": "SIS ID"}


def shows(text: str) -> bool:
    """Whether anything of a text can be seen; what only joins, marks or separates letters can't, alone."""
    return any(unicodedata.category(sign)[0] in "LNPS" and sign not in _BLANKS for sign in text)


def read_name(typed: str) -> str:
    """A name of 1 to 255 characters, of which some can be seen, without control characters."""
    name = typed.strip()
    if not shows(name):
        raise ValueError("Enter a name.")
    if len(name) > 255:
        raise ValueError("Keep the name to 255 characters.")
    if CONTROLS.search(name):
        raise ValueError("Take the line breaks and control characters out of the name.")
    return name


def read_email(typed: str) -> str:
    """An email address that can become a Canvas login."""
    email = typed.strip()
    if not email:
        raise ValueError("Enter an email address.")
    # Before it is read, which takes time with the square of its length.
    if len(email) > LONGEST_EMAIL:
        raise ValueError(f"Canvas takes logins of {LONGEST_EMAIL} characters at most. Use a shorter address.")
    try:
        # What begins so is a word that mail programs decode: its mail would go to another address, or nowhere.
        right = "=?" not in email and validate_email(email, check_deliverability=False)
    except EmailNotValidError:
        right = False
    if not right:
        raise ValueError("That is not an email address. It looks like ann@example.org.")
    return email


def read_sis_user_id(typed: str) -> str | None:
    """A SIS ID, or None for a blank one."""
    sis_user_id = typed.strip()
    if len(sis_user_id) > 255:
        raise ValueError("Keep the SIS ID to 255 characters.")
    if not sis_user_id.isprintable():
        raise ValueError("Take the line breaks and control characters out of the SIS ID.")
    return sis_user_id or None


def by_email(session: Session, emails: Collection[str]) -> dict[str, list[Participant]]:
    """The participants with these emails, whatever their case, under the email in small letters; nobody who waits to
    be erased, so that who comes back begins anew."""
    found: dict[str, list[Participant]] = {}
    for participant in session.scalars(select(Participant).where(_has(emails), Participant.erase_at.is_(None))):
        found.setdefault(participant.email.lower(), []).append(participant)
    return found


def being_erased(session: Session, emails: Collection[str]) -> set[str]:
    """Those of the emails, in small letters, whose participants wait to be erased."""
    waiting = select(Participant.email).where(_has(emails), Participant.erase_at.is_not(None))
    return {email.lower() for email in session.scalars(waiting)}


def _has(emails: Collection[str]) -> ColumnElement[bool]:
    # SQLite's lower() knows ASCII only, and so does that of bytes.
    spellings = {email.lower() for email in emails} | {email.encode().lower().decode() for email in emails}
    return func.lower(Participant.email).in_(spellings)


def matches(words: str) -> ColumnElement[bool]:
    """Condition on Participant: every one of the words is in the name, the email or the SIS ID."""
    # One text a person is compared faster than three, and no word has the space that joins them.
    text = Participant.name + " " + Participant.email + " " + func.coalesce(Participant.sis_user_id, "")
    return and_(*(text.icontains(word, autoescape=True) for word in words.split()), true())


def correct(session: Session, participant: Participant, now: datetime, by: str, **facts: str | None) -> bool:
    """Give the participant this name, email or SIS ID; whether any of them is another than before.

    With another email or SIS ID Canvas may know them after all, so what is held or parked of theirs is tried again.
    The Canvas user that we created follows.
    """
    before = {name: getattr(participant, name) for name in facts}
    changed = {name: value for name, value in facts.items() if value != before[name]}
    if not changed:
        return False
    for name, value in changed.items():
        setattr(participant, name, value)
    session.flush()
    if changed.keys() & {"email", "sis_user_id"}:
        due.release(session, Seat.participant_id == participant.id)
    if changed.keys() & {"name", "email"}:
        _let_canvas_follow(session, participant.id)
    words = "; ".join(
        f"{LABELS[name]}: {before[name] or 'none'} → {value or 'none'}" for name, value in changed.items()
    )
    activity.note(session, now, by, "corrected", words, participant_id=participant.id)
    return True


def _let_canvas_follow(session: Session, participant_id: int) -> None:
    """A follow that failed before waits no longer."""
    ours = update(CanvasUser).where(CanvasUser.participant_id == participant_id, CanvasUser.created_by_us)
    followed = session.execute(ours.values(follow_at=None).execution_options(synchronize_session=False))
    if followed.rowcount:
        session.info[claims.RANG] = True


@dataclass(frozen=True)
class Person:
    """Who is signed in, as the host tells it. `key` is the host's own lasting identifier of that person."""

    key: str
    email: str
    name: str
    sis_user_id: str | None = None


def participant_for(session: Session, person: Person) -> Participant:
    """The participant with the person's key, made or brought up to date.

    Only the key tells that two are one: an equal email never takes over a participant that was already there.
    """
    found = session.scalar(select(Participant).where(Participant.key == person.key))
    if found is None:
        begin_writing(session)
        found = Participant(key=person.key)
        try:
            with session.begin_nested():
                session.add(_bring_up_to_date(found, person))
        except IntegrityError:
            # Another request of the same person was faster.
            found = session.scalars(select(Participant).where(Participant.key == person.key)).one()
    return _bring_up_to_date(found, person)


def _bring_up_to_date(participant: Participant, person: Person) -> Participant:
    for name, longest in (("email", 320), ("name", 255), ("sis_user_id", 255)):
        value = getattr(person, name)
        if name == "sis_user_id" and value is None:
            # A host that knows none does not take away the one that the office entered.
            continue
        value = value.replace("\x00", "")[:longest] if value is not None else None
        if getattr(participant, name) != value:
            setattr(participant, name, value)
    return participant
