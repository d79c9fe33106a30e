"""The buttons for people on a roster: withdraw, put back, try again."""

from flask import flash
from flask.typing import ResponseReturnValue

from ...ledger import access
from ...office import registrations
from ...office.places import NotPossible
from ...shared import clock
from ...shared.language import t
from ...tables.ledger import Seat
from ..base import blueprint, session
from ..guards import for_administrators, person
from ..registering import course_or_404
from .canvas_people import of_course
from .canvas_retry import release_and_report
from .roster import back_to_the_roster, registration_or_404


@blueprint.post("/tools/courses/<code>/withdraw/<int:registration_id>")
@for_administrators
def withdraw_on_behalf(code: str, registration_id: int) -> ResponseReturnValue:
    """Withdraw a participant, or take them off the waitlist."""
    found = course_or_404(code)
    registration = registration_or_404(found, registration_id)
    name = registration.participant.name
    try:
        if registration.status == "withdrawn":
            raise NotPossible(t("{name} has withdrawn already.", name=name))
        registrations.withdraw(session(), found, registration.participant, clock.utc_now(), person().email)
        session().commit()
    except NotPossible as reason:
        session().rollback()
        flash(str(reason), "warning")
    else:
        flash(t("{name} is withdrawn from {course}.", name=name, course=found.title), "success")
    return back_to_the_roster(found, registration.participant_id)


@blueprint.post("/tools/courses/<code>/put-back/<int:registration_id>")
@for_administrators
def put_back(code: str, registration_id: int) -> ResponseReturnValue:
    """Register somebody again who was withdrawn, or put them on the waitlist if their place has been taken since."""
    found = course_or_404(code)
    participant = registration_or_404(found, registration_id).participant
    try:
        if participant.erase_at or participant.erased_at:
            raise NotPossible(t("This person is being erased."))
        made = registrations.register(session(), found, participant, clock.utc_now(), person().email, wait=True)
        session().commit()
    except NotPossible as reason:
        session().rollback()
        flash(str(reason), "warning")
    else:
        done = (
            t("{name} is registered again.", name=participant.name)
            if made.status == "registered"
            else t("{name} is on the waitlist: the place was taken meanwhile.", name=participant.name)
        )
        flash(done, "success")
    return back_to_the_roster(found, participant.id)


@blueprint.post("/tools/courses/<code>/try-again/<int:registration_id>")
@for_administrators
def try_again_for(code: str, registration_id: int) -> ResponseReturnValue:
    """Try one person's Canvas access again now."""
    found = course_or_404(code)
    registration = registration_or_404(found, registration_id)
    known = access.of_registrations(session(), [registration.id]).get(registration.id)
    release_and_report(
        Seat.id == (known.seat_id if known else 0),
        whom=registration.participant.name,
        participant_id=registration.participant_id,
        course_id=found.id,
    )
    return back_to_the_roster(found)


@blueprint.post("/tools/courses/<code>/try-again")
@for_administrators
def try_again_for_course(code: str) -> ResponseReturnValue:
    """Try the Canvas access of everybody who waits in the course again now."""
    found = course_or_404(code)
    release_and_report(Seat.id.in_(of_course(found.id)), course_id=found.id)
    return back_to_the_roster(found)
