"""/tools/canvas: the status of all Canvas access, what waits and why, and questions for the office."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ... import clock
from ...ledger import standing
from ...ledger.causes import CAUSES, remedy
from ...office import answers, sis_questions
from ...tables.canvas import Connection, Seat
from ...tables.columns import begin_writing
from ..base import blueprint, for_administrators, person, session, settings
from ..forms.fields import Confirmation
from .canvas_causes import groups_of
from .canvas_people import STANDINGS, people
from .canvas_users import HOW, answer_who


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
    status = standing.status(session(), current, now)
    return render_template(
        "ascriptica/canvas_access.html",
        status=status,
        removed=status["seats"]["removed"] - (standing.never_in(session(), connection.id) if connection else 0),
        groups=groups,
        hold=hold,
        throttled=CAUSES["throttled"] if connection and standing.is_throttled(connection, now) else None,
        **people(current),
        standings=STANDINGS,
        waiting_for=list(dict.fromkeys(group.name for group in groups if group.of_people)),
        causes=CAUSES,
        how=HOW,
        sis_ids=sis_questions.undecided(session()),
        form=Confirmation(),
    )


@blueprint.post("/tools/canvas/<int:seat_id>/choose")
@for_administrators
def choose_canvas_user(seat_id: int) -> ResponseReturnValue:
    """Answer who a participant is in Canvas; see `answer_who`."""
    seat = _seat_or_404(seat_id)
    answer_who(session().get_one(Connection, seat.connection_id), seat.participant)
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


@blueprint.post("/tools/canvas/<int:seat_id>/hand")
@for_administrators
def answer_about_a_hand(seat_id: int) -> ResponseReturnValue:
    """Put back what a hand in Canvas changed, or leave it as it is there."""
    begin_writing(session())
    seat = _seat_or_404(seat_id)
    name, asked = seat.participant.name, seat.cause == "changed_in_canvas" and seat.settled_version < seat.version
    if asked and request.form.get("answer") in ("put_back", "leave"):
        put_back = request.form["answer"] == "put_back"
        answers.about_a_hand(session(), seat, put_back, clock.utc_now(), person().email)
        session().commit()
        done = f"{name} is being put back as registered here." if put_back else f"{name} is left as in Canvas."
        flash(done, "success")
    else:
        session().rollback()
        flash(f"That is answered already. Nothing was changed for {name}.", "warning")
    return redirect(url_for(".canvas_access"))


def _seat_or_404(seat_id: int) -> Seat:
    return session().get(Seat, seat_id, populate_existing=True) or abort(404)
