"""What a drain does besides seats: look-ups, looks, reads and updates, each a walk of its own, behind the people."""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from functools import partial

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from ..ledger import matches, reads, requests, results_to_fetch
from ..ledger import sis_imports as ledger_sis_imports
from ..shared import pauses
from ..shared.process_log import about
from ..tables import locks
from . import (
    canvas_courses,
    following,
    passwords,
    person_reading,
    previewing,
    proofs,
    proving,
    reading,
    results,
    sis_imports,
    unanswered,
)
from .tasks import During, SmallTask, Task

log = logging.getLogger(__name__)

Key = tuple[str, int]

FIELDS = {
    "mass": "connection",
    "proof": "connection",
    "our course": "course",
    "results": "course",
    "person": "participant",
    "course": "canvas_course",
    "request": "request",
    "preview": "preview",
}
"""What the process log calls the number in a task's key, by the task's kind."""


def anything_to_do(session: Session, connection_id: int, now: datetime, mass_seats: int) -> bool:
    """Whether there is a small task to do; takes no lock."""
    return bool(
        canvas_courses.to_look_up(session, connection_id, now)
        or ledger_sis_imports.anything_to_do(session, connection_id, now, mass_seats)
        or requests.to_look_up(session, connection_id, now, 1)
        or matches.to_look_at(session, connection_id, now, 1)
        or reads.to_read(session, connection_id, now, 1)
        or previewing.to_read(session, connection_id)
        or proofs.is_due(session, connection_id, now)
        or following.to_follow(session, connection_id, now)
        or passwords.to_mail(session, connection_id)
        or results_to_fetch.to_fetch(session, connection_id, now, 1)
    )


class SmallTasks:
    """The small tasks of one drain: at most a quarter of the flight is theirs."""

    def __init__(
        self, session: Session, connection_id: int, root_id: int, now: Callable[[], datetime], mass_seats: int
    ):
        self.mass_seats = mass_seats
        self.session, self.connection_id, self.root_id, self.now = session, connection_id, root_id, now
        self._here = (session, connection_id)
        # Imports come first, because their people would otherwise go one by one meanwhile; then what a person waits
        # for.
        asked_for = (self._imports, self._previews, self._proof, self._lookups)
        kinds = (*asked_for, self._requests, self._people, self._passwords, self._names, self._reads, self._results)
        self._kinds: dict[Callable[[], Iterator[SmallTask]], float] = dict.fromkeys(kinds, 0.0)
        """The kinds of small tasks, the most urgent first, and when to look again for a kind of which there was
        none."""

    def start(self, in_hand: Collection[Key], places: int) -> list[SmallTask]:
        """Start at most `places` of the tasks that are due, the most urgent first, but none about what is in hand.
        Returns those that need a call."""
        found: list[SmallTask] = []
        for look, again_at in self._kinds.items():
            if len(found) >= places:
                break
            began_at = time.monotonic()
            if again_at > began_at:
                continue
            new = [task for task in look() if task.key not in in_hand]
            found += new[: places - len(found)]
            if not new:
                # This way the database is not asked at every turn, and least often for what it is slow to find.
                took = time.monotonic() - began_at
                self._kinds[look] = began_at + max(pauses.LOOK_SECONDS, pauses.SELDOM * took)
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
            kind, number = task.key
            its = about(**{"connection": self.connection_id, FIELDS[kind]: number})
            if in_the_way:
                log.warning("A look-up has to wait, because somebody has locked what it would change.", extra=its)
            else:
                log.error("A look-up, or an update of a Canvas user, failed unexpectedly.", exc_info=error, extra=its)
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
            rest_until = time.monotonic() + pauses.GROW_SECONDS
            self._kinds = {look: max(again_at, rest_until) for look, again_at in self._kinds.items()}

    # -- what is due of each kind ---------------------------------------------------------------------------------

    def _imports(self) -> Iterator[SmallTask]:
        if ledger_sis_imports.anything_to_do(*self._here, self.now(), self.mass_seats):
            walk = sis_imports.mass_walk(*self._here, self.root_id, self.now, self.mass_seats)
            yield SmallTask(walk, put_off=partial(sis_imports.put_off, *self._here), key=("mass", self.connection_id))

    def _previews(self) -> Iterator[SmallTask]:
        for number in previewing.to_read(*self._here):
            walk = previewing.preview_walk(self.session, number, self.now)
            put_off = partial(previewing.put_off, self.session, number)
            yield SmallTask(walk, put_off=put_off, key=("preview", number))

    def _proof(self) -> Iterator[SmallTask]:
        if proofs.is_due(*self._here, self.now()):
            walk = proving.proof_walk(*self._here, self.root_id, self.now)
            yield SmallTask(walk, put_off=partial(proving.put_off, *self._here), key=("proof", self.connection_id))

    def _lookups(self) -> Iterator[SmallTask]:
        for number in canvas_courses.to_look_up(*self._here, self.now()):
            walk = canvas_courses.look_up_walk(self.session, number, self.now)
            yield SmallTask(
                walk, put_off=partial(canvas_courses.put_off, *self._here, number), key=("our course", number)
            )

    def _requests(self) -> Iterator[SmallTask]:
        for number, participant_id in requests.to_look_up(*self._here, self.now(), unanswered.AT_ONCE):
            key = ("person", participant_id) if participant_id is not None else ("request", number)
            walk = unanswered.request_walk(*self._here, self.root_id, number, self.now)
            yield SmallTask(walk, put_off=partial(unanswered.put_off_request, self.session, number), key=key)

    def _people(self) -> Iterator[SmallTask]:
        for number in matches.to_look_at(*self._here, self.now(), unanswered.AT_ONCE):
            walk = person_reading.person_walk(*self._here, self.root_id, number, self.now)
            put_off = partial(person_reading.put_off_person, *self._here, number)
            yield SmallTask(walk, put_off=put_off, key=("person", number))

    def _passwords(self) -> Iterator[SmallTask]:
        for number in passwords.to_mail(*self._here):
            walk = passwords.mail_walk(*self._here, number, self.now)
            yield SmallTask(walk, put_off=partial(passwords.put_off, *self._here, number), key=("person", number))

    def _names(self) -> Iterator[SmallTask]:
        for number in following.to_follow(*self._here, self.now()):
            walk = following.follow_walk(*self._here, self.root_id, number, self.now)
            yield SmallTask(walk, put_off=partial(following.put_off, *self._here, number), key=("person", number))

    def _reads(self) -> Iterator[SmallTask]:
        for number in reads.to_read(*self._here, self.now(), reading.AT_ONCE):
            walk = reading.read_walk(*self._here, self.root_id, number, self.now)
            yield SmallTask(walk, put_off=partial(reading.put_off, *self._here, number), key=("course", number))

    def _results(self) -> Iterator[SmallTask]:
        for number in results_to_fetch.to_fetch(*self._here, self.now(), results.AT_ONCE):
            walk = results.fetch_walk(*self._here, number, self.now)
            yield SmallTask(walk, put_off=partial(results.put_off, self.session, number), key=("results", number))
