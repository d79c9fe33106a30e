"""The steps of one registration on its way into Canvas, as the participant sees them."""

from dataclasses import dataclass
from datetime import datetime

from ..ledger import ways_in
from ..ledger.access import Access
from ..shared import clock
from ..shared.language import Marked, t
from .times import office_time

_CANVAS: Marked[str] = (
    "New to Canvas? It mails you a link to choose a password. If none arrives, choose “Forgot password” there."
)
WAYS_IN: Marked[dict[str, str]] = {
    ways_in.OUR_MAIL: "New to Canvas? We mail you a link to choose a password. If none arrives, choose “Forgot "
    "password” there.",
    ways_in.CANVAS_MAIL: _CANVAS,
    ways_in.ASKED: _CANVAS,
    ways_in.LOST: _CANVAS,
    ways_in.NOT_MAILED: "New to Canvas? Choose “Forgot password” there, and you are mailed a link to choose one.",
    ways_in.SSO: "Use your school's sign-in there.",
}
"""What people new to Canvas read beside their login."""


@dataclass(frozen=True)
class Step:
    """`state`: done, now (under way), yours (the participant acts), shut (the Canvas course is not open), stuck (the
    office acts) or later.

    `at` is when it was done, if that is known.
    """

    title: str
    state: str
    at: datetime | None = None


def steps(registered_at: datetime, access: Access | None, tone: str, entered_at: datetime | None) -> tuple[Step, ...]:
    """Registered → Canvas account → place in the course → can enter.

    `tone` is the mark for all of it; see `CanvasAccess`. `entered_at` is when they could first enter, if known.
    """
    known = access is not None and access.wanted and access.is_sure and access.canvas_user_id is not None
    there = access.there if access is not None and access.wanted else None
    is_in = tone == "settled"
    is_invited = there is not None and there.state != "active"
    last = t("You can enter") if is_in else t("Accept the invitation") if is_invited else t("Enter the course")
    reached = [
        (t("Registered"), True, registered_at),
        (t("Canvas account"), known or there is not None, access.matched_at if access else None),
        (t("Place in the course"), there is not None, access.settled_at if access and access.is_settled else None),
        (last, is_in, entered_at),
    ]
    first = next((number for number, (_, done, _) in enumerate(reached) if not done), len(reached))
    # A person who has an active enrollment and can't enter waits for the Canvas course to open. Nothing is under way
    # then.
    is_shut = there is not None and not is_invited
    here = "stuck" if tone == "stuck" else "yours" if is_invited else "shut" if is_shut else "now"
    return tuple(
        Step(title, "done", at) if number < first else Step(title, here if number == first else "later")
        for number, (title, _, at) in enumerate(reached)
    )


def unanswered(access: Access) -> tuple[str, str] | None:
    """Why nothing moves for two minutes after Canvas did not answer a request: a sentence for the participant, and one
    for the office."""
    until = access.unanswered_until(clock.utc_now())
    if until is None:
        return None
    at = office_time(until, "time")
    return (
        t("Canvas did not answer a request of ours and may still carry it out until {time}. Then we check.", time=at),
        t("Canvas did not answer a request and may still carry it out: we check at {time}", time=at),
    )
