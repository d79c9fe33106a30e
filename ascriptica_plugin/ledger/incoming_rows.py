"""Everything that Canvas says about enrollments goes through `store`: it stores the facts, and has them judged.

It also compares what is stored about matches. Never commits.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple, cast

from sqlalchemy import exists, or_, select, update
from sqlalchemy.orm import Session

from ..canvas.shapes import Enrollment
from ..tables.columns import change, upsert_into
from ..tables.ledger import CanvasRow, Match
from ..tables.requests import Request
from . import judging, matches, request_windows, rows, sis_imports
from .rows import Known, ShownRow


def store(
    session: Session, connection_id: int, shown: Iterable[ShownRow], now: datetime, concluded: Collection[int] = ()
) -> bool:
    """Store what Canvas showed, and unsettle what no longer fits. Returns whether Canvas came back from a backup.

    A live row of somebody whom we don't know is stored, too: if that person registers, they are not enrolled over it.
    If a list is older than what we know, or a request about the person is out, we look at the person's enrollments
    later instead. `concluded`: Canvas courses that are concluded.
    """
    # The last answer about a row counts.
    latest = {one.row.id: one for one in shown}
    if not latest:
        return False
    before = rows.known(session, connection_id, latest)
    others = {number for number, one in latest.items() if number in before and not before[number].is_same(one.row)}
    if others:
        rows.forget(session, connection_id, others)
        before = {number: row for number, row in before.items() if number not in others}
    open_windows = request_windows.of(
        session, connection_id, [one for one in latest.values() if one.row.id not in before]
    )
    users = _matched(session, connection_id, [one for one in latest.values() if one.asked_at is not None])
    in_import = sis_imports.waiting(session, connection_id, [matched.participant_id for matched in users.values()])
    values, unsettled = [], []
    for number, one in latest.items():
        was = before.get(number)
        if one.asked_at is not None:
            matched = users.get(one.row.user_id)
            if was is None and matched is None and one.seat_id is None and one.row.state not in rows.LIVE:
                continue
            waits = matched is not None and (matched.participant_id, one.row.course_id) in in_import
            if waits or _is_outdated(one, was, matched):
                matches.owe_look(session, connection_id, one.row.user_id, now)
                continue
            if matched is not None:
                _compare(session, connection_id, one, matched)
        if was is None and (seat_id := request_windows.close(session, open_windows, one.row)) is not None:
            one = replace(one, granted=True, seat_id=seat_id)
            unsettled.append(number)
        values.append({"connection_id": connection_id, **rows.as_known(one, was, now)._asdict()})
        # A list is read to find what was missed, including a change that was stored while it could not be judged.
        is_missed = one.asked_at is not None and one.row.state not in rows.LIVE
        if was is not None and (_has_changed(was, one.row) or is_missed):
            unsettled.append(number)
    if values:
        upsert = upsert_into(session, CanvasRow)
        fresh = {name: upsert.excluded[name] for name in values[0] if name not in ("connection_id", *_ID)}
        session.execute(upsert.on_conflict_do_update(index_elements=["connection_id", *_ID], set_=fresh), values)
    judging.judge(session, connection_id, unsettled, now, {n for n in unsettled if latest[n].ended}, concluded)
    _doubt_those_who_were_merged(session, connection_id, before, latest)
    return bool(others)


_ID = ("canvas_enrollment_id",)


def _has_changed(was: Known, row: Enrollment) -> bool:
    now = (row.state, row.user_id, row.course_id, row.section_id)
    return (was.state, was.canvas_user_id, was.canvas_course_id, was.canvas_section_id) != now


class _Matched(NamedTuple):
    canvas_user_id: int | None
    participant_id: int
    canvas_name: str | None
    canvas_login: str | None
    canvas_sis_user_id: str | None
    doubted: bool
    has_request: bool


def _matched(session: Session, connection_id: int, listed: Collection[ShownRow]) -> dict[int | None, _Matched]:
    """The matches of the users in a list."""
    if not listed:
        return {}
    same = or_(Request.participant_id == Match.participant_id, Request.canvas_user_id == Match.canvas_user_id)
    about = exists().where(Request.connection_id == connection_id, same)
    found = select(
        Match.canvas_user_id,
        Match.participant_id,
        Match.canvas_name,
        Match.canvas_login,
        Match.canvas_sis_user_id,
        Match.doubted,
        about,
    ).where(Match.connection_id == connection_id, Match.canvas_user_id.in_({one.row.user_id for one in listed}))
    return {row[0]: _Matched(*row) for row in session.execute(found)}


def _is_outdated(one: ShownRow, was: Known | None, matched: _Matched | None) -> bool:
    asked_at = cast(datetime, one.asked_at)
    return (was is not None and was.seen_at > asked_at) or (matched is not None and matched.has_request)


def _compare(session: Session, connection_id: int, one: ShownRow, matched: _Matched) -> None:
    """Doubt a match whose user has another login or SIS ID now; learn the name that Canvas shows."""
    user = one.row.user
    if not user.shows_login:
        return
    theirs = (Match.connection_id == connection_id, Match.canvas_user_id == matched.canvas_user_id)
    shown, remembered = (user.login_id, user.sis_user_id), (matched.canvas_login, matched.canvas_sis_user_id)
    if remembered[0] is None or shown == remembered:
        if (user.name, *shown, False) != (matched.canvas_name, *remembered, matched.doubted):
            learned = {"canvas_name": user.name, "canvas_login": user.login_id, "canvas_sis_user_id": user.sis_user_id}
            address = {"address": user.address} if user.address else {}
            change(session, update(Match).where(*theirs).values(doubted=False, **learned, **address))
    elif not matched.doubted:
        matches.doubt(session, connection_id, Match.canvas_user_id == matched.canvas_user_id)


def _doubt_those_who_were_merged(
    session: Session, connection_id: int, before: dict[int, Known], latest: dict[int, ShownRow]
) -> None:
    """The same row with another user: the user was merged into that one."""
    merged = {
        was.canvas_user_id
        for number, was in before.items()
        if was.canvas_user_id not in (None, latest[number].row.user_id) and was.seat_id is not None
    }
    if merged:
        matches.doubt(session, connection_id, Match.canvas_user_id.in_(merged))
