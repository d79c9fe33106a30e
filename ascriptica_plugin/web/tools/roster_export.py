"""The roster as a CSV file."""

from collections.abc import Iterator

from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from ...ledger import activity, last_activity, results
from ...shared import clock
from ...tables.columns import begin_writing
from ...tables.office import Registration
from ..base import blueprint, session, settings
from ..canvas_access import canvas_access
from ..canvas_access_words import CanvasAccess
from ..guards import for_administrators, person
from ..registering import course_or_404
from ..spreadsheet import csv_file, csv_line
from ..times import file_time
from .roster import has_results

A_CHUNK = 500


COLUMNS = (
    "name",
    "email",
    "sis_user_id",
    "status",
    "registered_at",
    "withdrawn_at",
    "canvas_access",
    "canvas_seen_at",
)
"""`canvas_seen_at` is when Canvas last showed what `canvas_access` says."""


OF_RESULTS = ("canvas_completed_at", "canvas_score", "canvas_score_kind", "passed", "canvas_last_activity_at")
"""Further columns once the results were fetched; the score is in percent."""


@blueprint.post("/tools/courses/<code>/roster.csv")
@for_administrators
def roster_csv(code: str) -> ResponseReturnValue:
    """The roster as a CSV file that is safe in a spreadsheet. The activity log records who exported it."""
    found = course_or_404(code)
    begin_writing(session())
    activity.note(session(), clock.utc_now(), person().email, "exported", course_id=found.id)
    session().commit()
    with_results = has_results(found.id)
    columns = COLUMNS + (OF_RESULTS if with_results else ())
    return csv_file(f"{found.code}-roster.csv", columns, _csv(found.id, with_results))


def _csv(course_id: int, with_results: bool) -> Iterator[str]:
    last = 0
    while True:
        chunk = list(
            session().scalars(
                select(Registration)
                .where(Registration.course_id == course_id, Registration.id > last)
                .options(joinedload(Registration.participant), joinedload(Registration.course))
                .order_by(Registration.id)
                .limit(A_CHUNK)
            )
        )
        words = canvas_access(chunk)
        more = _of_results([one.id for one in chunk]) if with_results else {}
        yield "".join(csv_line(_cells(one, words.get(one.id)) + more.get(one.id, ())) for one in chunk)
        if len(chunk) < A_CHUNK:
            return
        last = chunk[-1].id
        session().expunge_all()


def _cells(registration: Registration, its: CanvasAccess | None) -> tuple[str, ...]:
    participant = registration.participant
    return (
        participant.name,
        participant.email,
        participant.sis_user_id or "",
        registration.status,
        file_time(registration.registered_at),
        file_time(registration.withdrawn_at),
        its.in_a_cell if its else "",
        file_time(its.seen_at if its else None),
    )


def _of_results(ids: list[int]) -> dict[int, tuple[str, ...]]:
    """The cells of OF_RESULTS, by registration."""
    known = results.of_registrations(session(), ids, clock.utc_now())
    active = last_activity.of_registrations(session(), settings().connection_id or 0, ids)
    cells: dict[int, tuple[str, ...]] = {}
    for number in ids:
        its, at = known.get(number), file_time(active.get(number))
        if its is None:
            cells[number] = ("", "", "", "", at)
            continue
        score = "" if its.score is None else f"{its.score:g}"
        passed = "" if its.passed is None else "yes" if its.passed else "no"
        cells[number] = (file_time(its.completed_at), score, its.score_kind or "", passed, at)
    return cells
