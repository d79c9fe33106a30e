"""The status of a registration's Canvas access in words: for the participant and for the office."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from .. import clock
from ..ledger import standing
from ..ledger.causes import CAUSES, OFFICE, SOON
from ..tables.office import Association, Registration
from .base import session, settings


@dataclass(frozen=True)
class CanvasAccess:
    """The status of one registration in words: `text` for the participant, `office` for administrators.

    `tone` is waiting, settled or stuck. `moving`: it will change automatically, so the page updates.
    """

    text: str
    office: str
    tone: str
    moving: bool = False
    link: str | None = None


def canvas_access(of: list[Registration]) -> dict[int, CanvasAccess]:
    """The Canvas access of each registration, by its id. Empty while Display Canvas is off."""
    current = settings()
    if not current.display_canvas or not of:
        return {}
    found = standing.access_of(session(), [registration.id for registration in of])
    connection = current.connection
    words: dict[int, CanvasAccess] = {}
    for registration in of:
        access = found.get(registration.id)
        association = registration.course.association
        is_in = registration.status == "registered"
        if connection is None or access is None or access.connection_id != connection.id:
            if is_in and association is not None:
                words[registration.id] = _not_looked_up(association, current.connection_id)
        elif access.standing in ("enrolled", "removed"):
            words[registration.id] = _settled(access, association, connection.canvas_url, is_in)
        elif connection.hold_cause:
            hold = CAUSES[connection.hold_cause]
            text = (
                hold.participant
                if is_in
                else "You have withdrawn. Your access to the Canvas course ends automatically."
            )
            words[registration.id] = CanvasAccess(text, hold.title, "waiting", moving=True)
        elif access.standing == "due":
            words[registration.id] = _on_the_way(access, standing.is_throttled(connection, clock.utc_now()), is_in)
        else:
            cause = CAUSES.get(access.cause or "")
            text = cause.participant if cause else OFFICE
            if not is_in and access.cause != "found_there":
                text = "You have withdrawn. The office still has to end your access to the Canvas course."
            words[registration.id] = CanvasAccess(text, cause.title if cause else "Waits for the office", "stuck")
    return words


def _on_the_way(access: standing.Access, throttled: bool, is_in: bool) -> CanvasAccess:
    office = "Being added to Canvas …" if is_in else "Being removed from Canvas …"
    if access.cause:
        # Tried, and not done yet. We try again automatically. The office only acts on what was given up.
        text = SOON if is_in else "You have withdrawn. Your access to the Canvas course ends automatically."
        return CanvasAccess(text, f"{CAUSES[access.cause].title}; trying again automatically", "waiting", moving=True)
    if not is_in:
        return CanvasAccess("Ending your access to the Canvas course …", office, "waiting", moving=True)
    text = CAUSES["throttled"].participant if throttled else "Adding you to the Canvas course …"
    return CanvasAccess(text, office, "waiting", moving=True)


def _not_looked_up(association: Association, connection_id: int | None) -> CanvasAccess:
    if association.connection_id not in (None, connection_id):
        cause = CAUSES["other_canvas"]
        return CanvasAccess(cause.participant, cause.title, "stuck")
    if association.problem is not None:
        cause = CAUSES["not_looked_up"]
        return CanvasAccess(cause.participant, cause.title, "waiting")
    return CanvasAccess(SOON, "The Canvas course is being looked up …", "waiting", moving=True)


def _settled(access: standing.Access, association: Association | None, canvas_url: str, is_in: bool) -> CanvasAccess:
    if access.kept:
        return CanvasAccess(
            "You have withdrawn. You were in the Canvas course before, and stay in it.", "Kept in Canvas", "settled"
        )
    if not is_in and access.standing == "enrolled":
        return CanvasAccess(
            "You are still in the Canvas course through another registration.",
            "In Canvas through another registration",
            "settled",
        )
    if access.standing == "removed":
        if is_in:
            return CanvasAccess(SOON, "Being added to Canvas …", "waiting", moving=True)
        return CanvasAccess("Your access to the Canvas course has ended.", "Removed from Canvas", "settled")
    parts = urlsplit(canvas_url)
    link = f"{parts.scheme}://{parts.netloc}/courses/{access.canvas_course_id}"
    if association is not None and not association.published:
        cause = CAUSES["course_unpublished"]
        return CanvasAccess(cause.participant, "In Canvas, in a course not published yet", "settled")
    return CanvasAccess("You are in the Canvas course.", "In Canvas", "settled", link=link)
