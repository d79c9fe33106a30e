"""Listening to Redis: the RQ worker that answers the bell, and notices when Redis is away and back."""

import logging
import threading
from typing import Any

import redis
import rq
from flask import Flask
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.timeouts import TimerDeathPenalty
from rq.worker import SimpleWorker
from rq.worker.base import StopRequested

from ..shared import pauses
from ..shared.process_log import about
from .redis_bell import JOB, Bell

LONGEST_PACKED = 1000
"""The most bytes that a job's data may have in Redis: many times what ours has. Longer data may unpack to more than
fits in memory."""


log = logging.getLogger(__name__)


class _Job(Job):
    """The bell's job without the fields that we don't need. Others may write to Redis, and those fields can name
    functions to call when the job ends, addresses to notify, and data to unpack."""

    KEPT = frozenset({b"data", b"origin", b"status", b"created_at", b"enqueued_at", b"started_at", b"ended_at"})
    OURS = JSONSerializer.dumps((JOB, None, (), {}))

    def restore(self, raw_data: dict[bytes, bytes]) -> None:
        kept = {name: value for name, value in raw_data.items() if name in self.KEPT}
        try:
            if len(kept.get(b"data", b"")) > LONGEST_PACKED:
                raise ValueError
            super().restore(kept)
        except ValueError:
            # Too long, or with an invalid status or time: not ours, but it has to be removed from the queue.
            super().restore({b"data": b"unreadable"})
        self.timeout, self.result_ttl, self.failure_ttl = -1, 0, pauses.FAILED_JOB_SECONDS

    @property
    def is_ours(self) -> bool:
        """Whether the bell queued it; compared byte by byte, so that nobody else's data is unpacked."""
        return self.data == self.OURS


class _Worker(SimpleWorker):
    """RQ's worker in a thread: a job only starts a drain, and the main thread handles signals. It runs only our job and
    takes no commands from Redis."""

    job_class = _Job
    death_penalty_class = TimerDeathPenalty
    max_connection_wait_time = pauses.CONNECT_SECONDS
    dequeue_timeout = pauses.JOB_SECONDS
    """A frozen Redis is noticed 10 s later."""

    def __init__(self, *args: Any, stopping: threading.Event, bell: Bell, **kwargs: Any):
        self.stopping, self.bell = stopping, bell
        super().__init__(*args, **kwargs)

    def _install_signal_handlers(self) -> None:
        pass

    def execute_job(self, job: Job, queue: rq.Queue) -> None:
        if isinstance(job, _Job) and job.is_ours:
            super().execute_job(job, queue)
            return
        its = about(job_data=f"{job.data!r:.200}")
        log.error("Redis held a job that is not ours; it was thrown away: %.200r", job.data, extra=its)
        queue.intermediate_queue.remove(job.id)
        self.connection.delete(job.key)

    def subscribe(self) -> None:
        """Do nothing: on RQ's channel anybody who reaches Redis could end the worker."""

    def register_death(self) -> None:
        # Other workers that listen store it again within a second.
        self.bell.hear_no_more(self.connection)
        super().register_death()

    def heartbeat(self, *args: Any, **kwargs: Any) -> None:
        # RQ calls this before it waits for a job and after each failure. It would retry for ever without a log line.
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
    """Run the bell's jobs until the process is asked to stop; connect to Redis again whenever it was away."""
    plugin = app.extensions["ascriptica"]
    while not plugin.stopping.is_set():
        try:
            # RQ retries on its own; redis-py's retries would only delay a worker that has to stop.
            with app.app_context(), redis.Redis.from_url(plugin.bell.url, retry=Retry(NoBackoff(), 0)) as connection:
                queue = rq.Queue(plugin.bell.queue, connection=connection, serializer="json", job_class=_Job)
                how = {"stopping": plugin.stopping, "bell": plugin.bell}
                _Worker([queue], connection=connection, serializer="json", **how).work()
        except redis.RedisError as error:
            plugin.bell.trouble.began(error)
        except Exception:
            log.exception("Listening to Redis failed; the worker looks every few seconds instead.")
        plugin.stopping.wait(pauses.AGAIN_SECONDS)
