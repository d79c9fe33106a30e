"""Try again now: for a cause, a person, a course or everybody. Several office pages have the button."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import ColumnElement, func, select

from ...ledger import activity, blocked, blocked_courses, due, seat_states
from ...ledger.causes import CAUSES
from ...shared import clock
from ...shared.language import SOURCE, present, t, tn
from ...shared.said import Said
from ...sync import canvas_courses
from ...tables.canvas import Connection
from ...tables.columns import begin_writing
from ...tables.ledger import Seat
from ..address_values import HIGHEST_ID
from ..base import blueprint, session, settings
from ..guards import for_administrators, person
from .canvas_people import Wanted, conditions


@blueprint.post("/tools/canvas/try-again")
@for_administrators
def try_again() -> ResponseReturnValue:
    """Try again now: one cause, one seat, everything on a list, or everything that needs no answer."""
    connection, typed = settings().connection, request.form
    if connection is not None:
        cause, seat_id = typed.get("cause"), typed.get("seat", "")
        if cause is not None and cause in blocked_courses.LOOKED_UP:
            _look_up_again(connection, cause)
        elif seat_id.isascii() and seat_id.isdigit():
            release_and_report(Seat.id == min(int(seat_id[:19]), HIGHEST_ID))
            return redirect(url_for(".canvas_access"))
        elif "shown" in typed:
            wanted = Wanted.typed(typed)
            release_and_report(*conditions(wanted, settings()))
            return redirect(url_for(".canvas_access", **wanted.as_query, _anchor="people"))
        elif cause in CAUSES:
            scope = typed.get("scope", "").replace("\x00", "")
            release_and_report(Seat.cause == cause, blocked.cause_scope == scope)
        else:
            release_and_report()
    return redirect(url_for(".overview"))


def _look_up_again(connection: Connection, cause: str) -> None:
    """Look up Canvas courses again that were not found or take nobody, and try again the people who wait for that."""
    begin_writing(session())
    now = clock.utc_now()
    count = canvas_courses.look_up_again(session(), connection.id, now)
    due.try_again(session(), connection, now, Seat.cause == cause)
    session().commit()
    flash(tn("Looking again at {count} Canvas course.", "Looking again at {count} Canvas courses.", count), "success")


def release_and_report(*which: ColumnElement[bool], whom: str = "", **about: int) -> None:
    """Try the seats that match the conditions again, note it in the activity log, and show a message.

    If only an answer helps, nothing is tried, because that would put back what somebody changed by hand in Canvas,
    without asking.

    `whom` names the people in the message; without it they are counted. `about` goes into the log entry.
    """
    current, now = settings(), clock.utc_now()
    connection, count = current.connection, 0
    if connection is not None:
        begin_writing(session())
        which = (*which, Seat.cause.not_in(seat_states.ASKS))
        picked = (Seat.connection_id == connection.id, due.waits(), *which)
        count = session().scalar(select(func.count(Seat.participant_id.distinct())).where(*picked)) or 0
        words = Said("for_one") if count == 1 else Said("for_people", people=count)
        words = Said("for_somebody", name=whom) if whom else words
        hold = connection.hold_cause
        if due.try_again(session(), connection, now, *which):
            activity.note(session(), now, person().email, "tried again", words, **about)
        session().commit()
    if connection is None or not current.display_canvas:
        flash(t("Canvas is switched off. What waits is sent when it is switched on again."), "warning")
    elif hold:
        # The message stays on the page, which updates automatically when Canvas answers. So it must still be true then.
        flash(t("Canvas is asked again now. This page shows whether it answers."))
    elif count and whom:
        flash(t("Trying again for {name}.", name=whom), "success")
    elif count:
        flash(tn("Trying again for {count} person.", "Trying again for {count} people.", count), "success")
    elif whom:
        flash(t("There is nothing to try again for {name}.", name=whom), "warning")
    else:
        flash(t("There is nothing to try again."), "warning")


def in_a_sentence(title: str) -> str:
    """A cause's title, to stand after a colon. Only in English does it begin with a small letter there."""
    return title if title.startswith("Canvas") or present() != SOURCE else title[0].lower() + title[1:]
