"""Notices when Canvas can be read but takes no changes, or when one Canvas course takes none.

One failure may concern one person only. Many in a row, of different people and with no change answered in between,
concern more. They are counted in the database, for all workers together.
"""

from collections import defaultdict
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from ..shared import pauses
from ..tables.columns import begin_writing, change, upsert_into
from ..tables.requests import FailedChange

_KEY = ("connection_id", "canvas_course_id", "participant_id")


class _Failed(NamedTuple):
    failed_at: datetime
    in_a_row: bool


class Changes:
    """The latest changes on one connection that Canvas failed at, loaded when this object is made. Only the worker that
    drains the connection adds to them. Each method that stores something commits it."""

    def __init__(self, session: Session, connection_id: int):
        self._session, self._connection_id = session, connection_id
        self._here = FailedChange.connection_id == connection_id
        found = select(
            FailedChange.canvas_course_id, FailedChange.participant_id, FailedChange.failed_at, FailedChange.in_a_row
        ).where(self._here)
        self._failed = {(row[0], row[1]): _Failed(row[2], row[3]) for row in session.execute(found)}

    def answered(self, canvas_course_id: int | None) -> bool:
        """Canvas answered a change. Returns whether the course counted as taking none until now."""
        if not self._failed:
            return False
        took_none = canvas_course_id in self._that_take_none()
        of_it = [key for key in self._failed if key[0] == (canvas_course_id or 0)]
        if of_it or any(one.in_a_row for one in self._failed.values()):
            for key in of_it:
                del self._failed[key]
            self._failed = {key: one._replace(in_a_row=False) for key, one in self._failed.items()}
            begin_writing(self._session)
            there = FailedChange.canvas_course_id == (canvas_course_id or 0)
            change(self._session, delete(FailedChange).where(self._here, there))
            change(self._session, update(FailedChange).where(self._here).values(in_a_row=False))
            self._session.commit()
        return took_none

    def forget(self) -> None:
        """Canvas takes changes again."""
        self._failed = {}
        begin_writing(self._session)
        change(self._session, delete(FailedChange).where(self._here))
        self._session.commit()

    def failed(self, participant_id: int, canvas_course_id: int | None, now: datetime) -> bool:
        """Canvas failed at a change. Returns whether Canvas now counts as taking no changes at all. If only one course
        takes none, that course rests."""
        key = (canvas_course_id or 0, participant_id)
        self._failed[key] = _Failed(now, True)
        begin_writing(self._session)
        values = dict(zip(_KEY, (self._connection_id, *key), strict=True)) | {"failed_at": now, "in_a_row": True}
        again = upsert_into(self._session, FailedChange).on_conflict_do_update(
            index_elements=_KEY, set_={"failed_at": now, "in_a_row": True}
        )
        self._session.execute(again, [values])
        self._session.commit()
        in_a_row = [key for key, one in self._failed.items() if one.in_a_row]
        where = {course_id for course_id, _ in in_a_row}
        return len({number for _, number in in_a_row}) >= pauses.FAILED_CHANGES and (len(where) > 1 or 0 in where)

    def _that_take_none(self) -> dict[int, datetime]:
        """The Canvas courses that take no changes, and when the latest of them failed."""
        of_courses: dict[int, list[datetime]] = defaultdict(list)
        for (course_id, _), one in self._failed.items():
            of_courses[course_id].append(one.failed_at)
        return {
            course_id: max(times)
            for course_id, times in of_courses.items()
            if course_id and len(times) >= pauses.FAILED_CHANGES
        }

    def resting(self, now: datetime) -> dict[int, bool]:
        """The Canvas courses that take no changes. True: the course rests. False: it is time for one of its people to
        try."""
        # A time later than now was set before the clock stepped back.
        return {number: at <= now < at + pauses.COURSE_PAUSE for number, at in self._that_take_none().items()}

    def at_rest(self, now: datetime) -> list[int]:
        """The Canvas courses that are left alone for now."""
        return [number for number, rests in self.resting(now).items() if rests]
