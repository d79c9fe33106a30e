"""/tools/canvas: where all Canvas access stands, what waits for what, and the answers that only a person can give."""

from flask import abort, flash, redirect, render_template, request, url_for
from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import joinedload

from .. import drain, identity, seats, standing
from ..causes import CAUSES, remedy
from ..forms import Confirmation
from ..models import CanvasUser, Claim, Course, Participant, Registration, Seat, Settings, begin_writing
from .base import blueprint, for_administrators, person, session, settings

PAGE = 50
STANDINGS = ("due", "held", "parked", "enrolled", "removed")

_SCOPE = case((Seat.cause.in_([name for name, cause in CAUSES.items() if cause.of_one]), ""), else_=Seat.cause_scope)
"""What a group is about; causes that concern one person at a time are one group."""


@blueprint.get("/tools/canvas")
@for_administrators
def canvas_access():
    """Counts, then what waits by cause, most urgent first, then every person's access."""
    current = settings()
    hold = current.connection.hold_cause if current.connection else None
    people, total = _people(current)
    return render_template(
        "ascriptica/canvas_access.html",
        status=standing.status(session(), current, drain.utc_now()),
        groups=_groups(current),
        hold=(CAUSES[hold].title, remedy(hold, detail=current.connection.hold_detail)) if hold else None,
        people=people,
        total=total,
        page=_page_number(),
        pages=max(1, -(-total // PAGE)),
        search=request.args.get("search", ""),
        standing=request.args.get("standing", ""),
        standings=STANDINGS,
        causes=CAUSES,
        form=Confirmation(),
    )


def _waiting(current: Settings):
    return and_(
        Seat.connection_id == current.connection_id,
        Seat.settled_version < Seat.version,
        or_(Seat.held, Seat.parked_at.is_not(None)),
    )


def _groups(current: Settings) -> list[dict]:
    scope = _SCOPE.label("scope")
    touched = (
        select(
            Seat.cause, scope, func.min(Course.starts_at), func.count(Seat.id.distinct()), func.max(Seat.cause_detail)
        )
        .outerjoin(Claim, Claim.seat_id == Seat.id)
        .outerjoin(Registration, Registration.id == Claim.registration_id)
        .outerjoin(Course, Course.id == Registration.course_id)
        .where(_waiting(current))
        .group_by(Seat.cause, "scope")
        .order_by(func.min(Course.starts_at).nulls_last(), func.count(Seat.id.distinct()).desc())
    )
    courses = (
        select(Seat.cause, scope, Course.title)
        .join(Claim, Claim.seat_id == Seat.id)
        .join(Registration, Registration.id == Claim.registration_id)
        .join(Course, Course.id == Registration.course_id)
        .where(_waiting(current))
        .distinct()
        .order_by(Course.title)
    )
    titles: dict[tuple[str, str], list[str]] = {}
    for cause, of, title in session().execute(courses):
        titles.setdefault((cause, of), []).append(title)
    return [
        {
            "cause": CAUSES[name],
            "name": name,
            "scope": of,
            "count": count,
            "courses": titles.get((name, of), []),
            "remedy": remedy(name, of, None if CAUSES[name].of_one else detail),
        }
        for name, of, _, count, detail in session().execute(touched)
    ]


def _page_number() -> int:
    typed = request.args.get("page", "1")
    return int(typed) if typed.isascii() and typed.isdigit() and 0 < int(typed[:9]) < 10**8 else 1


def _people(current: Settings) -> tuple[list, int]:
    """The seats on this page, those that wait first, each with its candidates and our course's title."""
    title = (
        select(Course.title)
        .join(Registration, Registration.course_id == Course.id)
        .join(Claim, Claim.registration_id == Registration.id)
        .where(Claim.seat_id == Seat.id)
        .order_by(Claim.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    which = [Seat.connection_id == current.connection_id]
    if request.args.get("standing") in STANDINGS:
        which.append(standing.standing() == request.args["standing"])
    if search := request.args.get("search", "").strip().replace("\x00", "")[:200]:
        which.append(
            or_(
                Participant.name.icontains(search, autoescape=True),
                Participant.email.icontains(search, autoescape=True),
            )
        )
    found = (
        select(Seat, standing.standing(), title, CanvasUser.candidates)
        .join(Participant, Participant.id == Seat.participant_id)
        .outerjoin(
            CanvasUser,
            and_(CanvasUser.connection_id == Seat.connection_id, CanvasUser.participant_id == Seat.participant_id),
        )
        .where(*which)
        .options(joinedload(Seat.participant))
        .order_by(case((Seat.settled_version < Seat.version, 0), else_=1), Seat.id.desc())
    )
    total = session().scalar(select(func.count(Seat.id)).join(Participant).where(*which))
    rows = session().execute(found.limit(PAGE).offset(PAGE * (_page_number() - 1))).all()
    return rows, total


@blueprint.post("/tools/canvas/try-again")
@for_administrators
def try_again():
    """Make what waits due now: of a cause, of one Canvas course, of one person's seat, or everything."""
    current = settings()
    if current.connection is not None:
        begin_writing(session())
        only = []
        if (cause := request.form.get("cause")) in CAUSES:
            only.append(Seat.cause == cause)
        if scope := request.form.get("scope", "").replace("\x00", ""):
            only.append(Seat.cause_scope == scope)
        if request.form.get("seat", "").isdecimal():
            only.append(Seat.id == int(request.form["seat"][:18]))
        count = seats.release(session(), Seat.connection_id == current.connection_id, *only)
        current.connection.hold_until_at = drain.utc_now() if current.connection.hold_cause else None
        session().commit()
        flash(f"Trying again for {count} {'person' if count == 1 else 'people'}.", "success")
    return redirect(url_for(".canvas_access"))


@blueprint.post("/tools/canvas/<int:seat_id>/choose")
@for_administrators
def choose_canvas_user(seat_id: int):
    """The answer to who a participant is in Canvas: one of the candidates, or somebody new with another login."""
    begin_writing(session())
    seat = _seat_or_404(seat_id)
    typed = request.form.get("canvas_user_id", "")
    try:
        identity.choose(
            session(),
            seat.connection_id,
            seat.participant,
            drain.utc_now(),
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
def decide_enrollment(seat_id: int):
    """Whether an enrollment that was there before us stays in Canvas after a withdrawal, or goes."""
    begin_writing(session())
    seat = _seat_or_404(seat_id)
    if seat.cause == "found_there" and request.form.get("answer") in ("keep", "remove"):
        stays = request.form["answer"] == "keep"
        seats.decide(session(), seat, stays, drain.utc_now(), person().email)
        name = seat.participant.name
        session().commit()
        flash(f"{name} {'stays in' if stays else 'is removed from'} the Canvas course.", "success")
    return redirect(url_for(".canvas_access"))


def _seat_or_404(seat_id: int) -> Seat:
    seat = session().get(Seat, seat_id, populate_existing=True) if seat_id < 2**31 else None
    return seat if seat is not None else abort(404)
