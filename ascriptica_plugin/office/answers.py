"""An administrator's answers: who a participant is in Canvas, and what becomes of an enrollment. Never commits."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, update
from sqlalchemy.orm import Session

from ..canvas.shapes import User, address_of
from ..ledger import activity, claims, due, matches, rows
from ..ledger.rows import Known
from ..shared.language import t
from ..shared.said import Said
from ..tables.columns import change
from ..tables.ledger import CanvasRow, Match, Seat
from ..tables.office import Participant


def asked_about(session: Session, seat: Seat) -> list[Known]:
    """The rows that a seat asks about: we did not grant them, and nobody is registered for them any more. Rows of a
    Canvas user other than the participant's are left out."""
    match = _match(session, seat)
    user_id, doubted = (match.canvas_user_id, match.doubted) if match is not None else (None, False)
    left = rows.left_by(session, seat.connection_id, seat.id, seat.canvas_enrollment_id)
    wanted = rows.wanted_ids(session, seat.connection_id, left)
    of_nobody = [row for number, row in left.items() if row.is_live and not row.granted and number not in wanted]
    return [row for row in of_nobody if not row.kept and row.may_be_of(user_id, doubted=doubted)]


def _match(session: Session, seat: Seat) -> Match | None:
    return session.get(Match, (seat.connection_id, seat.participant_id))


def decide(session: Session, seat: Seat, stays: bool, now: datetime, by: str) -> str | None:
    """Keep or remove an enrollment that we did not grant, and that nobody is registered for any more.

    Returns the name that its person has in Canvas, or None if we don't know it. Raises ValueError with a sentence if
    there is nothing to decide any more.
    """
    asked = [row.canvas_enrollment_id for row in asked_about(session, seat)]
    if not asked:
        claims.look_again(session, Seat.id == seat.id)
        raise ValueError(
            t("There is no question about {name} any more. Nothing was changed.", name=seat.participant.name)
        )
    theirs = CanvasRow.canvas_enrollment_id.in_(asked)
    answer = update(CanvasRow).where(CanvasRow.connection_id == seat.connection_id, theirs)
    change(session, answer.values(kept=True) if stays else answer.values(granted=True))
    claims.look_again(session, Seat.id == seat.id)
    words, match = Said("was_there", course=seat.canvas_course_id), _match(session, seat)
    if match is not None and match.canvas_name and not match.doubted:
        whose = {"user": match.canvas_name, "login": match.canvas_login or "–"}
        words = Said("was_there_of", course=seat.canvas_course_id, **whose)
    activity.note(session, now, by, "kept" if stays else "removed", words, participant_id=seat.participant_id)
    session.flush()
    return words.about.get("user")


def about_a_hand(session: Session, seat: Seat, put_back: bool, now: datetime, by: str) -> None:
    """Put back what somebody changed by hand in Canvas, or leave it. The answer holds until the registrations change.

    A person who was moved to another section, and is left there, counts as enrolled.
    """
    what = seat.cause_scope
    if put_back:
        claims.look_again(session, Seat.id == seat.id, was_in=False, canvas_enrollment_id=None)
    else:
        settled: dict[str, Any] = {"settled_version": Seat.version, "settled_at": now, "held": False, "due_at": None}
        if what == "moved":
            settled |= {"was_in": True, "cause": None, "cause_scope": ""}
        else:
            settled["was_in"] = False
        change(session, update(Seat).where(Seat.id == seat.id).values(**settled))
    words = Said("by_hand", course=seat.canvas_course_id, state=what)
    done = "put back" if put_back else "left as in Canvas"
    activity.note(session, now, by, done, words, participant_id=seat.participant_id)
    session.expire_all()


def doubt(session: Session, connection_id: int, participant: Participant, now: datetime, by: str) -> None:
    """The participant is somebody else in Canvas than we think: ask who. Until then nothing is sent about them.

    Raises ValueError with a sentence if we don't know them in Canvas.
    """
    known = session.get(Match, (connection_id, participant.id), populate_existing=True)
    if known is None or known.canvas_user_id is None:
        raise ValueError(t("We don't know yet who {name} is in Canvas.", name=participant.name))
    known.candidates = [_candidate(known)]
    known.question = "who"
    session.flush()
    claims.look_again(session, _seats(connection_id, participant.id))
    activity.note(
        session, now, by, "doubted", Said("canvas_user", user=known.canvas_user_id), participant_id=participant.id
    )


def confirm(session: Session, connection_id: int, participant: Participant, now: datetime, by: str) -> None:
    """An administrator confirms that the participant is the Canvas user that we found, though the names differ.

    Raises ValueError with a sentence if we don't know for certain who they are in Canvas.
    """
    known = session.get(Match, (connection_id, participant.id), populate_existing=True)
    if known is None or known.canvas_user_id is None or known.question is not None or known.doubted:
        raise ValueError(t("We don't know for certain who {name} is in Canvas.", name=participant.name))
    known.how, known.matched_at = "admin", now
    known.from_sis_user_id, known.from_email = participant.sis_user_id, participant.email
    session.flush()
    words = Said("is_canvas_user", user=known.canvas_user_id)
    activity.note(session, now, by, "chose", words, participant_id=participant.id)


def choose(
    session: Session,
    connection_id: int,
    participant: Participant,
    now: datetime,
    by: str,
    *,
    canvas_user_id: int | None = None,
    new_login: str | None = None,
    same_person: bool = False,
    user: User | None = None,
) -> None:
    """Store an administrator's answer: the participant is this Canvas user, or a new one with that login.

    The Canvas user is one of the candidates, or any `user` that was looked up. `same_person`: another participant who
    is already that user is the same person. Otherwise the user belongs to this participant alone, and we look up again
    who the other one is. Raises ValueError with a sentence if the user is not among the candidates, none is given, or
    the question is already answered.
    """
    known = session.get(Match, (connection_id, participant.id), populate_existing=True)
    if known is None or known.question is None:
        raise ValueError(t("The Canvas user of {name} is already known. Nothing was changed.", name=participant.name))
    if user is not None or canvas_user_id is not None:
        chosen = _shown(user) if user is not None else _among(known, canvas_user_id)
        _share_or_take(session, connection_id, participant, chosen, same_person, now, by)
        known.canvas_user_id, known.created_by_us, known.create_new = chosen["id"], False, False
        known.address = address_of(chosen.get("sis_user_id"), chosen.get("login_id"))
        known.canvas_name, known.canvas_login = chosen.get("name"), chosen.get("login_id")
        known.canvas_sis_user_id, known.shared = chosen.get("sis_user_id"), same_person
        known.how, known.matched_at = "admin", now
        words = Said("is_canvas_user", user=chosen["id"])
    elif new_login:
        if not new_login.isprintable():
            raise ValueError(t("Remove the line breaks and control characters from the login."))
        known.canvas_user_id, known.address, known.login_sent, known.create_new = None, None, new_login, True
        known.how, known.created_by_us = None, False
        words = Said("is_new", login=new_login)
    else:
        raise ValueError(t("Choose who it is, or enter the login of a new Canvas user."))
    known.from_sis_user_id, known.from_email = participant.sis_user_id, participant.email
    known.question, known.candidates, known.doubted = None, None, False
    session.flush()
    claims.look_again(session, _seats(connection_id, participant.id))
    activity.note(session, now, by, "chose", words, participant_id=participant.id)


def leave_to_other(session: Session, connection_id: int, participant: Participant, now: datetime, by: str) -> None:
    """The Canvas user that two participants lead to belongs to the other one. Next we ask who this one is.

    Raises ValueError with a sentence if that is not asked any more.
    """
    known = session.get(Match, (connection_id, participant.id), populate_existing=True)
    if known is None or known.question != "same_user":
        raise ValueError(t("The Canvas user of {name} is already known. Nothing was changed.", name=participant.name))
    asked = known.candidates
    words = Said("is_not_canvas_user", user=asked[0]["id"]) if asked else Said("is_somebody_else")
    # The user whom we knew before the question came up is in the courses, and is most likely the right one.
    left = known.canvas_user_id not in (None, *(one["id"] for one in asked or []))
    known.question, known.candidates = "who", [_candidate(known)] if left else []
    session.flush()
    claims.look_again(session, _seats(connection_id, participant.id))
    activity.note(session, now, by, "chose", words, participant_id=participant.id)


def _among(known: Match, canvas_user_id: int | None) -> dict[str, Any]:
    for candidate in known.candidates or []:
        if candidate["id"] == canvas_user_id:
            return candidate
    raise ValueError(t("Choose one of the Canvas users that are shown."))


def _share_or_take(
    session: Session,
    connection_id: int,
    participant: Participant,
    chosen: dict[str, Any],
    same_person: bool,
    now: datetime,
    by: str,
) -> None:
    for holder in matches.holders(session, connection_id, chosen["id"], participant.id):
        theirs = (Match.connection_id == connection_id, Match.participant_id == holder.participant_id)
        if same_person:
            change(session, update(Match).where(*theirs).values(shared=True))
            words = Said("one_person", participant=participant.id)
        else:
            matches.forget(session, connection_id, holder.participant_id)
            words = Said("is_not_canvas_user", user=chosen["id"])
        activity.note(session, now, by, "chose", words, participant_id=holder.participant_id)


def _seats(connection_id: int, participant_id: int) -> ColumnElement[bool]:
    return and_(Seat.connection_id == connection_id, Seat.participant_id == participant_id, due.matters())


def _candidate(known: Match) -> dict[str, Any]:
    return {
        "id": known.canvas_user_id,
        "name": known.canvas_name or "",
        "login_id": known.canvas_login,
        "email": None,
        "sis_user_id": known.canvas_sis_user_id,
    }


def _shown(user: User) -> dict[str, Any]:
    return {name: getattr(user, name) for name in ("id", "name", "login_id", "email", "sis_user_id")}
