"""/tools/canvas: the status of all Canvas access, what waits and why, and questions for the office."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ... import clock
from ...ledger import standing
from ...ledger.causes import CAUSES, remedy
from ...office import answers
from ...tables.canvas import Seat
from ...tables.columns import begin_writing
from ..base import blueprint, for_administrators, person, session, settings
from ..forms import Confirmation
from .canvas_causes import groups_of
from .canvas_people import STANDINGS, people


@blueprint.get("/tools/canvas")
@for_administrators
def canvas_access() -> ResponseReturnValue:
    """The counts; what waits, by cause, most urgent first; and everybody's access."""
    current, now = settings(), clock.utc_now()
    connection = current.connection
    hold = None
    if connection and connection.hold_cause:
        hold = CAUSES[connection.hold_cause].title, remedy(connection.hold_cause, detail=connection.hold_detail)
    groups = groups_of(connection, now) if connection else []
    return render_template(
        "ascriptica/canvas_access.html",
        status=standing.status(session(), current, now),
        groups=groups,
        hold=hold,
        throttled=CAUSES["throttled"] if connection and standing.is_throttled(connection, now) else None,
        **people(current),
        standings=STANDINGS,
        waiting_for=list(dict.fromkeys(group.name for group in groups if group.of_people)),
        causes=CAUSES,
        form=Confirmation(),
    )


@blueprint.post("/tools/canvas/<int:seat_id>/choose")
@for_administrators
def choose_canvas_user(seat_id: int) -> ResponseReturnValue:
    """Answer who a participant is in Canvas: one of the candidates, or a new user with another login."""
    begin_writing(session())
    seat = _seat_or_404(seat_id)
    typed = request.form.get("canvas_user_id", "")
    try:
        answers.choose(
            session(),
            seat.connection_id,
            seat.participant,
            clock.utc_now(),
            person().email,
            canvas_user_id=int(typed[:19]) if typed.isascii() and typed.isdigit() else None,
            new_login=request.form.get("new_login", "").strip()[:100] or None,
        )
    except ValueError as reason:
        session().rollback()
        flash(str(reason), "warning")
    else:
        session().commit()
        flash(f"Thank you. {seat.participant.name} is being enrolled.", "success")
    return redirect(url_for(".canvas_access"))


@blueprint.post("/tools/canvas/<int:seat_id>/decide")
@for_administrators
def decide_enrollment(seat_id: int) -> ResponseReturnValue:
    """Keep or remove an enrollment that was in Canvas before the registration, after a withdrawal."""
    begin_writing(session())
    seat = _seat_or_404(seat_id)
    if seat.cause == "found_there" and request.form.get("answer") in ("keep", "remove"):
        stays = request.form["answer"] == "keep"
        answers.decide(session(), seat, stays, clock.utc_now(), person().email)
        name = seat.participant.name
        session().commit()
        flash(f"{name} {'stays in' if stays else 'is removed from'} the Canvas course.", "success")
    return redirect(url_for(".canvas_access"))


def _seat_or_404(seat_id: int) -> Seat:
    return session().get(Seat, seat_id, populate_existing=True) or abort(404)
