"""Mails to administrators: something waits, Canvas is away, the token is dead, Canvas works again, the token ends soon.

Each event is an `Alert`, whose key says what it is about, so that two workers send it only once. Commits.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from .. import mail
from ..ledger import blocked, blocked_courses, due
from ..ledger.blocked_groups import Where
from ..ledger.causes import NOBODY_ACTS
from ..shared import pauses
from ..shared.language import Marked
from ..tables.canvas import Connection, Settings, load_settings
from ..tables.columns import begin_writing, upsert_into
from ..tables.ledger import Seat
from ..tables.mails import Alert
from . import access_before_erasing, sis_questions

KINDS: Marked[dict[str, str]] = {
    "attention": "To administrators: something waits for you, at most once an hour",
    "token_dead": "To administrators: Canvas no longer accepts the token",
    "canvas_away": "To administrators: Canvas has been away for an hour",
    "well_again": "To administrators: Canvas works again",
    "token_ends": "To administrators: the token ends in 14, 7 and 2 days",
}
"""The mails to administrators, as Course Settings name them."""

TOKEN = ("token_dead", "key_refused", "token_unreadable")

Waiting = list[list]
"""What waits, as lists of cause, scope and number of people; the number is always 1 for a course that is in trouble."""


def look(session: Session, now: datetime) -> None:
    """Queue mails about whatever is new."""
    settings = load_settings(session)
    connection = settings.connection
    if connection is None or not settings.display_canvas or not settings.admin_mails:
        session.rollback()
        return
    begin_writing(session)
    if connection.hold_cause:
        _look_at_hold(session, settings, connection, now)
    else:
        _look_whether_it_is_well_again(session, settings, connection, now)
        _look_at_what_waits(session, settings, connection, now)
    _look_at_the_end(session, settings, connection, now)
    session.commit()


def _look_at_hold(session: Session, settings: Settings, connection: Connection, now: datetime) -> None:
    since = connection.hold_since_at or now
    if connection.hold_cause in TOKEN:
        _queue(session, settings, connection, "token_dead", f"{since.isoformat()}", [connection.hold_cause], now)
    elif now >= since + pauses.AWAY:
        _queue(session, settings, connection, "canvas_away", f"{since.isoformat()}", [connection.hold_cause], now)


def _look_whether_it_is_well_again(session: Session, settings: Settings, connection: Connection, now: datetime) -> None:
    last = _last(session, connection, "token_dead", "canvas_away", "well_again")
    if last is not None and last.kind != "well_again":
        _queue(session, settings, connection, "well_again", last.made_at.isoformat(), last.detail, now)


def _look_at_what_waits(session: Session, settings: Settings, connection: Connection, now: datetime) -> None:
    """Mail the first thing that waits at once; after that, what is new since the last digest, at most once an hour."""
    waiting, last = _waiting(session, connection, now), _last(session, connection, "attention")
    known = {(cause, scope): people for cause, scope, people in (last.detail if last else [])}
    if last is not None:
        # What was settled and comes back counts as new.
        still = [[cause, scope, min(n, known[cause, scope])] for cause, scope, n in waiting if (cause, scope) in known]
        if still != last.detail:
            last.detail = still
            known = {(cause, scope): people for cause, scope, people in still}
    is_new = any(people > known.get((cause, scope), 0) for cause, scope, people in waiting)
    if is_new and (last is None or now >= last.made_at + pauses.BETWEEN_DIGESTS):
        before = last.made_at.isoformat() if last else "first"
        _queue(session, settings, connection, "attention", before, waiting, now)


@dataclass
class Line:
    """A line of the digest: a cause, or a key of `NO_CAUSES`, and how many people wait for it. `courses` are the titles
    of our courses whose Canvas courses have a problem. `first` is the affected course that starts next or else
    started last, at `starts_at`."""

    cause: str
    people: int
    courses: list[str] = field(default_factory=list)
    first: str = ""
    starts_at: datetime | None = None


SIS_IDS, TO_ERASE = "sis_ids", "to_erase"

NO_CAUSES: Marked[dict[str, str]] = {
    SIS_IDS: "Two people with one SIS ID",
    TO_ERASE: "To be erased, but with access in a Canvas that is not connected",
}
"""What else the digest names. These are not causes, because no seat in the connected Canvas waits for them."""


def what_waits(session: Session, connection: Connection, now: datetime) -> list[Line]:
    """What waits for an administrator: a line for each cause, most people first. Somebody in two places counts once."""
    people = select(Seat.cause, func.count(Seat.participant_id.distinct()))
    found = session.execute(people.where(*_waits(connection)).group_by(Seat.cause).order_by(Seat.cause))
    lines = {str(cause): Line(str(cause), number) for cause, number in found}
    troubles = blocked_courses.troubles(session, connection, now)
    groups = blocked_courses.groups_of_courses(session, connection, now)
    near = {one.name: [where for where in one.courses if _is_near(one.name, where.starts_at, now)] for one in groups}
    near = {name: courses for name, courses in near.items() if courses}
    waiting = {name: line.people for name, line in lines.items()}
    people_of = blocked_courses.different(session, connection, near, waiting, troubles)
    for name, courses in near.items():
        line = lines.setdefault(name, Line(name, 0))
        line.people, line.courses = people_of[name], [where.title for where in courses]
    for group in blocked.groups_of(session, connection, now):
        if group.name in lines:
            _note_start(lines[group.name], group.courses, now)
    lines |= {name: Line(name, people) for name, people in _no_causes(session, connection).items()}
    return sorted(lines.values(), key=lambda line: -line.people)


def _note_start(line: Line, courses: list[Where], now: datetime) -> None:
    """Note which of the courses starts next or, if all have started, which one started last."""
    starts = [
        (one.starts_at, one.title) for one in courses if one.starts_at and _is_near(line.cause, one.starts_at, now)
    ]
    if starts:
        line.starts_at, line.first = min(starts, key=lambda one: (one[0] < now, abs(one[0] - now)))


def _is_near(cause: str, starts_at: datetime | None, now: datetime) -> bool:
    """Whether it is time to report what is wrong with a Canvas course. A course without a start may open any time."""
    return cause not in blocked_courses.SHUT or starts_at is None or starts_at <= now + pauses.BEFORE_A_START


def _waits(connection: Connection) -> tuple[ColumnElement[bool], ...]:
    stuck = or_(Seat.held, Seat.parked_at.is_not(None))
    return due.unsettled(connection.id), stuck, Seat.cause.is_not(None), Seat.cause.not_in(NOBODY_ACTS)


def _waiting(session: Session, connection: Connection, now: datetime) -> Waiting:
    found = session.execute(
        select(Seat.cause, Seat.cause_scope, func.count(Seat.participant_id.distinct()))
        .where(*_waits(connection))
        .group_by(Seat.cause, Seat.cause_scope)
        .order_by(Seat.cause, Seat.cause_scope)
    )
    by_cause: dict[tuple[str, str], int] = {}
    for cause, scope, people in found:
        # A cause that concerns one person has that person as its scope: all of these together are one line.
        key = (str(cause), "" if scope.isdigit() and cause not in OF_A_PLACE else scope)
        by_cause[key] = by_cause.get(key, 0) + people
    for cause, code, starts_at in blocked_courses.courses_in_trouble(session, connection, now):
        if _is_near(cause, starts_at, now):
            # If more people register for the course, it is still the same alert.
            by_cause[cause, f"course {code}"] = 1
    by_cause |= {(name, ""): people for name, people in _no_causes(session, connection).items()}
    return [[cause, scope, people] for (cause, scope), people in by_cause.items()]


def _no_causes(session: Session, connection: Connection) -> dict[str, int]:
    found = {
        SIS_IDS: sis_questions.left_out(session),
        TO_ERASE: access_before_erasing.number_waiting_for_a_connection(session, connection.id),
    }
    return {name: people for name, people in found.items() if people}


OF_A_PLACE = ("course_missing", "section_missing", "course_concluded", "course_closed_to_students")
"""Causes whose scope is the number of a Canvas course or section."""


def _look_at_the_end(session: Session, settings: Settings, connection: Connection, now: datetime) -> None:
    ends_at = connection.token_expires_at
    if ends_at is None or ends_at <= now:
        return
    for days in sorted(pauses.TOKEN_ENDS_DAYS):
        if now >= ends_at - timedelta(days=days):
            about = f"{ends_at.isoformat()}/{days}"
            _queue(session, settings, connection, "token_ends", about, [ends_at.isoformat()], now)
            return


def _last(session: Session, connection: Connection, *kinds: str) -> Alert | None:
    return session.scalar(
        select(Alert)
        .where(Alert.connection_id == connection.id, Alert.kind.in_(kinds))
        .order_by(Alert.made_at.desc())
        .limit(1)
    )


def _queue(
    session: Session,
    settings: Settings,
    connection: Connection,
    kind: str,
    about: str,
    detail: list,
    now: datetime,
) -> None:
    """Mail every address about the event, unless that was done already or the kind is off in Course Settings."""
    event = f"{kind}/{connection.id}/{about}"
    made = upsert_into(session, Alert).values(
        event=event, kind=kind, connection_id=connection.id, made_at=now, detail=detail
    )
    is_new = session.execute(made.on_conflict_do_nothing().returning(Alert.event)).first() is not None
    if is_new and kind not in settings.mails_off.split(","):
        for address in settings.admin_mails.split(","):
            mail.send(session, now, kind, address, event=event)
