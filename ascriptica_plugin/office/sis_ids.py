"""SIS IDs: what is a valid one, and that no two people have the same one.

Never commits. The database decides who has a SIS ID, so if two people bring the same one at the same moment, only one
of them gets it.
"""

import re
from collections.abc import Collection

from sqlalchemy import and_, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ..shared.language import t
from ..tables.columns import begin_writing
from ..tables.office import Participant
from .emails import without_invisible

LONGEST = 255

NO_ID = frozenset(
    {"n/a", "n.a.", "na", "none", "null", "nil", "nan", "undefined", "unknown", "tbd", "true", "false", "k.a.", "keine"}
    | {"wahr", "falsch", "s/o", "aucun", "ninguno"}
)
"""What people and programs write into a cell when there is no SIS ID."""

ERROR_OF_A_SPREADSHEET = re.compile(r"#(?:n/?a|nv|n/d|н/д|#*|.*[!?])", re.IGNORECASE)
"""#N/A, #REF!, #NAME?, and the same in other languages; a cell that is too narrow shows ####."""

SHORTENED = re.compile(r"[+-]?\d+(?:[.,]\d+)?e[+-]\d+|[+-]?\d+[.,]\d+e\d+", re.IGNORECASE)
WITH_DECIMALS = re.compile(r"[+-]?\d+[.,]0+")
ROUNDED = re.compile(r"[1-9]\d{14}0{3,}")
"""A spreadsheet keeps 15 digits of a number. With fewer than three zeros after them, it may still be a SIS ID."""

_MONTH = (
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|Jän|Mrz|Mär|Mai|Okt|Dez"
    r"|janv|févr|mars|avr|juin|juil|août|sept|déc|ene|abr|ago|dic)\.?"
)
DATE = re.compile(
    rf"\d{{1,2}}[-. ]+{_MONTH}(?:[-. ]+\d{{2,4}})?|{_MONTH}[- ](?:\d\d|\d{{4}})|\d{{4}}-\d\d-\d\d[ T]00:00:00"
)
"""1-Mar, 26. Mrz, Mrz 26: months as spreadsheets write them, with their capitals."""

NOUGHT = re.compile(r"[+-]?0+(?:[.,]0*)?")


class Taken(ValueError):
    """Somebody else has this SIS ID; the text is a sentence that says who."""


def read_sis_user_id(typed: str) -> str | None:
    """A SIS ID, or None for a blank one. Raises ValueError with a sentence."""
    sis_user_id = without_invisible(typed)
    if len(sis_user_id) > LONGEST:
        raise ValueError(t("Keep the SIS ID to {most} characters.", most=LONGEST))
    if not sis_user_id.isprintable():
        raise ValueError(t("Remove the line breaks and control characters from the SIS ID."))
    if not sis_user_id:
        return None
    if ERROR_OF_A_SPREADSHEET.fullmatch(sis_user_id):
        raise ValueError(
            t("“{sis_user_id}” is a spreadsheet error, not a SIS ID. Check the cell.", sis_user_id=sis_user_id)
        )
    if DATE.fullmatch(sis_user_id):
        raise ValueError(
            t(
                "“{sis_user_id}” is a date: a spreadsheet has changed the ID. Format the column as text, and enter "
                "the ID again.",
                sis_user_id=sis_user_id,
            )
        )
    number = SHORTENED.fullmatch(sis_user_id) or ROUNDED.fullmatch(sis_user_id) or WITH_DECIMALS.fullmatch(sis_user_id)
    if number and not NOUGHT.fullmatch(sis_user_id):
        raise ValueError(
            t(
                "“{sis_user_id}” is a number that a spreadsheet has changed. Format the column as text, and enter the "
                "ID again.",
                sis_user_id=sis_user_id,
            )
        )
    says_none = sis_user_id.lower() in NO_ID or NOUGHT.fullmatch(sis_user_id)
    if says_none or not any(sign.isalnum() for sign in sis_user_id):
        raise ValueError(
            t("“{sis_user_id}” is not a SIS ID. Leave it blank for a person without one.", sis_user_id=sis_user_id)
        )
    return sis_user_id


def others_with(session: Session, sis_user_ids: Collection[str]) -> dict[str, list[Participant]]:
    """Who has each of these SIS IDs, or may have it because nobody has decided yet: by SIS ID, the holder first."""
    undecided = and_(Participant.sis_user_id_refused.in_(sis_user_ids), Participant.sis_user_id_decided.is_(False))
    found: dict[str, list[Participant]] = {}
    for one in session.scalars(select(Participant).where(or_(Participant.sis_user_id.in_(sis_user_ids), undecided))):
        if one.sis_user_id in sis_user_ids:
            found.setdefault(one.sis_user_id or "", []).insert(0, one)
        if one.sis_user_id_refused in sis_user_ids and not one.sis_user_id_decided:
            found.setdefault(one.sis_user_id_refused or "", []).append(one)
    return found


def sentence(sis_user_id: str, other: Participant | None) -> str:
    """A sentence that says who has the SIS ID or may have it; `other` is None if that person has given it up since."""
    who = f"{other.name} ({other.email})" if other else t("Somebody else")
    if other and other.sis_user_id != sis_user_id:
        return t(
            "The SIS ID {sis_user_id} was left out for {who} too. Decide on the participant's page who has it.",
            sis_user_id=sis_user_id,
            who=who,
        )
    if other and other.erase_at:
        has = t("{who} has the SIS ID {sis_user_id}, and is being erased.", who=who, sis_user_id=sis_user_id)
    else:
        has = t("{who} has the SIS ID {sis_user_id}.", who=who, sis_user_id=sis_user_id)
    two = t("Two people can't have the same one.")
    return f"{has} {two}"


def give(session: Session, participant: Participant, sis_user_id: str | None) -> None:
    """Give a stored participant this SIS ID, or none. Raises Taken, and then nothing is changed."""
    begin_writing(session)
    # Other changes that wait to be written must not fail in the savepoint.
    session.flush()
    try:
        with session.begin_nested():
            participant.sis_user_id = sis_user_id
            session.flush()
    except IntegrityError:
        others = others_with(session, [sis_user_id or ""]).get(sis_user_id or "", [])
        raise Taken(sentence(sis_user_id or "", next(iter(others), None))) from None
    if participant.sis_user_id_refused == sis_user_id:
        participant.sis_user_id_refused, participant.sis_user_id_decided = None, False


def leave_out(participant: Participant, sis_user_id: str, *, decided: bool = False) -> bool:
    """Note that this SIS ID was brought for the participant and left out. Returns whether that is new.

    An earlier decision about it stands. `decided`: nobody has to be asked whose it is.
    """
    if participant.sis_user_id_refused == sis_user_id:
        return False
    participant.sis_user_id_refused, participant.sis_user_id_decided = sis_user_id, decided
    return True


def give_or_leave_out(session: Session, participant: Participant, brought: str) -> None:
    """Give a stored participant the SIS ID that a host brings. One that can't be theirs is left out; no error."""
    brought = brought.replace("\x00", "").strip()[:LONGEST]
    was_left_out = brought == participant.sis_user_id_refused
    if not brought or brought == participant.sis_user_id or (was_left_out and participant.sis_user_id_decided):
        return
    begin_writing(session)
    try:
        sis_user_id = read_sis_user_id(brought) or ""
    except ValueError:
        leave_out(participant, brought, decided=True)
        return
    others = [one for one in others_with(session, [sis_user_id]).get(sis_user_id, []) if one is not participant]
    try:
        if others:
            raise Taken(sentence(sis_user_id, others[0]))
        give(session, participant, sis_user_id)
    except Taken:
        leave_out(participant, sis_user_id)
