"""The line of seats: whose turn it is when a place in flight is free, so that nobody waits behind what can wait.

First come people who acted one by one, then canaries, then what came in bulk. A person has one call at a time. A Canvas
course may have all of the flight only while it answers; otherwise a quarter, so that others continue.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from ..ledger import due
from ..ledger.due import Due
from ..shared import pauses
from .changes import Changes
from .tasks import SeatTask, Task

BATCH = 200
"""How many due seats are read ahead at once."""

CANARIES = 2
"""At most this many canaries go before what came in bulk."""


class _Lane:
    """The seats of one kind that wait, as far as they were read."""

    def __init__(self) -> None:
        self.waiting: deque[Due] = deque()
        self.read_at: datetime | None = None
        self._has_all = False
        self._began_at = self._again_at = 0.0

    @property
    def is_to_be_read(self) -> bool:
        return time.monotonic() >= self._again_at or not (self.waiting or self._has_all)

    @property
    def is_soon_to_be_read(self) -> bool:
        """Whether half the time until the next read has passed. False for a lane that was never read."""
        return self.read_at is not None and 2 * time.monotonic() >= self._began_at + self._again_at

    def read(self, now: datetime, seconds: float, found: Callable[[], list[Due]]) -> None:
        """Read the lane again. The next read is due after `seconds`, later if this one was slow; at once if all that
        was found has gone and there may be more."""
        self._began_at = time.monotonic()
        self.waiting, self.read_at = deque(found()), now
        self._has_all = len(self.waiting) < BATCH
        self._again_at = self._began_at + max(seconds, pauses.SELDOM * (time.monotonic() - self._began_at))

    def let_in(self, newcomers: Iterable[Due]) -> None:
        """Give newcomers their place among those who wait."""
        known = {one.seat_id for one in self.waiting}
        if new := [one for one in newcomers if one.seat_id not in known]:
            self.waiting = deque(sorted([*self.waiting, *new], key=lambda one: one.turn))


class Line:
    """What is due on one connection, as it was when it was last read."""

    def __init__(self, session: Session, connection_id: int, changes: Changes, now: Callable[[], datetime]):
        self.session, self.connection_id, self.changes, self.now = session, connection_id, changes, now
        self._people, self._canaries, self._bulk = _Lane(), _Lane(), _Lane()
        self._look_at = 0.0
        self._answering: set[int] = set()
        self._aside: dict[int, float] = {}

    def heard_of(self, canvas_course_id: int, *, well: bool) -> None:
        """Canvas answered about the course (`well`), or failed or refused. Only a course that answers may have all of
        the flight."""
        (self._answering.add if well else self._answering.discard)(canvas_course_id)

    def step_aside(self, seat_ids: Iterable[int]) -> None:
        """Leave these seats alone for a moment, because somebody has locked them, or their course is being read."""
        until = time.monotonic() + pauses.ASIDE_SECONDS
        self._aside |= dict.fromkeys(seat_ids, until)

    def next(
        self,
        places: int,
        for_others: int,
        quarter: int,
        in_hand: Collection[Task],
        silent: Collection[Task],
        ended: Collection[Task],
    ) -> tuple[list[int], list[int]]:
        """The seats that go next into this many free places: those of people who act alone, then others, who get at
        most `for_others` places. `quarter` is the share of the flight for a course that is not known to answer.

        `in_hand` are the tasks under way; the `silent` ones among them have waited long for an answer. The results of
        those that have `ended` are not stored yet.
        """
        if places <= 0:
            return [], []
        people, ids = people_of(in_hand), _seats_of([*in_hand, *ended])
        shares = self._shares(quarter, in_hand, silent)
        self._look(ids, shares)
        alone = self._choose(places, [self._people], people, shares)
        left = min(places - len(alone), for_others)
        others = self._choose(left, [self._canaries, self._bulk], people, shares)
        if len(others) < left and self._bulk.is_to_be_read:
            self._read(self._bulk, True, ids.union(alone, others), shares)
            others += self._choose(left - len(others), [self._bulk], people, shares)
        return alone, others

    def look_ahead(self, quarter: int, in_hand: Collection[Task], silent: Collection[Task]) -> None:
        """While calls are on their way, read what would be read soon, so that no call waits for it. Reads one lane at a
        time, so that newcomers wait for one at most."""
        ids, shares = _seats_of(in_hand), self._shares(quarter, in_hand, silent)
        if self._people.is_soon_to_be_read:
            self._read(self._people, False, ids, shares)
        elif self._bulk.is_soon_to_be_read:
            self._read(self._bulk, True, ids, shares)
        elif self._canaries.is_soon_to_be_read:
            self._read_canaries(ids, shares)

    def _shares(self, quarter: int, in_hand: Collection[Task], silent: Collection[Task]) -> "_Shares":
        answering = self._answering - set(courses_of(silent))
        return _Shares(answering, Counter(courses_of(in_hand)), self.changes.resting(self.now()), quarter)

    def _look(self, ids: set[int], shares: "_Shares") -> None:
        """Read who is next, look for newcomers, and for canaries whose time has come."""
        self._aside = {seat_id: until for seat_id, until in self._aside.items() if until > time.monotonic()}
        if self._people.is_to_be_read:
            self._read(self._people, False, ids, shares)
        elif time.monotonic() >= self._look_at and self._people.read_at is not None:
            self._people.let_in(self._due(False, ids, shares, since=self._people.read_at - pauses.COMMIT))
            self._look_at = time.monotonic() + pauses.NEWCOMERS_SECONDS
        if self._canaries.is_to_be_read:
            self._read_canaries(ids, shares)

    def _read(self, lane: _Lane, in_bulk: bool, ids: set[int], shares: "_Shares") -> None:
        # Seats that are left out because their course is full are read again soon.
        seconds = pauses.NEWCOMERS_SECONDS if shares.full() else pauses.LINE_SECONDS
        lane.read(self.now(), seconds, partial(self._due, in_bulk, ids, shares))

    def _read_canaries(self, ids: set[int], shares: "_Shares") -> None:
        self._canaries.read(self.now(), pauses.LINE_SECONDS, partial(self._find_canaries, ids, shares))

    def _due(self, in_bulk: bool, ids: set[int], shares: "_Shares", since: datetime | None = None) -> list[Due]:
        where = (self.session, self.connection_id, self.now(), BATCH)
        without = ids | self._aside.keys()
        return due.due_now(*where, in_bulk=in_bulk, since=since, without=without, without_courses=shares.full())

    def _find_canaries(self, ids: set[int], shares: "_Shares") -> list[Due]:
        found = due.canaries(self.session, self.connection_id, self.now(), CANARIES, shares.full())
        return [one for one in found if one.seat_id not in ids]

    @staticmethod
    def _choose(places: int, lanes: list[_Lane], people: set[int], shares: "_Shares") -> list[int]:
        chosen: list[int] = []
        for lane in lanes:
            kept: list[Due] = []
            while lane.waiting and len(chosen) < places:
                one = lane.waiting.popleft()
                if one.participant_id in people or not shares.takes(one.canvas_course_id):
                    kept.append(one)
                    continue
                people.add(one.participant_id)
                shares.taken[one.canvas_course_id] += 1
                chosen.append(one.seat_id)
            lane.waiting.extendleft(reversed(kept))
        return chosen


class _Shares:
    """How much of the flight each Canvas course has, and may have; one that answers may have all of it."""

    def __init__(self, answering: set[int], taken: Counter[int], resting: dict[int, bool], quarter: int):
        self.answering, self.taken, self.resting, self.quarter = answering, taken, resting, quarter

    def takes(self, canvas_course_id: int) -> bool:
        most = self._most(canvas_course_id)
        return most is None or self.taken[canvas_course_id] < most

    def _most(self, canvas_course_id: int) -> int | None:
        if canvas_course_id in self.resting:
            return 0 if self.resting[canvas_course_id] else 1
        return None if canvas_course_id in self.answering else self.quarter

    def full(self) -> list[int]:
        """The courses that have all that they may have."""
        return [number for number in {*self.taken, *self.resting} if not self.takes(number)]


def people_of(tasks: Collection[Task]) -> set[int]:
    """The participants whom the seats' tasks are about."""
    return {task.work.participant_id for task in tasks if isinstance(task, SeatTask)}


def _seats_of(tasks: Collection[Task]) -> set[int]:
    return {task.work.seat_id for task in tasks if isinstance(task, SeatTask)}


def courses_of(tasks: Collection[Task]) -> list[int]:
    """The Canvas courses that the seats' tasks are about, once for each task."""
    return [task.work.canvas_course_id for task in tasks if isinstance(task, SeatTask)]
