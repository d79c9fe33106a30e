"""What `recheck` and `fetch-results` share: they store what is to be done, then drain, or wait for the worker that is
draining."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from ..ledger.causes import CAUSES
from ..shared import pauses
from ..sync import drain
from ..sync.clients import Canvases
from ..tables.canvas import Connection, load_settings

Look = Callable[[Session, set[int]], dict[int, str | None]]
"""Returns which of these numbers are done by now, each with the reason why it failed, or None."""


@dataclass
class Waiting:
    """The numbers of what was asked for and is not done yet, and what has failed."""

    engine: Engine
    look: Look
    waiting: set[int]
    problems: dict[int, str] = field(default_factory=dict)
    looked_at: float = 0.0
    moved_at: float = field(default_factory=time.monotonic)

    def is_over(self) -> bool:
        """Whether everything is done or has failed, or nothing has happened for `pauses.RECHECK_SECONDS`. Looks in the
        database now and then."""
        if time.monotonic() - self.looked_at >= pauses.DONE_SECONDS:
            # A session of its own, because the drain's is in the middle of something.
            with Session(self.engine) as session:
                found = self.look(session, self.waiting)
            self.problems |= {number: problem for number, problem in found.items() if problem is not None}
            self.waiting -= found.keys()
            self.moved_at = time.monotonic() if found else self.moved_at
            self.looked_at = time.monotonic()
        return not self.waiting or time.monotonic() - self.moved_at > pauses.RECHECK_SECONDS


def connection_in_use(session: Session) -> Connection:
    """The connection to Canvas. Raises ValueError with a sentence if Canvas can't be asked."""
    settings = load_settings(session)
    if settings.connection is None or not settings.display_canvas:
        raise ValueError("Canvas is switched off, or not connected yet.")
    return settings.connection


def drain_until_over(session: Session, canvases: Canvases, connection: Connection, run: Waiting, left: str) -> None:
    """Drain until `run` is over, or wait for the worker. Raises TimeoutError, with `left` in it, if Canvas is away."""
    with drain.session_of_its_own(run.engine) as own:
        while not run.is_over():
            drain.drain(own, canvases, run.is_over)
            session.refresh(connection)
            hold = connection.hold_cause
            session.commit()
            if hold and not run.is_over():
                raise TimeoutError(f"{CAUSES[hold].title}. What is left is {left} as soon as that is over.")
            if not run.is_over():
                time.sleep(pauses.DONE_SECONDS)
