"""Somebody's access to a Canvas course in words: for the participant and for the office.

The words claim nothing that was not seen: "in Canvas" is said only of an enrollment that was seen active.
"""

from dataclasses import replace
from datetime import datetime

from ..ledger import access as known
from ..ledger import seat_states
from ..ledger.access import Access, Row
from ..ledger.causes import CAUSES, OFFICE, SOON
from ..shared import clock
from ..shared.language import Marked, t
from ..tables.canvas import Connection
from ..tables.office import Association, Registration
from . import tracker
from .base import session, settings
from .canvas_access_withdrawn import WITHDRAWN, let_go
from .canvas_access_words import READ_ONLY, CanvasAccess, being_checked, both, course_address
from .hands import HANDS, by_hand

NOT_THERE: Marked[str] = "This course is not in Canvas any more."


def canvas_access(of: list[Registration]) -> dict[int, CanvasAccess]:
    """The Canvas access of each registration, by its id. Empty while Display Canvas is off."""
    current = settings()
    if not current.display_canvas or not of:
        return {}
    found = known.of_registrations(session(), [registration.id for registration in of])
    connection = current.connection
    words: dict[int, CanvasAccess] = {}
    for registration in of:
        access = found.get(registration.id)
        association = registration.course.association
        is_registered = registration.status == "registered"
        if connection is not None and access is not None and access.connection_id == connection.id:
            words[registration.id] = _after_the_end(
                in_words(access, connection, association, is_registered), registration.course.ends_at
            )
        elif is_registered and association is not None:
            words[registration.id] = _not_looked_up(association, current.connection_id)
        if is_registered and registration.id in words:
            its = words[registration.id]
            steps = tracker.steps(registration.registered_at, access, its.tone, registration.in_mailed_at)
            words[registration.id] = replace(its, steps=steps)
    return words


def _after_the_end(words: CanvasAccess, ends_at: datetime | None) -> CanvasAccess:
    """The same words, but no mark for settled access in a course that has ended."""
    if ends_at is None or ends_at > clock.utc_now():
        return words
    tone, office_tone = ("quiet" if tone == "settled" else tone for tone in (words.tone, words.office_tone))
    return replace(words, tone=tone, office_tone=office_tone)


def in_words(
    access: Access, connection: Connection, association: Association | None, is_registered: bool
) -> CanvasAccess:
    """What is true of this access now. `association` is that of the registration's course."""
    waits_for = ""
    if access.standing in ("held", "parked"):
        waits_for = "answer" if access.cause in seat_states.ASKS else "try"
    words = _in_words(access, connection, association, is_registered)
    if words.moving and words.tone == "waiting" and not words.held and (why := tracker.unanswered(access)):
        words = replace(words, text=both(words.text, why[0]), office=why[1])
    if not (words.link and access.is_sure):
        return replace(words, waits_for=waits_for)
    way_in = t(tracker.WAYS_IN[access.way_in]) if access.way_in and is_registered else ""
    return replace(words, waits_for=waits_for, login=access.login, way_in=way_in)


def _in_words(
    access: Access, connection: Connection, association: Association | None, is_registered: bool
) -> CanvasAccess:
    if not is_registered:
        return let_go(access, connection)
    if not access.wanted:
        words = let_go(access, connection)
        return replace(words, text=words.text.replace(t(WITHDRAWN), t(NOT_THERE)))
    there, seen = access.there, access.there or access.as_known
    if seen is not None and connection.restored_at is not None and seen.seen_at < connection.restored_at:
        return being_checked(seen)
    if access.cause == "canvas_restored" and there is None:
        return being_checked(None)
    if seen is None:
        return _not_in(access, connection)
    is_here = association is not None and association.canvas_course_id == access.canvas_course_id
    words = _in(access, seen, connection, association if is_here else None)
    if there is None:
        return _in_as_known(access, words, connection)
    if access.is_settled:
        return words
    if access.standing == "due" or access.cause is None:
        return replace(words, moving=not connection.hold_cause)
    if access.cause == "changed_in_canvas":
        text = both(words.text, t("Somebody changed that in Canvas; the office decides about it."))
        return replace(words, text=text, office=by_hand(access.scope), office_tone="stuck")
    # They are in the new place; what waits is something else, such as the end of an older enrollment.
    return replace(words, beside=CAUSES[access.cause].title, office_tone="stuck")


# -- registered -------------------------------------------------------------------------------------------------------


def _in(access: Access, there: Row, connection: Connection, association: Association | None) -> CanvasAccess:
    """A live enrollment was seen. Only an active one, in a course that is open, lets the person in."""
    link = course_address(connection, there.canvas_course_id)
    if there.state != "active":
        return CanvasAccess(
            t("You are invited: accept the invitation in Canvas."),
            t("Invited, has to accept the invitation"),
            "quiet",
            seen_at=there.seen_at,
            link=link,
            link_says=t("Accept it in Canvas"),
        )
    if association is not None and association.concluded:
        return _concluded(there, connection)
    if association is not None and not association.published:
        text = CAUSES["course_unpublished"].participant
        return CanvasAccess(text, t("In Canvas, in a course not published yet"), "quiet", seen_at=there.seen_at)
    if association is not None and association.is_shut(clock.utc_now()):
        text = CAUSES["outside_dates"].participant
        return CanvasAccess(text, t("In Canvas, outside the course's dates"), "quiet", seen_at=there.seen_at, link=link)
    office = t("In Canvas")
    if there.canvas_course_id != access.canvas_course_id:
        office = t("In Canvas course {course}, moved there by hand", course=there.canvas_course_id)
    return CanvasAccess(t("You are in the Canvas course."), office, "settled", seen_at=there.seen_at, link=link)


def _in_as_known(access: Access, words: CanvasAccess, connection: Connection) -> CanvasAccess:
    """The Canvas user whom we knew is in, and the office is asked whether that is the participant."""
    parts = []
    if access.canvas_name and access.login:
        parts.append(t("as {user}, login {login}", user=access.canvas_name, login=access.login))
    parts.append(CAUSES["same_user" if access.question == "same_user" else "who_is_it"].title)
    text = t("Your place is safe. The office has to sort something out in Canvas; until then nothing changes there.")
    moving = access.standing == "due" and not connection.hold_cause
    beside = "; ".join(parts)
    return CanvasAccess(text, words.office, "stuck", beside=beside, moving=moving, seen_at=words.seen_at)


def _concluded(row: Row, connection: Connection) -> CanvasAccess:
    link = course_address(connection, row.canvas_course_id)
    text = both(t("The Canvas course is concluded."), t(READ_ONLY))
    return CanvasAccess(text, t("In Canvas, in a concluded course"), "quiet", seen_at=row.seen_at, link=link)


def _not_in(access: Access, connection: Connection) -> CanvasAccess:
    """No live enrollment of theirs is known for certain."""
    if access.cause == "course_concluded" and access.row is not None and access.row.state == "completed":
        return _concluded(access.row, connection)
    if access.cause == "changed_in_canvas" and (access.is_settled or access.standing == "held"):
        return _ended_by_hand(access, connection)
    if access.is_settled:
        return CanvasAccess(t(SOON), t("Not seen in Canvas yet"), "waiting")
    if access.standing != "due":
        cause = CAUSES.get(access.cause or "")
        text = cause.participant if cause and access.cause != "found_there" else t(OFFICE)
        return CanvasAccess(text, cause.title if cause else t("Waits for the office"), "stuck")
    if connection.hold_cause:
        hold = CAUSES[connection.hold_cause]
        return CanvasAccess(hold.participant, hold.title, "waiting", moving=True, held=True)
    if access.cause:
        # It was tried, and is not done yet. The office acts only on what was given up.
        title = CAUSES[access.cause].title
        return CanvasAccess(t(SOON), t("{cause}; trying again automatically", cause=title), "waiting", moving=True)
    throttled = seat_states.is_throttled(connection, clock.utc_now())
    text = CAUSES["throttled"].participant if throttled else t("Adding you to the Canvas course …")
    return CanvasAccess(text, t("Being added to Canvas …"), "waiting", moving=True)


def _ended_by_hand(access: Access, connection: Connection) -> CanvasAccess:
    office = by_hand(access.scope)
    text = t(HANDS[access.scope][1]) if access.scope in HANDS else t("Your access was changed in Canvas itself.")
    seen_at = access.row.seen_at if access.row is not None else None
    link = course_address(connection, access.canvas_course_id) if access.scope == "completed" else None
    if access.is_settled:
        left = t("{what}; left as in Canvas", what=office)
        return CanvasAccess(both(text, t("The office left it like that.")), left, "quiet", seen_at=seen_at, link=link)
    return CanvasAccess(
        both(t("Your place is safe."), text, t("The office decides about it.")),
        office,
        "stuck",
        seen_at=seen_at,
        link=link,
    )


def _not_looked_up(association: Association, connection_id: int | None) -> CanvasAccess:
    if association.connection_id not in (None, connection_id):
        cause = CAUSES["other_canvas"]
        return CanvasAccess(cause.participant, cause.title, "stuck")
    if association.problem is not None:
        cause = CAUSES["not_looked_up"]
        return CanvasAccess(cause.participant, cause.title, "waiting")
    return CanvasAccess(t(SOON), t("The Canvas course is being looked up …"), "waiting", moving=True)
