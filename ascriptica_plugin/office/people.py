"""People: finding them, correcting them, and the participant of a signed-in person. Never commits."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ..ledger import activity, claims, matches
from ..shared.clock import LONG_AGO
from ..shared.said import Said, change_of
from ..tables.columns import begin_writing, change, upsert_into
from ..tables.folding import fold
from ..tables.ledger import Match
from ..tables.office import FormerEmail, Participant
from . import sis_ids
from .emails import as_compared, spellings

FACTS = ("name", "email", "sis_user_id")


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
    # SQLite's lower() changes ASCII only, and so does that of Python's bytes.
    lowered = {email.lower() for email in written} | {email.encode().lower().decode() for email in written}
    return func.lower(Participant.email).in_(lowered)


def matching(words: str) -> ColumnElement[bool]:
    """Condition on Participant: every one of the words is in the name, the email or the SIS ID, accents ignored."""
    # During an upgrade, the previous release still makes participants without `found_by`.
    plain = func.lower(Participant.name + " " + Participant.email + " " + func.coalesce(Participant.sis_user_id, ""))
    text = func.coalesce(func.nullif(Participant.found_by, ""), plain)
    return and_(*(text.contains(word, autoescape=True) for word in fold(words).split()), true())


def correct(
    session: Session, participant: Participant, now: datetime, by: str, *, leave_out: bool = False, **facts: str | None
) -> bool:
    """Change the participant's name, email or SIS ID. Returns whether anything changed.

    With another email or SIS ID they may be somebody else in Canvas, so that is looked up again. A Canvas user that we
    created is changed as well. Raises `sis_ids.Taken` if somebody else has the SIS ID; with `leave_out`, a SIS ID that
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
    """Have the worker change the Canvas user at once, even if an earlier try failed."""
    ours = update(Match).where(Match.participant_id == participant_id, Match.created_by_us)
    if change(session, ours.values(follow_at=LONG_AGO)):
        session.info[claims.RANG] = True


@dataclass(frozen=True)
class Person:
    """The signed-in person, given by the host. `key` is the host's own lasting identifier of that person.

    `language` is set by our pages: the code of the language in which the person reads them. From then on, mails to the
    person are in that language.
    """

    key: str
    email: str
    name: str
    sis_user_id: str | None = None
    language: str | None = None


def participant_for(session: Session, person: Person) -> Participant:
    """The participant with the person's key, created or updated.

    Only the key identifies a person: somebody with the same email never takes over an existing participant. A SIS ID
    that is somebody else's, or is not valid, is left out and noted. A host without SIS IDs doesn't delete ours.
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
        # With another email or SIS ID they may be somebody else in Canvas.
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
