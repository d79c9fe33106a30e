"""Drains a connection: works through what is due, with several calls in flight, while no other worker does.

`flight` makes the calls; this one thread owns the database session. Each turn of its loop handles the answers that
arrived together: one unit of work stores what they said and takes up the next seats, and the calls start after its
commit. So no transaction is open while Canvas works, and nothing that must survive a crash is only in memory.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.orm import Session

from .. import clock, retry
from ..canvas.client import CanvasClient
from ..canvas.errors import Throttled
from ..canvas.shapes import Enrollment
from ..ledger import due, lease, reads, requests, rows, settling
from ..ledger.work import load
from ..said import Said
from ..tables.canvas import Connection, Settings, load_settings
from . import connecting, failures, small_tasks, storing, walks
from .clients import Canvases
from .flight import Flight
from .outage import Outage
from .tasks import Context, Probe, SeatTask, SmallTask, Task

BATCH = 200
"""How many due seats are read ahead at once."""

log = logging.getLogger(__name__)


def drain(
    session: Session,
    canvases: Canvases,
    stop: Callable[[], bool] = lambda: False,
    now: Callable[[], datetime] | None = None,
) -> bool:
    """Deliver what is due on the connection in use until nothing is due or `stop()`; False: another worker does it.

    Owns the session's transactions. A failure of one seat is stored on that seat; a failure of Canvas or the token
    puts the connection on hold, and counts as no seat's attempt. Database errors are raised. `now` is the database's
    clock unless given.
    """
    now = now or clock.database_clock(session)
    settings = load_settings(session)
    connecting.check_draft(session, settings, canvases, now())
    while not stop():
        session.refresh(settings)
        connection = settings.connection
        if connection is None or not settings.display_canvas or not _anything_to_do(session, connection, now()):
            break
        term = lease.take_lease(session, connection.id, now())
        session.commit()
        if term is None:
            return False
        connection_id = connection.id
        run = _Drain(session, settings, connection, canvases.client(connection), term, stop, now)
        try:
            run.run()
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            # This ends every drain, so `status` and the pages have to show it. The next drain begins with a probe.
            session.rollback()
            run.outage.hold("our_fault", Said("unforeseen", name=type(error).__name__))
            raise
        finally:
            session.rollback()
            lease.give_lease_back(session, connection_id, term)
            session.commit()
        if run.lost:
            return False
        # Look once more: a job that came just before the lease was given back found it taken and ended.
    session.rollback()
    return True


def _anything_to_do(session: Session, connection: Connection, now: datetime) -> bool:
    session.refresh(connection)
    if connection.hold_cause:
        # A time later than any hold lasts was set by a clock that has stepped back since.
        until = connection.hold_until_at
        return until is None or not now < until < now + 2 * retry.LONGEST_BACK_OFF
    return due.anything_due(session, connection.id, now) or small_tasks.anything_to_do(session, connection.id, now)


class _Drain:
    def __init__(
        self,
        session: Session,
        settings: Settings,
        connection: Connection,
        canvas: CanvasClient | None,
        term: int,
        stop: Callable[[], bool],
        now: Callable[[], datetime],
    ):
        self.session = session
        self.connection_id = connection.id
        self.term = term
        self.stop = stop
        self.now = now
        self.canvas = canvas
        self.context = Context(
            session, connection.id, connection.canvas_root_id, now, lambda: canvas.time() if canvas else None
        )
        self.context.go_by(settings)
        self.context.restored_at = connection.restored_at
        self.context.hides_emails = "read_email_addresses" in connection.missing_permissions.split(",")
        self.outage = Outage(session, connection, now)
        self.over = self.lost = False
        self.renewed_at = time.monotonic()
        self.nothing_small_until = 0.0
        self.queue: deque[int] = deque()
        self.ready: deque[Task] = deque()
        self.behind: dict[tuple[str, int], list[int]] = {}
        """Seats that wait for a task about the same person, or about their Canvas course, by what it is about."""

    def run(self) -> None:
        if self.canvas is None:
            self.outage.hold("token_unreadable", "")
            return
        self.flight = Flight(self.canvas)
        if self.outage.on_hold:
            self.ready.append(Probe())
        try:
            self._loop()
        except BaseException:
            self.session.rollback()
            raise
        finally:
            # We keep the lease while a call is in flight, unless we have to stop.
            self.flight.end(wait=not self.stop())
        self._note_that_it_worked()

    def _loop(self) -> None:
        stopping_since = None
        while True:
            self._keep_lease()
            if self.stop() and stopping_since is None:
                stopping_since, self.over = time.monotonic(), True
            self._turn(self.flight.gather())
            while self.ready and not self.over and self.flight.has_room:
                self.flight.carry(self.ready.popleft())
            if not self.flight.flying and (self.over or not (self.ready or self.queue)):
                return
            if stopping_since is not None and time.monotonic() - stopping_since > retry.SHUTDOWN_SECONDS:
                return
            if not self.flight.flying:
                time.sleep(min(1.0, max(0.0, self.flight.quiet_until - time.monotonic())))

    def _keep_lease(self) -> None:
        if self.over or time.monotonic() - self.renewed_at < retry.RENEW_SECONDS:
            return
        if not lease.renew_lease(self.session, self.connection_id, self.term, self.now()):
            self._stand_back()
        settings = load_settings(self.session)
        self.session.refresh(settings)
        if not settings.display_canvas or settings.connection_id != self.connection_id:
            self.over = True
        self.context.go_by(settings)
        self.context.restored_at = self._connection().restored_at
        self.session.commit()
        self.renewed_at = time.monotonic()

    def _stand_back(self) -> None:
        log.warning("Another worker has taken over connection %s; this one stops.", self.connection_id)
        self.over = self.lost = True

    # -- one turn -------------------------------------------------------------------------------------------------

    def _turn(self, answered: list[Task]) -> None:
        """Handle the answers, store what they said, and take up the next seats."""
        enrolled = [task.answer.id for task in answered if isinstance(task.answer, Enrollment)]
        self.context.known.clear()
        self.context.learned.clear()
        self.context.known.update(rows.known(self.session, self.connection_id, enrolled))
        heard = [task for one in answered for task in self._hear(one)]
        self._start_small_tasks(heard)
        next_ids = self._next_ids(heard)
        if not heard and not next_ids:
            # End the transaction that the reading began.
            self.session.commit()
            return
        try:
            self._write(heard, next_ids)
        except Exception as error:
            self._must_be_about_one(error)
            if not heard:
                # Taking up the next seats fails, and would fail every time.
                raise
            # The database refuses the values of one seat; the others must not wait for that.
            for task in heard:
                try:
                    self._write([task], [])
                except Exception as error:
                    self._must_be_about_one(error)
                    task.call, task.error = None, error
                    task.work.forget_notes()
                    self._write([task], [])

    def _must_be_about_one(self, error: Exception) -> None:
        """Roll back, or raise the error if it is about the database rather than one row."""
        # A StatementError that is no DBAPIError was raised here, by a value of this row that no column can hold.
        of_database = isinstance(error, DBAPIError) or not isinstance(error, StatementError)
        if isinstance(error, SQLAlchemyError) and not isinstance(error, DataError | IntegrityError) and of_database:
            raise error
        self.session.rollback()

    def _write(self, heard: list[SeatTask], next_ids: list[int]) -> None:
        """One unit of work: stores everything or nothing."""
        session = self.session
        ours = settling.begin_unit(session, self.connection_id, self.term, [task.work for task in heard], next_ids)
        storing.store(self.session, self.connection_id, heard, ours, self.now())
        started = self._take_up(next_ids, heard) if ours else []
        storing.store(self.session, self.connection_id, started, ours, self.now())
        session.commit()
        for task in [*heard, *started]:
            if task.work.restored:
                self.context.restored_at = self._connection().restored_at
            task.work.forget_notes()
            if task.call is not None:
                self.ready.append(task)
                continue
            self._next_in_line(("person", task.work.participant_id))
            if task.error is None and ours:
                log.info("%s: %s.", task.work, "enrolled" if task.work.wanted else "removed", extra=task.work.about)
        if not ours:
            self._stand_back()

    # -- what goes out next ---------------------------------------------------------------------------------------

    def _next_ids(self, heard: list[SeatTask]) -> list[int]:
        """As many due seats as there will be room for in flight."""
        in_hand = [*self.flight.flying, *self.ready, *heard]
        probing = any(isinstance(task, Probe) for task in in_hand)
        free = (
            self.flight.size - len(self.flight.flying) - len(self.ready) - sum(task.call is not None for task in heard)
        )
        if probing or free <= 0 or self.over or self.flight.is_quiet:
            return []
        if not self.queue:
            seats_in_hand = {task.work.seat_id for task in in_hand if isinstance(task, SeatTask)}
            self.queue.extend(due.due_ids(self.session, self.connection_id, self.now(), BATCH, seats_in_hand))
        return [self.queue.popleft() for _ in range(min(free, len(self.queue)))]

    def _take_up(self, ids: list[int], heard: list[SeatTask]) -> list[SeatTask]:
        """Start the walks of these seats; some need no call."""
        works = load(self.session, ids) if ids else []
        if not works:
            return []
        in_hand = self._in_hand(heard)
        out = requests.out_about(self.session, self.connection_id, works)
        courses = {work.canvas_course_id for work in works if work.wanted}
        unread = reads.unread(self.session, self.connection_id, courses, self.now())
        started: list[SeatTask] = []
        for work in works:
            person, course = ("person", work.participant_id), ("course", work.canvas_course_id)
            if person in in_hand:
                self.behind.setdefault(person, []).append(work.seat_id)
            elif work.wanted and work.canvas_course_id in unread and course in in_hand:
                self.behind.setdefault(course, []).append(work.seat_id)
            elif work.request is not None and not work.may_send():
                settling.put_off(self.session, work, work.request.until_at)
            elif work.request is not None and work.request.until_at <= self.now():
                # What came of it is looked up first; it is no more repeated.
                settling.put_off(self.session, work, self.now() + retry.PUT_OFF)
            elif any(out.get(name, work.participant_id) != work.participant_id for name in work.names):
                settling.put_off(self.session, work, self.now() + retry.PUT_OFF)
            else:
                task = SeatTask(walks.agree(self.context, work), work=work)
                task.go_on()
                started.append(task)
                if task.call is not None:
                    in_hand.add(person)
                    out |= dict.fromkeys(work.names, work.participant_id)
        return started

    def _in_hand(self, heard: list[SeatTask]) -> set[tuple[str, int]]:
        """What the tasks under way are about."""
        tasks = [*self.flight.flying, *self.ready, *(task for task in heard if task.call is not None)]
        people = {("person", task.work.participant_id) for task in tasks if isinstance(task, SeatTask)}
        return people | {task.key for task in tasks if isinstance(task, SmallTask)}

    def _next_in_line(self, key: tuple[str, int]) -> None:
        """Nothing about that is under way any more: take up first what waited for it."""
        if waiting := self.behind.pop(key, []):
            self.queue.extendleft(reversed(waiting))

    def _start_small_tasks(self, heard: list[SeatTask]) -> None:
        """Start small tasks, behind the people who wait: at most a quarter of the flight is theirs."""
        tasks = [*self.flight.flying, *self.ready]
        room = max(1, self.flight.size // 4) - sum(isinstance(task, SmallTask) for task in tasks)
        if room <= 0 or self.over or self.outage.on_hold or any(isinstance(task, Probe) for task in tasks):
            return
        in_hand = self._in_hand(heard)
        now = time.monotonic()
        if self.nothing_small_until > now:
            return
        found = small_tasks.due_tasks(self.session, self.connection_id, self.context.root_id, self.now, in_hand, room)
        # As there is nothing to do, we don't ask the database at every turn.
        self.nothing_small_until = 0.0 if found else now + retry.GROW_SECONDS / 10
        self.ready.extend(task for task in found if self._small_step(task))

    def _small_step(self, task: SmallTask) -> bool:
        """Continue a small task. Returns whether it needs another call to Canvas.

        It commits each step, so it never holds locks together with seats. An error ends only this task, unless the
        database is away.
        """
        task.go_on()
        try:
            if task.error is not None:
                raise task.error
            self.session.commit()
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            self.session.rollback()
            log.error("A look-up, or an update of a Canvas user, failed in an unforeseen way.", exc_info=error)
            task.call = None
            task.put_off(self.now())
            self.session.commit()
        # It may have shown that Canvas came back from a backup, or been the last read after that.
        self.context.restored_at = self._connection().restored_at
        if task.call is None:
            self._next_in_line(task.key)
        return task.call is not None

    # -- answers --------------------------------------------------------------------------------------------------

    def _hear(self, task: Task) -> list[SeatTask]:
        """Handle one answer. Returns the seats' tasks that it moved on: its own, or others that it decides about."""
        if isinstance(task.error, Throttled):
            if self.flight.slow_down(task.error.pause_seconds):
                self._connection().throttled_at = self.now()
            self.ready.appendleft(task)
            return []
        if isinstance(task, Probe):
            return self._hear_probe(task.error)
        if failures.may_be_all_of_canvas(task.error):
            # Only this seat, or all of Canvas? One harmless call decides.
            if isinstance(task, SeatTask) and not failures.leaves_doubt(task.error):
                task.work.hear()
            if self.over:
                return self._put_back([task])
            if asking := self.outage.suspect(task):
                self.ready.appendleft(asking)
            return []
        return self._go_on(task)

    def _hear_probe(self, error: BaseException | None) -> list[SeatTask]:
        """Handle the probe's answer, and so the tasks whose failure made us ask. Returns the same as `_hear`."""
        suspects = self.outage.judge(error)
        if self.outage.on_hold:
            self.over = True
            return self._put_back(suspects)
        return [task for suspect in suspects for task in self._blame(suspect)]

    def _put_back(self, tasks: list[Task]) -> list[SeatTask]:
        """Leave these tasks until Canvas is back. Returns the seats' tasks, so that what they learned is stored."""
        for task in tasks:
            task.error = None
        return [task for task in tasks if isinstance(task, SeatTask)]

    def _blame(self, task: Task) -> list[SeatTask]:
        """Canvas works, so a failure that looked like an outage is this task's own."""
        if not isinstance(task, SeatTask):
            return self._go_on(task)
        task.call = None
        return [task]

    def _go_on(self, task: Task) -> list[SeatTask]:
        if isinstance(task, SmallTask):
            if self._small_step(task):
                self.ready.append(task)
            return []
        task.go_on()
        if isinstance(task.error, SQLAlchemyError):
            self._must_be_about_one(task.error)
        return [task] if isinstance(task, SeatTask) else []

    def _note_that_it_worked(self) -> None:
        if self.context.canvas_time() is None or self.over:
            return
        connection = self._connection()
        connection.last_worked_at = self.now()
        self.session.commit()

    def _connection(self) -> Connection:
        return self.session.get_one(Connection, self.connection_id, populate_existing=True)
