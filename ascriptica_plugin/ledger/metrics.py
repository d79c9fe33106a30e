"""What all processes count, kept in the database so that each of them reports the same numbers.

A process counts in memory and adds its counts to the database now and then, so no call to Canvas waits for the
database.
"""

import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ..shared import pauses
from ..tables.columns import begin_writing, change, upsert_into
from ..tables.metrics import Measure

Named = tuple[str, ...]
"""The name of a measure, then the values of its labels."""

CALLS, CALL_SECONDS, CALL_TIMES = "canvas_calls", "canvas_call_seconds", "canvas_call_times"
MAILS, REFRESHES = "mails_sent", "key_refreshes"
IN_FLIGHT, WORKER_SEEN = "canvas_calls_in_flight", "worker_seen"
"""Each worker has its own: the label says whose it is. A worker of an earlier version writes them without one."""

BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Limits in seconds. `CALL_TIMES` counts the calls that took at most this long, without those of the smaller
buckets."""


class Tally:
    """This process's counts since they were last stored; any thread may count.

    `looked_at` is when this process, if it is a worker, last had looked for work and done what it found;
    `database_away_at` when it last could not do so because the database was away. `worker` tells it from other workers.
    """

    def __init__(self) -> None:
        self.worker = secrets.token_hex(8)
        self.in_flight = 0
        self.looked_at: datetime | None = None
        self.database_away_at: datetime | None = None
        self._counts: dict[Named, float] = {}
        self._lock = threading.Lock()

    def begin(self) -> None:
        """A call to Canvas begins."""
        with self._lock:
            self.in_flight += 1

    def end(self, call: str, result: str, seconds: float) -> None:
        """A call has ended. `call` is its method and path, with `:id` for each id; `result` is "ok" or what failed."""
        bucket = next((f"{limit:g}" for limit in BUCKETS if seconds <= limit), "+Inf")
        with self._lock:
            self.in_flight -= 1
        self.count(CALLS, 1, call, result)
        self.count(CALL_TIMES, 1, bucket)
        self.count(CALL_SECONDS, seconds)

    def count(self, name: str, more: float, *labels: str) -> None:
        """Add to a counter."""
        with self._lock:
            self._counts[name, *labels] = self._counts.get((name, *labels), 0) + more

    def take(self) -> dict[Named, float]:
        """Hand the counts to the caller, and begin again with none."""
        with self._lock:
            counts, self._counts = self._counts, {}
        return counts


@contextmanager
def storing(session: Session, tally: Tally) -> Iterator[None]:
    """Move the counts from memory to the database; the caller commits inside.

    They go back to memory if that fails. If only the answer to a commit is lost, they are counted twice.
    """
    counts = tally.take()
    try:
        _write(session, counts, adds=True)
        yield
    except BaseException:
        for (name, *labels), more in counts.items():
            tally.count(name, more, *labels)
        raise


def put(session: Session, gauges: Mapping[Named, float]) -> None:
    """Store the values of gauges. Does not commit."""
    _write(session, gauges, adds=False)


def _write(session: Session, values: Mapping[Named, float], *, adds: bool) -> None:
    if not values:
        return
    begin_writing(session)
    # In one order, so that two processes don't wait for each other.
    rows = [
        {"name": name, "labels": "\n".join(labels), "value": value} for (name, *labels), value in sorted(values.items())
    ]
    new = upsert_into(session, Measure).values(rows)
    value = Measure.value + new.excluded.value if adds else new.excluded.value
    session.execute(new.on_conflict_do_update(index_elements=["name", "labels"], set_={"value": value}))


def load(session: Session) -> dict[Named, float]:
    """All measures."""
    found = session.execute(select(Measure.name, Measure.labels, Measure.value))
    return {(name, *(labels.split("\n") if labels else ())): value for name, labels, value in found}


def store_worker(session: Session, tally: Tally) -> None:
    """Store when this worker last looked for work, and how many of its calls are under way. Does not commit."""
    put(session, {(IN_FLIGHT, tally.worker): tally.in_flight})
    if tally.looked_at is not None:
        put(session, {(WORKER_SEEN, tally.worker): tally.looked_at.timestamp()})


def forget_worker(session: Session, tally: Tally) -> None:
    """Forget what `store_worker` has stored of this worker, because it ends. Does not commit."""
    begin_writing(session)
    its = Measure.name.in_((IN_FLIGHT, WORKER_SEEN)), Measure.labels == tally.worker
    change(session, delete(Measure).where(*its))


def forget_lost_workers(session: Session, now: datetime) -> None:
    """Forget the workers that were killed long ago. Does not commit."""
    apart = func.abs(Measure.value - now.timestamp())
    seen = select(Measure.labels).where(Measure.name == WORKER_SEEN, apart < pauses.WORKER_KEPT.total_seconds())
    its = Measure.name.in_((IN_FLIGHT, WORKER_SEEN)), Measure.labels.not_in(seen)
    change(session, delete(Measure).where(*its))


def worker_looked_at(session: Session) -> datetime | None:
    """When any worker last had looked for work and done what it found; None if none has."""
    value = session.scalar(select(func.max(Measure.value)).where(Measure.name == WORKER_SEEN))
    return datetime.fromtimestamp(value, UTC) if value is not None else None


def calls_in_flight(values: Mapping[Named, float], now: datetime) -> float:
    """How many calls of workers are under way, of all measures; those of a worker that counts as dead are left out."""
    alive = now.timestamp() - pauses.ALIVE.total_seconds()
    workers = [labels for (name, *labels), seen in values.items() if name == WORKER_SEEN and seen > alive]
    return sum(values.get((IN_FLIGHT, *labels), 0) for labels in workers)
