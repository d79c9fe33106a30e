"""/tools/canvas: where all Canvas access stands, what waits for what, and the answers that only a person can give."""

from dataclasses import dataclass, field
from datetime import datetime

from flask import abort, flash, redirect, render_template, request, url_for
from sqlalchemy import ColumnElement, and_, case, func, not_, or_, select
from sqlalchemy.orm import contains_eager, joinedload

from ... import activity, clock, retry
from ...ledger import due, standing
from ...ledger.causes import CAUSES, Cause, remedy
from ...office import answers
from ...office.people import matches
from ...sync import lookups
from ...tables.canvas import CanvasUser, Claim, Connection, Seat, Settings
from ...tables.columns import begin_writing
from ...tables.office import Association, Course, Participant, Registration
from ..base import blueprint, for_administrators, person, session, settings, typed_search
from ..forms import Confirmation

A_PAGE = 50
HIGHEST_ID = 2**31 - 1
STANDINGS = ("due", "held", "parked", "enrolled", "removed")
OF_COURSES = ("course_unpublished", "not_looked_up")
"""Causes of courses, not of seats: to try again is to look the Canvas course up again."""

UNSETTLED, SETTLED = Seat.settled_version < Seat.version, Seat.settled_version >= Seat.version

_SCOPE = case((Seat.cause.in_(("permission_missing", "root_id_wrong")), Seat.cause_scope), else_="")
"""What sets two groups of one cause apart: that something else is to be done. A missing course is told by ours."""


@blueprint.get("/tools/canvas")
@for_administrators
def canvas_access():
    """Counts, then what waits by cause, most urgent first, then every person's access."""
    current, now = settings(), clock.utc_now()
    connection = current.connection
    hold = connection.hold_cause if connection else None
    groups = _groups(connection, now) if connection else []
    return render_template(
        "ascriptica/canvas_access.html",
        status=standing.status(session(), current, now),
        groups=groups,
        hold=(CAUSES[hold].title, remedy(hold, detail=connection.hold_detail)) if hold else None,
        throttled=CAUSES["throttled"] if connection and standing.is_throttled(connection, now) else None,
        **_people(current),
        standings=STANDINGS,
        waiting_for=list(dict.fromkeys(group.name for group in groups if group.of_people)),
        causes=CAUSES,
        tries=retry.TRIES,
        form=Confirmation(),
    )


# -- what waits, and why ----------------------------------------------------------------------------------------------


@dataclass
class Where:
    """One of our courses in a group, with how many of its people are; `words` are about this course alone."""

    code: str
    title: str
    starts_at: datetime | None
    ends_at: datetime | None
    people: int
    words: str = ""


@dataclass
class Group:
    """Everybody who waits for the same thing to be done. `given_up` of them are not tried again by themselves."""

    name: str
    scope: str
    people: int
    detail: str | None = None
    given_up: int = 0
    courses: list[Where] = field(default_factory=list)

    @property
    def cause(self) -> Cause:
        return CAUSES[self.name]

    @property
    def remedy(self) -> str:
        return remedy(self.name, self.scope, self.detail)

    @property
    def of_people(self) -> bool:
        """Whether it can be filtered for in the list of people."""
        return self.name not in (*OF_COURSES, "other_canvas")

    def urgency(self, now: datetime) -> tuple:
        """What sorts the most urgent group first: that of the course that starts soonest, then that of most people."""
        starts = [one.starts_at for one in self.courses if one.starts_at and not (one.ends_at and one.ends_at <= now)]
        return (not starts, min(starts, default=now), -self.people)


def _groups(connection: Connection, now: datetime) -> list[Group]:
    groups = [*_groups_of_people(connection), *_groups_of_courses(connection, now)]
    return sorted(groups, key=lambda group: group.urgency(now))


def _groups_of_people(connection: Connection) -> list[Group]:
    waiting = (Seat.connection_id == connection.id, due.waits())
    of, how_many = (Seat.cause, _SCOPE.label("scope")), func.count(Seat.participant_id.distinct())
    given_up = func.sum(case((Seat.parked_at.is_not(None), 1), else_=0))
    found = session().execute(
        select(*of, how_many, func.max(Seat.cause_detail), given_up).where(*waiting).group_by(Seat.cause, "scope")
    )
    groups = {tuple(row[:2]): Group(*row) for row in found}
    newest = select(func.max(Claim.id)).where(Claim.seat_id == Seat.id).correlate(Seat).scalar_subquery()
    places = (
        select(*of, Course.code, Course.title, Course.starts_at, Course.ends_at, how_many)
        .join(Claim, Claim.seat_id == Seat.id)
        .join(Registration, Registration.id == Claim.registration_id)
        .join(Course, Course.id == Registration.course_id)
        .where(*waiting, or_(Claim.ended_at.is_(None), Claim.id == newest))
        .group_by(Seat.cause, "scope", Course.id)
        .order_by(Course.starts_at.nulls_last(), Course.title)
    )
    for cause, scope, *where in session().execute(places):
        groups[cause, scope].courses.append(Where(*where))
    return list(groups.values())


def _groups_of_courses(connection: Connection, now: datetime) -> list[Group]:
    """What is in the way of whole courses, whose people have no seat yet or can't enter though they have one."""
    unpublished = and_(Association.published.is_(False), Association.concluded.is_(False))
    here = Association.connection_id == connection.id
    found = session().scalars(
        select(Association)
        .join(Association.course)
        .where(or_(Association.connection_id != connection.id, Association.problem.is_not(None), unpublished))
        .where(Course.cancelled_at.is_(None), or_(Course.ends_at.is_(None), Course.ends_at > now))
        .order_by(Course.starts_at.nulls_last(), Course.title)
        .options(contains_eager(Association.course))
    )
    in_canvas = dict(
        session()
        .execute(
            select(Seat.canvas_course_id, func.count())
            .where(Seat.connection_id == connection.id, Seat.settled_version >= Seat.version, Seat.enrolled)
            .where(Seat.canvas_course_id.in_(select(Association.canvas_course_id).where(here, unpublished)))
            .group_by(Seat.canvas_course_id)
        )
        .all()
    )
    groups: dict[str, Group] = {}
    for association in found:
        course, count, words = association.course, association.course.places_taken, ""
        if association.connection_id != connection.id:
            name = "other_canvas"
        elif association.problem is not None:
            name, words = "not_looked_up", association.problem
        else:
            # Two of our courses in one Canvas course: its people are counted with the first.
            name, count = "course_unpublished", in_canvas.pop(association.canvas_course_id, 0)
        if count or name == "not_looked_up":
            group = groups.setdefault(name, Group(name, "", 0))
            group.people += count
            group.courses.append(Where(course.code, course.title, course.starts_at, course.ends_at, count, words))
    return list(groups.values())


# -- everybody's access -----------------------------------------------------------------------------------------------


def _people(current: Settings) -> dict:
    """What the list shows: the seats on this page, those that wait first, and how it was filtered and paged."""
    search = typed_search("search")
    where = request.args.get("standing", "")
    where = where if where in STANDINGS or where in CAUSES else ""
    stands = standing.standing(standing.connection_state(current) == "ok")
    which = [Seat.connection_id == current.connection_id, *_found_by(search), *_that_stand(where, stands)]
    page = min(max(request.args.get("page", 1, type=int), 1), 1_000_000)
    if search:
        ids, total, page = _searched(which, page)
    else:
        # Everybody: asked in two parts, each of which is in order already.
        parts = [which] if where else [[*which, UNSETTLED], [*which, SETTLED]]
        totals = [session().scalar(select(func.count()).select_from(Seat).where(*part)) for part in parts]
        total = sum(totals)
        page = min(page, max(1, -(-total // A_PAGE)))
        ids = _ids_of_page(parts, totals, page)
    return {
        "people": _rows(ids, stands),
        "total": total,
        "page": page,
        "pages": max(1, -(-total // A_PAGE)),
        "search": search,
        "standing": where,
    }


def _found_by(search: str) -> list[ColumnElement[bool]]:
    """Conditions on Seat for what was typed: the code of a course, or words of people's names, emails and SIS IDs."""
    if not search:
        return []
    course_id = session().scalar(select(Course.id).where(func.lower(Course.code) == search.lower()))
    if course_id is not None:
        return [Seat.id.in_(of_course(course_id))]
    return [Seat.participant_id.in_(select(Participant.id).where(matches(search)))]


def of_course(course_id: int):
    """The ids of the seats that registrations for one of our courses claim or have claimed."""
    return select(Claim.seat_id).join(Registration).where(Registration.course_id == course_id)


def _that_stand(where: str, stands: ColumnElement[str]) -> list[ColumnElement[bool]]:
    """Conditions on Seat for a standing, or for the cause that it waits for; each begins with an index's own words."""
    if where in ("enrolled", "removed"):
        return [SETTLED, Seat.enrolled if where == "enrolled" else not_(Seat.enrolled)]
    if where in STANDINGS:
        return [UNSETTLED, stands == where]
    return [due.waits(), Seat.cause == where] if where else []


def _searched(which: list[ColumnElement[bool]], page: int) -> tuple[list[int], int, int]:
    """The seats of one page, how many there are on all of them, and the page; beyond the last one it is the first.

    People are looked through once for it, which takes longer than all else.
    """
    waiting_first = (case((UNSETTLED, 0), else_=1), Seat.id.desc())
    found = select(Seat.id, func.count().over()).where(*which).order_by(*waiting_first)
    rows = session().execute(found.offset(A_PAGE * (page - 1)).limit(A_PAGE)).all()
    if not rows and page > 1:
        return _searched(which, 1)
    return [row[0] for row in rows], rows[0][1] if rows else 0, page


def _ids_of_page(parts: list, totals: list[int], page: int) -> list[int]:
    """The seats of one page, part after part."""
    ids: list[int] = []
    start = A_PAGE * (page - 1)
    for part, total in zip(parts, totals, strict=True):
        if start < total and len(ids) < A_PAGE:
            of_part = select(Seat.id).where(*part).order_by(Seat.id.desc())
            ids += session().scalars(of_part.offset(start).limit(A_PAGE - len(ids)))
        start = max(0, start - total)
    return ids


def _rows(ids: list[int], stands: ColumnElement[str]) -> list:
    """(seat, where it stands, our course's title, the candidates) in the order of the ids."""
    title = (
        select(Course.title)
        .join(Registration, Registration.course_id == Course.id)
        .join(Claim, Claim.registration_id == Registration.id)
        .where(Claim.seat_id == Seat.id)
        .order_by(Claim.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    of_seat = and_(CanvasUser.connection_id == Seat.connection_id, CanvasUser.participant_id == Seat.participant_id)
    found = session().execute(
        select(Seat, stands, title, CanvasUser.candidates)
        .outerjoin(CanvasUser, of_seat)
        .where(Seat.id.in_(ids))
        .options(joinedload(Seat.participant))
    )
    return sorted(found, key=lambda row: ids.index(row[0].id))


# -- what a person asks for -------------------------------------------------------------------------------------------


@blueprint.post("/tools/canvas/try-again")
@for_administrators
def try_again():
    """Try again at once: what waits for one cause, one person's seat, or all that needs no person's answer."""
    connection, typed = settings().connection, request.form
    if connection is not None:
        cause, seat_id = typed.get("cause"), typed.get("seat", "")
        if cause in OF_COURSES:
            _look_up_again(connection)
        elif seat_id.isascii() and seat_id.isdigit():
            release_and_tell(Seat.id == min(int(seat_id[:19]), HIGHEST_ID))
        elif cause in CAUSES:
            scope = typed.get("scope", "").replace("\x00", "")
            release_and_tell(Seat.cause == cause, scope == _SCOPE)
        else:
            release_and_tell(Seat.cause.not_in([name for name, one in CAUSES.items() if one.asks]))
    return redirect(url_for(".canvas_access"))


def _look_up_again(connection: Connection) -> None:
    begin_writing(session())
    count = lookups.look_up_again(session(), connection.id, clock.utc_now())
    session().commit()
    flash(f"Looking again at {count} Canvas {'course' if count == 1 else 'courses'}.", "success")


def release_and_tell(*which: ColumnElement[bool], whom: str = "", **about: int) -> None:
    """Try again for the seats that the conditions on Seat pick, write it into the log, and tell what happens now.

    `whom` names them, else they are counted; `about` is what the log entry is about.
    """
    current, now = settings(), clock.utc_now()
    connection, count = current.connection, 0
    if connection is not None:
        begin_writing(session())
        picked = (Seat.connection_id == connection.id, due.waits(), *which)
        count = session().scalar(select(func.count(Seat.participant_id.distinct())).where(*picked))
        whom = whom or f"{count:,} {'person' if count == 1 else 'people'}"
        hold = connection.hold_cause
        if due.try_again(session(), connection, now, *which):
            activity.note(session(), now, person().email, "tried again", f"For {whom}.", **about)
        session().commit()
    if connection is None or not current.display_canvas:
        flash("Canvas is switched off. What waits is sent when it is switched on again.", "warning")
    elif hold:
        flash(f"Everybody waits: {_in_a_sentence(CAUSES[hold].title)}. We ask Canvas once more now.", "warning")
    elif count:
        flash(f"Trying again for {whom}.", "success")
    else:
        flash(f"There is nothing to try again for {whom}.", "warning")


def _in_a_sentence(title: str) -> str:
    return title if title.startswith("Canvas") else title[0].lower() + title[1:]


@blueprint.post("/tools/canvas/<int:seat_id>/choose")
@for_administrators
def choose_canvas_user(seat_id: int):
    """The answer to who a participant is in Canvas: one of the candidates, or somebody new with another login."""
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
def decide_enrollment(seat_id: int):
    """Whether an enrollment that was there before us stays in Canvas after a withdrawal, or goes."""
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
    seat = session().get(Seat, seat_id, populate_existing=True) if seat_id <= HIGHEST_ID else None
    return seat if seat is not None else abort(404)
