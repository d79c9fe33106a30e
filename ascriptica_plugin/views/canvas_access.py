"""/tools/canvas: where all Canvas access stands, grouped by what it waits for."""

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy import func, or_, select
from sqlalchemy.orm import joinedload

from .. import drain, seats
from ..causes import CAUSES, remedy
from ..forms import Confirmation
from ..models import Seat, begin_writing
from .base import blueprint, for_administrators, session, settings

SHOWN = 100


@blueprint.get("/tools/canvas")
@for_administrators
def canvas_access():
    """Counts, then what waits by cause, then the seats that wait."""
    current = settings()
    waiting = (
        Seat.connection_id == current.connection_id,
        Seat.settled_version < Seat.version,
        or_(Seat.held, Seat.parked_at.is_not(None)),
    )
    groups = session().execute(
        select(Seat.cause, Seat.cause_scope, func.count(), func.max(Seat.cause_detail))
        .where(*waiting)
        .group_by(Seat.cause, Seat.cause_scope)
        .order_by(func.count().desc())
    )
    people = session().scalars(
        select(Seat).where(*waiting).options(joinedload(Seat.participant)).order_by(Seat.cause, Seat.id).limit(SHOWN)
    )
    hold = current.connection.hold_cause if current.connection else None
    return render_template(
        "ascriptica/canvas_access.html",
        status=seats.status(session(), current, drain.utc_now()),
        groups=[(CAUSES[cause], cause, scope, n, remedy(cause, scope, detail)) for cause, scope, n, detail in groups],
        hold=(CAUSES[hold].title, remedy(hold, detail=current.connection.hold_detail)) if hold else None,
        people=people.all(),
        causes=CAUSES,
        form=Confirmation(),
    )


@blueprint.post("/tools/canvas/try-again")
@for_administrators
def try_again():
    """Make what waits for one cause, or for any, due now."""
    current = settings()
    if current.connection is not None:
        begin_writing(session())
        cause = request.form.get("cause") or None
        scope = request.form.get("scope", "") if cause else None
        count = seats.release(session(), current.connection_id, drain.utc_now(), cause, scope)
        current.connection.hold_until_at = drain.utc_now() if current.connection.hold_cause else None
        session().commit()
        flash(f"Trying again for {count} {'person' if count == 1 else 'people'}.", "success")
    return redirect(url_for(".canvas_access"))
