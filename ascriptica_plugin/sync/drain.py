"""Drains a connection: works through what is due, several calls in flight, as the one worker that does.

Threads carry the calls; this one thread owns the database session. Its loop turns once for the answers that came
together: one unit of work stores what they taught and takes up what goes out next, and its commit lets the calls go.
So no transaction is open while Canvas thinks, and nothing that a crash must not lose is only in memory.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from sqlalchemy.exc import DataError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from .. import activity, clock, retry
from ..canvas.client import CanvasClient
from ..canvas.errors import AddressRefused, CanvasDown, CanvasError, PermissionMissing, Throttled, TokenRefused
from ..canvas.shapes import Enrollment
from ..ledger import due, enrollments, lease, settling
from ..ledger.causes import CAUSES
from ..ledger.work import Work, load
from ..office import privacy
from ..tables.canvas import Connection, Settings, load_settings
from ..tables.columns import begin_writing
from . import clients, connecting, lookups, users
from .tasks import Call, Ledger, Stuck, Walk
from .walks import enroll, remove

BATCH = 200


log = logging.getLogger(__name__)


def drain(
    session: Session,
    canvases: clients.Canvases,
    stop: Callable[[], bool] = lambda: False,
    now: Callable[[], datetime] | None = None,
) -> bool:
    """Deliver what is due on the connection in use until nothing is, another worker is at it (False), or `stop()`.

    Owns the session's transactions. What goes wrong with one seat is written on that seat; what goes wrong with
    Canvas or the token holds the connection, and no seat's attempt is counted. Database errors are raised. `now` is
    the database's clock unless given.
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
        run = _Drain(session, canvases, settings, term, stop, now)
        try:
            run.run()
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            # Whoever asks where things stand learns it, though this ends every drain. The next begins with a probe.
            session.rollback()
            run._hold_all("our_fault", type(error).__name__)
            raise
        finally:
            session.rollback()
            lease.give_lease_back(session, connection_id, term)
            session.commit()
        if run.lost:
            return False
        # Once more: whoever rang just before the lease was given back found it taken and went away.
    session.rollback()
    _erase_people(session, settings.connection_id, now)
    return True


def _erase_people(session: Session, connection_id: int | None, now: Callable[[], datetime]) -> None:
    """Erase who waits for it, as the one who drains: then no call about them is in hand. Last, since nobody's access
    to Canvas shall wait for it."""
    if privacy.to_erase(session, connection_id):
        term = lease.take_lease(session, connection_id, now()) if connection_id else None
        session.commit()
        if connection_id and term is None:
            return
        try:
            privacy.erase(session, connection_id, now())
            session.commit()
        finally:
            session.rollback()
            if connection_id:
                lease.give_lease_back(session, connection_id, term)
    session.commit()


def _anything_to_do(session: Session, connection: Connection, now: datetime) -> bool:
    session.refresh(connection)
    if connection.hold_cause:
        # A time further off than any hold lasts was set by a clock that has stepped back since.
        return not now < connection.hold_until_at < now + 2 * retry.LONGEST_BACK_OFF
    return due.anything_due(session, connection.id, now) or bool(
        lookups.to_look_up(session, connection.id, now) or users.to_follow(session, connection.id, now)
    )


@dataclass(eq=False)
class _Task:
    """Something in hand: a seat's walk, a small task, or (`walk` None) the probe that asks whether Canvas answers.

    `call` is what it needs of Canvas next, None once its walk is over; `error` is what the call, or the walk, failed
    with. `put_off` writes down that a small task failed in an unforeseen way, and when it is tried again.
    """

    walk: Walk | None
    work: Work | None = None
    put_off: Callable[[datetime], None] | None = None
    call: Call | None = None
    answer: Any = None
    error: BaseException | None = None

    def carry(self, canvas: CanvasClient, answered: SimpleQueue["_Task"]) -> None:
        """Make the call, in a thread of its own, and come back with its answer or error."""
        self.answer = self.error = None
        try:
            self.answer = self.call(canvas)
        except BaseException as error:
            self.error = error
        answered.put(self)

    def go_on(self) -> None:
        """Let the walk go on to its next call; whatever its end, it is told by `call` and `error`."""
        error, self.error = self.error, None
        try:
            if error is not None:
                self.call = self.walk.throw(error)
            else:
                self.call = self.walk.send(self.answer)
        except StopIteration:
            self.call = None
        except Exception as failure:
            self.call, self.error = None, failure


_END = {True: "enrolled in Canvas", False: "ended in Canvas"}
"""What the log says of a seat that was settled, by whether it was wanted."""


def _entry(work: Work, now: datetime, what: str, words: str = "") -> dict[str, Any]:
    words = f"Canvas course {work.canvas_course_id}. {words}".strip()
    return activity.entry(now, activity.US, what, words, participant_id=work.participant_id)


def _may_be_one_row(one: Work, other: Work) -> bool:
    """Whether two seats are about the same person in the same Canvas course: they may be one row there, and Canvas
    could see the one's removal after the other's enrollment."""
    return one.canvas_course_id == other.canvas_course_id and (
        one.participant_id == other.participant_id
        or (one.canvas_user_id is not None and one.canvas_user_id == other.canvas_user_id)
    )


class _Drain:
    def __init__(
        self,
        session: Session,
        canvases: clients.Canvases,
        settings: Settings,
        term: int,
        stop: Callable[[], bool],
        now: Callable[[], datetime],
    ):
        connection = settings.connection
        self.session = session
        self.connection_id = connection.id
        self.term = term
        self.stop = stop
        self.now = now
        self.canvas = canvases.client(connection)
        self.ledger = Ledger(
            session,
            connection.id,
            connection.canvas_root_id,
            now,
            lambda: self.canvas.time(),
        )
        self.ledger.go_by(settings)
        self.on_hold = connection.hold_cause is not None
        self.over = self.lost = False
        self.flight = retry.FLIGHT
        self.quiet_until = self.grows_at = self.renewed_at = time.monotonic()
        self.queue: deque[int] = deque()
        self.ready: deque[_Task] = deque()
        self.flying: set[_Task] = set()
        self.answered: SimpleQueue[_Task] = SimpleQueue()
        self.suspects: list[_Task] = []

    def run(self) -> None:
        if self.canvas is None:
            self._hold_all("token_unreadable", "")
            return
        if self.on_hold:
            self.ready.append(self._probe())
        else:
            self.ready.extend(self._small_tasks())
        threads = ThreadPoolExecutor(retry.FLIGHT, thread_name_prefix="canvas")
        try:
            self._loop(threads)
        except BaseException:
            self.session.rollback()
            raise
        finally:
            # The lease stays ours while a call is on its way, unless we have to end.
            threads.shutdown(wait=not self.stop(), cancel_futures=True)
        self._note_that_it_worked()

    def _loop(self, threads: ThreadPoolExecutor) -> None:
        stopping_since = None
        while True:
            self._keep_lease()
            if self.stop() and stopping_since is None:
                stopping_since, self.over = time.monotonic(), True
            self._turn(self._gather())
            self._send(threads)
            if not self.flying and (self.over or not (self.ready or self.queue)):
                return
            if stopping_since is not None and time.monotonic() - stopping_since > retry.SHUTDOWN_SECONDS:
                return
            if not self.flying:
                time.sleep(min(1.0, max(0.0, self.quiet_until - time.monotonic())))

    def _gather(self) -> list[_Task]:
        """The tasks in flight that were answered: the first within a second, and those that come together with it."""
        found: list[_Task] = []
        timeout = 1.0
        while len(found) < len(self.flying):
            try:
                found.append(self.answered.get(timeout=timeout))
            except Empty:
                break
            if len(found) == 1:
                until = time.monotonic() + retry.GATHER_SECONDS
            timeout = max(0.0, until - time.monotonic())
        self.flying.difference_update(found)
        return found

    def _keep_lease(self) -> None:
        if self.over or time.monotonic() - self.renewed_at < retry.RENEW_SECONDS:
            return
        if not lease.renew_lease(self.session, self.connection_id, self.term, self.now()):
            self._stand_back()
        settings = load_settings(self.session)
        self.session.refresh(settings)
        if not settings.display_canvas or settings.connection_id != self.connection_id:
            self.over = True
        self.ledger.go_by(settings)
        self.session.commit()
        self.renewed_at = time.monotonic()

    def _stand_back(self) -> None:
        log.warning("Another worker has taken over connection %s; this one stops.", self.connection_id)
        self.over = self.lost = True

    # -- one turn -------------------------------------------------------------------------------------------------

    def _turn(self, answered: list[_Task]) -> None:
        """Hear what was answered; store what it taught, and take up what goes out next."""
        enrolled = [task.answer.id for task in answered if isinstance(task.answer, Enrollment)]
        self.ledger.known.clear()
        self.ledger.known.update(enrollments.known_of(self.session, self.connection_id, enrolled))
        heard = [task for one in answered for task in self._hear(one)]
        next_ids = self._next_ids(heard)
        if not heard and not next_ids:
            # What was read so far leaves no transaction open.
            self.session.commit()
            return
        try:
            self._write(heard, next_ids)
        except Exception as error:
            self._must_be_about_one(error)
            if not heard:
                # It is about none of them: taking the next ones up fails, and would for ever.
                raise
            # The database refuses what one of them would write; nobody else has to wait for that.
            for task in heard:
                try:
                    self._write([task], [])
                except Exception as error:
                    self._must_be_about_one(error)
                    task.call, task.error = None, error
                    task.work.facts, task.work.user_facts = {}, {}
                    self._write([task], [])

    def _must_be_about_one(self, error: Exception) -> None:
        """Roll back, and raise anything that is the database's own trouble rather than one row's."""
        if isinstance(error, SQLAlchemyError) and not isinstance(error, DataError):
            raise error
        self.session.rollback()

    def _write(self, heard: list[_Task], next_ids: list[int]) -> None:
        """One unit of work, which takes all or nothing."""
        session = self.session
        ours = settling.begin_unit(session, self.connection_id, self.term, [task.work for task in heard], next_ids)
        self._store(heard, ours)
        started = self._take_up(next_ids, heard) if ours else []
        self._store(started, ours)
        session.commit()
        for task in [*heard, *started]:
            task.work.facts, task.work.user_facts = {}, {}
            if task.call is not None:
                self.ready.append(task)
            elif task.error is None and ours:
                log.info("%s: %s.", task.work, "enrolled" if task.work.wanted else "removed")
        if not ours:
            self._stand_back()

    def _store(self, tasks: list[_Task], ours: bool) -> None:
        """Write what was learned, and of every walk that is over how it ended."""
        now = self.now()
        enrollments.note_facts(self.session, self.connection_id, [task.work for task in tasks], ours)
        settled = [task.work for task in tasks if task.call is None and task.error is None]
        if ours:
            settling.settle(self.session, self.connection_id, settled, now)
            activity.write(self.session, [_entry(work, now, _END[work.wanted]) for work in settled])
        else:
            settling.make_due_again(self.session, settled, now)
        for task in tasks:
            if task.error is not None:
                self._write_failure(task.work, task.error)

    # -- sending --------------------------------------------------------------------------------------------------

    def _may_send(self) -> bool:
        """Whether neither a pause nor the end forbids it."""
        return not self.over and time.monotonic() >= self.quiet_until

    def _send(self, threads: ThreadPoolExecutor) -> None:
        """Fill the free places in flight."""
        if time.monotonic() >= self.grows_at + retry.GROW_SECONDS and self.flight < retry.FLIGHT:
            self.flight, self.grows_at = self.flight + 1, time.monotonic()
        while self.ready and len(self.flying) < self.flight and self._may_send():
            task = self.ready.popleft()
            self.flying.add(task)
            threads.submit(task.carry, self.canvas, self.answered)

    def _next_ids(self, heard: list[_Task]) -> list[int]:
        """The due seats for which there will be room in flight."""
        in_hand = [*self.flying, *self.ready, *heard]
        probing = any(task.walk is None for task in in_hand)
        free = self.flight - len(self.flying) - len(self.ready) - sum(task.call is not None for task in heard)
        if probing or free <= 0 or not self._may_send():
            return []
        if not self.queue:
            seats_in_hand = {task.work.seat_id for task in in_hand if task.work}
            self.queue.extend(due.due_ids(self.session, self.connection_id, self.now(), BATCH, seats_in_hand))
        return [self.queue.popleft() for _ in range(min(free, len(self.queue)))]

    def _take_up(self, ids: list[int], heard: list[_Task]) -> list[_Task]:
        """Begin the walks of these seats; some need no call."""
        in_hand = [task for task in [*self.flying, *self.ready, *heard] if task.call is not None and task.work]
        started: list[_Task] = []
        for work in load(self.session, ids) if ids else []:
            if any(_may_be_one_row(task.work, work) for task in [*in_hand, *started]):
                settling.put_off(self.session, work, self.now() + retry.PUT_OFF)
                continue
            if work.has_to_wait(self.now()):
                settling.put_off(self.session, work, work.in_doubt_until)
                continue
            walk = enroll if work.wanted else remove
            task = _Task(walk(self.ledger, work), work)
            task.go_on()
            started.append(task)
        return started

    def _small_tasks(self) -> list[_Task]:
        """What is about no seat: associations to look up, and Canvas users to follow their participants."""
        session, connection_id, now = self.session, self.connection_id, self.now
        tasks = [
            _Task(
                lookups.look_up_walk(session, course_id, now),
                put_off=partial(lookups.put_off, session, connection_id, course_id),
            )
            for course_id in lookups.to_look_up(session, connection_id, now())
        ] + [
            _Task(
                users.follow_walk(session, connection_id, participant_id, now),
                put_off=partial(users.put_off, session, connection_id, participant_id),
            )
            for participant_id in users.to_follow(session, connection_id, now())
        ]
        return [task for task in tasks if self._small_step(task)]

    def _small_step(self, task: _Task) -> bool:
        """Let a small task go on; whether it needs Canvas again. It writes as it goes, and nothing that it locks is
        held together with seats. Whatever it fails with is its own, unless the database is away: nobody waits for it.
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
            log.error("A look-up, or a name to follow, failed in an unforeseen way.", exc_info=error)
            task.call = None
            task.put_off(self.now())
            self.session.commit()
        return task.call is not None

    def _probe(self) -> _Task:
        return _Task(None, call=CanvasClient.myself)

    # -- answers --------------------------------------------------------------------------------------------------

    def _hear(self, task: _Task) -> list[_Task]:
        """Take one answer in; the seats' walks that went on with it, or with what it told of others."""
        error = task.error
        if task.walk is None:
            return self._judge_probe(error)
        if isinstance(error, Throttled):
            self._slow_down(error)
            self.ready.appendleft(task)
            return []
        if isinstance(error, CanvasDown | AddressRefused | TokenRefused):
            # This seat alone, or all of Canvas? One harmless question tells.
            if task.work and not error.leaves_doubt:
                task.work.note_answered()
            if self.over:
                return self._put_back([task])
            if not self.suspects:
                self.ready.appendleft(self._probe())
            self.suspects.append(task)
            return []
        return self._go_on(task)

    def _go_on(self, task: _Task) -> list[_Task]:
        if task.work is None:
            if self._small_step(task):
                self.ready.append(task)
            return []
        task.go_on()
        if isinstance(task.error, SQLAlchemyError):
            self._must_be_about_one(task.error)
        return [task]

    def _write_failure(self, work: Work, error: Exception) -> None:
        now = self.now()
        if isinstance(error, Stuck):
            cause, scope, detail = error.cause, error.scope, error.detail
        elif isinstance(error, PermissionMissing):
            cause, scope, detail = "permission_missing", "to see courses and people", str(error)
        else:
            self._count_attempt(work, error)
            return
        settling.hold(self.session, self.connection_id, work, cause, scope, detail, now)
        log.warning("%s waits: %s. %s", work, CAUSES[cause].title, detail)
        if (cause, scope) != (work.cause, work.cause_scope):
            self._tell(work, "waits", f"{CAUSES[cause].title}. {detail}")

    def _count_attempt(self, work: Work, error: Exception) -> None:
        now = self.now()
        refused = isinstance(error, CanvasError)
        if refused and work.attempts + 1 >= retry.TRIES:
            settling.park(self.session, work, "refused", str(error), now)
            log.error("%s is parked after %d tries: %s An administrator can try again.", work, retry.TRIES, error)
            self._tell(work, "parked", str(error))
            return
        growing = retry.FIRST_BACK_OFF * 2 ** min(work.attempts, 10)
        due_at = now + min(growing, retry.LONGEST_BACK_OFF) * retry.stretch(0.8, 1.2)
        if refused:
            settling.retry_later(self.session, work, "refused", str(error), due_at)
            log.warning("%s: %s We try again at %s.", work, error, f"{due_at:%H:%M:%S} UTC")
        else:
            settling.retry_later(self.session, work, "our_fault", type(error).__name__, due_at)
            log.error("%s: unforeseen. We try again at %s.", work, f"{due_at:%H:%M:%S} UTC", exc_info=error)

    def _tell(self, work: Work, what: str, words: str) -> None:
        activity.write(self.session, [_entry(work, self.now(), what, words)])

    def _slow_down(self, error: Throttled) -> None:
        now = time.monotonic()
        if now >= self.quiet_until:
            self.flight = max(1, self.flight // 2)
            self._connection().throttled_at = self.now()
        pause = error.pause_seconds * retry.stretch(1, 1.5)
        self.quiet_until = self.grows_at = max(self.quiet_until, now + pause)
        log.info("Canvas is throttling: quiet for %.1f s, then %d calls in flight.", pause, self.flight)

    # -- all of Canvas --------------------------------------------------------------------------------------------

    def _judge_probe(self, error: BaseException | None) -> list[_Task]:
        """What the probe tells of Canvas, and of those whose failure made us ask; answers as `_hear` does."""
        if isinstance(error, Throttled):
            self._slow_down(error)
            self.ready.appendleft(self._probe())
            return []
        suspects, self.suspects = self.suspects, []
        if isinstance(error, TokenRefused):
            self._hold_all("token_dead", str(error))
        elif isinstance(error, AddressRefused):
            self._hold_all("address_refused", str(error))
        elif isinstance(error, CanvasError):
            self._hold_all("canvas_down", str(error))
        elif error is not None:
            raise error
        elif self.on_hold:
            begin_writing(self.session)
            connecting.lift_hold(self._connection())
            self.session.commit()
            self.on_hold = False
            log.info("Canvas answers again; what waited is being sent.")
            self.ready.extend(self._small_tasks())
        if error is not None:
            return self._put_back(suspects)
        return [task for suspect in suspects for task in self._blame(suspect)]

    def _put_back(self, tasks: list[_Task]) -> list[_Task]:
        """Their turn comes when Canvas is back; what became of their requests is stored."""
        for task in tasks:
            task.error = None
        return [task for task in tasks if task.work]

    def _blame(self, task: _Task) -> list[_Task]:
        """Canvas is well, so a failure that looked like all of Canvas is this task's own."""
        if task.work is None:
            return self._go_on(task)
        task.call = None
        return [task]

    def _hold_all(self, cause: str, detail: str) -> None:
        begin_writing(self.session)
        connection, now = self._connection(), self.now()
        if connection.hold_cause != cause:
            connection.hold_since_at, connection.hold_tries = now, 0
            log.warning("All Canvas calls wait: %s. %s", CAUSES[cause].title, detail)
        connection.hold_cause, connection.hold_detail = cause, detail
        longest = timedelta(minutes=1) if cause in ("canvas_down", "address_refused") else retry.CANARY
        pause = min(retry.FIRST_BACK_OFF * 2 ** min(connection.hold_tries, 10), longest)
        connection.hold_tries += 1
        connection.hold_until_at = now + pause * retry.stretch(0.8, 1.2)
        self.session.commit()
        self.over = True

    def _note_that_it_worked(self) -> None:
        if self.canvas.time() is None or self.over:
            return
        connection = self._connection()
        connection.last_worked_at = self.now()
        self.session.commit()

    def _connection(self) -> Connection:
        return self.session.get_one(Connection, self.connection_id, populate_existing=True)
