"""What a drain works on: a call, the walk that it belongs to, and what walks need."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from ..canvas.client import CanvasClient
from ..ledger.enrollments import Known
from ..ledger.work import Work
from ..tables.canvas import Settings

Call = Callable[[CanvasClient], Any]
Walk = Generator[Call, Any, Any]
"""Yields calls and gets their answers; see `walks`."""


class Stuck(Exception):
    """The seat has to wait until the cause is removed; `scope` names what has the cause, such as a Canvas course."""

    def __init__(self, cause: str, scope: str | int = "", detail: str = ""):
        super().__init__(detail)
        self.cause, self.scope, self.detail = cause, str(scope), detail


@dataclass
class Context:
    """What a walk needs: the drain's session, the connection that it is about, and the time.

    The rest is what Course Settings say about registering and withdrawing, which may change during a drain.
    """

    session: Session
    connection_id: int
    root_id: int
    now: Callable[[], datetime]
    canvas_time: Callable[[], datetime | None]
    create_users: bool = True
    by_invitation: bool = False
    canvas_mail: bool = False
    on_withdrawal: str = "delete"
    known: dict[int, list[Known]] = field(default_factory=dict)
    """What seats know about the Canvas enrollments in the latest answers, by their ids."""

    def go_by(self, settings: Settings) -> None:
        """Follow these Course Settings from now on."""
        self.create_users, self.by_invitation = settings.create_users, settings.by_invitation
        self.canvas_mail, self.on_withdrawal = settings.canvas_mail, settings.on_withdrawal


@dataclass(eq=False)
class Task:
    """A walk in progress. `call` is its next call to Canvas, None once the walk has ended; `error` is what the call, or
    the walk, failed with."""

    walk: Walk
    call: Call | None = None
    answer: Any = None
    error: BaseException | None = None

    def make_call(self, canvas: CanvasClient) -> None:
        """Make the call, in any thread, and keep its answer or error."""
        self.answer = self.error = None
        try:
            self.answer = self.call(canvas) if self.call else None
        except BaseException as error:
            self.error = error

    def go_on(self) -> None:
        """Run the walk up to its next call; the result is in `call` and `error`."""
        error, self.error = self.error, None
        try:
            if error is not None:
                self.call = self.walk.throw(error)
            else:
                self.call = self.walk.send(self.answer)
        except StopIteration:
            self.call = None
        except Exception as failure:
            self.call, self.error = None, failure


@dataclass(eq=False)
class SeatTask(Task):
    """A seat's walk."""

    work: Work = field(kw_only=True)


@dataclass(eq=False)
class SmallTask(Task):
    """A walk without a seat. `put_off` stores that it failed in an unforeseen way, and when it is tried again."""

    put_off: Callable[[datetime], None] = field(kw_only=True)


def _no_walk() -> Walk:
    yield from ()


class Probe(Task):
    """One harmless call, which shows whether Canvas answers and accepts the token."""

    def __init__(self) -> None:
        super().__init__(_no_walk(), CanvasClient.myself)
