"""Which enrollments are ours to end: those that we made, and no others, whatever the clocks say."""

import time

import pytest

from ascriptica_plugin.canvas.client import CanvasClient

from ..practice_canvas import enroll_by_hand, posts


def test_an_enrollment_that_was_there_before_us_is_not_removed(practice, office, canvas):
    canvas.by_hand_before("kim", "art")
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    office.withdraw(course)
    assert posts(office.deliver()) == []
    assert canvas.roster("art") == {"kim@example.org": "active"}
    assert [seat.cause for seat in office.seats()] == ["found_there"]


def test_a_new_worker_whose_clock_is_fast_knows_what_a_lost_answer_left_as_ours(office, canvas):
    office.register(course := office.course("ART", "art"), sis_user_id="K-100")
    office.new_worker()
    office.later(hours=1)
    canvas.faults({"match": "POST /courses/", "times": 1, "fault": "reset", "when": "after"})
    assert office.deliver()[0] == "GET /users/self"
    office.later(minutes=3)
    office.deliver()
    office.withdraw(course, sis_user_id="K-100")
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "deleted"}


def test_a_new_worker_whose_clock_is_slow_removes_nobody_whom_it_found(office, canvas):
    canvas.options(clock_offset_seconds=-1800)
    enroll_by_hand(canvas, "kim", "art")
    canvas.options(clock_offset_seconds=0)
    office.new_worker()
    office.later(hours=-1)
    office.register(course := office.course("ART", "art"), sis_user_id="K-100")
    office.deliver()
    office.withdraw(course, sis_user_id="K-100")
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}


def test_our_own_enrollment_is_known_as_ours_though_canvas_clock_is_an_hour_slow(office, canvas):
    canvas.options(clock_offset_seconds=-3600)
    office.connect()
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    office.withdraw(course)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "deleted"}


def test_our_own_enrollment_is_known_as_ours_though_our_clock_steps_forward(office, canvas):
    course = office.course("ART", "art")
    office.register(course, "lou")
    office.deliver()
    office.later(hours=1)
    office.register(course)
    office.deliver()
    office.withdraw(course)
    office.deliver()
    assert canvas.roster("art") == {"lou@example.org": "active", "kim@example.org": "deleted"}


def test_a_teacher_who_registers_and_withdraws_stays_a_teacher(office, canvas):
    enroll_by_hand(canvas, "kim", "art", type="TeacherEnrollment")
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    office.withdraw(course)
    office.deliver()
    world = canvas.read("world")["enrollments"]
    assert sorted((row["type"], row["state"]) for row in world) == [
        ("StudentEnrollment", "deleted"),
        ("TeacherEnrollment", "active"),
    ]


def test_two_participants_who_are_one_canvas_user_share_the_enrollment(office, canvas):
    one, two = office.course("ART-1", "art"), office.course("ART-2", "art")
    office.register(one, "kim")
    office.deliver()
    office.register(two, "kim", key="kim at work")
    office.deliver()
    assert [seat.cause for seat in office.seats()] == [None, "same_user"]
    office.one_person()
    office.deliver()
    office.withdraw(one, "kim")
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}


@pytest.fixture
def one_row(office, canvas):
    """Two courses of two participants who are one Canvas user, whose enrollment was shared, and removed with the last.

    The first registration left it to the second.
    """
    one, two = office.course("ONE", "art"), office.course("TWO", "art")
    for course, key in ((one, "kim"), (two, "kim at work")):
        office.register(course, "kim", key=key)
        office.deliver()
        office.one_person()
        office.deliver()
    for course, key in ((one, "kim"), (two, "kim at work")):
        office.withdraw(course, "kim", key=key)
        office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "deleted"}
    return one, two


def test_the_last_participant_of_a_shared_enrollment_ends_it_though_it_never_asked_for_it(office, canvas, one_row):
    one, two = one_row
    office.register(one, "kim")
    office.deliver()
    canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})
    office.register(two, "kim", key="kim at work")
    office.deliver()
    office.withdraw(one, "kim")
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    office.withdraw(two, "kim", key="kim at work")
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "deleted"}


def test_a_person_who_was_added_again_by_hand_after_a_shared_enrollment_s_removal_stays(office, canvas, one_row):
    one, _ = one_row
    enroll_by_hand(canvas, "kim", "art")
    office.register(one, "kim")
    office.withdraw(one, "kim")
    assert office.deliver() == []
    assert canvas.roster("art") == {"kim@example.org": "active"}


@pytest.mark.parametrize("ended_by", ["its course's end", "a hand"])
def test_an_enrollment_of_ours_that_others_ended_unseen_is_ours_when_it_comes_back(office, canvas, ended_by):
    """Made, and the answer lost; ended in Canvas; withdrawn; and an hour later the same row comes back with its age."""
    canvas.options(clock_offset_seconds=-3600)
    canvas.faults({"match": "POST /courses/", "times": 1, "fault": "reset", "when": "after"})
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    address = f"{canvas.api}/courses/{canvas.ids['course.art']}"
    [row] = canvas.read("world")["enrollments"]
    if ended_by == "a hand":
        canvas.admin.delete(f"{address}/enrollments/{row['id']}", data={"task": "delete"}, timeout=10)
    else:
        canvas.admin.put(address, data={"course[event]": "conclude"}, timeout=10)
    canvas.options(clock_offset_seconds=0)
    office.withdraw(course)
    office.later(minutes=2)
    office.deliver()
    assert office.status()["seats"]["removed"] == 1
    canvas.admin.put(address, data={"course[event]": "offer"}, timeout=10)
    office.register(course)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    office.withdraw(course)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "deleted"}
    assert office.status()["seats"]["removed"] == 1


def of_its_default_section(canvas) -> int:
    [row] = [row for row in canvas.read("world")["enrollments"] if row["course_id"] == canvas.ids["course.art"]]
    return row["section_id"]


def test_a_person_who_was_added_by_hand_while_we_were_held_is_not_ours(office, canvas):
    course = office.course("ART", "art")
    canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})
    office.register(course)
    office.deliver()
    # A minute before our first try.
    canvas.options(permissions=None, clock_offset_seconds=-60)
    enroll_by_hand(canvas, "kim", "art")
    canvas.options(clock_offset_seconds=0)
    office.later(minutes=20)
    office.deliver()
    office.withdraw(course)
    assert posts(office.deliver()) == []
    assert canvas.roster("art") == {"kim@example.org": "active"}


def test_a_person_who_was_added_again_by_hand_after_our_removal_stays(office, canvas):
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    office.withdraw(course)
    office.deliver()
    enroll_by_hand(canvas, "kim", "art")
    office.register(course)
    office.withdraw(course)
    assert office.deliver() == []
    assert canvas.roster("art") == {"kim@example.org": "active"}


def test_the_default_section_by_its_number_is_the_same_enrollment_and_ours(office, canvas):
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    office.later(seconds=10)
    canvas.options(clock_offset_seconds=60)
    office.associate(course, "art", of_its_default_section(canvas))
    office.deliver()
    office.withdraw(course)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "deleted"}


def test_a_removal_and_an_enrollment_of_one_row_never_cross(office, canvas, monkeypatch):
    one = office.course("ONE", "art")
    office.register(one, "kim", sis_user_id="K-100")
    office.deliver()
    two = office.course("TWO", "art", of_its_default_section(canvas))
    unenroll = CanvasClient.unenroll

    def slow(self, *args):
        time.sleep(0.3)
        return unenroll(self, *args)

    monkeypatch.setattr(CanvasClient, "unenroll", slow)
    office.register(two, "kim", sis_user_id="K-100")
    office.withdraw(one, "kim", sis_user_id="K-100")
    for _ in range(3):
        office.deliver()
        office.later(seconds=5)
    assert canvas.roster("art") == {"kim@example.org": "active"}
    assert office.status()["seats"]["due"] == 0


def test_an_answer_about_another_section_than_we_asked_for_makes_no_enrollment_ours(office, canvas, monkeypatch):
    """We ask for the late group, and Canvas answers with an enrollment in another section: the office is asked."""
    course = office.course("ART", "art", canvas.ids["section.art.late"])
    enroll = CanvasClient.enroll

    def elsewhere(self, course_id, user_id, section_id, **how):
        return enroll(self, course_id, user_id, None, **how)

    monkeypatch.setattr(CanvasClient, "enroll", elsewhere)
    office.register(course)
    office.deliver()
    office.withdraw(course)
    assert posts(office.deliver()) == []
    assert [seat.cause for seat in office.seats()] == ["found_there"]
    assert canvas.roster("art") == {"kim@example.org": "active"}
