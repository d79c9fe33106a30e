"""Calls in flight to Canvas: how many at once, and when none may start. Knows nothing of what they are about."""

import logging
import time
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue

from ..canvas.client import CanvasClient
from ..canvas.errors import NotFound
from ..canvas.responses import RESERVED
from ..shared import pauses
from .tasks import Task

KEPT = RESERVED + 10
"""How much we leave in Canvas's bucket: one call of somebody else's, and what our own calls cost."""

FLIGHT = 8
"""Calls in flight for one connection. Ten calls of one token are never throttled; pages share the other two."""

SPARE = 2
"""How many more calls may be in flight while Canvas says that they fit and no page asks."""

log = logging.getLogger(__name__)


class Flight:
    """Threads that make calls, for the one thread that decides which.

    `quiet_until` is on the monotonic clock: until then no call starts, because Canvas asked us to slow down.
    `pages_ask`: the calls that pages may make are reserved for them.
    """

    def __init__(self, canvas: CanvasClient):
        self.canvas = canvas
        # What was said before any of these calls says nothing of what fits beside them.
        canvas.least_left()
        self.flying: dict[Task, float] = {}
        """The tasks whose calls are on their way, and since when."""
        self.pages_ask = False
        self._found: deque[tuple[float, int]] = deque()
        """How many calls fit at least into Canvas's bucket at once, as its latest answers say, and when."""
        self._bearable = FLIGHT + SPARE
        """How many it has not refused lately."""
        self.quiet_until = self._grows_at = time.monotonic()
        self._answered: SimpleQueue[Task] = SimpleQueue()
        self._most = FLIGHT + 2 * SPARE
        self._threads = ThreadPoolExecutor(self._most, thread_name_prefix="canvas")

    @property
    def size(self) -> int:
        """How many calls may be in flight at once."""
        most = FLIGHT if self.pages_ask else FLIGHT + SPARE
        return min(most, self._fits, self._bearable)

    @property
    def quarter(self) -> int:
        """How many calls those may have in flight for whom others must not wait."""
        return max(1, self.size // 4)

    @property
    def _fits(self) -> int:
        """How many calls fit at once, those of others included. What Canvas said last counts for a second."""
        return max((fits for _, fits in self._found), default=FLIGHT)

    @property
    def is_quiet(self) -> bool:
        """Whether Canvas wants no calls from us at the moment."""
        return time.monotonic() < self.quiet_until

    @property
    def silent(self) -> list[Task]:
        """The tasks that have waited long for an answer."""
        since = time.monotonic() - pauses.SILENT_SECONDS
        return [task for task, left_at in self.flying.items() if left_at < since]

    @property
    def free(self) -> int:
        """How many more calls may start now; places that were lost to throttling come back bit by bit.

        Calls that hang don't keep the flight from others: they count for a quarter of it at most. For Canvas they may
        all count, so others go one at a time beside them while it says that no more fit.
        """
        if self.is_quiet:
            return 0
        most = FLIGHT + SPARE
        if self._bearable < most and time.monotonic() >= self._grows_at + pauses.GROW_SECONDS:
            self._bearable, self._grows_at = self._bearable + 1, time.monotonic()
        # A few find out whether the others fit.
        size = self.size if self._found else max(1, self.size // 2)
        flying, silent = len(self.flying), len(self.silent)
        spared = max(0, silent - size // 4)
        free = size + spared - flying
        if spared:
            one_at_a_time = 1 - (flying - silent)
            free = min(free, max(self._fits + 1 - flying, one_at_a_time), self._most - flying)
        return max(0, free)

    @property
    def ahead(self) -> int:
        """How many calls may be made ready beside those in flight, to leave as soon as one is answered.

        None while calls hang or Canvas wants fewer: what is ready keeps its turn, whoever comes.
        """
        return 0 if self.is_quiet or self.silent or not self._found else self.size

    def carry(self, task: Task) -> None:
        """Make the task's call in a thread; `gather` returns the task with its answer or error."""
        self.flying[task] = time.monotonic()
        self._threads.submit(self._carry, task)

    def _carry(self, task: Task) -> None:
        task.make_call(self.canvas)
        self._answered.put(task)

    def gather(self, timeout: float, refill: Callable[[], bool]) -> list[Task]:
        """The tasks that were answered: waits so many seconds for the first, then shortly for others.

        After each answer `refill` lets a call that is ready leave in its place, and returns whether there are more of
        these; not once a call has failed (404 aside), which may be about all of Canvas. While there are more, nobody
        waits for the answers to be stored, so it waits for others: for as many as there were calls on their way, so
        that newcomers have their turn.
        """
        found: dict[Task, float] = {}
        is_refilled, all_well, most = False, True, len(self.flying)
        while len(found) < most:
            if found and not is_refilled and not self._left_with(found.values()):
                timeout = 0.0
            try:
                task = self._answered.get(timeout=timeout)
            except Empty:
                break
            if not found:
                since = time.monotonic()
            found[task] = self.flying.pop(task)
            all_well = all_well and (task.error is None or isinstance(task.error, NotFound))
            is_refilled = all_well and refill()
            wait = pauses.TOGETHER_SECONDS if is_refilled else pauses.GATHER_SECONDS
            timeout = max(0.0, since + wait - time.monotonic())
        self._learn(len(found), most)
        return list(found)

    def _left_with(self, left: Collection[float]) -> bool:
        """Whether another call left together with those that left then, so that its answer may come with theirs."""
        together = (min(left) - pauses.GATHER_SECONDS, max(left) + pauses.GATHER_SECONDS)
        return any(together[0] <= left_at <= together[1] for left_at in self.flying.values())

    def _learn(self, answered: int, at_once: int) -> None:
        """Go by what Canvas says of its bucket, so that it need not refuse; so many calls were out at once."""
        said = self.canvas.least_left()
        if said is not None:
            left, at = said
            # It is least beside the most calls: those that had left by then. Others may be there as well, so what fits
            # is at least this much.
            others = min(at_once, answered + sum(left_at < at for left_at in self.flying.values())) - 1
            self._found.append((time.monotonic(), max(1, others + int((left - KEPT) // RESERVED))))
        elif answered and not self._found:
            # It says nothing at all.
            self._found.append((time.monotonic(), FLIGHT))
        while len(self._found) > 1 and self._found[0][0] < time.monotonic() - pauses.HEADERS_SECONDS:
            self._found.popleft()

    def slow_down(self, seconds: float) -> bool:
        """Start no calls for so long, then at most half as many at once. Returns False if it was quiet already."""
        now = time.monotonic()
        is_new = now >= self.quiet_until
        if is_new:
            self._bearable = max(1, self.size // 2)
        pause = seconds * pauses.stretch(1, 1.5)
        self.quiet_until = self._grows_at = max(self.quiet_until, now + pause)
        log.info("Canvas is throttling: quiet for %.1f s, then %d calls in flight.", pause, self.size)
        return is_new

    def end(self, wait: bool) -> None:
        """Start no more calls; `wait`: until those in flight have ended."""
        self._threads.shutdown(wait=wait, cancel_futures=True)
