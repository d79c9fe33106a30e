"""One run of a drain: a loop that makes the calls of what is due, stores the answers, and takes up what is next.

`flight` makes the calls; this one thread owns the database session. Each turn of the loop handles the answers that
arrived together: one unit of work stores what they said and takes up the next seats, and the calls start after its
commit, or later, when there is a place for them (see `ready`). So no transaction is open while Canvas works, and
nothing that must survive a crash is only in memory.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from ..canvas.errors import CanvasDown, Throttled, TokenRefused
from ..ledger import lease
from ..shared import pauses
from ..shared.process_log import about
from ..tables.canvas import Connection, Settings, load_settings
from . import failures, small_tasks
from .changes import Changes
from .clients import Canvases
from .current_key import CurrentKey
from .flight import Flight
from .line import Line, courses_of, people_of
from .outage import NO_CHANGES, Outage
from .ready import Ready, can_wait
from .tasks import Context, Probe, SeatTask, SmallTask, Task
from .units import Units

log = logging.getLogger(__name__)


class Run:
    """One run over what is due on a connection, by the worker that has its lease, until nothing is left to do.

    Afterwards `lost` says that another worker has taken over, `did_something` whether anything could be done.
    """

    def __init__(
        self,
        session: Session,
        settings: Settings,
        connection: Connection,
        canvases: Canvases,
        term: int,
        stop: Callable[[], bool],
        now: Callable[[], datetime],
    ):
        self.session = session
        self.connection_id = connection.id
        self.term = term
        self.stop = stop
        self.now = now
        self.key = CurrentKey(session, connection, canvases, now)
        self.changes = Changes(session, connection.id)
        self.context = Context(session, connection.id, connection.canvas_root_id, now, self._canvas_time, canvases)
        self.context.go_by(settings)
        self.context.restored_at = connection.restored_at
        self.context.hides_emails = (
            connection.cuts_includes or "read_email_addresses" in connection.missing_permissions.split(",")
        )
        self.outage = Outage(session, connection, now)
        self.small = small_tasks.SmallTasks(session, connection.id, connection.canvas_root_id, now, canvases.mass_seats)
        self.line = Line(session, connection.id, self.changes, now)
        self.units = Units(self.context, self.line, term)
        self.over = self.lost = self.did_something = False
        self.renewed_at = self.looked_at = self.was_ours_at = time.monotonic()
        self.ready = Ready()

    def run(self) -> None:
        """Drain until nothing is due, the lease is lost, or the worker has to end."""
        if self.key.client is None:
            self.outage.hold("token_unreadable", "")
            return
        self.flight = Flight(self.key.client)
        if self.outage.on_hold:
            self.ready.add(Probe())
        try:
            self._loop()
        except BaseException:
            self.session.rollback()
            raise
        finally:
            # We keep the lease while a call is in flight, unless we have to stop.
            self.flight.end(wait=not self.stop())
        self._take_back_what_fits_no_more(everything=True)
        if self.outage.takes_no_changes and not self.over:
            self.outage.end_undecided()
        self._note_that_it_worked()

    def _loop(self) -> None:
        stopping_since = None
        while True:
            if self.stop() and stopping_since is None:
                stopping_since, self.over = time.monotonic(), True
            answered = self.flight.gather(pauses.GATHER_SECONDS, self._refill)
            if not answered:
                was_under_way = bool(self.flight.flying)
                self._look_ahead()
                # If nothing was under way, people go next. They need not wait for the answers to what was just begun.
                answered = self.flight.gather(pauses.TURN_SECONDS, self._refill) if was_under_way else []
            self._turn(answered)
            self._carry_what_is_ready()
            if time.monotonic() >= self.looked_at + pauses.LOOK_SECONDS:
                self._look_ahead()
            if not self.flight.flying and (self.over or not (self.ready or self.units.late or self.units.to_release)):
                return
            if stopping_since is not None and time.monotonic() - stopping_since > pauses.SHUTDOWN_SECONDS:
                return
            if not self.flight.flying:
                pause = pauses.LATE_TURN_SECONDS if self.units.late else 0.0
                time.sleep(min(pauses.TURN_SECONDS, max(pause, self.flight.quiet_until - time.monotonic())))

    def _refill(self) -> bool:
        """While answers are gathered, let calls leave in their place. Returns whether more are ready."""
        if self.flight.silent or self.outage.is_undecided:
            return False
        self._let_leave(all_is_stored=False)
        return self.ready.next(all_is_stored=False) is not None

    def _carry_what_is_ready(self) -> None:
        self._take_back_what_fits_no_more()
        self._let_leave(all_is_stored=True)

    def _let_leave(self, *, all_is_stored: bool) -> None:
        # The worker may have stood still since the lease was seen to be ours.
        if self.over or time.monotonic() > self.was_ours_at + pauses.LEASE.total_seconds() / 2:
            return
        carried = self.ready.leave(self.flight, all_is_stored=all_is_stored)
        self.did_something = self.did_something or bool(carried)
        self.small.store_during(carried)

    def _take_back_what_fits_no_more(self, *, everything: bool = False) -> None:
        if self.lost:
            return
        in_hand = Counter(courses_of(self._tasks([])))
        hanging = {number for number in courses_of(self.flight.silent) if in_hand[number] > self.flight.quarter}
        waiting = hanging.union(self.changes.at_rest(self.now()))
        restored_at = self.context.restored_at
        if taken := self.ready.take_back(self.now(), everything or self.over, waiting, restored_at):
            self.units.write(taken, [], ())
            if self.units.lost:
                self._stand_back()

    def _keep_lease(self) -> None:
        if self.over or time.monotonic() - self.renewed_at < pauses.RENEW_SECONDS:
            return
        if not lease.renew_lease(self.session, self.connection_id, self.term, self.now()):
            self._stand_back()
        self.was_ours_at = time.monotonic()
        settings = load_settings(self.session)
        self.session.refresh(settings)
        if not settings.display_canvas or settings.connection_id != self.connection_id:
            self.over = True
        self.context.go_by(settings)
        self.context.restored_at = self._connection().restored_at
        self.session.commit()
        self.renewed_at = time.monotonic()

    def _keep_key(self) -> None:
        if not self.over:
            self.key.keep()
            self._go_by_key()

    def _has_another_key(self, task: Task) -> bool:
        """Whether the call got a 401 with a token that is no longer the stored one, or that could be replaced now."""
        is_another = self.key.is_another(task.asked, may_renew=not self.outage.on_hold)
        self._go_by_key()
        return is_another

    def _go_by_key(self) -> None:
        if self.key.client is not None:
            self.flight.canvas = self.key.client
        self.over = self.over or self.key.is_gone

    def _canvas_time(self) -> datetime | None:
        return self.key.client.time() if self.key.client else None

    def _stand_back(self) -> None:
        its = about(connection=self.connection_id)
        log.warning("Another worker has taken over connection %s; this one stops.", self.connection_id, extra=its)
        self.over = self.lost = True

    # -- one turn -------------------------------------------------------------------------------------------------

    def _turn(self, answered: list[Task]) -> None:
        """Handle the answers, store what they said, and take up the next seats."""
        self.context.hear([task.answer for task in answered])
        heard = [*self.units.late_again(), *(task for one in answered for task in self._hear(one))]
        if not self.over:
            self.units.release_some()
        alone, others = self._next_ids(heard)
        if not (heard or alone or others):
            # End the transaction that the reading began.
            self.session.commit()
            return
        being_read = {number for kind, number in self._in_hand(heard) if kind == "course"}
        for task in self.units.write(heard, [*alone, *others], being_read):
            task.can_wait = task.can_wait or task.work.seat_id in others
            self._wrote(task)
        self.flight.pages_ask = self.units.pages_ask
        self.was_ours_at = time.monotonic()
        if self.units.lost:
            self._stand_back()

    def _wrote(self, task: SeatTask) -> None:
        """Continue a task after what its walk learned was stored: make its next call, or end it."""
        work, self.did_something = task.work, True
        task.sends = work.sends
        if work.restored:
            self.context.restored_at = self._connection().restored_at
        work.forget_notes()
        if task.call is not None:
            self.ready.add(task)
            return
        self.line.heard_of(work.canvas_course_id, well=task.error is None)
        if task.error is None and not self.units.lost:
            access = "enrolled" if work.wanted else "removed"
            log.info("%s: %s.", work, access, extra=work.about(access=access))
            if work.held and work.cause is not None:
                self.units.to_release.append((work.cause, work.cause_scope))

    # -- what goes out next ---------------------------------------------------------------------------------------

    def _next_ids(self, heard: list[SeatTask]) -> tuple[list[int], list[int]]:
        """The due seats for the places that will be free in flight, and some more to make ready beside them. Returns
        the seats of people who act alone, who never wait for the others; then the others."""
        in_hand, ahead = self._tasks(heard), self.flight.ahead
        free = self.flight.free + ahead
        going_on = [*self.ready, *(task for task in heard if task.call is not None)]
        left = free - len(going_on)
        free -= sum(not can_wait(task) for task in going_on)
        if self.outage.takes_no_changes:
            # One of the changes shows whether Canvas takes them again.
            free = min(free, 1 - len(people_of(in_hand)))
        if not self._may_start(in_hand):
            return [], []
        return self.line.next(free, left, self.flight.quarter, in_hand, self.flight.silent, heard)

    def _tasks(self, heard: list[SeatTask]) -> list[Task]:
        """The tasks under way."""
        return [*self.flight.flying, *self.ready, *self.units.late, *(task for task in heard if task.call is not None)]

    def _in_hand(self, heard: list[SeatTask]) -> set[tuple[str, int]]:
        """What the tasks under way are about."""
        tasks = self._tasks(heard)
        people = {("person", number) for number in people_of(tasks)}
        return people | {task.key for task in tasks if isinstance(task, SmallTask)}

    def _look_ahead(self) -> None:
        """While Canvas works, do what would delay the next calls once it has answered.

        Never do it between an answer and its turn: the seat of that answer would count as nobody's.
        """
        self._keep_lease()
        self._keep_key()
        tasks = self._tasks([])
        if self._may_start(tasks):
            places = self.flight.quarter - sum(isinstance(task, SmallTask) for task in tasks)
            if started := self.small.start(self._in_hand([]), places):
                for task in started:
                    self.ready.add(task)
                self._look_whether_restored()
            self._carry_what_is_ready()
            self.line.look_ahead(self.flight.quarter, self._tasks([]), self.flight.silent)
        # End the transaction that the reading began.
        self.session.commit()
        self.looked_at = time.monotonic()

    def _may_start(self, in_hand: list[Task]) -> bool:
        """Whether something new may begin: not while a probe finds out whether Canvas answers at all."""
        return not (self.over or self.outage.on_hold or any(isinstance(task, Probe) for task in in_hand))

    def _look_whether_restored(self) -> None:
        """A small task may have shown that Canvas came back from a backup, or been the last read after that."""
        self.context.restored_at = self._connection().restored_at

    # -- answers --------------------------------------------------------------------------------------------------

    def _hear(self, task: Task) -> list[SeatTask]:
        """Handle one answer. Returns the seats' tasks that it moved on: its own, or others that it decides about."""
        if isinstance(task.error, Throttled):
            if self.flight.slow_down(task.error.pause_seconds):
                self._connection().throttled_at = self.now()
            self.ready.add_before_all(task)
            return []
        if isinstance(task.error, TokenRefused) and not self.over and self._has_another_key(task):
            self.ready.add_before_all(task)
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
                self.ready.add_before_all(asking)
            return []
        if isinstance(task, SeatTask) and task.sends:
            self._change_was_answered(task.sends["canvas_course_id"])
        return self._go_on(task)

    def _hear_probe(self, error: BaseException | None) -> list[SeatTask]:
        """Handle the probe's answer, and with it the tasks whose failure made us ask. Returns the same as `_hear`."""
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
        """Canvas can be read, so a failure that looked like an outage is this task's own, or concerns all changes."""
        if not isinstance(task, SeatTask):
            return self._go_on(task)
        self.line.heard_of(task.work.canvas_course_id, well=False)
        if task.sends and isinstance(task.error, CanvasDown):
            where = task.sends["canvas_course_id"]
            is_outage = self.changes.failed(task.work.participant_id, where, self.now())
            if is_outage or self.outage.takes_no_changes:
                self.outage.hold(NO_CHANGES, task.error.said)
                self.over = True
        task.call = None
        return [task]

    def _change_was_answered(self, canvas_course_id: int | None) -> None:
        if self.outage.takes_no_changes:
            self.outage.let_go()
            self.changes.forget()
            self.units.to_release.append(("no_answer", ""))
        elif self.changes.answered(canvas_course_id):
            self.units.to_release.append(("no_answer", ""))

    def _go_on(self, task: Task) -> list[SeatTask]:
        if isinstance(task, SmallTask):
            if self.small.step(task):
                self.ready.add(task)
            self.did_something = True
            self._look_whether_restored()
            return []
        task.go_on()
        if isinstance(task.error, SQLAlchemyError):
            self.units.must_be_about_one(task.error)
        return [task] if isinstance(task, SeatTask) else []

    def _note_that_it_worked(self) -> None:
        if self.context.canvas_time() is None or self.over:
            return
        connection = self._connection()
        connection.last_worked_at = self.now()
        self.session.commit()

    def _connection(self) -> Connection:
        return self.session.get_one(Connection, self.connection_id, populate_existing=True)
