"""/tools/courses/<code>, the roster: who is registered, waiting or withdrawn."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from flask import abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import joinedload

from ...ledger import last_activity, results
from ...office import cancelling, people, places, registrations, waitlist
from ...office.pasted_list import PastedLine
from ...office.places import NotPossible
from ...office.registrations import NameNeeded, OtherName
from ...shared import clock
from ...tables.office import Course, Participant, Registration
from ...tables.results import CourseResults
from ..address_values import typed_search
from ..base import blueprint, session, settings
from ..canvas_access import canvas_access
from ..forms.people import OnBehalfForm, OnBehalfListForm
from ..guards import for_administrators
from ..paging import Key, Part, page_of_parts
from ..registering import course_or_404
from ..showing import show
from . import undoing
from .canvas_users import HOW, matches_of
from .course_standing import standing_of

STATUSES = ("registered", "waitlisted", "withdrawn")

MANY = 5000
"""From this many people on, those whose names come first are found faster among all participants than on the roster."""

FEW = 2000
"""If a search finds at most this many people, it runs once for all queries of a page."""


@blueprint.get("/tools/courses/<code>")
@for_administrators
def roster(code: str) -> ResponseReturnValue:
    """The roster, with a form to register one person, and one for a pasted list."""
    return page_of(course_or_404(code), OnBehalfForm(), OnBehalfListForm())


@dataclass(frozen=True)
class Refused:
    """A pasted line that can't be taken, and why, if the reason lies in our tables.

    `named` is the name that was typed when the page asked for one, and `wrong` says why it can't be a name.
    """

    line: PastedLine
    reason: NotPossible | None
    named: str = ""
    wrong: str = ""

    @property
    def asks_for_name(self) -> bool:
        """Whether only the name is missing."""
        return isinstance(self.reason, NameNeeded)

    @property
    def is_here(self) -> str | None:
        """The name that the person has here; None if the line is not about two names."""
        return self.reason.here if isinstance(self.reason, OtherName) else None


def has_results(course_id: int) -> bool:
    """Whether results of the course are fetched, or were."""
    wishes = session().get(CourseResults, course_id)
    return wishes is not None and (wishes.fetched_at is not None or wishes.completed or wishes.score)


def page_of(
    course: Course,
    one: OnBehalfForm,
    several: OnBehalfListForm,
    is_here: str | None = None,
    answers_of_one: dict[str, str] | None = None,
    bad: list[Refused] | None = None,
    good: int = 0,
    answers: dict[str, str] | None = None,
) -> str:
    """The roster with both forms.

    `is_here` is the name here of the person in the form, if another one was typed; `answers_of_one` are the fields with
    an earlier answer about that. `bad` are the pasted lines with problems, `good` is the number of the others.
    `answers` are the fields with earlier answers about pasted people.
    """
    q = typed_search("q")
    status = request.args.get("status")
    status = status if status in STATUSES else None
    sort = "time" if request.args.get("sort") == "time" else "name"
    which, counts = _looked_for(course, q)
    at = course.association.canvas_course_id if course.association is not None else None
    never_opened = last_activity.never_opened(settings().connection_id or 0, at or 0)
    unopened = _by_status([*which, never_opened])
    opened = "never" if request.args.get("opened") == "never" else None
    if opened:
        which.append(never_opened)
    shown_counts = unopened if opened else {status: counts[status]} if status else counts
    page = page_of_parts(session(), _in_order(which, sort, shown_counts, is_whole=not (opened or q)))
    ids = [number for (number,) in page.rows]
    with_people = select(Registration).where(Registration.id.in_(ids)).options(joinedload(Registration.participant))
    by_id = {one.id: one for one in session().scalars(with_people)}
    shown = [by_id[number] for number in ids]
    words = canvas_access(shown)
    now = clock.utc_now()
    return show(
        "ascriptica/roster.html",
        course=course,
        registrations=shown,
        access=words,
        matches=matches_of([one.participant_id for one in shown]) if settings().display_canvas else {},
        how=HOW,
        positions=waitlist.positions(session(), shown),
        waiting=waitlist.waiting(session(), course) if q else counts["waitlisted"],
        standing=standing_of(course, [(one.participant_id, words[one.id]) for one in shown if one.id in words]),
        connection_id=settings().connection_id,
        cancelled_act=cancelling.act_of(session(), course) if course.cancelled_at else None,
        counts=counts,
        can_be_put_back=registrations.can_be_put_back(session(), course, shown, clock.utc_now()),
        total=sum(shown_counts.values()),
        status=status,
        sort=sort,
        opened=opened,
        unopened=sum(unopened.values()),
        begun=course.starts_at is None or course.starts_at <= now,
        results=results.of_registrations(session(), ids, now) if has_results(course.id) else None,
        active=last_activity.of_registrations(session(), settings().connection_id or 0, ids),
        q=q,
        page=page,
        closed=places.why_closed(course, now, to_the_office=True),
        closed_to_participants=places.why_closed(course, now),
        one=one,
        several=several,
        is_here=is_here,
        answers_of_one=answers_of_one or {},
        bad=bad or [],
        good=good,
        answers=answers or {},
        done=undoing.offered(),
    )


def _looked_for(course: Course, q: str) -> tuple[list[ColumnElement[bool]], dict[str, int]]:
    """Conditions on Registration for the people of the course who match these words, and how many of them have each
    status."""
    which = [Registration.course_id == course.id]
    if q:
        which.append(Registration.participant_id.in_(select(Participant.id).where(people.matching(q))))
        some = session().execute(select(Registration.id, Registration.status).where(*which).limit(FEW + 1)).all()
        if len(some) <= FEW:
            # The search runs once for all queries, since the database reads everybody for it.
            its = Counter(status for _, status in some)
            return [Registration.id.in_([number for number, _ in some])], dict.fromkeys(STATUSES, 0) | dict(its)
    return which, _by_status(which)


def _by_status(which: list[ColumnElement[bool]]) -> dict[str, int]:
    """How many of these registrations have each status."""
    counted = select(Registration.status, func.count()).where(*which).group_by(Registration.status)
    return dict.fromkeys(STATUSES, 0) | dict(session().execute(counted).all())


def _in_order(which: list[ColumnElement[bool]], sort: str, counts: dict[str, int], *, is_whole: bool) -> list[Part]:
    """The ids of the registrations with the statuses in `counts`: registered people by name, then the waitlist in
    order, then withdrawn people by name; or the latest change first. `is_whole`: they are all of the course's."""
    if sort == "time":
        changed_at = func.coalesce(Registration.withdrawn_at, Registration.registered_at)
        by_time = [Key(changed_at, descending=True), Key(Registration.id, descending=True)]
        return [Part(select(Registration.id).where(*which, Registration.status.in_(counts)), by_time)]
    parts: list[Part] = []
    for status, count in counts.items():
        its = [*which, Registration.status == status]
        in_order = _in_line(its) if status == "waitlisted" else _by_name(its, are_many=is_whole and count >= MANY)
        parts.append(Part(*in_order, count))
    return parts


def _in_line(which: list[ColumnElement[bool]]) -> tuple[Select, list[Key]]:
    return select(Registration.id).where(*which), [Key(Registration.id)]


def _by_name(which: list[ColumnElement[bool]], *, are_many: bool) -> tuple[Select, list[Key]]:
    if are_many:
        # An index has all participants in this order, so the first of them are soon found.
        with_names = select(Registration.id).join(Participant, Participant.id == Registration.participant_id)
        return with_names.where(*which), [Key(Participant.sorted_by), Key(Registration.id)]
    # The ids are read first, from an index, and then the names. In one query, PostgreSQL would go through everybody's
    # names, and start parallel workers for that.
    them = select(Registration.id, Registration.participant_id).where(*which).cte("roster")
    its = them.prefix_with("MATERIALIZED", dialect="postgresql").c
    with_names = select(its.id).join(Participant, Participant.id == its.participant_id)
    return with_names, [Key(Participant.sorted_by), Key(its.id)]


def registration_or_404(course: Course, registration_id: int) -> Registration:
    """The registration, if it is one for this course; otherwise 404."""
    found = session().get(Registration, registration_id)
    if found is None or found.course_id != course.id:
        abort(404)
    return found


def back_to_the_roster(course: Course, participant_id: int | None = None) -> ResponseReturnValue:
    """Redirect to the page of the roster that the button was on, where what was done to a participant can be undone."""
    where: dict[str, Any] = {
        name: request.args[name] for name in ("q", "status", "sort", "opened", "page") if name in request.args
    }
    where["done"] = undoing.done_to(participant_id) if participant_id else None
    return redirect(url_for(".roster", code=course.code, **where))
