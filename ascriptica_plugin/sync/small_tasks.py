"""What a drain does beside seats: look-ups, looks, reads and updates, each a walk of its own, behind the people."""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from functools import partial

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from .. import retry
from ..ledger import mass as ledger_mass
from ..ledger import matches, reads, requests
from ..office import previews
from ..office import results as office_results
from ..tables import locks
from . import following, looks, lookups, mass, passwords, previewing, proving, reading, results
from .tasks import During, SmallTask, Task

log = logging.getLogger(__name__)

Key = tuple[str, int]


def anything_to_do(session: Session, connection_id: int, now: datetime, mass_seats: int) -> bool:
    """Whether there is something of that kind; takes no lock."""
    return bool(
        lookups.to_look_up(session, connection_id, now)
        or ledger_mass.anything_to_do(session, connection_id, now, mass_seats)
        or requests.to_look_up(session, connection_id, now, 1)
        or matches.to_look_at(session, connection_id, now, 1)
        or reads.to_read(session, connection_id, now, 1)
        or previews.to_read(session, connection_id)
        or proving.is_due(session, connection_id, now)
        or following.to_follow(session, connection_id, now)
        or passwords.to_mail(session, connection_id)
        or office_results.to_fetch(session, connection_id, now, 1)
    )


class SmallTasks:
    """The small tasks of one drain: at most a quarter of the flight is theirs."""

    def __init__(
        self, session: Session, connection_id: int, root_id: int, now: Callable[[], datetime], mass_seats: int
    ):
        self.mass_seats = mass_seats
        self.session, self.connection_id, self.root_id, self.now = session, connection_id, root_id, now
        self._nothing_until = 0.0

    def start(self, in_hand: Collection[Key], room: int) -> list[SmallTask]:
        """At most so many of the tasks that are due, the most urgent first, without those about what is in hand."""
        now = time.monotonic()
        if room <= 0 or self._nothing_until > now:
            return []
        found: list[SmallTask] = []
        for key, make in _in_order(self.session, self.connection_id, self.root_id, self.now, self.mass_seats):
            if len(found) >= room:
                break
            if key not in in_hand:
                found.append(make())
        # As there is nothing to do, we don't ask the database at every turn.
        self._nothing_until = 0.0 if found else now + retry.GROW_SECONDS / 10
        return [task for task in found if self.step(task)]

    def step(self, task: SmallTask) -> bool:
        """Continue a small task. Returns whether it needs another call to Canvas.

        It commits each step, so it never holds locks together with seats. An error ends only this task, unless the
        database is away.
        """
        if task.failed is None:
            task.go_on()
        try:
            if task.failed is not None:
                raise task.failed
            if task.error is not None:
                raise task.error
            self.session.commit()
        except Exception as error:
            in_the_way = locks.is_in_the_way(error)
            if isinstance(error, OperationalError | InterfaceError) and not in_the_way:
                raise
            self.session.rollback()
            if in_the_way:
                log.warning("A look-up has to wait, since somebody has locked what it would change.")
            else:
                log.error("A look-up, or an update of a Canvas user, failed in an unforeseen way.", exc_info=error)
            task.call = None
            self._put_off(task)
        return task.call is not None

    def store_during(self, carried: Iterable[Task]) -> None:
        """Store what these tasks have to store, now that their calls are on their way."""
        for task in carried:
            if isinstance(task, SmallTask) and isinstance(task.call, During):
                try:
                    task.call.store()
                    self.session.commit()
                except Exception as error:
                    self.session.rollback()
                    if isinstance(error, OperationalError | InterfaceError) and not locks.is_in_the_way(error):
                        raise
                    task.failed = error

    def _put_off(self, task: SmallTask) -> None:
        locks.wait_briefly(self.session)
        try:
            task.put_off(self.now())
            self.session.commit()
        except OperationalError as error:
            self.session.rollback()
            if not locks.is_in_the_way(error):
                raise
            self._nothing_until = time.monotonic() + retry.GROW_SECONDS


def _in_order(
    session: Session, connection_id: int, root_id: int, now: Callable[[], datetime], mass_seats: int
) -> Iterator[tuple[Key, Callable[[], SmallTask]]]:
    """What is due, and how to make its task; each kind is looked for only when the ones before are through."""
    here = (session, connection_id)
    if ledger_mass.anything_to_do(*here, now(), mass_seats):
        # First of all, as its people would go the ordinary road meanwhile.
        walk = partial(mass.mass_walk, *here, root_id, now, mass_seats)
        yield ("mass", connection_id), partial(_task, ("mass", connection_id), walk, partial(mass.put_off, *here))
    for number in previews.to_read(*here):
        # A person looks at a page that waits for it.
        walk = partial(previewing.preview_walk, session, number, now)
        yield (
            ("preview", number),
            partial(_task, ("preview", number), walk, partial(previewing.put_off, session, number)),
        )
    if proving.is_due(*here, now()):
        walk = partial(proving.proof_walk, *here, root_id, now)
        yield ("proof", connection_id), partial(_task, ("proof", connection_id), walk, partial(proving.put_off, *here))
    for number in lookups.to_look_up(*here, now()):
        walk, put_off = partial(lookups.look_up_walk, session, number, now), partial(lookups.put_off, *here, number)
        yield ("our course", number), partial(_task, ("our course", number), walk, put_off)
    for number, participant_id in requests.to_look_up(*here, now(), looks.AT_ONCE):
        key = ("person", participant_id) if participant_id is not None else ("request", number)
        walk, put_off = (
            partial(looks.request_walk, *here, root_id, number, now),
            partial(looks.put_off_request, session, number),
        )
        yield key, partial(_task, key, walk, put_off)
    for number in matches.to_look_at(*here, now(), looks.AT_ONCE):
        walk, put_off = (
            partial(looks.person_walk, *here, root_id, number, now),
            partial(looks.put_off_person, *here, number),
        )
        yield ("person", number), partial(_task, ("person", number), walk, put_off)
    for number in passwords.to_mail(*here):
        walk = partial(passwords.mail_walk, *here, number, now)
        yield ("person", number), partial(_task, ("person", number), walk, partial(passwords.put_off, *here, number))
    for number in following.to_follow(*here, now()):
        walk = partial(following.follow_walk, *here, root_id, number, now)
        yield ("person", number), partial(_task, ("person", number), walk, partial(following.put_off, *here, number))
    for number in reads.to_read(*here, now(), reading.AT_ONCE):
        walk, put_off = partial(reading.read_walk, *here, root_id, number, now), partial(reading.put_off, *here, number)
        yield ("course", number), partial(_task, ("course", number), walk, put_off)
    for number in office_results.to_fetch(*here, now(), results.AT_ONCE):
        walk, put_off = partial(results.fetch_walk, *here, number, now), partial(results.put_off, session, number)
        yield ("results", number), partial(_task, ("results", number), walk, put_off)


def _task(key: Key, walk: Callable, put_off: Callable[[datetime], None]) -> SmallTask:
    return SmallTask(walk(), put_off=put_off, key=key)
