"""What is in hand during a drain: a call, the walk that it belongs to, and what walks stand on."""

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
"""Yields calls, gets their answers; see `walks`."""


class Stuck(Exception):
    """The seat can't go on until the cause is put right; `scope` tells what else the cause touches."""

    def __init__(self, cause: str, scope: str | int = "", detail: str = ""):
        super().__init__(detail)
        self.cause, self.scope, self.detail = cause, str(scope), detail


@dataclass
class Context:
    """What a walk stands on: the drain's session, the connection that it is about, and the time.

    The rest is what Course Settings say of registering and withdrawing, which may change while a drain is at it.
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
    """What seats know of the Canvas enrollments that were just answered."""

    def go_by(self, settings: Settings) -> None:
        """Do from now on as Course Settings say."""
        self.create_users, self.by_invitation = settings.create_users, settings.by_invitation
        self.canvas_mail, self.on_withdrawal = settings.canvas_mail, settings.on_withdrawal


@dataclass(eq=False)
class Task:
    """Something in hand. `call` is what it needs of Canvas next, None once its walk is over; `error` is what the call,
    or the walk, failed with."""

    walk: Walk
    call: Call | None = None
    answer: Any = None
    error: BaseException | None = None

    def make_call(self, canvas: CanvasClient) -> None:
        """Make the call, in whichever thread, and keep its answer or error."""
        self.answer = self.error = None
        try:
            self.answer = self.call(canvas) if self.call else None
        except BaseException as error:
            self.error = error

    def go_on(self) -> None:
        """Let the walk go on to its next call; how it went is in `call` and `error`."""
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
    """About no seat. `put_off` writes down that it failed in an unforeseen way, and when it is tried again."""

    put_off: Callable[[datetime], None] = field(kw_only=True)


def _no_walk() -> Walk:
    yield from ()


class Probe(Task):
    """One harmless question, which shows whether Canvas answers and takes the token."""

    def __init__(self) -> None:
        super().__init__(_no_walk(), CanvasClient.myself)
