"""The RQ job, and the RQ worker that answers the bell. RQ carries no work, only word that some is due.

The rows are the promise, and the sweep in `rounds` finds them without any word, so nothing here can lose a seat.
"""

import logging
import threading
from typing import Any, cast

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
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from ..sync import drain, erasing
from .bell import FAILURE_SECONDS, JOB, QUEUE, Bell

LONGEST_PACKED = 1000
"""Bytes of a job's data in Redis: many times what ours has; what is longer may unpack to more than fits in memory."""


AGAIN_SECONDS = 3


log = logging.getLogger(__name__)


def this_app() -> Flask:
    """The application itself, which other threads can use, unlike Flask's `current_app`."""
    return cast(Any, current_app)._get_current_object()


def sync_enrollments() -> None:
    """The RQ job: make Canvas agree with whatever is due. It carries no data, and running it twice does no harm."""
    plugin = current_app.extensions["ascriptica"]
    plugin.bell.take_flag_down()
    try:
        deliver(this_app())
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
            drained = drain.drain(session, plugin.canvases, plugin.stopping.is_set)
            if drained:
                erasing.erase_people(session)
            return drained


class _Job(Job):
    """The bell's job, and nothing more of it than that: what else Redis holds of a job can name functions to call
    when it ends, addresses to tell, data to unpack, and whoever can write to Redis can write it."""

    KEPT = frozenset({b"data", b"origin", b"status", b"created_at", b"enqueued_at", b"started_at", b"ended_at"})
    OURS = JSONSerializer.dumps((JOB, None, (), {}))

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

    def __init__(self, *args: Any, stopping: threading.Event, bell: Bell, **kwargs: Any):
        self.stopping, self.bell = stopping, bell
        super().__init__(*args, **kwargs)

    def _install_signal_handlers(self) -> None:
        pass

    def execute_job(self, job: Job, queue: rq.Queue) -> None:
        if isinstance(job, _Job) and job.is_ours:
            super().execute_job(job, queue)
            return
        log.error("Redis held a job that is not ours; it was thrown away: %.200r", job.data)
        queue.intermediate_queue.remove(job.id)
        self.connection.delete(job.key)

    def subscribe(self) -> None:
        """Not at all: on its channel anybody who reaches Redis could end the worker."""

    def register_death(self) -> None:
        # Others who listen leave word again within a second.
        self.bell.hear_no_more(self.connection)
        super().register_death()

    def heartbeat(self, *args: Any, **kwargs: Any) -> None:
        # What RQ does first before it waits for a job, and after each failure to: it tries for ever and tells nobody.
        if self.stopping.is_set():
            raise StopRequested
        try:
            super().heartbeat(*args, **kwargs)
            self.bell.hear(self.connection)
        except redis.RedisError as error:
            self.bell.trouble.began(error)
            raise
        self.bell.trouble.ended()


def answer_the_bell(app: Flask) -> None:
    """Answer the bell until the process is told to end, and find Redis again whenever it was away."""
    plugin = app.extensions["ascriptica"]
    while not plugin.stopping.is_set():
        try:
            # RQ tries again by itself; redis-py's own retries would only keep a worker that is to end.
            with app.app_context(), redis.Redis.from_url(plugin.bell.url, retry=Retry(NoBackoff(), 0)) as connection:
                queue = rq.Queue(QUEUE, connection=connection, serializer="json", job_class=_Job)
                how = {"stopping": plugin.stopping, "bell": plugin.bell}
                _Worker([queue], connection=connection, serializer="json", **how).work()
        except redis.RedisError as error:
            plugin.bell.trouble.began(error)
        except Exception:
            log.exception("The bell can't be heard; the sweep delivers meanwhile.")
        plugin.stopping.wait(AGAIN_SECONDS)
