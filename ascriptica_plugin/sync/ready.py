"""The tasks whose calls leave as soon as a place in flight is free.

While calls are on their way, the next ones are made ready: they are written down, and leave without waiting for the
database once another is answered. What can wait, as it came in bulk, goes after all else.
"""

from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime

from .flight import Flight
from .tasks import Probe, SeatTask, Task, Waits


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
        """Behind those of its kind."""
        (self._later if can_wait(task) else self.first).append(task)

    def add_before_all(self, task: Task) -> None:
        """It was next already, or decides about the others."""
        self.first.appendleft(task)

    def next(self, *, all_is_stored: bool) -> Task | None:
        """Which one leaves next. What ends somebody's access goes only when all that was heard is stored: an answer may
        have shown that what it ends is not what it was."""
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

    def take_back(self, fits_no_more: Callable[[SeatTask], bool], now: datetime) -> list[SeatTask]:
        """Take out the tasks that were to change something in Canvas and fit no more, so that their seats are taken up
        anew; returns them, to be stored.

        These requests have reached nobody, so nobody may wait for their answers. What puts somebody back whom we put
        out by mistake stays written down all the same: nothing else would have it made again.
        """
        taken = [task for task in self if isinstance(task, SeatTask) and task.kind and fits_no_more(task)]
        for task in taken:
            self._take_out(task)
            if task.kind != "put_back":
                task.work.hear()
            task.call, task.error = None, Waits(now)
        return taken

    def _take_out(self, task: Task) -> None:
        (self.first if task in self.first else self._later).remove(task)


def can_wait(task: Task) -> bool:
    """Whether everybody else goes before it."""
    return isinstance(task, SeatTask) and task.can_wait
