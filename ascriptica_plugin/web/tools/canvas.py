"""/tools/canvas: everybody's Canvas access, and the answers to what is asked about it."""

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from ...ledger import activity, blocked, seat_states
from ...ledger.causes import CAUSES
from ...office import answers
from ...shared import clock
from ...shared.language import t
from ...shared.said import Said
from ...tables.canvas import Connection
from ...tables.columns import begin_writing
from ...tables.ledger import Seat
from ..base import blueprint, session, settings
from ..forms.fields import Confirmation
from ..guards import for_administrators, person
from ..showing import show
from ..spreadsheet import csv_file
from .canvas_people import CANT_ENTER, COLUMNS, STANDINGS, Wanted, can_be_tried, limits, lines_of_csv, people
from .canvas_users import HOW, answer_who

MOST_COUNTED = 100_000
"""At most this many seats in one state are counted: counting a million takes as long as all the rest of the page."""


@blueprint.get("/tools/canvas")
@for_administrators
def canvas_access() -> ResponseReturnValue:
    """The counts, and everybody's access."""
    current = settings()
    connection = current.connection
    wanted = Wanted.typed(request.args)
    which = limits(wanted, current)
    waiting_for = blocked.names(session(), connection) if connection else []
    return show(
        "ascriptica/canvas_access.html",
        state=seat_states.connection_state(current),
        disconnected=seat_states.disconnected(session(), current),
        counts=seat_states.counts_up_to(session(), current, MOST_COUNTED),
        most=MOST_COUNTED,
        **people(wanted, current, which),
        standings=(*STANDINGS, *CANT_ENTER),
        waiting_for=waiting_for,
        can_be_tried=can_be_tried(wanted, current, which, waiting_for),
        causes=CAUSES,
        how=HOW,
        form=Confirmation(),
    )


@blueprint.post("/tools/canvas.csv")
@for_administrators
def canvas_csv() -> ResponseReturnValue:
    """The list as it is filtered, as a CSV file. The activity log records who exported it."""
    wanted = Wanted.typed(request.form)
    begin_writing(session())
    activity.note(session(), clock.utc_now(), person().email, "exported", _limits(wanted))
    session().commit()
    return csv_file("canvas-access.csv", COLUMNS, lines_of_csv(wanted))


def _limits(wanted: Wanted) -> Said:
    limits = [Said("limit", name=name, value=value) for name, value in wanted.as_query.items()]
    return Said("access_export_of", limits=limits) if limits else Said("access_export")


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
    """After a withdrawal, keep or remove an enrollment that was in Canvas before the registration."""
    begin_writing(session())
    seat = _seat_or_404(seat_id)
    if seat.cause == "found_there" and request.form.get("answer") in ("keep", "remove"):
        stays, name = request.form["answer"] == "keep", seat.participant.name
        try:
            name = answers.decide(session(), seat, stays, clock.utc_now(), person().email) or name
        except ValueError as reason:
            flash(str(reason), "warning")
        else:
            if stays:
                flash(t("{name} stays in the Canvas course.", name=name), "success")
            else:
                flash(t("{name} is removed from the Canvas course.", name=name), "success")
        session().commit()
    return redirect(url_for(".canvas_access"))


@blueprint.post("/tools/canvas/<int:seat_id>/hand")
@for_administrators
def answer_about_a_hand(seat_id: int) -> ResponseReturnValue:
    """Put back what somebody changed by hand in Canvas, or leave it as it is there."""
    begin_writing(session())
    seat = _seat_or_404(seat_id)
    name, asked = seat.participant.name, seat.cause == "changed_in_canvas" and seat.settled_version < seat.version
    if asked and request.form.get("answer") in ("put_back", "leave"):
        put_back = request.form["answer"] == "put_back"
        answers.about_a_hand(session(), seat, put_back, clock.utc_now(), person().email)
        session().commit()
        if put_back:
            flash(t("{name} is being put back as registered here.", name=name), "success")
        else:
            flash(t("{name} is left as in Canvas.", name=name), "success")
    else:
        session().rollback()
        flash(t("That is answered already. Nothing was changed for {name}.", name=name), "warning")
    return redirect(url_for(".canvas_access"))


def _seat_or_404(seat_id: int) -> Seat:
    return session().get(Seat, seat_id, populate_existing=True) or abort(404)
