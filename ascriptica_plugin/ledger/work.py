"""One unsettled seat with everything that is needed to act on it, and what its walk learns."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ..canvas.shapes import User, address_of
from ..shared.process_log import about
from ..tables.columns import Sealed
from ..tables.ledger import DEFAULT_SECTION
from .rows import LIVE, ShownRow

OF_WHO = (
    "canvas_user_id",
    "address",
    "how",
    "from_sis_user_id",
    "from_email",
    "doubted",
    "question",
    "create_new",
    "login_sent",
    "created_by_us",
    "way_in",
)
OF_REQUEST = (
    "id",
    "kind",
    "seat_id",
    "address",
    "canvas_enrollment_id",
    "first_sent_at",
    "until_at",
    "tries",
    "answered",
)
OF_ROW = (
    "canvas_enrollment_id",
    "created_at",
    "state",
    "canvas_user_id",
    "canvas_course_id",
    "canvas_section_id",
    "seen_at",
)


@dataclass
class Who:
    """Who the participant is in Canvas, as far as we know; the columns of `Match` have the same names."""

    canvas_user_id: int | None = None
    address: str | None = None
    how: str | None = None
    from_sis_user_id: str | None = None
    from_email: str | None = None
    doubted: bool = False
    question: str | None = None
    create_new: bool = False
    login_sent: str | None = None
    created_by_us: bool = False
    way_in: str | None = None


@dataclass(frozen=True)
class OpenRequest:
    """A request about the participant that Canvas may still carry out."""

    id: int
    kind: str
    seat_id: int | None
    address: str
    canvas_enrollment_id: int | None
    first_sent_at: datetime
    until_at: datetime
    tries: int
    answered: bool


@dataclass(frozen=True)
class Pointed:
    """The row that the seat points to, as last shown."""

    canvas_enrollment_id: int
    created_at: datetime | None
    state: str
    canvas_user_id: int | None
    canvas_course_id: int
    canvas_section_id: int | None
    seen_at: datetime


@dataclass
class Work:
    """One unsettled seat as it was when it was loaded."""

    seat_id: int
    participant_id: int
    canvas_course_id: int
    canvas_section_id: int
    version: int
    attempts: int
    cause: str | None
    cause_scope: str
    held: bool
    settled_at: datetime | None
    name: str
    email: str
    sis_user_id: str | None
    on_withdrawal: str | None
    """What to do on withdrawal, from the course whose claim ended last; None: what Course Settings say."""
    wanted: bool
    moving: bool
    """A registration's newest claim is here, and its older claims elsewhere end once this seat is settled."""
    leaves: bool
    """The seat pointed, or may have pointed, to rows that it does not want now."""
    others_there: bool
    """The last read of the Canvas course showed people who are not participants: this person may be one of them."""
    unread_since: datetime | None
    """Since when the first read of the Canvas course is owed, if it was not tried yet."""
    import_at: datetime | None
    """When we look again at the import that the participant is in, in this Canvas course; None: in none."""
    who: Who
    request: OpenRequest | None
    row: Pointed | None

    facts: dict[str, Any] = field(default_factory=dict)
    """What was learned about the seat and is not stored yet, by Seat's columns."""
    who_facts: dict[str, Any] = field(default_factory=dict)
    """What was learned about who the participant is, by Match's columns."""
    shown: list[ShownRow] = field(default_factory=list)
    """Rows that Canvas showed us."""
    takes: list[int] = field(default_factory=list)
    """Known rows that this seat points to from now on."""
    gone: list[int] = field(default_factory=list)
    """Rows that Canvas does not know."""
    sent_at: datetime | None = None
    """When the latest request of the walk was first sent, on Canvas's clock."""
    sends: dict[str, Any] | None = None
    """The request that is sent next, by Request's columns."""
    asked_at: datetime | None = None
    """When the latest request of the walk was sent, on our clock."""
    knew_of_restore: datetime | None = None
    """The connection's `restored_at` when that request was decided on."""
    answered: int | None = None
    """The request that got an answer, or reached nobody."""
    is_over: bool = False
    """Nothing of that request can be under way any more, so it is crossed out."""
    yields: list[int] = field(default_factory=list)
    """Participants whose match gave way to this one's."""
    restored: bool = False
    """Canvas came back from a backup."""
    was_created: bool = False
    """The Canvas user was made by a request of ours."""
    link: Sealed | None = None
    """The link to choose a password, if Canvas gave one."""

    def __post_init__(self) -> None:
        self.points_to = self.row.canvas_enrollment_id if self.row is not None else None
        self.was_user_id = self.who.canvas_user_id

    def point_to(self, canvas_enrollment_id: int) -> None:
        """Remember which row fulfills the wish."""
        self.points_to = canvas_enrollment_id
        self.note(canvas_enrollment_id=canvas_enrollment_id)

    def note(self, **facts: Any) -> None:
        """Remember what was learned about the seat."""
        self.facts |= facts

    def note_who(self, **facts: Any) -> None:
        """Remember what was learned about who the participant is in Canvas."""
        self.who_facts |= facts
        for name, value in facts.items():
            if name in OF_WHO:
                setattr(self.who, name, value)

    def is_user(self, user: User, how: str, now: datetime, **more: Any) -> None:
        """Remember that the participant is this Canvas user, and what that rests on."""
        if user.id != self.who.canvas_user_id:
            # The people with whom they shared the former user say nothing about this one.
            more["shared"] = False
        self.note_who(
            canvas_user_id=user.id,
            address=user.address or (self.who.address if self.who.canvas_user_id == user.id else None),
            canvas_name=user.name or None,
            canvas_login=user.login_id,
            canvas_sis_user_id=user.sis_user_id,
            how=how,
            from_sis_user_id=self.sis_user_id,
            from_email=self.email,
            matched_at=now,
            doubted=False,
            question=None,
            candidates=None,
            create_new=False,
            **more,
        )

    def is_nobody(self) -> None:
        """Forget who the participant was: the Canvas user is gone, or is somebody else."""
        self.note_who(canvas_user_id=None, address=None, how=None, doubted=False, created_by_us=False)
        self.note_who(canvas_name=None, canvas_login=None, canvas_sis_user_id=None, shared=False)

    @property
    def is_stale(self) -> bool:
        """Whether the match rests on another SIS ID or email than the participant has now, or is doubted."""
        who = self.who
        if who.doubted:
            return True
        return who.how != "admin" and (who.from_sis_user_id, who.from_email) != (self.sis_user_id, self.email)

    @property
    def names(self) -> set[int | str]:
        """What names the person to Canvas: number, addresses, email. Somebody who shares one may be the same person."""
        names = {self.who.canvas_user_id, self.who.address, sis_address(self), self.email.lower()}
        return {name for name in names if name is not None}

    def fits(self, user_id: int | None, course_id: int, section_id: int | None) -> bool:
        """Whether a row with these values is the place that was asked for, and belongs to the person whom we mean."""
        there = (
            course_id == self.canvas_course_id
            if self.canvas_section_id == DEFAULT_SECTION
            else section_id in (None, self.canvas_section_id)
        )
        return there and user_id is not None and user_id == self.who.canvas_user_id

    @property
    def is_in(self) -> bool:
        """Whether the row that the seat points to fulfills the wish."""
        row = self.row
        return (
            row is not None
            and row.state in LIVE
            and self.fits(row.canvas_user_id, row.canvas_course_id, row.canvas_section_id)
        )

    @property
    def was_ended_by_others(self) -> bool:
        """Whether the row that the seat points to was seen ended after the seat was settled, so others ended it."""
        row = self.row
        return row is not None and row.state not in LIVE and (self.settled_at is None or row.seen_at > self.settled_at)

    def may_send(self) -> bool:
        """Whether a request about the participant may be sent: none is out, or it may be a repeat of the one that is
        out."""
        out = self.request
        if out is None:
            return True
        if out.answered or out.kind not in ("enroll", "end", "create"):
            return False
        return out.seat_id == self.seat_id and (out.kind == "end") != self.wanted

    def send(self, request: dict[str, Any], asked_at: datetime, restored_at: datetime | None) -> None:
        """Remember that a request is sent, by Request's columns."""
        self.sends, self.sent_at, self.asked_at = request, request["first_sent_at"], asked_at
        self.knew_of_restore = restored_at
        self.request = OpenRequest(**{name: request[name] for name in OF_REQUEST})

    def hear(self) -> None:
        """Remember that the request was answered, or surely reached nobody.

        That says nothing about earlier tries of it, so one that was repeated stays out; but creating a user twice does
        no harm, because the second time the login is taken.
        """
        out = self.request
        if out is None:
            return
        self.answered, self.is_over = out.id, out.tries == 1 or out.kind == "create"
        self.request = None if self.is_over else replace(out, answered=True)

    def forget_notes(self) -> None:
        """They are stored now."""
        self.was_user_id = self.who.canvas_user_id
        self.facts, self.who_facts = {}, {}
        self.shown, self.takes, self.gone, self.yields = [], [], [], []
        self.sends, self.answered, self.is_over, self.restored = None, None, False, False
        self.was_created, self.link = False, None

    def __str__(self) -> str:
        # The name of somebody known only by an email is that email, which has no place in a log.
        whose = f"participant {self.participant_id}" if "@" in self.name else self.name
        return f"seat {self.seat_id} ({whose} in Canvas course {self.canvas_course_id})"

    def about(self, **more: Any) -> dict[str, Any]:
        """The facts of an event of the process log that is about this seat."""
        return about(seat=self.seat_id, participant=self.participant_id, canvas_course=self.canvas_course_id, **more)


def sis_address(work: Work) -> str | None:
    """The participant's own SIS ID as an address, for a first contact."""
    return address_of(work.sis_user_id, None)
