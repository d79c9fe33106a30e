"""Drains a connection: works through what is due, several calls in flight, as the one worker that does.

Threads carry the calls; this one thread owns the database session and commits before any call leaves, so that no
transaction is open while Canvas thinks and nothing that a crash must not lose is only in memory.
"""

import logging
import random
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.exc import DataError, SQLAlchemyError
from sqlalchemy.orm import Session

from . import connections, delivery, identity, privacy, seats
from . import log as changes
from .canvas import AddressRefused, CanvasClient, CanvasDown, CanvasError, PermissionMissing, Throttled, TokenRefused
from .causes import CAUSES
from .models import Connection, Settings, load_settings
from .seats import Work

FLIGHT = 8
"""Calls in flight for one connection. Ten of one token can never be throttled; web look-ups share the other two."""

TRIES = 8
"""Counted attempts, over about twenty minutes, before a seat that Canvas refuses is parked."""

BATCH = 200
RENEW_SECONDS = 3
GROW_SECONDS = 5
SHUTDOWN_SECONDS = 7
PUT_OFF = timedelta(seconds=2)

_spread = random.SystemRandom().uniform
"""Stretches a pause at random, so that those who wait for the same thing don't all come back at once."""

log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The time now; whatever needs it takes it, or this function, as an argument."""
    return datetime.now(UTC)


def drain(
    session: Session,
    canvases: connections.Canvases,
    stop: Callable[[], bool] = lambda: False,
    now: Callable[[], datetime] | None = None,
) -> bool:
    """Deliver what is due on the connection in use until nothing is, another worker is at it (False), or `stop()`.

    Owns the session's transactions. What goes wrong with one seat is written on that seat; what goes wrong with
    Canvas or the token holds the connection, and no seat's attempt is counted. Database errors are raised. `now` is
    the database's clock unless given.
    """
    now = now or database_clock(session)
    settings = load_settings(session)
    connections.check_draft(session, settings, canvases, now())
    while not stop():
        session.refresh(settings)
        connection = settings.connection
        if connection is None or not settings.display_canvas or not _anything_to_do(session, connection, now()):
            break
        term = seats.take_lease(session, connection.id, now())
        session.commit()
        if term is None:
            return False
        connection_id = connection.id
        run = _Drain(session, canvases, settings, term, stop, now)
        try:
            run.run()
        finally:
            session.rollback()
            seats.give_lease_back(session, connection_id, term)
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
        term = seats.take_lease(session, connection_id, now()) if connection_id else None
        session.commit()
        if connection_id and term is None:
            return
        try:
            privacy.erase(session, connection_id, now())
            session.commit()
        finally:
            session.rollback()
            if connection_id:
                seats.give_lease_back(session, connection_id, term)
    session.commit()


def database_clock(session: Session) -> Callable[[], datetime]:
    """The time as the database has it: the one clock that workers on several machines share."""
    if session.connection().dialect.name == "sqlite":
        return utc_now
    ahead = session.scalar(select(func.clock_timestamp())) - utc_now()
    session.commit()
    return lambda: utc_now() + ahead


def _anything_to_do(session: Session, connection: Connection, now: datetime) -> bool:
    session.refresh(connection)
    if connection.hold_cause:
        # A time further off than any hold lasts was set by a clock that has stepped back since.
        return not now < connection.hold_until_at < now + 2 * seats.LONGEST_BACK_OFF
    return seats.anything_due(session, connection.id, now) or bool(
        connections.to_look_up(session, connection.id, now) or identity.to_follow(session, connection.id, now)
    )


@dataclass
class _Task:
    """Something in hand: a seat's walk, a small task, or (`walk` None) the probe that asks whether Canvas answers."""

    walk: delivery.Walk | None
    work: Work | None = None
    call: delivery.Call | None = None


class _Drain:
    def __init__(
        self,
        session: Session,
        canvases: connections.Canvases,
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
        self.offset = timedelta(seconds=connection.clock_offset_seconds)
        self.ledger = delivery.Ledger(
            session,
            connection.id,
            connection.canvas_root_id,
            now,
            lambda: self.canvas.clock_offset or self.offset,
            create_users=settings.create_users,
            by_invitation=settings.by_invitation,
            canvas_mail=settings.canvas_mail,
            on_withdrawal=settings.on_withdrawal,
        )
        self.on_hold = connection.hold_cause is not None
        self.over = self.lost = False
        self.flight = FLIGHT
        self.quiet_until = self.grows_at = self.renewed_at = time.monotonic()
        self.queue: deque[int] = deque()
        self.ready: deque[_Task] = deque()
        self.flying: dict[Future, _Task] = {}
        self.suspects: list[tuple[_Task, CanvasError]] = []

    def run(self) -> None:
        if self.canvas is None:
            self._hold_all("token_unreadable", "")
            return
        if self.on_hold:
            self.ready.append(self._probe())
        else:
            self.ready.extend(self._small_tasks())
        threads = ThreadPoolExecutor(FLIGHT, thread_name_prefix="canvas")
        try:
            self._loop(threads)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
        self._note_that_it_worked()

    def _loop(self, threads: ThreadPoolExecutor) -> None:
        stopping_since = None
        while True:
            self._keep_lease()
            if self.stop() and stopping_since is None:
                stopping_since, self.over = time.monotonic(), True
            self._send(threads)
            if not self.flying and (self.over or not self.ready):
                return
            if stopping_since is not None and time.monotonic() - stopping_since > SHUTDOWN_SECONDS:
                return
            pause = min(1.0, max(0.0, self.quiet_until - time.monotonic())) if self.ready and not self.flying else 0
            if pause:
                time.sleep(pause)
                continue
            done, _ = wait(self.flying, timeout=1, return_when=FIRST_COMPLETED)
            for future in done:
                self._take_answer(self.flying.pop(future), future)
                # One answer, one unit of work: rows locked for one seat never wait for those of another.
                self.session.commit()

    def _keep_lease(self) -> None:
        if self.over or time.monotonic() - self.renewed_at < RENEW_SECONDS:
            return
        if not seats.renew_lease(self.session, self.connection_id, self.term, self.now()):
            log.warning("Another worker has taken over connection %s; this one stops.", self.connection_id)
            self.over = self.lost = True
        settings = load_settings(self.session)
        self.session.refresh(settings)
        if not settings.display_canvas or settings.connection_id != self.connection_id:
            self.over = True
        self.session.commit()
        self.renewed_at = time.monotonic()

    # -- sending --------------------------------------------------------------------------------------------------

    def _send(self, threads: ThreadPoolExecutor) -> None:
        """Fill the free places in flight, unless a pause, a probe or the end forbids."""
        if time.monotonic() >= self.grows_at + GROW_SECONDS and self.flight < FLIGHT:
            self.flight, self.grows_at = self.flight + 1, time.monotonic()
        if self.over or time.monotonic() < self.quiet_until:
            return
        probing = any(task.walk is None for task in [*self.flying.values(), *self.ready])
        free = self.flight - len(self.flying)
        if not probing and free > len(self.ready):
            self._take_up(free - len(self.ready))
        # The commit that lets the calls go: all that was learned is stored, and no transaction stays open.
        self.session.commit()
        while self.ready and len(self.flying) < self.flight:
            task = self.ready.popleft()
            self.flying[threads.submit(task.call, self.canvas)] = task

    def _take_up(self, count: int) -> None:
        if not self.queue:
            in_hand = {task.work.seat_id for task in [*self.flying.values(), *self.ready] if task.work}
            self.queue.extend(seats.due_ids(self.session, self.connection_id, self.now(), BATCH, in_hand))
        taken = [self.queue.popleft() for _ in range(min(count, len(self.queue)))]
        if not taken:
            return
        for work in seats.load(self.session, taken):
            if self._is_in_the_way(work):
                seats.put_off(self.session, work, self.now() + PUT_OFF)
                continue
            walk = delivery.enroll if work.wanted else delivery.remove
            task = _Task(walk(self.ledger, work), work)
            self._step(task, lambda task=task: next(task.walk))

    def _is_in_the_way(self, work: Work) -> bool:
        """Whether another seat in hand is about the same person in the same Canvas course: the two may be one row
        there, and Canvas could see the one's removal after the other's enrollment."""
        in_hand = [task.work for task in [*self.flying.values(), *self.ready] if task.work]
        return any(
            other.canvas_course_id == work.canvas_course_id
            and (
                other.participant_id == work.participant_id
                or (work.canvas_user_id is not None and other.canvas_user_id == work.canvas_user_id)
            )
            for other in in_hand
        )

    def _small_tasks(self) -> list[_Task]:
        """What is about no seat: associations to look up, and Canvas users to follow their participants."""
        session, connection_id, now = self.session, self.connection_id, self.now
        walks = [
            connections.look_up_walk(session, course_id, now)
            for course_id in connections.to_look_up(session, connection_id, now())
        ] + [
            identity.follow_walk(session, connection_id, participant_id, now)
            for participant_id in identity.to_follow(session, connection_id, now())
        ]
        return [_Task(walk, call=next(walk)) for walk in walks]

    def _probe(self) -> _Task:
        return _Task(None, call=CanvasClient.myself)

    # -- answers --------------------------------------------------------------------------------------------------

    def _take_answer(self, task: _Task, future: Future) -> None:
        error = future.exception()
        if task.walk is None:
            self._judge_probe(error)
        elif error is None:
            self._step(task, lambda: task.walk.send(future.result()))
        elif isinstance(error, Throttled):
            self._slow_down(error)
            self.ready.appendleft(task)
        elif isinstance(error, CanvasDown | AddressRefused | TokenRefused):
            # This seat alone, or all of Canvas? One harmless question tells.
            if not self.suspects and not self.over:
                self.ready.appendleft(self._probe())
            self.suspects.append((task, error))
        else:
            self._step(task, lambda: task.walk.throw(error))

    def _step(self, task: _Task, go_on: Callable[[], delivery.Call]) -> None:
        """Let a walk go on to its next call, or write how it ended."""
        try:
            task.call = go_on()
        except StopIteration:
            if task.work:
                self._settle(task.work)
        except Exception as error:
            if task.work is None or (isinstance(error, SQLAlchemyError) and not isinstance(error, DataError)):
                raise
            if isinstance(error, DataError):
                # The database refuses what this one walk would write; nobody else has to wait for that.
                self.session.rollback()
            self._write_failure(task.work, error)
        else:
            self.ready.append(task)

    def _settle(self, work: Work) -> None:
        if seats.settle(self.session, self.connection_id, self.term, work, self.now()):
            log.info("%s: %s.", work, "enrolled" if work.wanted else "removed")
            self._tell(work, "enrolled in Canvas" if work.wanted else "ended in Canvas", "")
        else:
            self.over = self.lost = True

    def _write_failure(self, work: Work, error: Exception) -> None:
        now = self.now()
        if isinstance(error, delivery.Stuck):
            cause, scope, detail = error.cause, error.scope, error.detail
        elif isinstance(error, PermissionMissing):
            cause, scope, detail = "permission_missing", "to see courses and people", str(error)
        else:
            self._count_attempt(work, error)
            return
        seats.hold(self.session, self.connection_id, work, cause, scope, detail, now)
        log.warning("%s waits: %s. %s", work, CAUSES[cause].title, detail)
        if (cause, scope) != (work.cause, work.cause_scope):
            self._tell(work, "waits", f"{CAUSES[cause].title}. {detail}")

    def _count_attempt(self, work: Work, error: Exception) -> None:
        now = self.now()
        refused = isinstance(error, CanvasError)
        if refused and work.attempts + 1 >= TRIES:
            seats.park(self.session, work, "refused", str(error), now)
            log.error("%s is parked after %d tries: %s An administrator can try again.", work, TRIES, error)
            self._tell(work, "parked", str(error))
            return
        growing = seats.FIRST_BACK_OFF * 2 ** min(work.attempts, 10)
        due_at = now + min(growing, seats.LONGEST_BACK_OFF) * _spread(0.8, 1.2)
        if refused:
            seats.retry_later(self.session, work, "refused", str(error), due_at)
            log.warning("%s: %s We try again at %s.", work, error, f"{due_at:%H:%M:%S} UTC")
        else:
            seats.retry_later(self.session, work, "our_fault", type(error).__name__, due_at)
            log.error("%s: unforeseen. We try again at %s.", work, f"{due_at:%H:%M:%S} UTC", exc_info=error)

    def _tell(self, work: Work, what: str, words: str) -> None:
        words = f"Canvas course {work.canvas_course_id}. {words}".strip()
        changes.note(self.session, self.now(), changes.US, what, words, participant_id=work.participant_id)

    def _slow_down(self, error: Throttled) -> None:
        now = time.monotonic()
        if now >= self.quiet_until:
            self.flight = max(1, self.flight // 2)
            self._connection().throttled_at = self.now()
        pause = error.pause_seconds * _spread(1, 1.5)
        self.quiet_until = self.grows_at = max(self.quiet_until, now + pause)
        log.info("Canvas is throttling: quiet for %.1f s, then %d calls in flight.", pause, self.flight)

    # -- all of Canvas --------------------------------------------------------------------------------------------

    def _judge_probe(self, error: BaseException | None) -> None:
        if isinstance(error, Throttled):
            self._slow_down(error)
            self.ready.appendleft(self._probe())
            return
        suspects, self.suspects = self.suspects, []
        if isinstance(error, TokenRefused):
            self._hold_all("token_dead", str(error))
        elif isinstance(error, CanvasError):
            self._hold_all("canvas_down", str(error))
        elif error is not None:
            raise error
        elif self.on_hold:
            connections.lift_hold(self._connection())
            self.on_hold = False
            log.info("Canvas answers again; what waited is being sent.")
            self.ready.extend(self._small_tasks())
        for task, suspicion in suspects if error is None else []:
            if task.work:
                self._count_attempt(task.work, suspicion)
            else:
                self._step(task, lambda task=task, suspicion=suspicion: task.walk.throw(suspicion))

    def _hold_all(self, cause: str, detail: str) -> None:
        connection, now = self._connection(), self.now()
        if connection.hold_cause != cause:
            connection.hold_since_at, connection.hold_tries = now, 0
            log.warning("All Canvas calls wait: %s. %s", CAUSES[cause].title, detail)
        connection.hold_cause, connection.hold_detail = cause, detail
        longest = timedelta(minutes=1) if cause == "canvas_down" else seats.CANARY
        pause = min(seats.FIRST_BACK_OFF * 2 ** min(connection.hold_tries, 10), longest)
        connection.hold_tries += 1
        connection.hold_until_at = now + pause * _spread(0.8, 1.2)
        self.session.commit()
        self.over = True

    def _note_that_it_worked(self) -> None:
        if self.canvas.clock_offset is None or self.over:
            return
        connection = self._connection()
        connection.last_worked_at = self.now()
        connection.clock_offset_seconds = round(self.canvas.clock_offset.total_seconds())
        self.session.commit()

    def _connection(self) -> Connection:
        return self.session.get_one(Connection, self.connection_id, populate_existing=True)
