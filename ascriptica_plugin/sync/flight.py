"""Calls in flight to Canvas: how many at once, and when none may start. Knows nothing of what they are about."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue

from .. import retry
from ..canvas.client import CanvasClient
from .tasks import Task

log = logging.getLogger(__name__)


class Flight:
    """Threads that make calls, for the one thread that decides which.

    `quiet_until` is on the monotonic clock: until then no call starts, because Canvas asked us to slow down.
    """

    def __init__(self, canvas: CanvasClient):
        self.canvas = canvas
        self.size = retry.FLIGHT
        self.flying: dict[Task, float] = {}
        """The tasks whose calls are on their way, and since when."""
        self.quiet_until = self._grows_at = time.monotonic()
        self._answered: SimpleQueue[Task] = SimpleQueue()
        self._threads = ThreadPoolExecutor(retry.FLIGHT + retry.SPARE, thread_name_prefix="canvas")

    @property
    def is_quiet(self) -> bool:
        """Whether Canvas wants no calls from us at the moment."""
        return time.monotonic() < self.quiet_until

    @property
    def silent(self) -> list[Task]:
        """The tasks that have waited long for an answer."""
        since = time.monotonic() - retry.SILENT_SECONDS
        return [task for task, left_at in self.flying.items() if left_at < since]

    @property
    def room(self) -> int:
        """How many more calls may start now; room that was lost to throttling comes back bit by bit.

        Calls that hang don't keep the flight from others: they count for a quarter of it at most.
        """
        if self.is_quiet:
            return 0
        if self.size < retry.FLIGHT and time.monotonic() >= self._grows_at + retry.GROW_SECONDS:
            self.size, self._grows_at = self.size + 1, time.monotonic()
        silent = len(self.silent)
        spared = max(0, silent - max(1, self.size // 4))
        return max(0, self.size + min(retry.SPARE, spared) - len(self.flying))

    def carry(self, task: Task) -> None:
        """Make the task's call in a thread; `gather` returns the task with its answer or error."""
        self.flying[task] = time.monotonic()
        self._threads.submit(self._carry, task)

    def _carry(self, task: Task) -> None:
        task.make_call(self.canvas)
        self._answered.put(task)

    def gather(self) -> list[Task]:
        """The tasks that were answered: waits up to a second for the first, and shortly for others after it."""
        found: list[Task] = []
        timeout = 1.0
        while len(found) < len(self.flying):
            try:
                found.append(self._answered.get(timeout=timeout))
            except Empty:
                break
            if len(found) == 1:
                until = time.monotonic() + retry.GATHER_SECONDS
            timeout = max(0.0, until - time.monotonic())
        for task in found:
            del self.flying[task]
        return found

    def slow_down(self, seconds: float) -> bool:
        """Start no calls for so long, then at most half as many at once. Returns False if it was quiet already."""
        now = time.monotonic()
        is_new = now >= self.quiet_until
        if is_new:
            self.size = max(1, self.size // 2)
        pause = seconds * retry.stretch(1, 1.5)
        self.quiet_until = self._grows_at = max(self.quiet_until, now + pause)
        log.info("Canvas is throttling: quiet for %.1f s, then %d calls in flight.", pause, self.size)
        return is_new

    def end(self, wait: bool) -> None:
        """Start no more calls; `wait`: until those in flight have ended."""
        self._threads.shutdown(wait=wait, cancel_futures=True)
