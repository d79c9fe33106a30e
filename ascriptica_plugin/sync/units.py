"""The units of work of a drain: what answers said is stored, and the next seats are taken up, in one transaction.

A problem of one seat stops nobody else: a value that the database refuses, or a row that somebody has locked.
"""

import logging
import time
from collections.abc import Collection

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from ..ledger import due, settling
from ..shared import pauses
from ..tables import locks
from ..tables.columns import begin_writing
from . import starting, storing
from .line import Line
from .tasks import Context, SeatTask

RELEASED = 100
"""How many of the seats that were held for a cause are made due in one unit of work, once the cause is gone."""

log = logging.getLogger(__name__)


class Units:
    """Writes for one drain; `lost` once another worker has its lease."""

    def __init__(self, context: Context, line: Line, term: int):
        self.context, self.session, self.line, self.term = context, context.session, line, term
        self.lost = False
        self.pages_ask = False
        """Whether pages were asking Canvas something at the latest unit."""
        self.late: dict[SeatTask, float] = {}
        """Tasks whose answers can't be stored yet, because somebody has locked their seats, and since when."""
        self.to_release: list[tuple[str, str]] = []
        """Causes that are gone, with their scopes: the seats that are held for them are made due, some in each turn."""

    def write(self, heard: list[SeatTask], next_ids: list[int], being_read: Collection[int]) -> list[SeatTask]:
        """Store the answers, and take these seats up next, except those whose Canvas course is being read.

        Returns the tasks for which this is done.
        """
        try:
            return self._write(heard, next_ids, being_read)
        except Exception as error:
            self.must_be_about_one(error)
        written = [task for one in heard for task in self._write_alone(one)]
        return written + [task for seat_id in next_ids for task in self._take_up_alone(seat_id, being_read)]

    def _write_alone(self, task: SeatTask) -> list[SeatTask]:
        try:
            return self._write([task], [], ())
        except Exception as error:
            self.must_be_about_one(error)
            if locks.is_in_the_way(error):
                self.late.setdefault(task, time.monotonic())
                return []
            task.call, task.error = None, error
            task.work.forget_notes()
            return self._write([task], [], ())

    def _take_up_alone(self, seat_id: int, being_read: Collection[int]) -> list[SeatTask]:
        try:
            return self._write([], [seat_id], being_read)
        except Exception as error:
            if not locks.is_in_the_way(error):
                # It would fail every time.
                raise
            self.session.rollback()
            self.line.step_aside([seat_id])
            return []

    def must_be_about_one(self, error: Exception) -> None:
        """Roll back, or raise the error if it is about the database rather than one row."""
        # A StatementError that is not a DBAPIError comes from our side: this row has a value that no column can hold.
        of_database = isinstance(error, DBAPIError) or not isinstance(error, StatementError)
        of_one = isinstance(error, DataError | IntegrityError) or locks.is_in_the_way(error)
        if isinstance(error, SQLAlchemyError) and not of_one and of_database:
            raise error
        self.session.rollback()

    def _write(self, heard: list[SeatTask], next_ids: list[int], being_read: Collection[int]) -> list[SeatTask]:
        """One unit of work: all or nothing, except for what somebody else has locked."""
        context, session = self.context, self.session
        works = [task.work for task in heard]
        unit = settling.begin_unit(session, context.connection_id, self.term, works, next_ids, context.now())
        if unit.ours:
            context.restored_at, self.pages_ask = unit.restored_at, unit.pages_ask
        late = [task for task in heard if task.work.seat_id in unit.locked]
        heard = [task for task in heard if task not in late]
        storing.store(session, context.connection_id, heard, unit.ours, context.now())
        aside = unit.locked.intersection(next_ids)
        started: list[SeatTask] = []
        if unit.ours:
            free = [seat_id for seat_id in next_ids if seat_id not in aside]
            started, waiting = starting.start(context, free, being_read)
            aside |= set(waiting)
        storing.store(session, context.connection_id, started, unit.ours, context.now())
        session.commit()
        self.lost = self.lost or not unit.ours
        self.line.step_aside(aside)
        for task in late:
            self.late.setdefault(task, time.monotonic())
        for task in heard:
            self.late.pop(task, None)
        return [*heard, *started]

    def late_again(self) -> list[SeatTask]:
        """The tasks whose answers could not be stored yet; what waits too long is looked up in Canvas later, like a
        request that was never answered."""
        now = time.monotonic()
        for task in [task for task, since in self.late.items() if now - since > pauses.LOCKED_SECONDS]:
            its = task.work.about()
            log.warning("%s is locked in the database, so Canvas's answer can't be stored.", task.work, extra=its)
            del self.late[task]
        return list(self.late)

    def release_some(self) -> None:
        """Make the next seats due that were held for a cause which is gone now, in a unit of work of their own."""
        if not self.to_release:
            return
        self.session.commit()
        begin_writing(self.session)
        if due.release_some(self.session, self.context.connection_id, *self.to_release[0], RELEASED) < RELEASED:
            del self.to_release[0]
        self.session.commit()
