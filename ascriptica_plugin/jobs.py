"""The queue: the bell, the job that it rings for, and who answers it. The only room that imports rq.

RQ carries no work of its own, only word that some is due: the rows are the promise, and the sweep finds them without
any word. So nothing here can lose a seat, and a request never waits for Redis longer than a moment.
"""

import logging
import threading
from datetime import datetime

import redis
import rq
from flask import Flask, current_app
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.timeouts import TimerDeathPenalty
from rq.worker import SimpleWorker
from rq.worker.base import StopRequested
from sqlalchemy import event
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from . import claims, drain

QUEUE = "ascriptica"
FLAG = "ascriptica:bell"
FLAG_SECONDS = 10
FAILURE_SECONDS = 24 * 3600
LONGEST_PACKED = 1000
"""Bytes of a job's data in Redis: many times what ours has; what is longer may unpack to more than fits in memory."""

RING_SECONDS = 0.25
AGAIN_SECONDS = 3

log = logging.getLogger(__name__)


class Trouble:
    """Says in the log once that something is away, and once that it is back; not each time that it is missed."""

    def __init__(self, what: str, meanwhile: str):
        self.what, self.meanwhile = what, meanwhile
        self._is_away = False
        self._lock = threading.Lock()

    def began(self, error: Exception) -> None:
        with self._lock:
            if not self._is_away:
                reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
                log.warning("%s is away (%s: %s). %s", self.what, type(error).__name__, reason, self.meanwhile)
            self._is_away = True

    def ended(self) -> None:
        with self._lock:
            if self._is_away:
                log.info("%s is back.", self.what)
            self._is_away = False


class Bell:
    """Tells the workers that something is due. `url` None: there is no Redis, and the sweep alone delivers."""

    def __init__(self, url: str | None):
        self.url = url
        self.trouble = Trouble("Redis", "No bell rings; the worker's sweep will find what is due.")
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
            self.trouble.ended()
        except redis.RedisError as error:
            self.trouble.began(error)

    def take_flag_down(self) -> None:
        """From now on a ring enqueues again; called before looking for work, so that no ring falls between."""
        try:
            if self._redis is not None:
                self._redis.delete(FLAG)
        except redis.RedisError as error:
            # It falls by itself after FLAG_SECONDS.
            self.trouble.began(error)

    def heard_at(self) -> datetime | None:
        """When a worker last listened, by RQ's registry; None where none is known there, which a Redis that lost its
        data may have forgotten, or there is no Redis to ask."""
        if self._redis is None:
            return None
        try:
            listening = SimpleWorker.all(queue=rq.Queue(QUEUE, connection=self._redis, serializer="json"))
        except redis.RedisError as error:
            self.trouble.began(error)
            return None
        return max((one.last_heartbeat for one in listening if one.last_heartbeat), default=None)


def ring_after_commit(session: Session) -> None:
    """The session's commit made something due: ring, whoever committed it."""
    if session.in_nested_transaction() or not session.info.pop(claims.RANG, False):
        return
    if current_app and "ascriptica" in current_app.extensions:
        current_app.extensions["ascriptica"].bell.ring()


def _forget_after_rollback(session: Session) -> None:
    if not session.in_nested_transaction():
        session.info.pop(claims.RANG, None)


def listen(session) -> None:
    """Ring at every commit of this session, or scoped session, that made something due."""
    if not event.contains(session, "after_commit", ring_after_commit):
        event.listen(session, "after_commit", ring_after_commit)
        event.listen(session, "after_rollback", _forget_after_rollback)


# -- the job, and who answers the bell --------------------------------------------------------------------------------


def sync_enrollments() -> None:
    """The RQ job: make Canvas agree with whatever is due. It carries no data, and running it twice does no harm."""
    plugin = current_app.extensions["ascriptica"]
    plugin.bell.take_flag_down()
    try:
        deliver(current_app._get_current_object())
    except (OperationalError, InterfaceError):
        # The sweep meets the same trouble, tells it, and delivers once it is over.
        return
    except Exception:
        log.exception("What the bell rang for could not be delivered; the sweep tries again.")
        raise


def deliver(app: Flask) -> bool:
    """Drain what is due, in an application context and a session of its own; False where another worker is at it.

    The drain keeps one connection to the database from beginning to end: a pool that asks of each connection whether
    it still lives would ask for every unit of work.
    """
    with app.app_context():
        plugin = app.extensions["ascriptica"]
        with app.extensions["sqlalchemy"].engine.connect() as connection, Session(connection) as session:
            return drain.drain(session, plugin.canvases, plugin.stopping.is_set)


class _Job(Job):
    """The bell's job, and nothing more of it than that: what else Redis holds of a job can name functions to call
    when it ends, addresses to tell, data to unpack, and whoever can write to Redis can write it."""

    KEPT = frozenset({b"data", b"origin", b"status", b"created_at", b"enqueued_at", b"started_at", b"ended_at"})
    OURS = JSONSerializer.dumps((f"{__name__}.{sync_enrollments.__name__}", None, (), {}))

    def restore(self, raw_data: dict[bytes, bytes]) -> None:
        kept = {name: value for name, value in raw_data.items() if name in self.KEPT}
        try:
            if len(kept.get(b"data", b"")) > LONGEST_PACKED:
                raise ValueError
            super().restore(kept)
        except ValueError:
            # Too much, or a status or a time that is none: not ours either, and it has to be taken off the queue.
            super().restore({b"data": b"unreadable"})
        self.timeout, self.result_ttl, self.failure_ttl = -1, 0, FAILURE_SECONDS

    @property
    def is_ours(self) -> bool:
        """Compared byte by byte, so that nothing of a stranger's is read."""
        return self.data == self.OURS


class _Worker(SimpleWorker):
    """RQ's worker in a thread, since a job only starts a drain and signals are the main thread's; it runs our job alone
    and takes no orders from Redis."""

    job_class = _Job
    death_penalty_class = TimerDeathPenalty
    max_connection_wait_time = 5
    dequeue_timeout = 1
    """Seconds for which it waits for a job without a look at `stopping`; a Redis that froze is noticed 10 s later."""

    def __init__(self, *args, stopping: threading.Event, trouble: Trouble, **kwargs):
        self.stopping, self.trouble = stopping, trouble
        super().__init__(*args, **kwargs)

    def _install_signal_handlers(self) -> None:
        pass

    def execute_job(self, job: _Job, queue: rq.Queue) -> None:
        if job.is_ours:
            super().execute_job(job, queue)
            return
        log.error("Redis held a job that is not ours; it was thrown away: %.200r", job.data)
        queue.intermediate_queue.remove(job.id)
        self.connection.delete(job.key)

    def subscribe(self) -> None:
        """Not at all: on its channel anybody who reaches Redis could end the worker."""

    def heartbeat(self, *args, **kwargs) -> None:
        # What RQ does first before it waits for a job, and after each failure to: it tries for ever and tells nobody.
        if self.stopping.is_set():
            raise StopRequested
        try:
            super().heartbeat(*args, **kwargs)
        except redis.RedisError as error:
            self.trouble.began(error)
            raise
        self.trouble.ended()


def answer_the_bell(app: Flask) -> None:
    """Answer the bell until the process is told to end, and find Redis again whenever it was away."""
    plugin = app.extensions["ascriptica"]
    while not plugin.stopping.is_set():
        try:
            # RQ tries again by itself; redis-py's own retries would only keep a worker that is to end.
            with app.app_context(), redis.Redis.from_url(plugin.bell.url, retry=Retry(NoBackoff(), 0)) as connection:
                queue = rq.Queue(QUEUE, connection=connection, serializer="json", job_class=_Job)
                how = {"stopping": plugin.stopping, "trouble": plugin.bell.trouble}
                _Worker([queue], connection=connection, serializer="json", **how).work()
        except redis.RedisError as error:
            plugin.bell.trouble.began(error)
        except Exception:
            log.exception("The bell can't be heard; the sweep delivers meanwhile.")
        plugin.stopping.wait(AGAIN_SECONDS)
