"""Registers people from the roster, on their behalf: one person, or a pasted list."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from ...office import names, registrations, waitlist
from ...office.pasted_list import PastedLine
from ...office.places import NotPossible
from ...office.registrations import Entry, NameNeeded, OtherName
from ...shared import clock
from ...shared.language import t, tn
from ...tables.office import Course, Registration
from ..base import blueprint, session
from ..forms.people import OnBehalfForm, OnBehalfListForm
from ..guards import for_administrators, person
from ..registering import course_or_404
from . import undoing
from .roster import Refused, page_of


@blueprint.post("/tools/courses/<code>")
@for_administrators
def register_on_behalf(code: str) -> ResponseReturnValue:
    """Register one person, or the people of a pasted list."""
    found = course_or_404(code)
    if "people" in request.form:
        several = OnBehalfListForm()
        if several.validate():
            return _register_list(found, several)
        return page_of(found, OnBehalfForm(formdata=None), several, answers=_answers([])), 422
    one = OnBehalfForm()
    if one.validate():
        return _register_one(found, one)
    return page_of(found, one, OnBehalfListForm(formdata=None)), 422


def _register_one(course: Course, form: OnBehalfForm) -> ResponseReturnValue:
    entry = _entry(form.email.data, form.name.data or "", form.sis_user_id.data)
    [result] = registrations.register_many(session(), course, [entry], clock.utc_now(), person().email)
    if isinstance(result, NotPossible):
        session().rollback()
        several = OnBehalfListForm(formdata=None)
        if isinstance(result, OtherName):
            return page_of(course, form, several, is_here=result.here), 422
        form[("name" if isinstance(result, NameNeeded) else "email")].errors = [str(result)]
        return page_of(course, form, several, answers_of_one=_answers([])), 422
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
    # Somebody who has registered one person often registers another one next.
    return redirect(url_for(".roster", code=course.code, another=1, done=undoing.done_to(result.participant_id)))


def _register_list(course: Course, form: OnBehalfListForm) -> ResponseReturnValue:
    """Register all, or with `anyway` all that can be. The others stay in the box, each with the reason or a question.

    Without `anyway` nobody is registered until every line is right.
    """
    good = [line for line in form.people.lines if line.problem is None]
    entries = [_entry(line.email, line.name) for line in good]
    results = registrations.register_many(session(), course, entries, clock.utc_now(), person().email)
    asked = {}
    for line, result in zip(good, results, strict=True):
        if isinstance(result, NotPossible):
            line.problem = str(result)
            asked[id(line)] = result
    bad = [_refused(line, asked.get(id(line))) for line in form.people.lines if line.problem is not None]
    done = [result for result in results if isinstance(result, Registration)]
    if not done or (bad and request.form.get("anyway") != "1"):
        session().rollback()
        kept = _answers(bad)
        return page_of(course, OnBehalfForm(formdata=None), form, bad=bad, good=len(done), answers=kept), 422
    waiting = sum(result.status == "waitlisted" for result in done)
    session().commit()
    flash(_how_many_are_in(len(done) - waiting, waiting, course), "success")
    if not bad:
        return redirect(url_for(".roster", code=course.code))
    left = [one.line for one in bad]
    form.people.keep_only(left)
    kept = {field: answer for field, answer in _answers(bad).items() if _about(field) in {line.email for line in left}}
    return page_of(course, OnBehalfForm(formdata=None), form, bad=bad, answers=kept), 422


def _entry(email: str, name: str, sis_user_id: str | None = None) -> Entry:
    """The person who was typed, with what was answered about them on the page."""
    named = _named(email)
    answer = request.form.get(f"is-{email}")
    if named and not name:
        try:
            return Entry(email, names.read_name(named))
        except ValueError:
            return Entry(email)
    if request.form.get(f"typed-{email}", name) != name:
        # The name in the box is not the one that the answer was about.
        answer = None
    return Entry(email, "" if answer == "here" else name, sis_user_id, rename=answer == "typed")


def _named(email: str) -> str:
    """The name that was typed beside the box for somebody whose line has none."""
    return request.form.get(f"name-{email}", "").strip()


def _refused(line: PastedLine, reason: NotPossible | None) -> Refused:
    """The line with its problem. If it asks for a name: the name that was typed, and what is wrong with it."""
    if isinstance(reason, NameNeeded) and (name := _named(line.email)):
        try:
            names.read_name(name)
        except ValueError as wrong:
            return Refused(line, reason, name, str(wrong))
    return Refused(line, reason)


def _answers(bad: list[Refused]) -> dict[str, str]:
    """The fields with answers about people that are not asked again, so that the next page has them too. Answers about
    people who are not in the box are kept as well, since the box may be wrong."""
    asked = {one.line.email for one in bad if one.asks_for_name or one.is_here}
    fields = [field for field in request.form if field.startswith(("name-", "is-", "typed-"))]
    return {field: request.form[field] for field in fields if request.form[field] and _about(field) not in asked}


def _about(field: str) -> str:
    """The email of the person whom an answer is about."""
    return field.partition("-")[2]


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
