"""Stores the results of one turn of the drain: what was learned, which seats are settled, and what failed."""

import logging
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, update
from sqlalchemy.orm import Session

from ..ledger import activity, incoming_rows, matches, reads, requests, rows, settling
from ..ledger.causes import CAUSES
from ..ledger.requests import Out
from ..ledger.rows import Ended, ShownRow
from ..ledger.work import Work
from ..shared import pauses
from ..shared.process_log import about, unnamed
from ..shared.said import Said
from ..tables.columns import begin_writing
from ..tables.ledger import Seat
from . import failures, passwords
from .access_signals import Change, announce
from .failures import Failure
from .tasks import NeverLeft, SeatTask, Waits

log = logging.getLogger(__name__)

_seat = cast(Table, Seat.__table__)


def store(session: Session, connection_id: int, tasks: list[SeatTask], ours: bool, now: datetime) -> None:
    """Store what the seats' walks learned, and the result of each walk that has ended. Never commits.

    `ours`: the drain's lease is still ours. Facts are stored in any case; seats are settled only if it is.
    """
    if not ours:
        for task in tasks:
            # The request is not sent any more, so nobody may wait for an answer to it.
            task.work.sends = None
            if isinstance(task.error, NeverLeft):
                # The other worker may be repeating it.
                task.work.answered = None
        _compare_with_newer(session, connection_id, [task.work for task in tasks], now)
    store_facts(session, connection_id, [task.work for task in tasks], now)
    settled = [task.work for task in tasks if task.call is None and task.error is None]
    if ours:
        settling.settle(session, connection_id, settled, now)
        was_in = {work.seat_id: work.row is not None and work.row.state in rows.LIVE for work in settled}
        changed = [work for work in settled if work.cause or work.wanted != was_in[work.seat_id]]
        announce(session, [Change(work, "enrolled" if work.wanted else "removed") for work in changed])
        activity.write(session, [_enrolled_entry(work, now) for work in settled if work.wanted])
    else:
        settling.make_due_again(session, settled)
    for task in tasks:
        if task.error is not None:
            _store_failure(session, task.work, task.error, now)


def _compare_with_newer(session: Session, connection_id: int, works: list[Work], now: datetime) -> None:
    """The other worker may have learned something newer since we asked. Then our answer is not the last word: its
    request stays out, and is looked up."""
    known = rows.known(session, connection_id, [one.row.id for work in works for one in work.shown])
    for work in works:
        asked_at = work.asked_at or now
        work.shown = [replace(one, asked_at=asked_at) for one in work.shown]
        if any(one.row.id in known and known[one.row.id].seen_at > asked_at for one in work.shown):
            work.is_over = False


def store_facts(session: Session, connection_id: int, works: Iterable[Work], now: datetime) -> None:
    """Store what was learned. It is true whichever worker holds the lease now."""
    works = list(works)
    matches.store(session, connection_id, works)
    passwords.store(session, connection_id, works, now)
    of_seats: dict[tuple, list[dict]] = {}
    for work in works:
        if work.facts:
            of_seats.setdefault(tuple(work.facts), []).append({"seat_id": work.seat_id, **work.facts})
    for seats in of_seats.values():
        session.execute(_NOTE_SEAT, seats)
    rows.take(session, connection_id, {number: work.seat_id for work in works for number in work.takes})
    gone = [number for work in works for number in work.gone]
    if gone:
        rows.forget(session, connection_id, gone)
    # Requests that are not out any more come first, so that what was shown can be judged.
    requests.cross_out_answered(session, works)
    shown = [one for work in works for one in work.shown]
    _log_ends(session, [(work.participant_id, one) for work in works for one in work.shown], now)
    restored = incoming_rows.store(session, connection_id, shown, now) or any(work.restored for work in works)
    if restored:
        its = about(connection=connection_id)
        log.warning(
            "Canvas came back from a backup: nobody is removed until every course has been read again.", extra=its
        )
        reads.note_restored(session, connection_id, now)
    requests.write_down(session, connection_id, works)


_NOTE_SEAT = update(_seat).where(_seat.c.id == bindparam("seat_id"))


def store_shown(
    session: Session,
    connection_id: int,
    shown: list[ShownRow],
    now: datetime,
    request: Out | None = None,
    concluded: Collection[int] = (),
) -> None:
    """Store what a look or a read found; never commits.

    `request` is the request whose result this is. It is crossed out first, so that nothing about the person is out and
    what was shown can be judged. `concluded`: Canvas courses that are concluded.
    """
    begin_writing(session)
    if request is not None:
        requests.cross_out(session, request.id)
        before = rows.known(session, connection_id, [one.row.id for one in shown if one.ended])
        # If a repeat was answered, this is known already.
        new = [one for one in shown if one.row.id not in before or before[one.row.id].state != one.row.state]
        _log_ends(session, [(request.participant_id, one) for one in new], now)
    if incoming_rows.store(session, connection_id, shown, now, concluded):
        reads.note_restored(session, connection_id, now)


def _store_failure(session: Session, work: Work, error: BaseException, now: datetime) -> None:
    if isinstance(error, Waits):
        settling.put_off(session, work, error.until)
        return
    its = failures.of_seat(error, work.attempts, work.cause)
    why = unnamed(its.detail)
    if its.parked:
        settling.park(session, work, its.cause, its.detail, now)
        log.error(
            "%s is parked after %d tries: %s An administrator can try again.",
            work,
            pauses.TRIES,
            why,
            extra=work.about(tries=pauses.TRIES, reason=why),
        )
        activity.write(session, [_failed_entry(work, now, "parked", its)])
        announce(session, [Change(work, "waiting", its.cause, its.scope)])
    elif its.again_in is not None:
        due_at = now + its.again_in
        settling.retry_later(session, work, its.cause, its.detail, due_at, its.attempts)
        at, again_at = f"{due_at:%H:%M:%S} UTC", f"{due_at:%Y-%m-%dT%H:%M:%SZ}"
        if its.unforeseen:
            more = work.about(tries=its.attempts, again_at=again_at)
            log.error("%s: an unforeseen error. We try again at %s.", work, at, exc_info=error, extra=more)
        else:
            more = work.about(tries=its.attempts, again_at=again_at, reason=why)
            log.warning("%s: %s We try again at %s.", work, why, at, extra=more)
    else:
        settling.hold(session, work, its.cause, its.scope, its.detail, now)
        more = work.about(cause=its.cause, reason=why)
        log.warning("%s waits: %s. %s", work, CAUSES[its.cause].title, why, extra=more)
        if (its.cause, its.scope) != (work.cause, work.cause_scope):
            announce(session, [Change(work, "waiting", its.cause, its.scope)])
            activity.write(session, [_failed_entry(work, now, "waits", its)])


def _enrolled_entry(work: Work, now: datetime) -> dict[str, Any]:
    return _entry(work.participant_id, now, "enrolled in Canvas", Said("there", course=work.canvas_course_id))


def _log_ends(session: Session, shown: Iterable[tuple[int | None, ShownRow]], now: datetime) -> None:
    """Write into the activity log what we ended, and for which participants."""
    activity.write(
        session, [_ended_entry(whose, one.row.course_id, one.ended, now) for whose, one in shown if one.ended]
    )


def _ended_entry(participant_id: int | None, course: int, ended: Ended, now: datetime) -> dict[str, Any]:
    how = Said(f"ended_{ended.how}")
    if ended.why != "policy":
        # The policy of Course Settings or of the course needs no reason.
        how = Said("ended_since", how=how, why=Said(f"since_{ended.why}"))
    return _entry(participant_id, now, "ended in Canvas", Said("there_ended", course=course, how=[how]))


def _failed_entry(work: Work, now: datetime, what: str, its: Failure) -> dict[str, Any]:
    more: dict[str, Any] = {"course": work.canvas_course_id}
    code = "there"
    if what == "waits":
        code, more["cause"] = "there_waits", Said(f"cause_{its.cause}")
    if its.detail:
        code, more["why"] = f"{code}_because", Said.of(its.detail)
    return _entry(work.participant_id, now, what, Said(code, **more))


def _entry(participant_id: int | None, now: datetime, what: str, words: Said) -> dict[str, Any]:
    return activity.entry(now, activity.US, what, words, participant_id=participant_id)
