"""What a drain works on: a call, the walk that it belongs to, and what walks need."""

import secrets
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from ..canvas.client import CanvasClient
from ..canvas.errors import CanvasError
from ..canvas.shapes import Enrollment
from ..ledger import matches, rows, ways_in
from ..ledger.matches import Holder
from ..ledger.rows import Known
from ..ledger.work import OpenRequest, Work
from ..shared import pauses
from ..tables.canvas import Settings
from .clients import Canvases

Call = Callable[[CanvasClient], Any]
Walk = Generator[Call, Any, Any]
"""Yields calls and gets their answers; see `walks`."""


@dataclass
class During:
    """A call of a small task, and what the drain stores while it is on its way."""

    call: Call
    store: Callable[[], None]

    def __call__(self, canvas: CanvasClient) -> Any:
        return self.call(canvas)


class Stuck(Exception):
    """The seat has to wait until the cause is removed; `scope` names what has the cause, such as a Canvas course."""

    def __init__(self, cause: str, scope: str | int = "", detail: str = ""):
        super().__init__(detail)
        self.cause, self.scope, self.detail = cause, str(scope), detail


class Waits(Exception):
    """The seat has to wait until then: Canvas may still carry out another request about the person."""

    def __init__(self, until: datetime):
        super().__init__(f"until {until}")
        self.until = until


class NeverLeft(Waits):
    """The request was written down, and its call was never made."""


@dataclass
class Context:
    """What a walk needs: the drain's session, the connection that it is about, and the time.

    The rest is what Course Settings say about registering and withdrawing, which may change during a drain, and what is
    known about Canvas and its latest answers.
    """

    session: Session
    connection_id: int
    root_id: int
    now: Callable[[], datetime]
    canvas_time: Callable[[], datetime | None]
    canvases: Canvases
    create_users: bool = True
    by_invitation: bool = False
    canvas_mail: bool = False
    way_in: str = ways_in.CANVAS_MAIL
    """How people whom we create get in, a code of `ledger.ways_in`; with `sign_in_id`, which way they sign in."""
    sign_in_id: int | None = None
    on_withdrawal: str = "delete"
    hides_emails: bool = False
    """When the connection was checked, the token could not see emails, so a search by email finds nobody."""
    restored_at: datetime | None = None
    """Since when we know that Canvas came back from a backup, until everything was read again."""
    known: dict[int, Known] = field(default_factory=dict)
    """What is stored about the rows in the latest answers, by their ids."""
    held_by: dict[int, list[Holder]] = field(default_factory=dict)
    """Who is matched with the users in the latest answers, by the users' ids."""
    closed_to_students: dict[int, bool] = field(default_factory=dict)
    """Canvas courses that refused people during this drain, and whether they take no students at all."""
    learned: dict[int, int] = field(default_factory=dict)
    """The participants who were found to be Canvas users in the latest answers, by the user's id."""

    def go_by(self, settings: Settings) -> None:
        """Follow these Course Settings from now on."""
        self.create_users, self.by_invitation = settings.create_users, settings.by_invitation
        self.canvas_mail, self.way_in = settings.canvas_mail, ways_in.chosen(settings, self.canvases.by_mail)
        self.sign_in_id = settings.connection.sign_in_id if settings.connection is not None else None
        self.on_withdrawal = settings.on_withdrawal

    def hear(self, answers: Iterable[Any]) -> None:
        """Load at once what is stored about the rows and users in these answers."""
        enrollments = [answer for answer in answers if isinstance(answer, Enrollment)]
        here = (self.session, self.connection_id)
        self.learned.clear()
        self.known = rows.known(*here, [one.id for one in enrollments])
        self.held_by = matches.holders_of(*here, {one.user_id for one in enrollments})

    def holders(self, canvas_user_id: int, participant_id: int) -> list[Holder]:
        """The other participants who are this Canvas user. Empty once an administrator has said that this participant
        is it, too."""
        if canvas_user_id not in self.held_by:
            self.held_by |= matches.holders_of(self.session, self.connection_id, [canvas_user_id])
        return matches.others(self.held_by[canvas_user_id], participant_id)

    def sending(self) -> Walk:
        """The time on Canvas's clock, by which a request is remembered; asks Canvas once per process."""
        if self.canvas_time() is None:
            # Our own clock may be wrong.
            yield CanvasClient.myself
        return self.canvas_time() or self.now()


def send(context: Context, work: Work, kind: str, call: Call, **place: Any) -> Walk:
    """Make a call that changes something in Canvas: written down before it is sent, crossed out when it is answered.

    `place` are the columns of `Request` that say where it goes. Raises Waits if something else about the person is out.
    """
    out = work.request
    if kind == "put_back" and out is not None:
        # What it undoes was our mistake, and can't wait.
        work.answered, work.is_over, out = out.id, True, None
    if out is not None and not _is_repeat(out, work, kind, place):
        raise Waits(out.until_at)
    sent_at = out.first_sent_at if out is not None else (yield from context.sending())
    work.send(
        {
            "id": out.id if out is not None else secrets.randbits(62),
            "kind": kind,
            "seat_id": work.seat_id,
            "address": "",
            "canvas_user_id": work.who.canvas_user_id,
            "canvas_course_id": None,
            "canvas_section_id": None,
            "canvas_enrollment_id": None,
            "row_created_at": None,
            "first_sent_at": sent_at,
            "until_at": context.now() + pauses.LATE,
            "tries": out.tries + 1 if out is not None else 1,
            "answered": False,
            **place,
        },
        context.now(),
        context.restored_at,
    )
    try:
        answer = yield call
    except CanvasError as error:
        if not error.leaves_doubt:
            work.hear()
        raise
    work.hear()
    return answer


def _is_repeat(out: OpenRequest, work: Work, kind: str, place: dict[str, Any]) -> bool:
    same = (out.kind, out.seat_id, out.answered) == (kind, work.seat_id, False)
    same = same and out.canvas_enrollment_id == place.get("canvas_enrollment_id")
    return same and out.address in ("", place.get("address", ""))


@dataclass(eq=False)
class Task:
    """A walk in progress. `call` is its next call to Canvas, None once the walk has ended; `error` is what the call, or
    the walk, failed with."""

    walk: Walk
    call: Call | None = None
    answer: Any = None
    error: BaseException | None = None
    asked: CanvasClient | None = None
    """The client that made the latest call."""

    def make_call(self, canvas: CanvasClient) -> None:
        """Make the call, in any thread, and keep its answer or error."""
        self.answer, self.error, self.asked = None, None, canvas
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
    sends: dict[str, Any] | None = None
    """The request that the call makes, by Request's columns, if it changes something in Canvas."""
    can_wait: bool = False
    """It came in bulk, or is a canary, which tries for all who wait for the same thing."""

    @property
    def kind(self) -> str:
        """The kind of the request that the call makes; empty if it changes nothing in Canvas."""
        return self.sends["kind"] if self.sends else ""

    @property
    def is_repeat(self) -> bool:
        """Whether the call makes a request that was made before."""
        return self.sends is not None and self.sends["tries"] > 1


@dataclass(eq=False)
class SmallTask(Task):
    """A walk without a seat. `put_off` stores that it failed unexpectedly, and when it is tried again."""

    put_off: Callable[[datetime], None] = field(kw_only=True)
    key: tuple[str, int] = field(kw_only=True)
    """What the task is about. No two tasks are about the same thing at once."""
    failed: Exception | None = None
    """Why it ends with its next answer: something could not be stored during the call."""


def _no_walk() -> Walk:
    yield from ()


class Probe(Task):
    """One harmless call, which shows whether Canvas answers and accepts the token."""

    def __init__(self) -> None:
        super().__init__(_no_walk(), CanvasClient.myself)
