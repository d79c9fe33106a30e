"""What happens to a whole course while people register."""

from collections import Counter

from sqlalchemy import func, select

from ascriptica_plugin.office import courses
from ascriptica_plugin.office.courses import associate
from ascriptica_plugin.tables.canvas import Claim, Seat
from ascriptica_plugin.tables.office import Association, Course

from .at_once import at_once, join, joining, registering, standings, withdrawing


def test_cancelling_beside_registering_leaves_nobody_in(here):
    course = here.course(capacity=3)
    course_id = course.id
    join(here, course, *(f"p{n}" for n in range(5)))
    here.session.commit()

    def cancel(session):
        courses.cancel(session, session.get(Course, course_id), here.now, "boss@example.org")

    actions = [joining(course_id, f"n{n}", here.now) for n in range(4)]
    actions += [withdrawing(course_id, f"p{n}", here.now) for n in range(2)]
    assert "done" in at_once(here, [cancel, *actions])
    assert standings(here.session, course) == {}
    assert (course.places_taken, course.cancelled_at is not None) == (0, True)


def test_whoever_registers_while_the_association_moves_has_exactly_the_new_seat(office, canvas):
    course = office.course("ART", "art")
    course_id = course.id
    bio = canvas.ids["course.bio"]
    for who in ("a", "b", "c"):
        office.register(course, who)

    def move(session):
        made = Association(connection_id=1, canvas_course=str(bio), canvas_course_id=bio, canvas_course_name="Biology")
        associate(session, session.get(Course, course_id), made, office.now)

    assert set(at_once(office, [move, *(registering(course_id, f"p{n}", office.now) for n in range(8))])) == {"done"}
    newest = select(func.max(Claim.id)).where(Claim.ended_at.is_(None)).group_by(Claim.registration_id)
    places = office.session.scalars(
        select(Seat.canvas_course_id).join(Claim, Claim.seat_id == Seat.id).where(Claim.id.in_(newest))
    )
    assert Counter(places) == {bio: 11}
    office.deliver()
    assert Counter(canvas.roster("bio").values()) == {"active": 11}
    assert "active" not in canvas.roster("art").values()
