"""Claims: which registrations stand on which seat."""

from ..practice_canvas import posts


def test_registering_again_before_delivery_makes_one_enrollment(office, canvas):
    course = office.course("ART", "art")
    office.register(course)
    office.withdraw(course)
    office.register(course)
    assert len(posts(office.deliver())) == 1
    assert canvas.roster("art") == {"kim@example.org": "active"}


def test_a_withdrawal_before_delivery_makes_no_call_to_canvas(office, canvas):
    course = office.course("ART", "art")
    office.register(course)
    office.withdraw(course)
    assert office.deliver() == []
    assert office.status()["seats"] == {"due": 0, "held": 0, "parked": 0, "enrolled": 0, "removed": 1}


def test_two_courses_with_one_canvas_course_share_the_seat(office, canvas):
    one, two = office.course("ART-1", "art"), office.course("ART-2", "art")
    office.register(one)
    office.register(two)
    assert len(posts(office.deliver())) == 1
    office.withdraw(one)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    office.withdraw(two)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "deleted"}


def test_a_move_is_into_the_new_course_first_and_then_out_of_the_old(office, canvas):
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    office.associate(course, "bio")
    calls = posts(office.deliver())
    assert [call.split()[0] for call in calls] == ["POST", "DELETE"]
    assert canvas.roster("art") == {"kim@example.org": "deleted"}
    assert canvas.roster("bio") == {"kim@example.org": "active"}


def test_a_move_that_cannot_get_in_leaves_the_old_place(office, canvas):
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    canvas.admin.delete(f"{canvas.api}/courses/{canvas.ids['course.bio']}", data={"event": "delete"}, timeout=10)
    office.associate(course, "bio")
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    assert {seat.cause for seat in office.seats()} == {None, "course_missing"}


def test_a_move_there_and_back_ends_in_the_first_course(office, canvas):
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    office.associate(course, "bio")
    office.associate(course, "art")
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    assert set(canvas.roster("bio").values()) <= {"deleted"}


def test_people_are_removed_when_a_course_loses_its_canvas_course(office, canvas):
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    office.associate(course, None)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "deleted"}
