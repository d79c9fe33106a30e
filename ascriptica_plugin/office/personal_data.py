"""Everything that we hold on one person, to be exported."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, select
from sqlalchemy.orm import Session

from ..ledger import activity
from ..ledger.causes import CAUSES
from ..tables.canvas import Connection
from ..tables.ledger import CanvasRow, Match, Seat
from ..tables.office import Course, LogEntry, Participant, Registration
from ..tables.results import Result
from . import people


def held_on(session: Session, participant: Participant, sign_in: dict[str, Any] | None) -> dict[str, Any]:
    """Everything that we hold on the participant, ready for JSON, without other people's data and without secrets.

    `sign_in` is what the site's sign-ins hold; None if the site has none.
    """
    theirs = session.execute(
        select(
            Course.code,
            Course.title,
            Registration.status,
            Registration.registered_at,
            Registration.withdrawn_at,
            Result.canvas_course_id,
            Result.progress_at,
            Result.requirements,
            Result.requirements_met,
            Result.completed_at,
            Result.first_completed_at,
            Result.scores_at,
            Result.current_score,
            Result.final_score,
            Result.override_score,
            Result.passed,
            Result.passed_how,
            Result.passed_at,
        )
        .join(Registration, Registration.course_id == Course.id)
        .outerjoin(Result, Result.registration_id == Registration.id)
        .where(Registration.participant_id == participant.id)
        .order_by(Registration.id)
    )
    pointed = and_(
        CanvasRow.connection_id == Seat.connection_id,
        CanvasRow.canvas_enrollment_id == Seat.canvas_enrollment_id,
    )
    access = session.execute(
        select(
            Connection.canvas_url,
            Seat.canvas_course_id,
            Seat.canvas_section_id,
            Seat.canvas_enrollment_id,
            CanvasRow.state.label("state_in_canvas"),
            CanvasRow.seen_at,
            CanvasRow.granted.label("enrolled_by_us"),
            CanvasRow.kept.label("kept_by_the_office"),
            CanvasRow.last_activity_at,
            (Seat.settled_version < Seat.version).label("still_to_be_done"),
            Seat.cause,
            Seat.changed_at,
            Seat.settled_at,
        )
        .join(Connection, Connection.id == Seat.connection_id)
        .outerjoin(CanvasRow, pointed)
        .where(Seat.participant_id == participant.id)
        .order_by(Seat.id)
    )
    users = session.execute(
        select(
            Connection.canvas_url,
            Match.canvas_user_id,
            Match.address,
            Match.canvas_name,
            Match.canvas_login,
            Match.canvas_sis_user_id,
            Match.how,
            Match.matched_at,
            Match.created_by_us,
            Match.login_sent,
            Match.name_sent,
            Match.email_sent,
        )
        .join(Connection, Connection.id == Match.connection_id)
        .where(Match.participant_id == participant.id)
    )
    entries = session.execute(
        select(LogEntry.at, LogEntry.who, LogEntry.what, Course.code.label("course"), LogEntry.words)
        .outerjoin(Course, Course.id == LogEntry.course_id)
        .where(LogEntry.participant_id == participant.id)
        .order_by(LogEntry.id)
    )
    return {
        "participant": {
            "name": participant.name,
            "email": participant.email,
            "sis_user_id": participant.sis_user_id,
            "sis_user_id_left_out": participant.sis_user_id_refused,
            "former_emails": sorted(people.emails_of(session, participant) - {participant.email.lower()}),
            "key": participant.key,
            "language": participant.language,
            "to_be_erased_since": iso(participant.erase_at),
        },
        "sign_in": sign_in,
        "registrations": [plain(row) for row in theirs],
        "canvas_access": [plain(row) | {"cause": CAUSES[row.cause].title if row.cause else None} for row in access],
        "canvas_users": [plain(row) for row in users],
        "log": [plain(row) | _for_export(participant, row) for row in entries],
    }


def plain(row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    """A row by its columns' names, with times as texts."""
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in row._mapping.items()}


def iso(value: datetime | None) -> str | None:
    """The time as ISO 8601, in whole seconds."""
    return value.isoformat(timespec="seconds") if value else None


def _for_export(participant: Participant, entry: Row[*tuple[Any, ...]]) -> dict[str, str]:
    """What replaces the parts of a log entry that may name others: who in the office did it, and other Canvas users."""
    who = {participant.email: "the participant", activity.US: activity.US}.get(entry.who, "the office")
    return {"who": who} | ({"words": ""} if entry.what == "waits" else {})
