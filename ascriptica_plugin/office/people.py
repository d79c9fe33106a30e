"""People: what a name, an email and a SIS ID may be; finding and correcting people.

Never commits. Each `read_` function returns the tidy form or raises ValueError, whose text is a sentence for the person
who typed it.
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

from ..ledger import activity, claims, matches
from ..shared.clock import LONG_AGO
from ..shared.language import Marked, t
from ..shared.said import Said, change_of
from ..tables.columns import begin_writing, change, upsert_into
from ..tables.folding import fold
from ..tables.ledger import Match
from ..tables.office import FormerEmail, Participant
from . import sis_ids

LONGEST_EMAIL = 100
"""Canvas takes logins of 100 characters at most, and the email becomes one."""


CONTROLS: re.Pattern[str] = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Characters that control a terminal or the direction of text, and belong in no name."""


INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
"""Invisible characters that nobody types: they are copied along with an address."""

AROUND = re.compile(rf"^(?:{INVISIBLE.pattern}|\s)+|(?:{INVISIBLE.pattern}|\s)+$")

_BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols by category that show nothing: the Hangul fillers and the Braille blank."""


FACTS = ("name", "email", "sis_user_id")


def shows(text: str) -> bool:
    """Whether a text has a visible character; one that only joins, marks or separates letters doesn't count."""
    return any(unicodedata.category(sign)[0] in "LNPS" and sign not in _BLANKS for sign in text)


def read_name(typed: str) -> str:
    """A name of 1 to 255 characters, at least one of them visible, without control characters, in the form NFC."""
    name = AROUND.sub("", unicodedata.normalize("NFC", typed))
    if not shows(name):
        raise ValueError(t("Enter a name."))
    if len(name) > 255:
        raise ValueError(t("Keep the name to 255 characters."))
    if CONTROLS.search(name):
        raise ValueError(t("Take the line breaks and control characters out of the name."))
    return name


LAST_FIRST = re.compile(r"((?:[^\W\d_]|[ .'’-])+), *((?:[^\W\d_]|[ .'’-])+)")

NO_LAST_NAME = re.compile(r"\b(?:and|dipl|dr|et|ing|mrs?|ms|prof|und|y)\b")
NO_FIRST_NAME = re.compile(
    rf"{NO_LAST_NAME.pattern}|\b(?:ba|bsc|cpa|dds|dvm|edd|esq|gmbh|i[iv]|iii|inc|jd|jr|junior|ll[bcm]|ltd|ma|mag|mba|md"
    r"|mph|msc|msw|phd|rn|sc|sen|sr)\b"
)
"""Words beside a comma that does not stand between a last name and a first name."""


def read_listed_name(typed: str) -> str:
    """As `read_name`, for lists and files, which have Alt, Ines: that is Ines Alt, unless it may be anything else."""
    name = read_name(typed)
    if (parts := LAST_FIRST.fullmatch(name)) is None:
        return name
    last, first = (part.strip() for part in parts.groups())
    is_a_name = not NO_LAST_NAME.search(_words(last)) and not NO_FIRST_NAME.search(_words(first))
    # With more words it may be a department.
    return f"{first} {last}" if is_a_name and len(last.split()) <= 4 and len(first.split()) <= 3 else name


def _words(part: str) -> str:
    return fold(part).replace(".", "")


def read_email(typed: str) -> str:
    """An email address that can become a Canvas login: the domain in ASCII, without invisible characters.

    An address with other letters than ASCII's is in small letters, since SQLite can't compare their capitals.
    """
    email = without_invisible(typed)
    if not email:
        raise ValueError(t("Enter an email address."))
    # First the length: reading an address takes time with the square of it.
    if len(email) <= LONGEST_EMAIL:
        normal = _normal(email)
        if normal is None:
            raise ValueError(t("That is not an email address. It looks like ann@example.org."))
        email = normal
    if len(email) > LONGEST_EMAIL:
        raise ValueError(
            t(
                "Canvas takes logins of {most} characters at most. Use a shorter address.",
                most=LONGEST_EMAIL,
            )
        )
    return email


def without_invisible(typed: str | None) -> str:
    """The text without spaces around it and without invisible characters."""
    return INVISIBLE.sub("", typed or "").strip()


def _normal(email: str) -> str | None:
    # Mail programs decode an encoded word, so the mail would go to another address, or nowhere.
    if "=?" in email:
        return None
    try:
        # NFKC, since some keyboards and programs use other characters for the same letters and the same @.
        read = validate_email(INVISIBLE.sub("", unicodedata.normalize("NFKC", email)), check_deliverability=False)
    except EmailNotValidError:
        return None
    normal = f"{read.local_part}@{read.ascii_domain}"
    return normal if normal.isascii() else normal.lower()


def as_compared(email: str) -> str:
    """The one spelling in which emails are compared. A text that is not an email is returned in small letters."""
    if not email.isascii():
        with suppress(ValueError):
            email = read_email(email)
    return email.strip().lower()


def by_email(session: Session, emails: Collection[str]) -> dict[str, list[Participant]]:
    """The participants with these emails in any spelling, by the email `as_compared`; the oldest of each first.

    Those who wait to be erased are left out, so that somebody who comes back becomes a new participant.
    """
    found: dict[str, list[Participant]] = {}
    theirs = select(Participant).where(_has(emails), Participant.erase_at.is_(None)).order_by(Participant.id)
    for participant in session.scalars(theirs):
        found.setdefault(as_compared(participant.email), []).append(participant)
    return found


def being_erased(session: Session, emails: Collection[str]) -> set[str]:
    """The emails, `as_compared`, whose participants wait to be erased."""
    waiting = select(Participant.email).where(_has(emails), Participant.erase_at.is_not(None))
    return {as_compared(email) for email in session.scalars(waiting)}


def _has(emails: Collection[str]) -> ColumnElement[bool]:
    written = {*emails, *spellings(emails)}
    # SQLite's lower() changes ASCII only, as that of Python's bytes does.
    lowered = {email.lower() for email in written} | {email.encode().lower().decode() for email in written}
    return func.lower(Participant.email).in_(lowered)


def spellings(emails: Collection[str]) -> set[str]:
    """The emails in small letters, each with its domain as given, in ASCII, and in Unicode."""
    return {one.lower() for email in emails for one in (email, as_compared(email), _as_pronounced(as_compared(email)))}


def _as_pronounced(email: str) -> str:
    """With the domain in Unicode: older versions stored emails like this, and hosts may pass them."""
    name, at, domain = email.rpartition("@")
    try:
        return name + at + idna.decode(domain) if "xn--" in domain else email
    except idna.IDNAError:
        return email


EACH_THEIR_OWN: Marked[str] = (
    "If these are two people, such as a family, each needs an email of their own: Canvas tells people apart by it."
)


def is_named(participant: Participant) -> bool:
    """Whether a name is known; somebody registered by email alone has the email as name."""
    return as_compared(participant.name) != as_compared(participant.email)


def same_name(one: str, other: str) -> bool:
    """Whether two names have the same words: in any order, without case, accents and signs, as in Lee, Kim."""
    return sorted(re.findall(r"\w+", fold(one))) == sorted(re.findall(r"\w+", fold(other)))


def check_name(participant: Participant, name: str, how_to_rename: str) -> None:
    """Raise ValueError where the participant with the email that was given has another name than this."""
    if is_named(participant) and not same_name(participant.name, name):
        raise ValueError(
            t(
                "{name} has the email {email} here, and no other name. If their name has changed, {how_to}. {hint}",
                name=participant.name,
                email=participant.email,
                how_to=t(how_to_rename),
                hint=t(EACH_THEIR_OWN),
            )
        )


def matching(words: str) -> ColumnElement[bool]:
    """Condition on Participant: every one of the words is in the name, the email or the SIS ID, accents ignored."""
    # During an upgrade, the release before makes participants without it.
    plain = func.lower(Participant.name + " " + Participant.email + " " + func.coalesce(Participant.sis_user_id, ""))
    text = func.coalesce(func.nullif(Participant.found_by, ""), plain)
    return and_(*(text.contains(word, autoescape=True) for word in fold(words).split()), true())


def correct(
    session: Session, participant: Participant, now: datetime, by: str, *, leave_out: bool = False, **facts: str | None
) -> bool:
    """Change the participant's name, email or SIS ID. Returns whether anything changed.

    With another email or SIS ID they may be somebody else in Canvas, so that is looked up anew. A Canvas user that we
    created is changed as well. Raises `sis_ids.Taken` where somebody else has the SIS ID; with `leave_out` one that
    can't be theirs is left out and noted instead.
    """
    before = {name: getattr(participant, name) for name in facts}
    changed = {name: value for name, value in facts.items() if value != before[name]}
    if not changed:
        return False
    if "sis_user_id" in changed and leave_out:
        sis_ids.give_or_leave_out(session, participant, changed["sis_user_id"] or "")
        changed["sis_user_id"] = participant.sis_user_id
        if participant.sis_user_id == before["sis_user_id"]:
            del changed["sis_user_id"]
    elif "sis_user_id" in changed:
        sis_ids.give(session, participant, changed["sis_user_id"])
        participant.sis_user_id_decided = participant.sis_user_id_refused is not None
    if "email" in changed:
        remember_email(session, participant, participant.email)
    for name in changed.keys() - {"sis_user_id"}:
        setattr(participant, name, changed[name])
    session.flush()
    if not changed:
        return False
    if changed.keys() & {"email", "sis_user_id"}:
        matches.revise(session, participant.id)
    if changed.keys() & {"name", "email"}:
        _let_canvas_follow(session, participant.id)
    words = Said("changes", changes=[change_of(name, before[name], value) for name, value in changed.items()])
    activity.note(session, now, by, "corrected", words, participant_id=participant.id)
    return True


def remember_email(session: Session, participant: Participant, email: str) -> None:
    """Keep the email among those that the participant had before."""
    had = upsert_into(session, FormerEmail).values(participant_id=participant.id, email=email.lower())
    session.execute(had.on_conflict_do_nothing())


def emails_of(session: Session, participant: Participant) -> set[str]:
    """The participant's email and former emails, in small letters."""
    before = select(FormerEmail.email).where(FormerEmail.participant_id == participant.id)
    return {participant.email.lower(), *session.scalars(before)}


def of_others(session: Session, participant: Participant, emails: Collection[str]) -> set[str]:
    """The emails, in small letters, that other participants have now."""
    others = select(Participant.email).where(_has(emails), Participant.id != participant.id)
    return spellings(session.scalars(others).all())


def _let_canvas_follow(session: Session, participant_id: int) -> None:
    """Have the worker change the Canvas user at once, even where an earlier try failed."""
    ours = update(Match).where(Match.participant_id == participant_id, Match.created_by_us)
    if change(session, ours.values(follow_at=LONG_AGO)):
        session.info[claims.RANG] = True


@dataclass(frozen=True)
class Person:
    """The signed-in person, given by the host. `key` is the host's own lasting identifier of that person.

    `language` is set by our pages: the code of the one that they speak to the person, who is mailed in it from now on.
    """

    key: str
    email: str
    name: str
    sis_user_id: str | None = None
    language: str | None = None


def participant_for(session: Session, person: Person) -> Participant:
    """The participant with the person's key, created or updated.

    Only the key identifies a person: an equal email never takes over an existing participant. A SIS ID that is
    somebody else's, or none at all, is left out and noted; a host without SIS IDs deletes none.
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
    before = (found.email, found.sis_user_id)
    _bring_up_to_date(found, person)
    sis_ids.give_or_leave_out(session, found, person.sis_user_id or "")
    if before != (found.email, found.sis_user_id):
        # Known by another email or SIS ID: who are they in Canvas now?
        session.flush()
        matches.revise(session, found.id)
    return found


def _bring_up_to_date(participant: Participant, person: Person) -> Participant:
    for name, longest in (("email", 320), ("name", 255)):
        value = getattr(person, name).replace("\x00", "")[:longest]
        if getattr(participant, name) != value:
            setattr(participant, name, value)
    participant.language = person.language or participant.language
    return participant
