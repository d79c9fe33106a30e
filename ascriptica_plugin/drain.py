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

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from . import connections, delivery, seats
from .canvas import AddressRefused, CanvasClient, CanvasDown, CanvasError, Refused, Throttled, TokenRefused
from .causes import CAUSES
from .models import Connection, load_settings
from .seats import Work

FLIGHT = 8
"""Calls in flight for one connection. Ten of one token can never be throttled; web look-ups share the other two."""

TRIES = 8
"""Counted attempts, over about twenty minutes, before a seat that Canvas refuses is parked."""

BATCH = 200
RENEW_SECONDS = 3
GROW_SECONDS = 5
SHUTDOWN_SECONDS = 8

log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The time now; whatever needs it takes it, or this function, as an argument."""
    return datetime.now(UTC)


def drain(
    session: Session,
    canvases: connections.Canvases,
    stop: Callable[[], bool] = lambda: False,
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Deliver what is due on the connection in use until nothing is, another worker is at it, or `stop()`.

    Owns the session's transactions. What goes wrong with one seat is written on that seat; what goes wrong with
    Canvas or the token holds the connection, and no seat's attempt is counted. Database errors are raised.
    """
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
            break
        connection_id = connection.id
        try:
            _Drain(session, canvases, connection, term, stop, now).run()
        finally:
            session.rollback()
            seats.give_lease_back(session, connection_id, term)
            session.commit()
        # Once more: whoever rang just before the lease was given back found it taken and went away.
    session.rollback()


def _anything_to_do(session: Session, connection: Connection, now: datetime) -> bool:
    session.refresh(connection)
    if connection.hold_cause:
        # A time further off than any hold lasts was set by a clock that has stepped back since.
        return not now < connection.hold_until_at < now + 2 * seats.LONGEST_BACK_OFF
    return seats.anything_due(session, connection.id, now) or bool(connections.to_look_up(session, connection.id, now))


@dataclass
class _Task:
    """Something in hand: a seat's walk, a look-up, or (`walk` None) the probe that asks whether Canvas answers."""

    walk: delivery.Walk | None
    work: Work | None = None
    call: delivery.Call | None = None


class _Drain:
    def __init__(
        self,
        session: Session,
        canvases: connections.Canvases,
        connection: Connection,
        term: int,
        stop: Callable[[], bool],
        now: Callable[[], datetime],
    ):
        self.session = session
        self.connection_id = connection.id
        self.term = term
        self.stop = stop
        self.now = now
        self.canvas = canvases.client(connection)
        self.offset = timedelta(seconds=connection.clock_offset_seconds)
        self.ledger = delivery.Ledger(session, connection.id, connection.canvas_root_id)
        self.on_hold = connection.hold_cause is not None
        self.over = False
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
            self.ready.extend(self._look_ups())
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
            self.session.commit()

    def _keep_lease(self) -> None:
        if self.over or time.monotonic() - self.renewed_at < RENEW_SECONDS:
            return
        if not seats.renew_lease(self.session, self.connection_id, self.term, self.now()):
            log.warning("Another worker has taken over connection %s; this one stops.", self.connection_id)
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
        canvas_now = self.now() + (self.canvas.clock_offset or self.offset)
        works = seats.load(self.session, taken)
        first = [work for work in works if work.wanted and work.first_tried_at is None]
        for work in first:
            work.first_tried_at = canvas_now
        if first:
            seats.note_first_try(self.session, [work.seat_id for work in first], canvas_now)
        for work in works:
            walk = delivery.enroll if work.wanted else delivery.remove
            task = _Task(walk(self.ledger, work), work)
            self._step(task, lambda task=task: next(task.walk))

    def _look_ups(self) -> list[_Task]:
        tasks = []
        for course_id in connections.to_look_up(self.session, self.connection_id, self.now()):
            task = _Task(connections.look_up_walk(self.session, course_id, self.now))
            task.call = next(task.walk)
            tasks.append(task)
        return tasks

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
        except SQLAlchemyError:
            raise
        except Exception as error:
            self._write_failure(task.work, error)
        else:
            self.ready.append(task)

    def _settle(self, work: Work) -> None:
        if seats.settle(self.session, self.connection_id, self.term, work, self.now()):
            log.info("%s: %s.", work, "enrolled" if work.wanted else "removed")
        else:
            self.over = True

    def _write_failure(self, work: Work, error: Exception) -> None:
        now = self.now()
        if isinstance(error, delivery.Stuck):
            cause, scope, detail = error.cause, error.scope, error.detail
        elif isinstance(error, CanvasError) and not isinstance(error, Refused):
            # A 401, 403 or 404 that no walk expects: its words are all we have.
            cause, scope, detail = "permission_missing", "", str(error)
        else:
            self._count_attempt(work, error)
            return
        seats.hold(self.session, self.connection_id, work, cause, scope, detail, now)
        log.warning("%s waits: %s. %s", work, CAUSES[cause].title, detail)

    def _count_attempt(self, work: Work, error: Exception) -> None:
        now = self.now()
        refused = isinstance(error, CanvasError)
        if refused and work.attempts + 1 >= TRIES:
            seats.park(self.session, work, "refused", str(error), now)
            log.error("%s is parked after %d tries: %s An administrator can try again.", work, TRIES, error)
            return
        growing = seats.FIRST_BACK_OFF * 2 ** min(work.attempts, 10)
        due_at = now + min(growing, seats.LONGEST_BACK_OFF) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
        if refused:
            seats.retry_later(self.session, work, "refused", str(error), due_at)
            log.warning("%s: %s We try again at %s.", work, error, f"{due_at:%H:%M:%S} UTC")
        else:
            seats.retry_later(self.session, work, "our_fault", type(error).__name__, due_at)
            log.error("%s: unforeseen. We try again at %s.", work, f"{due_at:%H:%M:%S} UTC", exc_info=error)

    def _slow_down(self, error: Throttled) -> None:
        now = time.monotonic()
        if now >= self.quiet_until:
            self.flight = max(1, self.flight // 2)
        pause = error.pause_seconds * random.uniform(1, 1.5)  # noqa: S311 - jitter
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
            self.ready.extend(self._look_ups())
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
        connection.hold_until_at = now + pause * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
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
