"""Who participants are in Canvas: what we know, the questions about it, and their answers."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import exists, select

from ...canvas.client import CanvasClient
from ...canvas.errors import CanvasError, NotFound
from ...canvas.shapes import Enrollment, User
from ...ledger.access import IS_POINTED_TO, IS_THEIRS
from ...ledger.rows import LIVE
from ...office import answers
from ...shared import clock
from ...shared.language import Marked, t
from ...sync import looking_up
from ...tables.canvas import Connection
from ...tables.columns import begin_writing
from ...tables.ledger import CanvasRow, Match, Seat
from ...tables.office import Association, Participant
from ..base import blueprint, session, settings
from ..guards import for_administrators, person
from ..page_calls import ask
from ..showing import show

COMPARED = 5
"""How many candidates we ask Canvas about, to see what they do there."""

HOW: Marked[dict[str, str]] = {
    "": "known since an older version",
    "sis": "found by the SIS ID",
    "login": "found by the login",
    "email": "found by the email",
    "created": "created by us",
    "admin": "chosen by an administrator",
}
"""How a match was made, in words; an older release did not note it, so it may be blank or missing."""


class Holder(NamedTuple):
    """Another participant who is matched with the Canvas user that a question is about."""

    id: int
    name: str
    email: str
    sis_user_id: str | None


def matches_of(participant_ids: Collection[int]) -> dict[int, Match]:
    """The matches of these participants on the connection in use, by participant."""
    connection_id = settings().connection_id
    if connection_id is None or not participant_ids:
        return {}
    of_them = (Match.connection_id == connection_id, Match.participant_id.in_(participant_ids))
    return {match.participant_id: match for match in session().scalars(select(Match).where(*of_them))}


def holders_of(asked: Iterable[Match]) -> dict[int, list[Holder]]:
    """The other participants who are that Canvas user, for matches with the question same_user; by participant."""
    users = {
        match.participant_id: match.candidates[0]["id"]
        for match in asked
        if match.question == "same_user" and match.candidates
    }
    if not users:
        return {}
    theirs = (Match.connection_id == settings().connection_id, Match.canvas_user_id.in_(set(users.values())))
    found = session().execute(
        select(Match.canvas_user_id, Participant.id, Participant.name, Participant.email, Participant.sis_user_id)
        .join(Participant, Participant.id == Match.participant_id)
        .where(*theirs)
        .order_by(Participant.sorted_by, Match.participant_id)
    )
    by_user: dict[int | None, list[Holder]] = {}
    for user_id, number, name, email, sis_user_id in found:
        by_user.setdefault(user_id, []).append(Holder(number, name, email, sis_user_id))
    return {
        number: [holder for holder in by_user.get(user_id, []) if holder.id != number]
        for number, user_id in users.items()
    }


@blueprint.post("/tools/participants/<int:participant_id>/doubt")
@for_administrators
def doubt_canvas_user(participant_id: int) -> ResponseReturnValue:
    """The participant is somebody else in Canvas than we think: open the question who it is."""
    connection = settings().connection
    found = session().get(Participant, participant_id) or abort(404)
    if connection is not None:
        begin_writing(session())
        try:
            answers.doubt(session(), connection.id, found, clock.utc_now(), person().email)
            session().commit()
        except ValueError as reason:
            session().rollback()
            flash(str(reason), "warning")
        else:
            flash(t("Say below who {name} is in Canvas. Until then nothing is sent about them.", name=found.name))
            return redirect(url_for(".compare_candidates", participant_id=participant_id))
    return redirect(url_for(".participant", participant_id=participant_id, _anchor="canvas-user"))


class Seen(NamedTuple):
    """What a Canvas user does in Canvas: the names of their courses, and when they were last active in one."""

    courses: list[str]
    last_activity_at: datetime | None


@blueprint.get("/tools/participants/<int:participant_id>/who")
@for_administrators
def compare_candidates(participant_id: int) -> ResponseReturnValue:
    """The candidates side by side, with what each does in Canvas: one call for each of the first `COMPARED`."""
    found = session().get(Participant, participant_id) or abort(404)
    connection = settings().connection
    match = matches_of([found.id]).get(found.id)
    if connection is None or match is None or match.question not in ("who", "still"):
        return redirect(url_for(".participant", participant_id=participant_id, _anchor="canvas-user"))
    rows: dict[int, list[Enrollment]] = {}
    problem, numbers = "", [candidate["id"] for candidate in (match.candidates or [])[:COMPARED]]
    if numbers:
        try:
            with ask(connection) as canvas:
                for number in numbers:
                    rows[number] = _enrollments(canvas, number)
        except CanvasError as reason:
            problem = str(reason)
    return show("ascriptica/who.html", participant=found, match=match, problem=problem, seen=_seen(connection, rows))


def _enrollments(canvas: CanvasClient, number: int) -> list[Enrollment]:
    try:
        return [row for row in canvas.enrollments_of(number) if row.state in LIVE or row.state == "completed"]
    except NotFound:
        return []


def _seen(connection: Connection, rows: dict[int, list[Enrollment]]) -> dict[int, Seen]:
    used = {row.course_id for theirs in rows.values() for row in theirs}
    here = (Association.connection_id == connection.id, Association.canvas_course_id.in_(used))
    named = select(Association.canvas_course_id, Association.canvas_course_name).where(*here)
    names = dict(session().execute(named).all())
    return {
        number: Seen(
            list(
                dict.fromkeys(names.get(row.course_id) or t("Canvas course {id}", id=row.course_id) for row in theirs)
            ),
            max((row.last_activity_at for row in theirs if row.last_activity_at), default=None),
        )
        for number, theirs in rows.items()
    }


@blueprint.post("/tools/participants/<int:participant_id>/canvas-user")
@for_administrators
def choose_canvas_user_of(participant_id: int) -> ResponseReturnValue:
    """Answer on the participant's page who they are in Canvas."""
    found = session().get(Participant, participant_id) or abort(404)
    connection = settings().connection
    if connection is not None:
        answer_who(connection, found)
    return redirect(url_for(".participant", participant_id=participant_id, _anchor="canvas-user"))


def answer_who(connection: Connection, participant: Participant) -> None:
    """Store the answer in the form, commit, and show what comes of it.

    `canvas_user_id` is a candidate, with `same_person` for one that another participant is too; `other` is the ID,
    login or SIS ID of any Canvas user, `new_login` makes a new one; `answer=theirs` leaves the user to the other one.
    """
    typed, about, name = request.form, (connection.id, participant), participant.name
    number = typed.get("canvas_user_id", "")
    try:
        user = _looked_up(connection, typed.get("other", ""))
        begin_writing(session())
        if typed.get("answer") == "theirs":
            answers.leave_to_other(session(), *about, clock.utc_now(), person().email)
            done = t("Thank you. Now say who {name} is in Canvas.", name=name)
        else:
            answers.choose(
                session(),
                *about,
                clock.utc_now(),
                person().email,
                canvas_user_id=int(number[:19]) if number.isascii() and number.isdigit() else None,
                new_login=typed.get("new_login", "").strip()[:100] or None,
                same_person=typed.get("same_person") == "1",
                user=user,
            )
            if _is_to_get_in(*about):
                done = t("Thank you. {name} is being enrolled.", name=name)
            else:
                done = t("Thank you. That is noted for {name}.", name=name)
        session().commit()
    except (ValueError, CanvasError) as reason:
        session().rollback()
        flash(str(reason), "warning")
    else:
        flash(done, "success")


def _is_to_get_in(connection_id: int, participant: Participant) -> bool:
    """Whether an enrollment has to be made. A person who is already in as the chosen user needs none."""
    theirs = (Seat.connection_id == connection_id, Seat.participant_id == participant.id)
    is_in = (
        exists()
        .where(IS_POINTED_TO, IS_THEIRS, CanvasRow.state.in_(LIVE))
        .where(CanvasRow.canvas_user_id == Match.canvas_user_id)
    )
    is_open = select(Seat.id).where(*theirs, Seat.settled_version < Seat.version, ~is_in)
    return session().scalar(is_open.limit(1)) is not None


def _looked_up(connection: Connection, typed: str) -> User | None:
    """The Canvas user that was typed. Canvas is asked with no transaction open."""
    typed = typed.replace("\x00", "").strip()[:255]
    if not typed:
        return None
    with ask(connection) as canvas:
        return looking_up.look_up_user(canvas, typed)
