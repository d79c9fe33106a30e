"""What one seat needs of Canvas: enrolled, removed, and answers that were lost."""

import time
from collections.abc import Callable

import pytest

from ascriptica_plugin.canvas.client import CanvasClient
from ascriptica_plugin.canvas.errors import CanvasDown, CanvasError, Unreachable
from ascriptica_plugin.tables.canvas import Match

from ..office_at_work import policy
from ..practice_canvas import enroll_by_hand, posts


def test_by_invitation_and_with_canvas_s_mail(office, canvas):
    policy(office, by_invitation=True, canvas_mail=True)
    office.register(office.course("ART", "art"))
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "invited"}
    assert canvas.read("seed")["mails"] == 1
    assert office.status()["seats"]["enrolled"] == 1


@pytest.mark.parametrize(
    ("task", "state"), [("delete", "deleted"), ("deactivate", "inactive"), ("conclude", "completed")]
)
@pytest.mark.parametrize("of_the_course", [True, False])
def test_a_withdrawal_deletes_deactivates_or_concludes_and_coming_back_reactivates(
    office, canvas, task, state, of_the_course
):
    policy(office, on_withdrawal="delete" if of_the_course else task)
    course = office.course("ART", "art", on_withdrawal=task if of_the_course else None)
    office.register(course)
    office.deliver()
    [first] = [seat.canvas_enrollment_id for seat in office.seats()]
    office.withdraw(course)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": state}
    office.register(course)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    assert [seat.canvas_enrollment_id for seat in office.seats()] == [first]


def test_known_person_is_enrolled_in_one_call_and_withdrawn_in_one(office, canvas):
    course = office.course("ART", "art")
    office.register(course, "kim", sis_user_id="K-100")
    assert office.deliver() == [f"POST /courses/{canvas.ids['course.art']}/enrollments"]
    assert canvas.roster("art") == {"kim@example.org": "active"}

    office.withdraw(course, "kim", sis_user_id="K-100")
    calls = office.deliver()
    assert len(calls) == 1
    assert calls[0].startswith(f"DELETE /courses/{canvas.ids['course.art']}/enrollments/")
    assert canvas.roster("art") == {"kim@example.org": "deleted"}


def test_somebody_new_takes_three_calls(office, canvas):
    office.register(office.course("ART", "art"), "new")
    assert posts(calls := office.deliver()) == [
        f"POST /accounts/{canvas.ids['account.root']}/users",
        f"POST /courses/{canvas.ids['course.art']}/enrollments",
    ]
    assert len(calls) == 3
    assert canvas.roster("art") == {"new@example.org": "active"}
    assert office.session.query(Match).one().created_by_us


def test_register_and_withdraw_asks_nothing_of_canvas_beside_somebody_whose_answer_was_lost(office, canvas):
    canvas.faults({"match": "POST /courses/", "times": 1, "fault": "status", "status": 500, "when": "before"})
    office.register(course := office.course("ART", "art"), "kim", sis_user_id="K-100")
    office.deliver()
    office.register(course, "lou")
    office.withdraw(course, "lou")
    assert office.deliver() == []


def test_coming_back_revives_the_same_enrollment(office, canvas):
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    [first] = [seat.canvas_enrollment_id for seat in office.seats()]
    office.withdraw(course)
    office.deliver()
    office.register(course)
    assert len(office.deliver()) == 1
    assert [seat.canvas_enrollment_id for seat in office.seats()] == [first]
    assert canvas.roster("art") == {"kim@example.org": "active"}


def test_an_enrollment_that_was_there_before_us_is_not_removed(practice, office, canvas):
    canvas.options(clock_offset_seconds=-3600)
    enroll_by_hand(canvas, "kim", "art")
    canvas.options(clock_offset_seconds=0)
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


def test_who_never_got_to_ask_for_a_shared_enrollment_is_the_last_and_ends_it(office, canvas, one_row):
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


def test_who_was_added_again_by_hand_after_a_shared_enrollment_s_removal_stays(office, canvas, one_row):
    one, _ = one_row
    enroll_by_hand(canvas, "kim", "art")
    office.register(one, "kim")
    office.withdraw(one, "kim")
    assert office.deliver() == []
    assert canvas.roster("art") == {"kim@example.org": "active"}


def test_the_section_is_the_same_each_time(office, canvas):
    late = canvas.ids["section.art.late"]
    course = office.course("ART", "art", late)
    office.register(course)
    office.deliver()
    rows = canvas.read("world")["enrollments"]
    assert [row["section_id"] for row in rows] == [late]


def test_an_answer_lost_after_the_enrollment_was_made_makes_no_second_one(office, canvas):
    canvas.faults({"match": "POST /courses/", "times": 1, "fault": "reset", "when": "after"})
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    office.later(minutes=1)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    office.withdraw(course)
    office.later(minutes=2)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "deleted"}


def fails_once(monkeypatch, method: str, error: CanvasError) -> list[Callable[[], object]]:
    """The first such call fails; what is in the list then carries it out."""
    call, kept = getattr(CanvasClient, method), []

    def failing(self, *args, **how):
        if kept:
            return call(self, *args, **how)
        kept.append(lambda: call(self, *args, **how))
        raise error

    monkeypatch.setattr(CanvasClient, method, failing)
    return kept


def test_who_withdrew_is_taken_out_though_canvas_enrolls_long_after_we_stopped_to_listen(office, canvas, monkeypatch):
    kept = fails_once(monkeypatch, "enroll", CanvasDown("Canvas did not answer in time."))
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    office.withdraw(course)
    office.later(minutes=1)
    office.deliver()
    kept[0]()
    office.later(minutes=2)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "deleted"}
    assert office.status()["seats"]["removed"] == 1


def test_who_came_back_is_in_though_canvas_ends_long_after_we_stopped_to_listen(office, canvas, monkeypatch):
    kept = fails_once(monkeypatch, "unenroll", CanvasDown("Canvas did not answer in time."))
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    office.withdraw(course)
    office.deliver()
    office.register(course)
    office.later(minutes=1)
    office.deliver()
    kept[0]()
    office.later(minutes=2)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    assert office.status()["seats"]["enrolled"] == 1


@pytest.mark.parametrize("whom", ["one request", "all"])
def test_nothing_is_waited_for_where_no_connection_came_about(office, canvas, monkeypatch, whom):
    for method in ("enroll", "myself") if whom == "all" else ("enroll",):
        fails_once(monkeypatch, method, Unreachable("Canvas could not be reached."))
    course = office.course("ART", "art")
    office.register(course, sis_user_id="K-100")
    office.deliver()
    assert office.status()["connection"] == ("holding" if whom == "all" else "ok")
    office.withdraw(course, sis_user_id="K-100")
    office.later(seconds=30)
    office.deliver()
    assert office.status()["seats"]["removed"] == 1


def test_withdrawn_after_a_lost_answer_is_looked_for_and_removed(office, canvas):
    canvas.faults({"match": "POST /courses/", "times": 1, "fault": "reset", "when": "after"})
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    office.withdraw(course)
    office.later(minutes=2)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "deleted"}
    assert office.status()["seats"]["removed"] == 1


@pytest.mark.parametrize("ended_by", ["its course's end", "a hand"])
def test_what_was_ours_and_ended_by_others_before_we_knew_it_is_ours_when_it_comes_back(office, canvas, ended_by):
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


def test_removed_by_hand_counts_as_removed(office, canvas):
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    [row] = canvas.read("world")["enrollments"]
    canvas.admin.delete(
        f"{canvas.api}/courses/{row['course_id']}/enrollments/{row['id']}", data={"task": "delete"}, timeout=10
    )
    office.withdraw(course)
    office.deliver()
    assert office.status()["seats"]["removed"] == 1


def of_its_default_section(canvas) -> int:
    [row] = [row for row in canvas.read("world")["enrollments"] if row["course_id"] == canvas.ids["course.art"]]
    return row["section_id"]


def test_looking_for_a_lost_enrollment_takes_no_other_seat_s(office, canvas):
    one = office.course("ONE", "art")
    two = office.course("TWO", "art", canvas.ids["section.art.late"])
    canvas.faults({"match": "POST /courses/", "times": 1, "fault": "status", "status": 500, "when": "before"})
    office.register(one, "kim", sis_user_id="K-100")
    office.deliver()
    office.register(two, "kim", sis_user_id="K-100")
    office.deliver()
    office.withdraw(one, "kim", sis_user_id="K-100")
    # Canvas may still carry out the request that failed, so nothing else about Kim is sent before it can't.
    assert office.deliver() == []
    for _ in range(2):
        office.later(minutes=3)
        office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    assert office.status()["seats"] == {"due": 0, "held": 0, "parked": 0, "enrolled": 1, "removed": 1}


def test_who_was_added_by_hand_while_we_were_held_is_not_ours(office, canvas):
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


def test_who_was_added_again_by_hand_after_our_removal_stays(office, canvas):
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


@pytest.mark.parametrize("lost", [False, True], ids=["known", "unknown"])
def test_one_leaves_and_one_arrives_who_are_one_canvas_user(office, canvas, lost):
    """Their requests never cross, since they are about one person; else the removal could be the last word."""
    one, two, bio = office.course("ONE", "art"), office.course("TWO", "art"), office.course("BIO", "bio")
    office.register(bio, "kim")
    office.deliver()
    office.register(bio, "kim", key="kim at work")
    office.deliver()
    office.one_person()
    office.deliver()
    if lost:
        canvas.faults({"match": "POST /courses/", "times": 1, "fault": "reset", "when": "after"})
    office.register(one, "kim")
    office.deliver()
    office.later(minutes=3)
    office.withdraw(one, "kim")
    office.register(two, "kim", key="kim at work")
    for _ in range(3):
        office.deliver()
        office.later(minutes=1)
    assert canvas.roster("art") == {"kim@example.org": "active"}
    assert office.status()["seats"] == {"due": 0, "held": 0, "parked": 0, "enrolled": 3, "removed": 1}


def test_two_places_in_one_canvas_course_are_two_enrollments_each_let_go_alone(office, canvas):
    late = canvas.ids["section.art.late"]
    one, two = office.course("ONE", "art", late), office.course("TWO", "art")
    for course in (one, two):
        office.register(course, sis_user_id="K-100")
        office.deliver()
    office.withdraw(one, sis_user_id="K-100")
    office.deliver()
    states = {row["section_id"] == late: row["state"] for row in canvas.read("world")["enrollments"]}
    assert states == {True: "deleted", False: "active"}
