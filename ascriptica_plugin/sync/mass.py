"""The road for masses: many people get into Canvas courses by one SIS import, no call a person.

Each walk does the next step of the one import that is open, and ends; the time of the next one is stored. An import is
believed only as far as the roster shows it afterwards. Whoever is not there goes the ordinary road.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.orm import Session

from .. import retry
from ..canvas.client import CanvasClient
from ..canvas.errors import CanvasError, NotFound
from ..canvas.shapes import Course, Enrollment, Section
from ..canvas.sis import SISImport, enrollments_csv
from ..ledger import mass, matches, reads, rows
from ..ledger.loading import load
from ..ledger.mass import Candidate
from ..ledger.rows import Known, Told
from ..ledger.work import Work
from ..said import Said
from ..tables.canvas import DEFAULT_SECTION, Seat, load_settings
from ..tables.columns import begin_writing
from ..tables.locks import lock_seats
from ..tables.mass import MassImport, MassSeat
from . import reading, storing
from .tasks import SeatTask, Walk

TOLERANCE = timedelta(seconds=2)
"""Canvas's times have whole seconds."""


def mass_walk(session: Session, connection_id: int, root_id: int, now: Callable[[], datetime], least: int) -> Walk:
    """Begin an import, or go on with the one that is open."""
    its = mass.open_import(session, connection_id)
    if its is not None and its.sent_at is None:
        # It was never sent, since its worker ended.
        begin_writing(session)
        mass.end(session, its, now())
    elif its is not None and its.read_at is not None:
        begin_writing(session)
        mass.end(session, its, now(), its.problem)
    elif its is not None:
        yield from _wait(session, its, root_id, now)
    else:
        yield from _send(session, connection_id, root_id, now, least)


def put_off(session: Session, connection_id: int, now: datetime) -> None:
    """Store that a step failed on our side."""
    its = mass.open_import(session, connection_id)
    if its is not None:
        its.next_at = now + retry.LATE


# -- sending ----------------------------------------------------------------------------------------------------------


def _send(session: Session, connection_id: int, root_id: int, now: Callable[[], datetime], least: int) -> Walk:
    begin_writing(session)
    chosen = mass.candidates(session, connection_id, now())
    if len(chosen) < least:
        return
    number = mass.begin(session, connection_id, chosen, now())
    try:
        places = yield from _places(session, connection_id, root_id, chosen, now)
        sent_at = yield _time_of_canvas
    except CanvasError as error:
        _give_up(session, connection_id, number, error.said, now)
        return
    begin_writing(session)
    its = mass.open_import(session, connection_id)
    settings = load_settings(session)
    if its is None or its.id != number:
        return
    going = [one for one in mass.still_so(session, connection_id, number) if _place(one) in places]
    if len(going) < least / 2 or not settings.mass_by_sis or settings.by_invitation:
        mass.end(session, its, now())
        return
    file = enrollments_csv(((*places[_place(one)], one.sis_user_id) for one in going), notify=settings.canvas_mail)
    mass.write_down(session, its, going, hashlib.sha256(file).hexdigest(), sent_at, now())
    its.next_at = now() + retry.mass_poll(timedelta())
    try:
        answer: SISImport = yield lambda canvas: canvas.start_import(root_id, file)
    except CanvasError as error:
        if not error.leaves_doubt:
            _give_up(session, connection_id, number, error.said, now)
        return
    begin_writing(session)
    its = mass.open_import(session, connection_id)
    if its is not None and its.id == number:
        its.canvas_import_id, its.next_at = answer.id, now() + retry.mass_poll(timedelta())


def _time_of_canvas(canvas: CanvasClient) -> datetime | None:
    canvas.myself()
    return canvas.time()


def _give_up(session: Session, connection_id: int, number: int, problem: Said, now: Callable[[], datetime]) -> None:
    """Nothing was sent, or Canvas refused it: everybody goes the ordinary road."""
    begin_writing(session)
    its = mass.open_import(session, connection_id)
    if its is not None and its.id == number:
        mass.end(session, its, now(), problem)


def _place(one: Candidate) -> tuple[int, int]:
    return one.canvas_course_id, one.canvas_section_id


def _course(course_id: int, canvas: CanvasClient) -> Course:
    return canvas.course(course_id)


def _section(course_id: int, section_id: int, canvas: CanvasClient) -> Section:
    return canvas.section(course_id, section_id)


def _abort(root_id: int, import_id: int, canvas: CanvasClient) -> None:
    canvas.abort_import(root_id, import_id)


def _page(course_id: int, link: str | None, canvas: CanvasClient) -> tuple[list[Enrollment], str | None]:
    return canvas.course_enrollments(course_id, link)


def _places(
    session: Session, connection_id: int, root_id: int, chosen: list[Candidate], now: Callable[[], datetime]
) -> Walk:
    """The SIS IDs of the courses and sections that have them. Who is there already is read first, as an import does not
    say it."""
    found: dict[tuple[int, int], tuple[str, str]] = {}
    for course_id, section_id in sorted({_place(one) for one in chosen}):
        try:
            course: Course = yield partial(_course, course_id)
            section: Section | None = None
            if section_id != DEFAULT_SECTION:
                section = yield partial(_section, course_id, section_id)
        except NotFound:
            continue
        # An import enrolls into concluded courses too, and nobody goes where students can't.
        if course.concluded or course.takes_no_students:
            continue
        if section is not None and section.sis_id:
            found[course_id, section_id] = ("", section.sis_id)
        elif section is None and course.sis_id:
            found[course_id, section_id] = (course.sis_id, "")
    for course_id in sorted({course_id for course_id, _ in found}):
        if not reads.is_fresh(session, connection_id, course_id, now() - retry.MASS_FRESH):
            yield from reading.read_walk(session, connection_id, root_id, course_id, now)
        if not reads.is_fresh(session, connection_id, course_id, now() - retry.MASS_FRESH):
            found = {place: ids for place, ids in found.items() if place[0] != course_id}
    return found


# -- waiting ----------------------------------------------------------------------------------------------------------


def _wait(session: Session, its: MassImport, root_id: int, now: Callable[[], datetime]) -> Walk:
    """Ask Canvas how far it is; read back what it did once it is through."""
    connection_id, number, began_at = its.connection_id, its.id, its.begun_at
    since = (its.sent_at or its.begun_at) - TOLERANCE
    begin_writing(session)
    mass.block_longer(session, its, now())
    its.next_at = now() + retry.mass_poll(now() - began_at)
    known = its.canvas_import_id
    try:
        if known is not None:
            under_way: list[SISImport] = [(yield lambda canvas: canvas.sis_import(root_id, known))]
        else:
            # Its answer was lost: every import since then may be ours.
            under_way = yield lambda canvas: canvas.imports_since(root_id, since)
            if not under_way and now() < began_at + retry.LATE * 2:
                return
        stuck = [one.id for one in under_way if not one.is_over]
        if stuck and (known is None or now() < began_at + retry.MASS_STUCK):
            return
        for one in stuck:
            yield partial(_abort, root_id, one)
        told = yield from _read_back(session, number, now)
    except CanvasError:
        # Whatever it is, the next look shows it.
        return
    problem = None if under_way and not stuck else Said("import_stuck" if stuck else "import_lost")
    _store(session, connection_id, number, told, problem, now)


def _read_back(session: Session, number: int, now: Callable[[], datetime]) -> Walk:
    """What the rosters of the import's courses show now."""
    told: list[Enrollment] = []
    for course_id in sorted({one.canvas_course_id for one in mass.put_in(session, number)}):
        link = None
        while True:
            try:
                found, link = yield partial(_page, course_id, link)
            except NotFound:
                break
            told += found
            if link is None:
                break
    return told


def _store(
    session: Session,
    connection_id: int,
    number: int,
    told: list[Enrollment],
    problem: Said | None,
    now: Callable[[], datetime],
) -> None:
    """Settle who is in as wanted. About the others nothing is sent for as long as Canvas may still be at it."""
    begin_writing(session)
    its = mass.open_import(session, connection_id)
    if its is None or its.id != number:
        return
    live: dict[tuple[int, str], list[Enrollment]] = {}
    for row in told:
        if row.state in rows.LIVE and row.user.sis_user_id:
            live.setdefault((row.course_id, row.user.sis_user_id), []).append(row)
    found = [(one, _row_of(one, live)) for one in mass.put_in(session, number)]
    not_everywhere = {one.participant_id for one, row in found if row is None}
    there = [(one, row) for one, row in found if row is not None]
    for at in range(0, len(there), mass.AT_ONCE):
        _settle(session, its, there[at : at + mass.AT_ONCE], not_everywhere, now())
    its.read_at, its.next_at, its.problem = now(), now() + retry.LATE, problem
    if not mass.put_in(session, number):
        mass.end(session, its, now(), problem)


def _row_of(one: MassSeat, live: dict[tuple[int, str], list[Enrollment]]) -> Enrollment | None:
    theirs = live.get((one.canvas_course_id, one.sis_user_id), [])
    return next((row for row in theirs if one.canvas_section_id in (DEFAULT_SECTION, row.section_id)), None)


def _settle(
    session: Session,
    its: MassImport,
    there: list[tuple[MassSeat, Enrollment]],
    not_everywhere: set[int],
    now: datetime,
) -> None:
    """Store these rows, and settle the seats whose wish is still the one that was sent."""
    row_of = {one.seat_id: row for one, row in there}
    version_of = {one.seat_id: one.version for one, _ in there}
    lock_seats(session, Seat.id.in_(row_of))
    works = load(session, row_of)
    known = rows.known(session, its.connection_id, [row.id for row in row_of.values()])
    taken = matches.participants_of(session, its.connection_id, [row.user_id for row in row_of.values()])
    settled: list[Work] = []
    for work in works:
        row = row_of[work.seat_id]
        if taken.setdefault(row.user_id, work.participant_id) != work.participant_id:
            # Another participant is this Canvas user: the ordinary road asks about it.
            continue
        if work.who.canvas_user_id is None:
            work.is_user(row.user, "sis", now)
        work.told.append(Told(row, granted=_is_granted(its, row, known.get(row.id)), seat_id=work.seat_id))
        if row.user_id != work.who.canvas_user_id or work.version != version_of[work.seat_id] or not work.wanted:
            continue
        work.point_to(row.id)
        if not work.leaves and work.participant_id not in not_everywhere:
            settled.append(work)
    mass.let_go(session, its, [work.seat_id for work in settled])
    ended = {work.seat_id for work in settled}
    storing.store_facts(session, its.connection_id, [work for work in works if work.seat_id not in ended], now)
    # These end like walks that needed no call.
    storing.store(session, its.connection_id, [SeatTask(_no_call(), work=work) for work in settled], True, now)


def _no_call() -> Walk:
    yield from ()


def _is_granted(its: MassImport, row: Enrollment, was: Known | None) -> bool:
    """Whether we let the person in: the row was ours, or not live when it was last seen, or was born of the import."""
    if was is not None and was.is_same(row) and (was.granted or not was.is_live):
        return True
    return its.sent_at is not None and row.created_at >= its.sent_at - TOLERANCE
