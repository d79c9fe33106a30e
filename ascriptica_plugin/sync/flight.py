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
from ..shared.process_log import about
from .tasks import Task

KEPT = RESERVED + 10
"""How much we leave in Canvas's bucket: room for one call by somebody else, and for what our own calls cost."""

FLIGHT = 8
"""Calls in flight for one connection. Ten calls of one token are never throttled; pages share the other two."""

SPARE = 2
"""How many more calls may be in flight while Canvas says that they fit and no page asks."""

log = logging.getLogger(__name__)


class Flight:
    """Threads that make calls, for the one thread that decides which.

    `quiet_until` is on the monotonic clock: until then no call starts, because Canvas asked us to slow down.
    `pages_ask`: pages are asking Canvas, so the calls that they may make are kept free for them.
    """

    def __init__(self, canvas: CanvasClient):
        self.canvas = canvas
        # What Canvas said before any of these calls says nothing about what fits beside them.
        canvas.least_left()
        self.flying: dict[Task, float] = {}
        """The tasks whose calls are on their way, and since when."""
        self.pages_ask = False
        self._found: deque[tuple[float, int]] = deque()
        """When Canvas's latest answers came, and how many calls at once fit into its bucket, at least, according to
        each."""
        self._bearable = FLIGHT + SPARE
        """How many calls at once Canvas has not refused lately."""
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
        """How many calls in flight small tasks may have, or a course not known to answer, so that others don't wait for
        them."""
        return max(1, self.size // 4)

    @property
    def _fits(self) -> int:
        """How many calls fit at once, those of others included. An answer counts for a second, the latest until the
        next."""
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

        Calls that hang don't block the flight for others: they count for a quarter of it at most. For Canvas they may
        all count, so while it says that no more fit, others go beside them one at a time.
        """
        if self.is_quiet:
            return 0
        most = FLIGHT + SPARE
        if self._bearable < most and time.monotonic() >= self._grows_at + pauses.GROW_SECONDS:
            self._bearable, self._grows_at = self._bearable + 1, time.monotonic()
        # The first few calls find out whether more fit.
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

        None while calls hang or Canvas wants fewer: a call that is ready keeps its turn, even if somebody more urgent
        comes.
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
        """The tasks that were answered. Waits at most `timeout` seconds for the first, then briefly for others.

        After each answer, `refill` lets a ready call leave in its place, and returns whether more are ready. Once a
        call has failed (404 aside), nothing is refilled, because the failure may concern all of Canvas. While more are
        ready, nobody waits for the answers to be stored, so this waits for more of them: at most as many as there were
        calls in flight, so that newcomers have their turn.
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
        """Whether a call in flight left together with those that left at these times: its answer may come with
        theirs."""
        together = (min(left) - pauses.GATHER_SECONDS, max(left) + pauses.GATHER_SECONDS)
        return any(together[0] <= left_at <= together[1] for left_at in self.flying.values())

    def _learn(self, answered: int, at_once: int) -> None:
        """Follow what Canvas says about its bucket, so that it need not refuse calls. `at_once` of them were out
        together."""
        said = self.canvas.least_left()
        if said is not None:
            left, at = said
            # Least is left beside the most calls: those that had left by then. Others may be there as well, so at least
            # this many fit.
            others = min(at_once, answered + sum(left_at < at for left_at in self.flying.values())) - 1
            self._found.append((time.monotonic(), max(1, others + int((left - KEPT) // RESERVED))))
        elif answered and not self._found:
            # Canvas says nothing about its bucket.
            self._found.append((time.monotonic(), FLIGHT))
        while len(self._found) > 1 and self._found[0][0] < time.monotonic() - pauses.HEADERS_SECONDS:
            self._found.popleft()

    def slow_down(self, seconds: float) -> bool:
        """Start no calls for `seconds` or a little longer, then at most half as many at once. Returns False if it was
        quiet already."""
        now = time.monotonic()
        is_new = now >= self.quiet_until
        if is_new:
            self._bearable = max(1, self.size // 2)
        pause = seconds * pauses.stretch(1, 1.5)
        self.quiet_until = self._grows_at = max(self.quiet_until, now + pause)
        its = about(pause_seconds=round(pause, 1), calls_in_flight=self.size)
        log.info("Canvas is throttling: quiet for %.1f s, then %d calls in flight.", pause, self.size, extra=its)
        return is_new

    def end(self, wait: bool) -> None:
        """Start no more calls; `wait`: until those in flight have ended."""
        self._threads.shutdown(wait=wait, cancel_futures=True)
