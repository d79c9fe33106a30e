"""The words for what is left of somebody's access to a Canvas course when their registration no longer asks for it.

They have withdrawn, or our course has another Canvas course now.
"""

from ..ledger.access import Access, Row
from ..ledger.causes import CAUSES
from ..shared.language import Marked, t
from ..tables.canvas import Connection
from .canvas_access_words import READ_ONLY, CanvasAccess, being_checked, both, course_address
from .hands import by_hand

WITHDRAWN: Marked[str] = "You have withdrawn."
ANOTHER: Marked[str] = "You are still in the Canvas course through another registration."


def let_go(access: Access, connection: Connection) -> CanvasAccess:
    """The access of a registration that no longer asks for this place. Another registration may still ask for it."""
    if access.wanted:
        return _through_another(access.there, connection)
    if through := [row for row in access.still if row.wanted]:
        # An enrollment that nobody asks for still has to be ended, but the person stays in.
        return _through_another(_best(through), connection)
    if not access.is_settled:
        return _being_ended(access, connection)
    if access.still:
        here = [row for row in access.still if row.canvas_course_id == access.canvas_course_id]
        return _still_there(_best(here), connection) if here else _kept_elsewhere(_best(access.still), connection)
    state, seen_at = (access.row.state, access.row.seen_at) if access.row is not None else (None, None)
    if seen_at is not None and connection.restored_at is not None and seen_at < connection.restored_at:
        return being_checked(access.row, t(WITHDRAWN))
    if state == "completed":
        link = course_address(connection, access.canvas_course_id)
        text = both(t(WITHDRAWN), t(READ_ONLY))
        return CanvasAccess(text, t("Concluded in Canvas: can still read"), "quiet", seen_at=seen_at, link=link)
    if state in ("deleted", "inactive"):
        office = t("Removed from Canvas") if state == "deleted" else t("Deactivated in Canvas")
        return CanvasAccess(t("Your access to the Canvas course has ended."), office, "quiet", seen_at=seen_at)
    if state == "rejected":
        return CanvasAccess(t(WITHDRAWN), by_hand(state), "quiet", seen_at=seen_at)
    return CanvasAccess(t(WITHDRAWN), t("No enrollment known in Canvas"), "quiet")


def _best(rows: list[Row]) -> Row:
    return min(rows, key=lambda row: row.state != "active")


def _through_another(row: Row | None, connection: Connection) -> CanvasAccess:
    if row is None:
        text = both(t(WITHDRAWN), t("Another registration still keeps your place in the same Canvas course."))
        return CanvasAccess(text, t("Waits with another registration"), "quiet")
    link = course_address(connection, row.canvas_course_id)
    if row.state != "active":
        office = t("Invited through another registration")
        text = both(t(WITHDRAWN), t("You are still invited to the Canvas course through another registration."))
        return CanvasAccess(text, office, "quiet", seen_at=row.seen_at, link=link)
    office = t("In Canvas through another registration")
    return CanvasAccess(t(ANOTHER), office, "quiet", seen_at=row.seen_at, link=link)


def _still_there(row: Row, connection: Connection) -> CanvasAccess:
    """A live enrollment is left that is not ours to end."""
    link, is_in = course_address(connection, row.canvas_course_id), row.state == "active"
    if row.kept:
        text = both(t(WITHDRAWN), t("You were in the Canvas course before, and stay in it."))
        office = t("Kept in Canvas") if is_in else t("Kept in Canvas: invited, has to accept the invitation")
    else:
        text = both(t(WITHDRAWN), t("Somebody enrolled you in Canvas itself, and you are still in the Canvas course."))
        office = t("In Canvas by hand, not through us")
        if not is_in:
            text = both(t(WITHDRAWN), t("Somebody invited you in Canvas itself; that invitation still stands."))
            office = t("Invited in Canvas by hand, not through us")
    return CanvasAccess(text, office, "quiet", seen_at=row.seen_at, link=link)


def _kept_elsewhere(row: Row, connection: Connection) -> CanvasAccess:
    """The enrollment that we had to end was found in another Canvas course: its section was moved there, or somebody
    enrolled the person there by hand while a request of ours was not answered."""
    link, there = course_address(connection, row.canvas_course_id), row.canvas_course_id
    office = t("Kept in Canvas course {course}", course=there)
    if row.state != "active":
        office = t("Kept in Canvas course {course}: invited, has to accept the invitation", course=there)
    text = both(t(WITHDRAWN), t("You are in another Canvas course, and stay in it."))
    return CanvasAccess(text, office, "quiet", seen_at=row.seen_at, link=link)


def _being_ended(access: Access, connection: Connection) -> CanvasAccess:
    if access.cause == "canvas_restored":
        return being_checked(access.row, t(WITHDRAWN))
    if access.standing != "due":
        cause = CAUSES.get(access.cause or "")
        text = both(t(WITHDRAWN), t("The office still has to end your access to the Canvas course."))
        if cause and access.cause == "found_there":
            text = cause.participant
        office = cause.title if cause else t("Waits for the office")
        if (row := access.still_in) is not None:
            is_here = row.canvas_course_id == access.canvas_course_id
            where = t("In Canvas") if is_here else t("In Canvas course {course}", course=row.canvas_course_id)
            office = f"{where}; {office}"
        return CanvasAccess(text, office, "stuck")
    automatically = both(t(WITHDRAWN), t("Your access to the Canvas course ends automatically."))
    if access.row is None and not access.still:
        automatically = both(t(WITHDRAWN), t("We make sure that you are not in the Canvas course."))
    if connection.hold_cause:
        title = CAUSES[connection.hold_cause].title
        return CanvasAccess(automatically, title, "waiting", moving=True, held=True)
    if access.cause:
        title = CAUSES[access.cause].title
        return CanvasAccess(
            automatically, t("{cause}; trying again automatically", cause=title), "waiting", moving=True
        )
    if access.row is None and not access.still:
        return CanvasAccess(automatically, t("Being checked with Canvas …"), "waiting", moving=True)
    text, office = t("Ending your access to the Canvas course …"), t("Being removed from Canvas …")
    return CanvasAccess(text, office, "waiting", moving=True)
