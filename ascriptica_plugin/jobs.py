"""The queue: the bell, the job that it rings for, and the worker. The only room that imports rq.

RQ carries no work of its own, only word that some is due: the rows are the promise, and the sweep finds them without
any word. So nothing here can lose a seat, and a request never waits for Redis longer than a moment.
"""

import logging
import signal
import threading
import time

import redis
import rq
from flask import Flask, current_app
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq.worker import SimpleWorker
from rq.worker.base import StopRequested
from sqlalchemy import event
from sqlalchemy.orm import Session

from . import drain, seats
from .log import forget_old

QUEUE = "ascriptica"
FLAG = "ascriptica:bell"
FLAG_SECONDS = 10
SWEEP_SECONDS = 3
FORGET_SECONDS = 3600
FAILURE_SECONDS = 24 * 3600
RING_SECONDS = 0.25

log = logging.getLogger(__name__)


class Bell:
    """Tells the workers that something is due. `url` None: there is no Redis, and the sweep alone delivers."""

    def __init__(self, url: str | None):
        self.url = url
        # redis-py's own retries would hold a request for seconds while Redis is away.
        patience = {"socket_timeout": RING_SECONDS, "socket_connect_timeout": RING_SECONDS}
        self._redis = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), **patience) if url else None

    def ring(self) -> None:
        """Enqueue `sync_enrollments` unless one is waiting already; one short attempt, and a failure is only logged."""
        if self._redis is None:
            return
        try:
            # Our own flag, not RQ's unique=True, which would also refuse while the job runs.
            if self._redis.set(FLAG, 1, nx=True, ex=FLAG_SECONDS):
                queue = rq.Queue(QUEUE, connection=self._redis, serializer="json")
                queue.enqueue(sync_enrollments, job_timeout=-1, result_ttl=0, failure_ttl=FAILURE_SECONDS)
        except redis.RedisError as error:
            log.warning("The bell did not ring (%s); the worker's sweep will find what is due.", type(error).__name__)

    def take_flag_down(self) -> None:
        """From now on a ring enqueues again; called before looking for work, so that no ring falls between."""
        try:
            if self._redis is not None:
                self._redis.delete(FLAG)
        except redis.RedisError as error:
            log.warning("The bell's flag stays up for %d s (%s).", FLAG_SECONDS, type(error).__name__)


def ring_after_commit(session: Session) -> None:
    """The session's commit made something due: ring, whoever committed it."""
    if session.in_nested_transaction() or not session.info.pop(seats.RANG, False):
        return
    if current_app and "ascriptica" in current_app.extensions:
        current_app.extensions["ascriptica"].bell.ring()


def _forget_after_rollback(session: Session) -> None:
    if not session.in_nested_transaction():
        session.info.pop(seats.RANG, None)


def listen(session) -> None:
    """Ring at every commit of this session, or scoped session, that made something due."""
    if not event.contains(session, "after_commit", ring_after_commit):
        event.listen(session, "after_commit", ring_after_commit)
        event.listen(session, "after_rollback", _forget_after_rollback)


# -- the job and the worker -------------------------------------------------------------------------------------------


def sync_enrollments() -> None:
    """The RQ job: make Canvas agree with whatever is due. It carries no data, and running it twice does no harm."""
    current_app.extensions["ascriptica"].bell.take_flag_down()
    try:
        deliver(current_app._get_current_object())
    except Exception:
        log.exception("What the bell rang for could not be delivered; the sweep tries again.")
        raise


def deliver(app: Flask) -> None:
    """Drain what is due, in an application context and a session of its own."""
    with app.app_context():
        plugin = app.extensions["ascriptica"]
        drain.drain(app.extensions["sqlalchemy"].session, plugin.canvases, plugin.stopping.is_set)


def forget_old_entries(app: Flask) -> None:
    """Delete what the log has kept long enough."""
    with app.app_context():
        session = app.extensions["sqlalchemy"].session
        forget_old(session, drain.utc_now())
        session.commit()


class _Worker(SimpleWorker):
    """RQ's worker in one process, since a job only starts a drain; it knows when it is told to end."""

    max_connection_wait_time = 5

    def __init__(self, *args, stopping: threading.Event, **kwargs):
        self.stopping = stopping
        super().__init__(*args, **kwargs)

    def handle_warm_shutdown_request(self) -> None:
        super().handle_warm_shutdown_request()
        _set_from_a_handler(self.stopping)

    def check_for_suspension(self, burst: bool) -> None:
        # The first thing that RQ does once it listens to signals: one that came just before must not be missed.
        if self.stopping.is_set():
            raise StopRequested
        super().check_for_suspension(burst)


def work(app: Flask) -> None:
    """The worker process: answers the bell and sweeps, through any loss of Redis, database or Canvas, until SIGTERM."""
    plugin = app.extensions["ascriptica"]
    stopping = plugin.stopping
    sweep = threading.Thread(target=_sweep, args=(app,), name="sweep")
    _end_on_signal(stopping)
    sweep.start()
    while not stopping.is_set():
        if not plugin.bell.url:
            stopping.wait()
            break
        try:
            with app.app_context(), redis.Redis.from_url(plugin.bell.url) as connection:
                queue = rq.Queue(QUEUE, connection=connection, serializer="json")
                _Worker([queue], connection=connection, serializer="json", stopping=stopping).work()
        except (redis.RedisError, SystemExit, StopRequested) as error:
            log.warning("Redis is away (%s); the sweep delivers meanwhile.", type(error).__name__)
        _end_on_signal(stopping)
        stopping.wait(SWEEP_SECONDS)
    sweep.join()


def _end_on_signal(stopping: threading.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _set_from_a_handler(stopping))


def _set_from_a_handler(stopping: threading.Event) -> None:
    """Set the event from a thread of its own: the one that the signal interrupted may hold the event's lock."""
    threading.Thread(target=stopping.set).start()


def _sweep(app: Flask) -> None:
    """Look for due seats every few seconds, whether or not the bell rings, and now and then forget old log entries."""
    stopping, last = app.extensions["ascriptica"].stopping, None
    forget_at = time.monotonic()
    while not stopping.is_set():
        try:
            deliver(app)
            if time.monotonic() >= forget_at:
                forget_old_entries(app)
                forget_at = time.monotonic() + FORGET_SECONDS
            if last:
                log.info("The sweep works again.")
            last = None
        except Exception as error:
            # The same trouble is told once, not every few seconds.
            if type(error) is not type(last):
                log.exception("The sweep could not look for what is due; it keeps trying.")
            last = error
        stopping.wait(SWEEP_SECONDS)
