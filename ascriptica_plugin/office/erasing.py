"""Erases people.

Erasing takes two steps, because we may need to know who the person is to end their access to Canvas. `ask_to_erase`
withdraws them and removes their sign-in at once; `erase_people`, run by the worker, deletes the rest as soon as Canvas
agrees. Only the worker's functions commit.
"""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Delete, Text, and_, cast, delete, exists, literal, select, update
from sqlalchemy.orm import Session, defer

from ..ledger import activity, claims, lease, matches
from ..shared import clock, pauses
from ..shared.language import mark
from ..shared.said import Said
from ..tables.canvas import load_settings
from ..tables.columns import begin_writing, change
from ..tables.imports import Import
from ..tables.ledger import CanvasRow, Claim, Match, Seat
from ..tables.locks import lock_participant
from ..tables.mails import Mail
from ..tables.office import Course, FormerEmail, LogEntry, Participant, Registration
from ..tables.requests import Request, Window
from ..tables.results import Result
from ..tables.sis_imports import MassSeat
from . import access_before_erasing, log_traces, registrations, traces
from .log_traces import SOMEBODY, LogTraces

NOBODY = mark("Erased participant")
NOWHERE = "erased@ascriptica.invalid"
REASON_ABOUT_SOMEBODY = mark("The reason named somebody who was erased since.")


def ask_to_erase(session: Session, participant: Participant, now: datetime, by: str, *, end_access: bool) -> str | None:
    """Withdraw the participant from everything, and have the worker erase them as soon as Canvas agrees.

    Without `end_access`, their enrollments stay in Canvas, and the erasing doesn't wait for Canvas. May be called
    again. Returns the host's key of the person, if there was one.
    """
    begin_writing(session)
    # Lock the courses before the participant, in the same order as registering does.
    _withdraw(session, participant, now, by)
    lock_participant(session, participant)
    key, participant.key = participant.key, None
    participant.erase_at = participant.erase_at or now
    change(session, _mails_to(participant.id))
    if not end_access:
        _forget_seats(session, participant.id)
    words = Said("access_ends_first" if end_access else "enrollments_stay")
    activity.note(session, now, by, "asked to erase", words, participant_id=participant.id)
    session.info[claims.RANG] = True
    session.flush()
    return key


def _withdraw(session: Session, participant: Participant, now: datetime, by: str) -> None:
    theirs = select(Course).join(Registration, Registration.course_id == Course.id).where(*_live(participant))
    # In the order of their ids, so that two transactions that lock several courses don't deadlock.
    for course in session.scalars(theirs.order_by(Course.id)).all():
        registrations.withdraw(session, course, participant, now, by)


def _mails_to(participant_id: int) -> Delete:
    """The statement that deletes unsent mails about the participant's registrations."""
    theirs = select(Registration.id).where(Registration.participant_id == participant_id)
    return delete(Mail).where(Mail.registration_id.in_(theirs))


def _live(participant: Participant) -> tuple:
    return Registration.participant_id == participant.id, Registration.status != "withdrawn"


def erase(session: Session, connection_id: int | None, of: LogTraces, now: datetime) -> bool:
    """Erase one participant, whose registrations go to a new, anonymous one. Returns False if they have to wait.

    The caller has already searched the activity log for `of`, and holds the drain's lease, so that no call to Canvas
    about them is in flight. The participant's row is deleted, so what another worker writes after losing its lease is
    refused, or found by `forget_leftovers`.
    """
    begin_writing(session)
    participant = session.get(Participant, of.participant_id, populate_existing=True)
    if participant is None:
        return True
    # A registration may have been made at the same moment as the request to erase.
    _withdraw(session, participant, now, activity.US)
    lock_participant(session, participant)
    live = session.scalar(select(Registration.id).where(*_live(participant)).limit(1))
    if live is not None or access_before_erasing.unfinished(session, participant.id, connection_id):
        return False
    if log_traces.look_for(session, participant) != of:
        # Their email or Canvas user has changed since, so the activity log is searched again.
        return False
    _forget(session, participant, of, now)
    return True


def forget_leftovers(session: Session, now: datetime) -> None:
    """Delete what was written about people after they were erased.

    That happens only on SQLite, which checks no foreign keys. Commits. It locks the database for writing only if
    something is left over, which is rare.
    """
    lately = (LogEntry.at > now - pauses.LEFTOVERS, LogEntry.participant_id.is_not(None))
    nobody = ~exists().where(Participant.id == Request.participant_id)
    for table, left_over in (
        (CanvasRow, and_(CanvasRow.seat_id.is_not(None), ~exists().where(Seat.id == CanvasRow.seat_id))),
        (Match, ~exists().where(Participant.id == Match.participant_id)),
        (Request, and_(Request.participant_id.is_not(None), nobody)),
        (FormerEmail, ~exists().where(Participant.id == FormerEmail.participant_id)),
        (LogEntry, and_(*lately, ~exists().where(Participant.id == LogEntry.participant_id))),
    ):
        is_any = session.execute(select(literal(1)).select_from(table).where(left_over).limit(1)).first()
        session.commit()
        if is_any:
            begin_writing(session)
            change(session, delete(table).where(left_over))
            session.commit()


def _forget(session: Session, participant: Participant, of: LogTraces, now: datetime) -> None:
    nobody = Participant(name=NOBODY, email=NOWHERE, erased_at=now)
    session.add(nobody)
    session.flush()
    number = participant.id
    _take_out_of_others(session, participant, of)
    _forget_seats(session, number)
    about = LogEntry.participant_id == number
    themselves = and_(about, LogEntry.who.in_(of.signed_as - of.of_others))
    mine = Registration.participant_id == number
    matches.let_go(session, number)
    for statement in (
        delete(Match).where(Match.participant_id == number),
        delete(Result).where(Result.registration_id.in_(select(Registration.id).where(mine))),
        update(Registration).where(mine).values(participant_id=nobody.id),
        update(LogEntry).where(themselves).values(who=SOMEBODY),
        update(LogEntry).where(about).values(participant_id=nobody.id, words=""),
        delete(FormerEmail).where(FormerEmail.participant_id == number),
        _mails_to(number),
        delete(Participant).where(Participant.id == number),
    ):
        change(session, statement)
    activity.note(session, now, activity.US, "erased", participant_id=nobody.id)
    session.expunge(participant)
    session.expire_all()


def _take_out_of_others(session: Session, participant: Participant, of: LogTraces) -> None:
    """Take the participant out of imports, and out of questions about other people."""
    waits = Seat.settled_version < Seat.version
    traces.put(session, Seat.cause_detail, traces.saying(session, Seat.cause_detail, of.texts, waits), None)
    _take_out_of_imports(session, of.free, participant.name, of.emails)
    _take_out_of_candidates(session, of.emails, of.canvas_ids)


def _take_out_of_imports(session: Session, free: set[str], name: str, emails: set[str]) -> None:
    words = traces.words_of(name, emails)
    for its in session.scalars(select(Import).options(defer(Import.file))).all():
        if traces.fold(its.who) in map(traces.fold, free):
            its.who = SOMEBODY
        if traces.names_one(its.name, words):
            its.name = ""
        its.refused = _without(its.refused, {name, *emails})
        its.remarks = _without(its.remarks, {name, *emails}) if its.remarks else its.remarks
        its.outcomes = _unnamed(its.outcomes, {name, *emails}) if its.outcomes else its.outcomes
        if its.finished_at is not None:
            # A file that is kept to be imported or corrected may be about them.
            its.file = None
    session.flush()


def _without(lines: list, texts: set[str]) -> list:
    """The lines of a report, with a reason that contains one of these texts replaced. Reasons name people by email."""
    return [
        [line, REASON_ABOUT_SOMEBODY if "@" in words and traces.says(words, texts) else words] for line, words in lines
    ]


def _unnamed(outcomes: list, texts: set[str]) -> list:
    """The outcomes of rows that were tried out, without words that contain one of these texts."""
    return [
        [line, outcome, *("" if traces.says(words, texts) else words for words in more)]
        for line, outcome, *more in outcomes
    ]


def _take_out_of_candidates(session: Session, emails: set[str], canvas_ids: set[int]) -> None:
    """Where this participant's Canvas user is a candidate for another participant, keep only the user's id."""
    spelled = set(map(traces.fold, emails))
    asked = cast(Match.candidates, Text).contains('"login_id"')
    for known in session.scalars(select(Match).where(asked)).all():
        shown = [
            {"id": it["id"]}
            if it["id"] in canvas_ids or spelled & {traces.fold(str(it.get(name))) for name in ("login_id", "email")}
            else it
            for it in known.candidates or []
        ]
        if shown != known.candidates:
            known.candidates = shown
    session.flush()


def _forget_seats(session: Session, participant_id: int) -> None:
    theirs = select(Seat.id).where(Seat.participant_id == participant_id)
    for statement in (
        delete(CanvasRow).where(CanvasRow.seat_id.in_(theirs)),
        delete(Request).where(Request.participant_id == participant_id),
        delete(MassSeat).where(MassSeat.participant_id == participant_id),
        delete(Window).where(Window.seat_id.in_(theirs)),
        delete(Claim).where(Claim.seat_id.in_(theirs)),
        delete(Seat).where(Seat.participant_id == participant_id),
    ):
        change(session, statement)


# -- the worker's round ----------------------------------------------------------------------------------------------


def erase_people(
    session: Session, now: Callable[[], datetime] | None = None, stop: Callable[[], bool] = lambda: False
) -> None:
    """Erase people who wait to be erased and for whom nothing is left to be done in Canvas, until `stop()` is true.

    Owns the session's transactions. The log is searched before the lease is taken, so a drain waits only for one unit
    of work for each person. While another worker drains, nobody is erased.
    """
    connection_id = load_settings(session).connection_id
    waiting = access_before_erasing.ended(session, connection_id)
    session.commit()
    if not waiting:
        return
    now = now or clock.database_clock(session)
    for participant_id in waiting:
        found = _search_the_log(session, participant_id, stop)
        if found is None or not _erase(session, connection_id, found, now):
            return


def _search_the_log(session: Session, participant_id: int, stop: Callable[[], bool]) -> LogTraces | None:
    of = log_traces.look_for(session, session.get_one(Participant, participant_id))
    at, last = 0, log_traces.last_entry(session)
    while at < last:
        if stop():
            return None
        upto = min(at + log_traces.ENTRIES, last)
        log_traces.take_out(session, of, at, upto)
        at = upto
    of.searched_upto = last
    return of


def _erase(session: Session, connection_id: int | None, of: LogTraces, now: Callable[[], datetime]) -> bool:
    """Returns False while another worker drains."""
    term = lease.take_lease(session, connection_id, now()) if connection_id else 0
    session.commit()
    if term is None:
        return False
    try:
        # Entries that were written after the search.
        log_traces.take_out(session, of, of.searched_upto, log_traces.last_entry(session))
        erase(session, connection_id, of, now())
        session.commit()
    finally:
        session.rollback()
        if connection_id:
            lease.give_lease_back(session, connection_id, term)
        session.commit()
    return True
