"""What becomes of a SIS import that was sent. Only what the roster shows afterwards counts: people who are not there as
wanted go one by one."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from ..canvas.client import CanvasClient
from ..canvas.errors import CanvasError, NotFound, PermissionMissing
from ..canvas.shapes import Enrollment, User
from ..canvas.sis import SISImport
from ..ledger import matches, rows, sis_import_candidates, sis_imports, ways_in
from ..ledger.loading import load
from ..ledger.rows import Ended, Known, ShownRow
from ..ledger.sis_import_candidates import AT_ONCE, Candidate
from ..ledger.work import Work
from ..shared import pauses
from ..shared.clock import LONG_AGO
from ..shared.said import Said
from ..tables.columns import begin_writing
from ..tables.ledger import DEFAULT_SECTION, Seat
from ..tables.locks import lock_seats
from ..tables.sis_imports import MassImport
from . import reading, storing
from .tasks import During, SeatTask, Walk

Page = tuple[list[Enrollment], str | None]


def look(session: Session, its: MassImport, root_id: int, now: Callable[[], datetime]) -> Walk:
    """Ask Canvas how far the import is. Once it is through, read back what it did."""
    connection_id, number, age = its.connection_id, its.id, now() - its.begun_at
    is_late = age >= pauses.MASS_STUCK
    begin_writing(session)
    its.next_at = now() + pauses.mass_poll(age)
    while sis_imports.put_some_off(session, number, now()):
        yield others
        begin_writing(session)
    try:
        ours: list[SISImport] | None = yield from _under_way(session, its, root_id)
        if ours == [] and its.canvas_import_id is None and age < 2 * pauses.LATE:
            # It may still arrive.
            return
        waiting = [one.id for one in ours if not one.is_over] if ours is not None else []
        if (waiting or ours is None) and not is_late:
            return
        for import_id in waiting:
            yield partial(_abort, root_id, import_id)
        yield from _read_back(session, connection_id, number, now)
    except CanvasError:
        # Whatever it is, the next look shows it.
        return
    begin_writing(session)
    left = sis_imports.open_import(session, connection_id)
    if left is not None and left.id == number:
        done = bool(ours) and not waiting
        left.problem = None if done else Said("import_lost" if ours == [] else "import_stuck")
        left.read_at, left.next_at = now(), now() + pauses.LATE


def others(canvas: CanvasClient) -> None:
    """No call: others who are due have their turn."""


def _abort(root_id: int, import_id: int, canvas: CanvasClient) -> None:
    canvas.abort_import(root_id, import_id)


def _under_way(session: Session, its: MassImport, root_id: int) -> Walk:
    """The import as Canvas shows it, in a list. The list is empty if Canvas has none; None: Canvas does not show it to
    us any more.

    If Canvas's answer was lost, these are the imports that we made around that time. A school's own imports are left
    alone.
    """
    known, sent_at = its.canvas_import_id, its.sent_at or its.begun_at
    try:
        if known is not None:
            return [(yield lambda canvas: canvas.sis_import(root_id, known))]
        me: User = yield CanvasClient.myself
        listed: list[SISImport] = yield lambda canvas: canvas.imports_since(root_id, sent_at - pauses.CLOCK_TOLERANCE)
    except NotFound:
        return []
    except PermissionMissing:
        return None
    until = sent_at + pauses.LATE
    ours = [one for one in listed if one.user_id in (None, me.id) and one.created_at <= until]
    if len(ours) == 1:
        begin_writing(session)
        its.canvas_import_id = ours[0].id
    return ours


def _read_back(session: Session, connection_id: int, number: int, now: Callable[[], datetime]) -> Walk:
    """Read the rosters of the import's courses, a page at a time, and settle the seats that are as wanted."""
    seats = sis_imports.seats_of(session, number)
    found = _Found(seats)
    ready: list[tuple[Candidate, Enrollment]] = []

    def store(*, settle: bool = True) -> None:
        begin_writing(session)
        its = sis_imports.open_import(session, connection_id)
        if ready and its is not None and its.id == number:
            _store(session, its, ready, now(), settle=settle)

    for course_id in sorted({one.canvas_course_id for one in seats}):
        link = None
        while True:
            try:
                page: Page = yield During(reading.page_of(course_id, link), store)
            except NotFound:
                ready = []
                break
            listed, link = page
            ready = found.take(listed)
            if link is None:
                break
        store()
    # Some places of the other people were not as wanted; what is known about these people is stored.
    partly = found.partly()
    for at in range(0, len(partly), AT_ONCE):
        yield others
        ready = partly[at : at + AT_ONCE]
        store(settle=False)


class _Found:
    """What the rosters have shown so far of an import's seats."""

    def __init__(self, seats: Sequence[Candidate]):
        self._left = defaultdict[int, dict[int, Candidate]](dict)
        self._to_let_in = defaultdict[tuple[int, str], list[Candidate]](list)
        self._to_end: dict[int, Candidate] = {}
        self._rows = defaultdict[int, list[tuple[Candidate, Enrollment]]](list)
        for one in seats:
            self._left[one.participant_id][one.seat_id] = one
            if one.canvas_enrollment_id is None:
                self._to_let_in[one.canvas_course_id, one.sis_user_id].append(one)
            else:
                self._to_end[one.canvas_enrollment_id] = one

    def take(self, listed: list[Enrollment]) -> list[tuple[Candidate, Enrollment]]:
        """The seats of people whose seats are all as wanted now, with their rows."""
        people = set()
        for row in listed:
            for one in self._fulfilled_by(row):
                left = self._left[one.participant_id]
                if left.pop(one.seat_id, None) is not None:
                    self._rows[one.participant_id].append((one, row))
                    if not left:
                        people.add(one.participant_id)
        return [found for number in sorted(people) for found in self._rows.pop(number)]

    def partly(self) -> list[tuple[Candidate, Enrollment]]:
        """The seats that are as wanted, of people who have others that are not."""
        return [found for theirs in self._rows.values() for found in theirs]

    def _fulfilled_by(self, row: Enrollment) -> list[Candidate]:
        if row.state not in rows.LIVE:
            ended = self._to_end.get(row.id)
            return [ended] if ended is not None else []
        theirs = self._to_let_in.get((row.course_id, row.user.sis_user_id or ""), [])
        return [one for one in theirs if one.canvas_section_id in (DEFAULT_SECTION, row.section_id)]


def _store(
    session: Session, its: MassImport, there: list[tuple[Candidate, Enrollment]], now: datetime, *, settle: bool
) -> None:
    """Store these rows and, if everything about these people is as wanted, settle the seats whose wish is still the one
    that was sent."""
    row_of = {one.seat_id: row for one, row in there}
    sent = {one.seat_id: one for one, _ in there}
    lock_seats(session, Seat.id.in_(row_of))
    works = load(session, row_of)
    known = rows.known(session, its.connection_id, [row.id for row in row_of.values()])
    taken = matches.participants_of(session, its.connection_id, [row.user_id for row in row_of.values()])
    settled: list[Work] = []
    for work in works:
        one, row = sent[work.seat_id], row_of[work.seat_id]
        was = known.get(row.id)
        if one.canvas_enrollment_id is not None:
            as_sent = was is not None and was.is_same(row) and not work.wanted
            work.shown.append(ShownRow(row, ended=Ended(_ENDS[one.status])))
        elif taken.setdefault(row.user_id, work.participant_id) != work.participant_id:
            # Another participant is this Canvas user: the walk of the seat asks about it.
            continue
        else:
            if work.who.canvas_user_id is None:
                _is_user(session, work, row.user, now, made=one.makes_user)
            work.shown.append(ShownRow(row, granted=_is_granted(its, row, was), seat_id=work.seat_id))
            as_sent = work.wanted and row.user_id == work.who.canvas_user_id
            if as_sent and work.version == one.version:
                work.point_to(row.id)
        if settle and as_sent and work.version == one.version and not work.leaves:
            settled.append(work)
    ended = {work.seat_id for work in settled}
    storing.store_facts(session, its.connection_id, [work for work in works if work.seat_id not in ended], now)
    # These end like walks that needed no call.
    storing.store(session, its.connection_id, [SeatTask(_no_call(), work=work) for work in settled], True, now)


def _is_user(session: Session, work: Work, user: User, now: datetime, *, made: bool) -> None:
    """Note to which user the participant's SIS ID led; `made`: the import made that user, with the email as login."""
    if made and (user.login_id or "").casefold() == work.email.casefold():
        sent: dict[str, Any] = {"name_sent": user.name or work.name, "email_sent": work.email, "login_sent": work.email}
        if sent["name_sent"] != work.name:
            sent["follow_at"] = LONG_AGO
        mailed = ways_in.to_be_mailed(session, work.seat_id) is not None
        sent["way_in"] = ways_in.CANVAS_MAIL if mailed else ways_in.NOT_MAILED
        work.is_user(user, "created", now, created_by_us=True, **sent)
    else:
        work.is_user(user, "sis", now)


_ENDS = {status: how for how, status in sis_import_candidates.STATUSES.items()}


def _no_call() -> Walk:
    yield from ()


def _is_granted(its: MassImport, row: Enrollment, was: Known | None) -> bool:
    """Whether we let the person in: the row was ours, or not live when it was last seen, or was made by the import."""
    if was is not None and was.is_same(row) and (was.granted or not was.is_live):
        return True
    return its.sent_at is not None and row.created_at >= its.sent_at - pauses.CLOCK_TOLERANCE
