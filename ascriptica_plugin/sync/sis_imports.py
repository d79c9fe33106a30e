"""Many people get into Canvas courses, or out of them, by one SIS import instead of a call for each.

Only one import is open at a time. Each walk takes it one step further and ends; the time of the next step is stored.
Long work is done some seats at a time, so that people who register meanwhile have their turn.
"""

import hashlib
import time
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.orm import Session

from ..canvas.client import CanvasClient
from ..canvas.errors import CanvasError, NotFound
from ..canvas.shapes import Course, Section
from ..canvas.sis import Line, SISImport, file_of
from ..ledger import reads, sis_import_candidates, sis_imports, ways_in
from ..ledger.sis_import_candidates import AT_ONCE, Candidate
from ..shared import pauses
from ..shared.said import Said
from ..tables.canvas import Settings, load_settings
from ..tables.columns import begin_writing
from ..tables.ledger import DEFAULT_SECTION
from ..tables.sis_imports import MassImport
from . import new_people, reading, sis_imports_after
from .tasks import Walk

Place = tuple[int, int]
"""A Canvas course, and a section or DEFAULT_SECTION."""


def mass_walk(session: Session, connection_id: int, root_id: int, now: Callable[[], datetime], least: int) -> Walk:
    """Begin an import, or continue the one that is open."""
    its = sis_imports.open_import(session, connection_id)
    if its is None:
        yield from _send(session, connection_id, root_id, now, least)
    elif its.sent_at is None:
        # It was never sent, because its worker ended.
        yield from _end(session, its, now)
    elif its.read_at is not None:
        yield from _end_or_make_users(session, its, root_id, now, least)
    else:
        yield from sis_imports_after.look(session, its, root_id, now)


def put_off(session: Session, connection_id: int, now: datetime) -> None:
    """Store that a step failed on our side."""
    its = sis_imports.open_import(session, connection_id)
    if its is not None:
        its.next_at = now + pauses.LATE


def _send(session: Session, connection_id: int, root_id: int, now: Callable[[], datetime], least: int) -> Walk:
    begin_writing(session)
    if (number := sis_imports.begin(session, connection_id, now())) is None:
        return
    yield from _put_in(session, connection_id, number, now)
    yield from _carry(session, connection_id, root_id, number, now, least)


def _end_or_make_users(
    session: Session, its: MassImport, root_id: int, now: Callable[[], datetime], least: int
) -> Walk:
    """An import has ended. People whose SIS IDs Canvas does not know go by another import, which makes users for them.
    Others whom it did not let in go one by one."""
    connection_id, number, settings = its.connection_id, its.id, load_settings(session)
    unknown = sis_imports.unknown_people(session, number) if its.problem is None and settings.mass_by_sis else []
    if len(unknown) < least or not _may_make(settings) or sis_imports.people_to_make(session, number):
        # The next import would not do what this one has left undone.
        undone = sis_imports.undone(session, number)
        problem = Said("import_undone", seats=undone) if undone >= least else None
        yield from _end(session, its, now, its.problem or problem)
        return
    yield from _leave_out(
        session, number, {one.seat_id for one in sis_imports.seats_of(session, number)} - set(unknown)
    )
    begin_writing(session)
    if (left := _ours(session, connection_id, number)) is None:
        return
    sis_imports.end(session, left, now())
    if (another := sis_imports.begin(session, connection_id, now())) is None:
        return
    sis_imports.make_users(session, number, another)
    yield sis_imports_after.others
    yield from _carry(session, connection_id, root_id, another, now, least)


def _carry(
    session: Session, connection_id: int, root_id: int, number: int, now: Callable[[], datetime], least: int
) -> Walk:
    """Send an import with everybody who is in it."""
    makes_users = bool(sis_imports.people_to_make(session, number))
    try:
        yield from new_people.leave_out_whom_canvas_has(session, root_id, number)
        places = yield from _places(session, connection_id, root_id, number, now)
        sent_at = yield _time_of_canvas
    except CanvasError as error:
        yield from _end_ours(session, connection_id, number, now, error.said)
        return
    lines: list[Line] = yield from _lines(session, connection_id, number, places, now)
    begin_writing(session)
    new = sis_imports.people_to_make(session, number).values()
    its, settings = _ours(session, connection_id, number), load_settings(session)
    if its is None:
        return
    if not settings.mass_by_sis or settings.by_invitation or (new and not _may_make(settings)):
        yield from _end(session, its, now)
        return
    if len(lines) < least / 2:
        yield from _end(session, its, now, Said("import_unsure" if makes_users else "import_few"))
        return
    file = file_of(lines, new, notify=settings.canvas_mail)
    del lines, new
    sis_imports.write_down(session, its, hashlib.sha256(file.content).hexdigest(), sent_at)
    its.next_at = now() + pauses.mass_poll(timedelta())
    try:
        answer: SISImport = yield lambda canvas: canvas.start_import(root_id, file)
    except CanvasError as error:
        if not error.leaves_doubt:
            yield from _end_ours(session, connection_id, number, now, error.said)
        return
    begin_writing(session)
    if (its := _ours(session, connection_id, number)) is None:
        return
    its.canvas_import_id, its.next_at = answer.id, now() + pauses.mass_poll(timedelta())
    for seconds in pauses.MASS_FIRST_LOOKS:
        yield partial(_rest, seconds)
        its = _ours(session, connection_id, number)
        if its is None or its.read_at is not None:
            return
        yield from sis_imports_after.look(session, its, root_id, now)


def _rest(seconds: float, canvas: CanvasClient) -> None:
    """A moment in which the drain works on others."""
    time.sleep(seconds)


def _time_of_canvas(canvas: CanvasClient) -> datetime | None:
    canvas.myself()
    return canvas.time()


def _ours(session: Session, connection_id: int, number: int) -> MassImport | None:
    """The import, unless another worker has ended it."""
    its = sis_imports.open_import(session, connection_id)
    return its if its is not None and its.id == number else None


def _end(session: Session, its: MassImport, now: Callable[[], datetime], problem: Said | str | None = None) -> Walk:
    """End the import. What it has left undone is done one by one."""
    connection_id, number = its.connection_id, its.id
    yield from _leave_out(session, number, [one.seat_id for one in sis_imports.seats_of(session, number)])
    begin_writing(session)
    if (left := _ours(session, connection_id, number)) is not None:
        sis_imports.end(session, left, now(), problem)


def _leave_out(session: Session, number: int, seat_ids: Collection[int]) -> Walk:
    ids = sorted(seat_ids)
    for at in range(0, len(ids), AT_ONCE):
        begin_writing(session)
        sis_imports.leave_out(session, number, ids[at : at + AT_ONCE])
        yield sis_imports_after.others


def _may_make(settings: Settings) -> bool:
    """Whether an import may make users: Canvas's own mail is the only way in that it knows."""
    return settings.create_users and settings.way_in == ways_in.CANVAS_MAIL


def _end_ours(session: Session, connection_id: int, number: int, now: Callable[[], datetime], problem: Said) -> Walk:
    """End the import: nothing was sent, or Canvas refused it."""
    if (its := _ours(session, connection_id, number)) is not None:
        yield from _end(session, its, now, problem)


def _put_in(session: Session, connection_id: int, number: int, now: Callable[[], datetime]) -> Walk:
    seats = sis_import_candidates.due_seats(session, connection_id, now())
    for at in range(0, len(seats), AT_ONCE):
        begin_writing(session)
        if _ours(session, connection_id, number) is None:
            return
        found = sis_import_candidates.among(session, connection_id, seats[at : at + AT_ONCE], now())
        sis_imports.put_in(session, number, found, now())
        yield sis_imports_after.others


def _place(one: Candidate) -> Place:
    return one.canvas_course_id, one.canvas_section_id


def _places(session: Session, connection_id: int, root_id: int, number: int, now: Callable[[], datetime]) -> Walk:
    """The SIS IDs of the courses and sections that have them. We first read who is there already, because an import
    does not show that."""
    found: dict[Place, tuple[str, str]] = {}
    for course_id, section_id in sis_imports.places_of(session, number):
        try:
            course: Course = yield partial(_course, course_id)
            section: Section | None = None
            if section_id != DEFAULT_SECTION:
                section = yield partial(_section, course_id, section_id)
        except NotFound:
            continue
        # An import would enroll people even in concluded courses. Nobody is sent to a course that takes no students.
        if course.concluded or course.takes_no_students:
            continue
        if section is not None and section.sis_id:
            found[course_id, section_id] = ("", section.sis_id)
        elif section is None and course.sis_id:
            found[course_id, section_id] = (course.sis_id, "")
    for course_id in sorted({course_id for course_id, _ in found}):
        if not reads.is_fresh(session, connection_id, course_id, now() - pauses.MASS_FRESH):
            yield from reading.read_walk(session, connection_id, root_id, course_id, now)
        if not reads.is_fresh(session, connection_id, course_id, now() - pauses.MASS_FRESH):
            found = {place: ids for place, ids in found.items() if place[0] != course_id}
    return found


def _course(course_id: int, canvas: CanvasClient) -> Course:
    return canvas.course(course_id)


def _section(course_id: int, section_id: int, canvas: CanvasClient) -> Section:
    return canvas.section(course_id, section_id)


def _lines(
    session: Session,
    connection_id: int,
    number: int,
    places: dict[Place, tuple[str, str]],
    now: Callable[[], datetime],
) -> Walk:
    """The lines of the file, for the seats that are still as they were when they were put in; the others are left out,
    as are those of places without SIS IDs."""
    lines: list[Line] = []
    after = 0
    while some := sis_imports.seats_of(session, number, after, AT_ONCE):
        begin_writing(session)
        if _ours(session, connection_id, number) is None:
            break
        after = some[-1].seat_id
        still = set(sis_import_candidates.among(session, connection_id, [one.seat_id for one in some], now()))
        going = [one for one in some if one._replace(makes_user=False) in still and _place(one) in places]
        mailed = ways_in.may_be_mailed(session, [one.seat_id for one in going])
        lines += [Line(*places[_place(one)], one.sis_user_id, one.status, one.seat_id in mailed) for one in going]
        if len(going) < len(some):
            sis_imports.leave_out(session, number, {one.seat_id for one in some} - {one.seat_id for one in going})
        yield sis_imports_after.others
    return lines
