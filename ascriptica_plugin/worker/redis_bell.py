"""The bell: notifies the workers through Redis that something is due, after the commit that made it due.

It makes one short attempt, so a request hardly waits for Redis. A lost notification costs seconds, never a seat.
"""

import hashlib
import hmac
import logging
from collections.abc import Sequence
from datetime import datetime

import redis
import rq
from flask import current_app
from itsdangerous import BadData, TimestampSigner
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import URL, event
from sqlalchemy.orm import Session, scoped_session

from ..ledger import claims
from ..shared import pauses
from ..shared.process_log import Trouble

log = logging.getLogger(__name__)

JOB = "ascriptica_plugin.worker.jobs.sync_enrollments"
"""A name, so that a web process need not import the worker's code."""

LONGEST_HEARD = 200
"""How many bytes of a worker's record are read at most: many times what it writes."""


class Bell:
    """Notifies the workers that something is due. `url` None: there is no Redis, and only the sweep delivers.

    Others may write to Redis too, so a worker signs the time when it listened with the last of `secret_keys`; a
    signature with any of them is accepted. `queue` is this installation's own queue, and its keys in Redis begin with
    that name.
    """

    def __init__(self, url: str | None, secret_keys: Sequence[bytes], queue: str):
        self.url, self.queue = url, queue
        self.flag, self.heard = f"{queue}:bell", f"{queue}:heard"
        self._signer = TimestampSigner(secret_keys, salt="ascriptica worker", digest_method=hashlib.sha256)
        meanwhile = "The worker is not notified, and looks every few seconds instead."
        self.trouble = Trouble(log, "redis", "Redis", meanwhile)
        # redis-py's own retries would delay a request for seconds while Redis is away.
        patience = {"socket_timeout": pauses.RING_SECONDS, "socket_connect_timeout": pauses.RING_SECONDS}
        self._redis = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), **patience) if url else None

    def ring(self) -> None:
        """Queue the job unless one is waiting already: one short attempt, whose failure is only logged."""
        if self._redis is None:
            return
        try:
            # Our own flag, not RQ's unique=True, which would also refuse while the job runs.
            if self._redis.set(self.flag, 1, nx=True, ex=pauses.FLAG_SECONDS):
                queue = rq.Queue(self.queue, connection=self._redis, serializer="json")
                queue.enqueue(JOB, job_timeout=-1, result_ttl=0, failure_ttl=pauses.FAILED_JOB_SECONDS)
            self.trouble.ended()
        except redis.RedisError as error:
            self.trouble.began(error)

    def take_flag_down(self) -> None:
        """Let the next ring queue a job again. Called before looking for work, so that no ring is missed."""
        try:
            if self._redis is not None:
                self._redis.delete(self.flag)
        except redis.RedisError as error:
            # It expires after `pauses.FLAG_SECONDS`.
            self.trouble.began(error)

    def hear(self, connection: redis.Redis) -> None:
        """Store that a worker listens, over the worker's own connection; raises its errors."""
        connection.set(self.heard, self._signer.sign("listening"))

    def hear_no_more(self, connection: redis.Redis) -> None:
        """Delete the record that a worker listens, because the worker has ended."""
        connection.delete(self.heard)

    def heard_at(self) -> datetime | None:
        """When a worker last listened. None without Redis, or if Redis has no record of it with our signature, for
        example after it lost its data."""
        if self._redis is None:
            return None
        try:
            return self._signer.unsign(self._redis.getrange(self.heard, 0, LONGEST_HEARD), return_timestamp=True)[1]
        except (redis.ResponseError, BadData):
            # No record, or not one of ours.
            return None
        except redis.RedisError as error:
            self.trouble.began(error)
            return None

    def answers(self) -> bool:
        """Whether Redis answers; True if there is none."""
        try:
            return self._redis is None or bool(self._redis.ping())
        except redis.RedisError:
            return False


def queue_of(secret_key: bytes, database: URL) -> str:
    """The name of an installation's queue, if none is given. Two installations may share a Redis.

    Web processes and workers of one installation have the secret key and the database's name in common. They may reach
    the database by different hosts and users.
    """
    its = f"{database.get_backend_name()} {database.database}".encode()
    return f"ascriptica-{hmac.new(secret_key, its, hashlib.sha256).hexdigest()[:12]}"


def ring_after_commit(session: Session) -> None:
    """Ring if this commit of the session made something due."""
    if session.in_nested_transaction() or not session.info.pop(claims.RANG, False):
        return
    if current_app and "ascriptica" in current_app.extensions:
        current_app.extensions["ascriptica"].bell.ring()


def _forget_after_rollback(session: Session) -> None:
    if not session.in_nested_transaction():
        session.info.pop(claims.RANG, None)


def listen(session: Session | scoped_session[Session]) -> None:
    """Ring at every commit of this session, or scoped session, that made something due."""
    if not event.contains(session, "after_commit", ring_after_commit):
        event.listen(session, "after_commit", ring_after_commit)
        event.listen(session, "after_rollback", _forget_after_rollback)
