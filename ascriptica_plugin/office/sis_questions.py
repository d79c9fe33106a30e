"""SIS IDs that came for two people: an administrator decides whose they are. Never commits."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ..ledger import activity
from ..shared.language import t
from ..shared.said import Said
from ..tables import locks
from ..tables.columns import change
from ..tables.office import Participant
from . import people, sis_ids

SHOWN = 50

_ASKED = (Participant.sis_user_id_refused.is_not(None), Participant.sis_user_id_decided.is_(False))


@dataclass(frozen=True)
class Question:
    """A SIS ID, who has it (None: nobody), and for whom it came and was left out."""

    sis_user_id: str
    holder: Participant | None
    left_out: list[Participant]


def left_out(session: Session) -> int:
    """How many participants have a left-out SIS ID that nobody has decided on yet."""
    return session.scalar(select(func.count()).select_from(Participant).where(*_ASKED)) or 0


def undecided(session: Session) -> tuple[list[Question], int]:
    """The SIS IDs that nobody has decided on yet, at most `SHOWN` of them, and how many there are in all."""
    refused = Participant.sis_user_id_refused
    total = session.scalar(select(func.count(refused.distinct())).where(*_ASKED)) or 0
    first = (
        session.scalars(select(refused).distinct().where(*_ASKED).order_by(refused).limit(SHOWN)).all() if total else []
    )
    questions = []
    for sis_user_id, them in sorted(sis_ids.others_with(session, [one for one in first if one]).items()):
        holder = them[0] if them[0].sis_user_id == sis_user_id else None
        left_out = sorted((one for one in them if one is not holder), key=lambda one: one.id)
        questions.append(Question(sis_user_id, holder, left_out))
    return questions, total


def about(session: Session, participant: Participant) -> tuple[str, bool] | None:
    """Why the participant's SIS ID was left out, as a sentence, and whether it can be given; None if none was."""
    left_out = participant.sis_user_id_refused
    if left_out is None:
        return None
    try:
        sis_ids.read_sis_user_id(left_out)
    except ValueError as reason:
        return str(reason), False
    others = [one for one in sis_ids.others_with(session, [left_out]).get(left_out, []) if one is not participant]
    return sis_ids.sentence(left_out, others[0]) if others else t("Nobody has it now."), True


def decide(session: Session, participant: Participant, is_theirs: bool, now: datetime, by: str) -> None:
    """Give the participant the SIS ID that was left out, or leave it out for good.

    If they get it, the person who had it loses it, and nobody is asked about it again. Raises ValueError with a
    sentence.
    """
    asked = participant.sis_user_id_refused
    others = sis_ids.others_with(session, [asked]).get(asked, []) if asked else []
    locks.lock_participants(session, [participant.id, *(one.id for one in others)])
    sis_user_id = participant.sis_user_id_refused
    if sis_user_id is None:
        raise ValueError(t("There is nothing to decide about the SIS ID of {name} any more.", name=participant.name))
    if not is_theirs:
        participant.sis_user_id_decided = True
        activity.note(
            session,
            now,
            by,
            "corrected",
            Said("not_this_sis_id", sis_user_id=sis_user_id),
            participant_id=participant.id,
        )
        return
    sis_ids.read_sis_user_id(sis_user_id)
    holder = next(iter(sis_ids.others_with(session, [sis_user_id]).get(sis_user_id, [])), None)
    if holder is not None and holder.sis_user_id == sis_user_id:
        if holder.erase_at:
            # Canvas may know them by it until their access there has ended.
            raise ValueError(sis_ids.sentence(sis_user_id, holder))
        people.correct(session, holder, now, by, sis_user_id=None)
        sis_ids.leave_out(holder, sis_user_id, decided=True)
    people.correct(session, participant, now, by, sis_user_id=sis_user_id)
    session.flush()
    left_out = update(Participant).where(Participant.sis_user_id_refused == sis_user_id)
    change(session, left_out.values(sis_user_id_decided=True))
