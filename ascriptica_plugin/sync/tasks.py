"""What is in hand during a drain: a call, the walk that it belongs to, and what the walk stands on."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from ..canvas.client import CanvasClient
from ..ledger.enrollments import Known
from ..tables.canvas import Settings

Call = Callable[[CanvasClient], Any]


Walk = Generator[Call, Any, Any]


class Stuck(Exception):
    """The seat can't go on until the cause is put right; `scope` tells what else the cause touches."""

    def __init__(self, cause: str, scope: str | int = "", detail: str = ""):
        super().__init__(detail)
        self.cause, self.scope, self.detail = cause, str(scope), detail


@dataclass
class Ledger:
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
