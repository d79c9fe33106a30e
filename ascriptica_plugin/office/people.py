"""People as the office keeps them: what a name, an email and a SIS ID may be, finding and correcting people.

Never commits. Each `read_` answers the tidy form or raises ValueError, whose text is a sentence for the person who
typed.
"""

import re
import unicodedata
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import idna
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import ColumnElement, and_, func, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from .. import activity
from ..ledger import claims, due
from ..tables.canvas import CanvasUser, Seat
from ..tables.columns import begin_writing, change, upsert_into
from ..tables.office import FormerEmail, Participant

LONGEST_EMAIL = 100
"""Canvas takes logins of 100 characters at most, and the email becomes one."""


CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What moves a terminal or turns a line around, and shows in no name."""


INVISIBLE = re.compile(r"[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")
"""What nobody sees and nobody types: it comes along when an address is copied."""

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
    """An email address that can become a Canvas login, however it was typed: its domain in ASCII, nothing invisible."""
    email = without_invisible(typed)
    if not email:
        raise ValueError("Enter an email address.")
    # Before it is read, which takes time with the square of its length.
    if len(email) <= LONGEST_EMAIL:
        normal = _normal(email)
        if normal is None:
            raise ValueError("That is not an email address. It looks like ann@example.org.")
        email = normal
    if len(email) > LONGEST_EMAIL:
        raise ValueError(f"Canvas takes logins of {LONGEST_EMAIL} characters at most. Use a shorter address.")
    return email


def without_invisible(typed: str | None) -> str:
    """What was typed, without the spaces around it and the signs that nobody sees."""
    return INVISIBLE.sub("", typed or "").strip()


def _normal(email: str) -> str | None:
    # What begins so is a word that mail programs decode: its mail would go to another address, or nowhere.
    if "=?" in email:
        return None
    try:
        # Other keyboards and programs write the same letters and the same @ as other characters.
        read = validate_email(unicodedata.normalize("NFKC", email), check_deliverability=False)
    except EmailNotValidError:
        return None
    return f"{read.local_part}@{read.ascii_domain}"


def as_compared(email: str) -> str:
    """The one spelling of an email that all its spellings are compared by; what is no email, in small letters."""
    if not email.isascii():
        with suppress(ValueError):
            email = read_email(email)
    return email.strip().lower()


def read_sis_user_id(typed: str) -> str | None:
    """A SIS ID, or None for a blank one."""
    sis_user_id = typed.strip()
    if len(sis_user_id) > 255:
        raise ValueError("Keep the SIS ID to 255 characters.")
    if not sis_user_id.isprintable():
        raise ValueError("Take the line breaks and control characters out of the SIS ID.")
    return sis_user_id or None


def by_email(session: Session, emails: Collection[str]) -> dict[str, list[Participant]]:
    """The participants with these emails, however spelled, under the email `as_compared`; nobody who waits to be
    erased, so that who comes back begins anew."""
    found: dict[str, list[Participant]] = {}
    for participant in session.scalars(select(Participant).where(_has(emails), Participant.erase_at.is_(None))):
        found.setdefault(as_compared(participant.email), []).append(participant)
    return found


def being_erased(session: Session, emails: Collection[str]) -> set[str]:
    """Those of the emails, `as_compared`, whose participants wait to be erased."""
    waiting = select(Participant.email).where(_has(emails), Participant.erase_at.is_not(None))
    return {as_compared(email) for email in session.scalars(waiting)}


def _has(emails: Collection[str]) -> ColumnElement[bool]:
    written = {*emails, *spellings(emails)}
    # SQLite's lower() knows ASCII only, and so does that of bytes.
    lowered = {email.lower() for email in written} | {email.encode().lower().decode() for email in written}
    return func.lower(Participant.email).in_(lowered)


def spellings(emails: Collection[str]) -> set[str]:
    """The emails in small letters, each with its domain as it came, in ASCII, and in its own letters."""
    return {one.lower() for email in emails for one in (email, as_compared(email), _as_pronounced(as_compared(email)))}


def _as_pronounced(email: str) -> str:
    """With the domain in its own letters: so emails were kept before, and so a host may give them."""
    name, at, domain = email.rpartition("@")
    try:
        return name + at + idna.decode(domain) if "xn--" in domain else email
    except idna.IDNAError:
        return email


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
    if "email" in changed:
        remember_email(session, participant, participant.email)
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


def remember_email(session: Session, participant: Participant, email: str) -> None:
    """The participant has had this email, as long as we know them."""
    had = upsert_into(session, FormerEmail).values(participant_id=participant.id, email=email.lower())
    session.execute(had.on_conflict_do_nothing())


def emails_of(session: Session, participant: Participant) -> set[str]:
    """The participant's email and those that they had before, in small letters."""
    before = select(FormerEmail.email).where(FormerEmail.participant_id == participant.id)
    return {participant.email.lower(), *session.scalars(before)}


def of_others(session: Session, participant: Participant, emails: Collection[str]) -> set[str]:
    """Those of the emails, in small letters, that somebody else has now."""
    others = select(Participant.email).where(_has(emails), Participant.id != participant.id)
    return spellings(session.scalars(others).all())


def _let_canvas_follow(session: Session, participant_id: int) -> None:
    """A follow that failed before waits no longer."""
    ours = update(CanvasUser).where(CanvasUser.participant_id == participant_id, CanvasUser.created_by_us)
    if change(session, ours.values(follow_at=None)):
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
    if found.email.lower() != person.email.lower():
        begin_writing(session)
        remember_email(session, found, found.email)
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
