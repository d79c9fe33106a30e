"""The tasks whose calls leave as soon as a place in flight is free.

While calls are on their way, the next ones are made ready: they are written down, and leave without waiting for the
database once another is answered. What can wait, because it came in bulk or is a canary, goes after everything else.
"""

from collections import deque
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from ..shared import pauses
from .flight import Flight
from .tasks import NeverLeft, Probe, SeatTask, Task


class Ready:
    """Tasks in the order in which they leave."""

    def __init__(self) -> None:
        self.first: deque[Task] = deque()
        """Those that go before what can wait."""
        self._later: deque[Task] = deque()

    def __len__(self) -> int:
        return len(self.first) + len(self._later)

    def __iter__(self) -> Iterator[Task]:
        yield from self.first
        yield from self._later

    def add(self, task: Task) -> None:
        """Put the task behind those of its kind."""
        (self._later if can_wait(task) else self.first).append(task)

    def add_before_all(self, task: Task) -> None:
        """Put the task before all others: it was next already, or decides about them."""
        self.first.appendleft(task)

    def next(self, *, all_is_stored: bool) -> Task | None:
        """The task that leaves next. One that ends somebody's access goes only when all answers are stored: an answer
        may have shown that the row it ends is not what it was."""
        task = next(iter(self), None)
        ends = isinstance(task, SeatTask) and task.kind == "end"
        return None if ends and not all_is_stored else task

    def leave(self, flight: Flight, *, all_is_stored: bool) -> list[Task]:
        """Let calls leave as long as there is a place, and return their tasks. While a probe finds out whether Canvas
        answers at all, nothing else leaves."""
        left: list[Task] = []
        while flight.free > 0 and (task := self.next(all_is_stored=all_is_stored)) is not None:
            if not isinstance(task, Probe) and any(isinstance(one, Probe) for one in flight.flying):
                break
            self._take_out(task)
            flight.carry(task)
            left.append(task)
        return left

    def take_back(
        self, now: datetime, everything: bool, courses: Collection[int], restored_at: datetime | None
    ) -> list[SeatTask]:
        """Take out tasks that were to change something in Canvas and no longer fit, so that their seats are taken up
        again. Returns them, to be stored. They are what was written down long ago, and what is about these Canvas
        courses, which hang or rest. They are also what ends somebody's access, if it was decided on before we knew that
        Canvas came back from a backup (`restored_at`); with `everything`, all there are.

        These requests have reached nobody, so nobody may wait for their answers. But a repeat of an earlier request
        stays written down, because the earlier one may have arrived. So does a request that puts back somebody whom we
        removed by mistake, because nothing else would make it again.
        """
        old = now + pauses.LATE / 2

        def fits_no_more(task: SeatTask, sends: dict[str, Any]) -> bool:
            waits = task.kind != "put_back" and task.work.canvas_course_id in courses
            is_outdated = task.kind == "end" and task.work.knew_of_restore != restored_at
            return everything or waits or is_outdated or sends["until_at"] < old

        taken = [task for task in self if isinstance(task, SeatTask) and task.sends and fits_no_more(task, task.sends)]
        for task in taken:
            self._take_out(task)
            if task.kind != "put_back" and not task.is_repeat:
                task.work.hear()
            task.call, task.error = None, NeverLeft(now)
        return taken

    def _take_out(self, task: Task) -> None:
        (self.first if task in self.first else self._later).remove(task)


def can_wait(task: Task) -> bool:
    """Whether everybody else goes before it."""
    return isinstance(task, SeatTask) and task.can_wait
