"""/tools/courses/<code>: who is registered, waiting or withdrawn; register on behalf; try again; export."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import case, func, select
from sqlalchemy.orm import joinedload

from ...ledger import activity, last_activity, results
from ...office import cancelling, names, people, places, registrations, waitlist
from ...office.pasted_list import PastedLine
from ...office.places import NotPossible
from ...office.registrations import Entry, NameNeeded, OtherName
from ...shared import clock
from ...shared.language import t, tn
from ...tables.columns import begin_writing
from ...tables.office import Course, Participant, Registration
from ...tables.results import CourseResults
from ..base import blueprint, file_time, for_administrators, person, session, settings, typed_search
from ..canvas_access import CanvasAccess, canvas_access
from ..forms.people import OnBehalfListForm, ParticipantForm
from ..paging import Key, page_by_keys
from ..registering import course_or_404
from ..showing import show
from ..spreadsheet import csv_file, csv_line
from . import undoing
from .canvas_users import HOW, matches_of
from .course_standing import standing_of

A_CHUNK = 500

STATUSES = ("registered", "waitlisted", "withdrawn")

ORDERS = {
    # Registered people by name, then the waitlist in order, then withdrawn people by name.
    "name": [
        Key(case({name: number for number, name in enumerate(STATUSES)}, value=Registration.status)),
        Key(case((Registration.status == "waitlisted", ""), else_=Participant.sorted_by)),
        Key(Registration.id),
    ],
    "time": [
        Key(func.coalesce(Registration.withdrawn_at, Registration.registered_at), descending=True),
        Key(Registration.id, descending=True),
    ],
}

COLUMNS = (
    "name",
    "email",
    "sis_user_id",
    "status",
    "registered_at",
    "withdrawn_at",
    "canvas_access",
    "canvas_seen_at",
)
"""`canvas_seen_at` is when Canvas last showed what `canvas_access` says."""

OF_RESULTS = ("canvas_completed_at", "canvas_score", "canvas_score_kind", "passed", "canvas_last_activity_at")
"""Further columns once the results were fetched; the score is in percent."""


@blueprint.route("/tools/courses/<code>", methods=["GET", "POST"])
@for_administrators
def roster(code: str) -> ResponseReturnValue:
    """The roster. A POST registers people on behalf: one person, or a pasted list."""
    found = course_or_404(code)
    if request.method == "GET":
        return _page(found, ParticipantForm(), OnBehalfListForm())
    if "people" in request.form:
        form = OnBehalfListForm()
        if form.validate():
            return _register_list(found, form)
        return _page(found, ParticipantForm(formdata=None), form), 422
    form = ParticipantForm()
    if form.validate():
        return _register_one(found, form)
    return _page(found, form, OnBehalfListForm(formdata=None)), 422


def _register_one(course: Course, form: ParticipantForm) -> ResponseReturnValue:
    entry = Entry(form.email.data, form.name.data, form.sis_user_id.data)
    [result] = registrations.register_many(session(), course, [entry], clock.utc_now(), person().email)
    if isinstance(result, NotPossible):
        session().rollback()
        form.email.errors = [str(result)]
        return _page(course, form, OnBehalfListForm(formdata=None)), 422
    session().commit()
    name = result.participant.name
    if position := waitlist.positions(session(), [result]).get(result.id):
        flash(
            t(
                "{course} is full. {name} is number {position} on the waitlist.",
                course=course.title,
                name=name,
                position=position,
            ),
            "success",
        )
    else:
        flash(t("{name} is registered for {course}.", name=name, course=course.title), "success")
    # An administrator who has registered one person often registers the next one.
    return redirect(url_for(".roster", code=course.code, another=1, done=undoing.done_to(result.participant_id)))


def _register_list(course: Course, form: OnBehalfListForm) -> ResponseReturnValue:
    """Register all, or with `anyway` all that can be. The others stay in the box, each with the reason or a question.

    Without `anyway` nobody is registered before every line is right.
    """
    good = [line for line in form.people.lines if line.problem is None]
    entries = [_entry(line) for line in good]
    results = registrations.register_many(session(), course, entries, clock.utc_now(), person().email)
    asked = {}
    for line, result in zip(good, results, strict=True):
        if isinstance(result, NotPossible):
            line.problem = str(result)
            asked[id(line)] = result
    bad = [Refused(line, asked.get(id(line))) for line in form.people.lines if line.problem is not None]
    done = [result for result in results if isinstance(result, Registration)]
    if not done or (bad and request.form.get("anyway") != "1"):
        session().rollback()
        return _page(course, ParticipantForm(formdata=None), form, bad=bad, good=len(done)), 422
    waiting = sum(result.status == "waitlisted" for result in done)
    session().commit()
    flash(_how_many_are_in(len(done) - waiting, waiting, course), "success")
    if not bad:
        return redirect(url_for(".roster", code=course.code))
    form.people.keep_only([one.line for one in bad])
    return _page(course, ParticipantForm(formdata=None), form, bad=bad), 422


@dataclass(frozen=True)
class Refused:
    """A pasted line that can't be taken, and why, where that was found out in our tables."""

    line: PastedLine
    reason: NotPossible | None

    @property
    def asks_for_name(self) -> bool:
        return isinstance(self.reason, NameNeeded)

    @property
    def is_here(self) -> str | None:
        """The name that the person has here; None where that is not the question."""
        return self.reason.here if isinstance(self.reason, OtherName) else None


def _entry(line: PastedLine) -> Entry:
    """The person of a pasted line, with what was answered about them beside the box."""
    name = request.form.get(f"name-{line.email}", "").strip()
    answer = request.form.get(f"is-{line.email}")
    if name and not line.name:
        try:
            return Entry(line.email, names.read_name(name))
        except ValueError:
            return Entry(line.email)
    return Entry(line.email, "" if answer == "here" else line.name, rename=answer == "typed")


def _how_many_are_in(registered: int, waiting: int, course: Course) -> str:
    is_in = tn(
        "{count} person is registered for {course}.",
        "{count} people are registered for {course}.",
        registered,
        course=course.title,
    )
    waits = tn(
        "{count} person is on the waitlist, since all places are taken.",
        "{count} people are on the waitlist, since all places are taken.",
        waiting,
    )
    return " ".join(said for said, number in ((is_in, registered), (waits, waiting)) if number)


@blueprint.post("/tools/courses/<code>/roster.csv")
@for_administrators
def roster_csv(code: str) -> ResponseReturnValue:
    """The roster as a CSV file that is safe in a spreadsheet. The activity log records who exported it."""
    found = course_or_404(code)
    begin_writing(session())
    activity.note(session(), clock.utc_now(), person().email, "exported", course_id=found.id)
    session().commit()
    with_results = _with_results(found.id)
    columns = COLUMNS + (OF_RESULTS if with_results else ())
    return csv_file(f"{found.code}-roster.csv", columns, _csv(found.id, with_results))


def _csv(course_id: int, with_results: bool) -> Iterator[str]:
    last = 0
    while True:
        chunk = list(
            session().scalars(
                select(Registration)
                .where(Registration.course_id == course_id, Registration.id > last)
                .options(joinedload(Registration.participant), joinedload(Registration.course))
                .order_by(Registration.id)
                .limit(A_CHUNK)
            )
        )
        words = canvas_access(chunk)
        more = _of_results([one.id for one in chunk]) if with_results else {}
        yield "".join(csv_line(_cells(one, words.get(one.id)) + more.get(one.id, ())) for one in chunk)
        if len(chunk) < A_CHUNK:
            return
        last = chunk[-1].id
        session().expunge_all()


def _cells(registration: Registration, its: CanvasAccess | None) -> tuple[str, ...]:
    participant = registration.participant
    return (
        participant.name,
        participant.email,
        participant.sis_user_id or "",
        registration.status,
        file_time(registration.registered_at),
        file_time(registration.withdrawn_at),
        its.office if its else "",
        file_time(its.seen_at if its else None),
    )


def _with_results(course_id: int) -> bool:
    wishes = session().get(CourseResults, course_id)
    return wishes is not None and (wishes.fetched_at is not None or wishes.completed or wishes.score)


def _of_results(ids: list[int]) -> dict[int, tuple[str, ...]]:
    """The cells of OF_RESULTS, by registration."""
    known = results.of_registrations(session(), ids, clock.utc_now())
    active = last_activity.of_registrations(session(), settings().connection_id or 0, ids)
    cells: dict[int, tuple[str, ...]] = {}
    for number in ids:
        its, at = known.get(number), file_time(active.get(number))
        if its is None:
            cells[number] = ("", "", "", "", at)
            continue
        score = "" if its.score is None else f"{its.score:g}"
        passed = "" if its.passed is None else "yes" if its.passed else "no"
        cells[number] = (file_time(its.completed_at), score, its.score_kind or "", passed, at)
    return cells


# -- the page ---------------------------------------------------------------------------------------------------------


def _page(
    course: Course, one: ParticipantForm, several: OnBehalfListForm, bad: list[Refused] | None = None, good: int = 0
) -> str:
    """The roster with both forms. `bad` are the pasted lines with problems, `good` is the number of the others."""
    q = typed_search("q")
    status = request.args.get("status")
    status = status if status in STATUSES else None
    sort = "time" if request.args.get("sort") == "time" else "name"
    which = [Registration.course_id == course.id]
    if q:
        which.append(people.matching(q))
    at = course.association.canvas_course_id if course.association is not None else None
    never_opened = last_activity.never_opened(settings().connection_id or 0, at or 0)
    unopened = session().scalar(
        select(func.count()).select_from(Registration).join(Registration.participant).where(*which, never_opened)
    )
    opened = "never" if request.args.get("opened") == "never" else None
    by_status = select(Registration.status, func.count()).group_by(Registration.status)
    if q:
        by_status = by_status.join(Registration.participant)
    counts = dict.fromkeys(STATUSES, 0) | dict(session().execute(by_status.where(*which)).all())
    if opened:
        which.append(never_opened)
    elif status:
        which.append(Registration.status == status)
    found = select(Registration.id).join(Registration.participant).where(*which)
    page = page_by_keys(session(), found, ORDERS[sort])
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
        waiting=waitlist.waiting(session(), course),
        standing=standing_of(course, list(words.values())),
        connection_id=settings().connection_id,
        cancelled_act=cancelling.act_of(session(), course) if course.cancelled_at else None,
        counts=counts,
        can_be_put_back=registrations.can_be_put_back(session(), course, shown, clock.utc_now()),
        total=unopened if opened else counts[status] if status else sum(counts.values()),
        status=status,
        sort=sort,
        opened=opened,
        unopened=unopened,
        results=results.of_registrations(session(), ids, now) if _with_results(course.id) else None,
        active=last_activity.of_registrations(session(), settings().connection_id or 0, ids),
        q=q,
        page=page,
        closed=places.why_closed(course, now, to_the_office=True),
        closed_to_participants=places.why_closed(course, now),
        one=one,
        several=several,
        bad=bad or [],
        good=good,
        done=undoing.offered(),
    )


def registration_or_404(course: Course, registration_id: int) -> Registration:
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
