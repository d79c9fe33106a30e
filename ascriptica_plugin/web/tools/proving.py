"""Prove it, on Course Settings: a round trip through Canvas in a course that an administrator picks."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from ...canvas.errors import CanvasError
from ...canvas.shapes import HIGHEST_ID, ListedCourse
from ...ledger import activity
from ...ledger.causes import CAUSES
from ...shared import clock, pauses
from ...shared.language import t
from ...shared.said import Said
from ...sync import proofs
from ...tables.canvas import Connection
from ...tables.columns import begin_writing
from ..base import blueprint, session, settings
from ..forms.courses import ProveForm
from ..guards import for_administrators, person
from ..showing import show
from .canvas_courses import search_courses


@blueprint.route("/tools/settings/course-settings/prove", methods=["GET", "POST"])
@for_administrators
def prove() -> ResponseReturnValue:
    """The latest proof, step by step, and a search for the Canvas course of the next one."""
    connection = settings().connection if settings().display_canvas else None
    if connection is None:
        flash(t("No Canvas is connected."))
        return redirect(url_for(".course_settings"))
    proof = proofs.Proof.of(connection)
    form = ProveForm(test_user=proof.test_user if proof is not None else "")
    if "canvas_course" in request.form and form.test_user.validate(form):
        return _begin(connection, request.form["canvas_course"], form.test_user.data)
    found: list[ListedCourse] = []
    more, problem = False, None
    searched = form.is_submitted() and form.validate()
    if searched:
        try:
            found, more = search_courses(form)
        except CanvasError as error:
            searched, problem = False, str(error)
    now = clock.utc_now()
    return show(
        "ascriptica/prove.html",
        form=form,
        connection=connection,
        hold=CAUSES[connection.hold_cause].title if connection.hold_cause else "",
        proof=proof,
        coming=proofs.STEPS,
        under_way=proof is not None and proof.over_at is None,
        late=proof is not None and not proof.steps and proof.asked_at < now - pauses.STANDS_STILL,
        found=found,
        more=more,
        searched=searched,
        problem=problem,
    ), 422 if form.errors else 200


def _begin(connection: Connection, typed: str, test_user: str) -> ResponseReturnValue:
    number = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 20 else 0
    begin_writing(session())
    if not 0 < number <= HIGHEST_ID:
        session().rollback()
        flash(t("Choose a Canvas course."), "warning")
    elif proofs.ask(session(), connection.id, number, now := clock.utc_now(), test_user):
        activity.note(session(), now, person().email, "asked for a proof", Said("there", course=number))
        session().commit()
    else:
        session().rollback()
        flash(t("A proof is under way. You can begin another one when it has ended."), "warning")
    return redirect(url_for(".prove"))
