"""Somebody's access to a Canvas course in words: for the participant and for the office.

The words claim nothing that was not seen: "in Canvas" is said only of an enrollment that was seen active.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from ..canvas import addresses
from ..ledger import access as known
from ..ledger import seat_states
from ..ledger.access import Access, Row
from ..ledger.causes import CAUSES, OFFICE, SOON
from ..shared import clock
from ..shared.language import Marked, mark, t
from ..tables.canvas import Connection
from ..tables.office import Association, Registration
from . import tracker
from .base import session, settings
from .hands import HANDS, by_hand
from .tracker import Step

WITHDRAWN: Marked[str] = "You have withdrawn."
NOT_THERE: Marked[str] = "This course is not in Canvas any more."
ANOTHER: Marked[str] = "You are still in the Canvas course through another registration."
READ_ONLY: Marked[str] = "You can still read the Canvas course, and can't take part any more."


@dataclass(frozen=True)
class CanvasAccess:
    """One registration's access in words: `text` for the participant, `office` for administrators.

    `tone` is the mark beside `text`, `office_tone` the one beside `office`. settled: they can enter; quiet: nothing is
    to be done; waiting: nobody has to act; stuck: somebody has to act. `moving`: the page updates itself. `held`: it
    waits for Canvas as a whole. `seen_at` is when Canvas last showed what `office` says; `beside` stands behind both:
    what else there is, which Canvas did not show. `link` leads to the Canvas course, and says `link_says`. `login` is
    what they sign in with there, `way_in` how somebody new to Canvas signs in. `waits_for` is what the office can do:
    answer, try again, or nothing. `steps` lead from the registration to the Canvas course; only while registered.
    """

    text: str
    office: str
    tone: str
    office_tone: str = ""
    beside: str = ""
    moving: bool = False
    held: bool = False
    seen_at: datetime | None = None
    link: str | None = None
    link_says: str = mark("Open in Canvas")
    login: str | None = None
    way_in: str = ""
    waits_for: str = ""
    steps: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        if not self.office_tone:
            object.__setattr__(self, "office_tone", self.tone)

    @property
    def in_a_cell(self) -> str:
        """What administrators read, without a time."""
        return f"{self.office}; {self.beside}" if self.beside else self.office


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
        words = replace(words, text=_both(words.text, why[0]), office=why[1])
    if not (words.link and access.is_sure):
        return replace(words, waits_for=waits_for)
    way_in = t(tracker.WAYS_IN[access.way_in]) if access.way_in and is_registered else ""
    return replace(words, waits_for=waits_for, login=access.login, way_in=way_in)


def _in_words(
    access: Access, connection: Connection, association: Association | None, is_registered: bool
) -> CanvasAccess:
    if not is_registered:
        return _let_go(access, connection)
    if not access.wanted:
        words = _let_go(access, connection)
        return replace(words, text=words.text.replace(t(WITHDRAWN), t(NOT_THERE)))
    there, seen = access.there, access.there or access.as_known
    if seen is not None and connection.restored_at is not None and seen.seen_at < connection.restored_at:
        return _being_checked(seen)
    if access.cause == "canvas_restored" and there is None:
        return _being_checked(None)
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
        text = _both(words.text, t("Somebody changed that in Canvas; the office decides about it."))
        return replace(words, text=text, office=by_hand(access.scope), office_tone="stuck")
    # They are in the new place; what waits is something else, such as the end of an older enrollment.
    return replace(words, beside=CAUSES[access.cause].title, office_tone="stuck")


def _being_checked(row: Row | None, begins: str = "") -> CanvasAccess:
    """Canvas came back from a backup, and what was seen before may have changed."""
    cause, seen_at = CAUSES["canvas_restored"], row.seen_at if row is not None else None
    text = _both(begins, t("We are checking everything with Canvas.")) if begins else cause.participant
    return CanvasAccess(text, cause.title, "waiting", moving=True, seen_at=seen_at)


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
    """The Canvas user whom we knew is in, and it is asked whether that is the participant."""
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
    text = _both(t("The Canvas course is concluded."), t(READ_ONLY))
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
        # Tried, and not done yet. The office acts only on what was given up.
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
        return CanvasAccess(_both(text, t("The office left it like that.")), left, "quiet", seen_at=seen_at, link=link)
    return CanvasAccess(
        _both(t("Your place is safe."), text, t("The office decides about it.")),
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


# -- withdrawn, or moved elsewhere ------------------------------------------------------------------------------------


def _let_go(access: Access, connection: Connection) -> CanvasAccess:
    """The registration does not ask for this place any more; another one may."""
    if access.wanted:
        return _through_another(access.there, connection)
    if through := [row for row in access.still if row.wanted]:
        # An enrollment that is not wanted is still ended, but they stay in.
        return _through_another(_best(through), connection)
    if not access.is_settled:
        return _being_ended(access, connection)
    if access.still:
        here = [row for row in access.still if row.canvas_course_id == access.canvas_course_id]
        return _still_there(_best(here), connection) if here else _kept_elsewhere(_best(access.still), connection)
    state, seen_at = (access.row.state, access.row.seen_at) if access.row is not None else (None, None)
    if seen_at is not None and connection.restored_at is not None and seen_at < connection.restored_at:
        return _being_checked(access.row, t(WITHDRAWN))
    if state == "completed":
        link = course_address(connection, access.canvas_course_id)
        text = _both(t(WITHDRAWN), t(READ_ONLY))
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
        text = _both(t(WITHDRAWN), t("Another registration still keeps your place in the same Canvas course."))
        return CanvasAccess(text, t("Waits with another registration"), "quiet")
    link = course_address(connection, row.canvas_course_id)
    if row.state != "active":
        office = t("Invited through another registration")
        text = _both(t(WITHDRAWN), t("You are still invited to the Canvas course through another registration."))
        return CanvasAccess(text, office, "quiet", seen_at=row.seen_at, link=link)
    office = t("In Canvas through another registration")
    return CanvasAccess(t(ANOTHER), office, "quiet", seen_at=row.seen_at, link=link)


def _still_there(row: Row, connection: Connection) -> CanvasAccess:
    """A live enrollment that is not ours to end."""
    link, is_in = course_address(connection, row.canvas_course_id), row.state == "active"
    if row.kept:
        text = _both(t(WITHDRAWN), t("You were in the Canvas course before, and stay in it."))
        office = t("Kept in Canvas") if is_in else t("Kept in Canvas: invited, has to accept the invitation")
    else:
        text = _both(t(WITHDRAWN), t("Somebody enrolled you in Canvas itself, and you are still in the Canvas course."))
        office = t("In Canvas by hand, not through us")
        if not is_in:
            text = _both(t(WITHDRAWN), t("Somebody invited you in Canvas itself; that invitation still stands."))
            office = t("Invited in Canvas by hand, not through us")
    return CanvasAccess(text, office, "quiet", seen_at=row.seen_at, link=link)


def _kept_elsewhere(row: Row, connection: Connection) -> CanvasAccess:
    """The enrollment that we had to end was found in another Canvas course: its section was moved, or a hand enrolled
    them there while a request of ours was not answered."""
    link, there = course_address(connection, row.canvas_course_id), row.canvas_course_id
    office = t("Kept in Canvas course {course}", course=there)
    if row.state != "active":
        office = t("Kept in Canvas course {course}: invited, has to accept the invitation", course=there)
    text = _both(t(WITHDRAWN), t("You are in another Canvas course, and stay in it."))
    return CanvasAccess(text, office, "quiet", seen_at=row.seen_at, link=link)


def _being_ended(access: Access, connection: Connection) -> CanvasAccess:
    if access.cause == "canvas_restored":
        return _being_checked(access.row, t(WITHDRAWN))
    if access.standing != "due":
        cause = CAUSES.get(access.cause or "")
        text = _both(t(WITHDRAWN), t("The office still has to end your access to the Canvas course."))
        if cause and access.cause == "found_there":
            text = cause.participant
        office = cause.title if cause else t("Waits for the office")
        if (row := access.still_in) is not None:
            is_here = row.canvas_course_id == access.canvas_course_id
            where = t("In Canvas") if is_here else t("In Canvas course {course}", course=row.canvas_course_id)
            office = f"{where}; {office}"
        return CanvasAccess(text, office, "stuck")
    automatically = _both(t(WITHDRAWN), t("Your access to the Canvas course ends automatically."))
    if access.row is None and not access.still:
        automatically = _both(t(WITHDRAWN), t("We make sure that you are not in the Canvas course."))
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


def _both(*sentences: str) -> str:
    return " ".join(sentences)


def course_address(connection: Connection, canvas_course_id: int) -> str:
    """The Canvas course's own page."""
    return addresses.course_page(connection.canvas_url, canvas_course_id)
