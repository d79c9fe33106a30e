"""The calls that one seat needs to be enrolled in Canvas, and to be removed."""

import pytest

from ascriptica_plugin.tables.ledger import Match

from ..office_at_work import policy
from ..practice_canvas import posts


def test_people_are_invited_and_mailed_by_canvas_where_that_is_chosen(office, canvas):
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


def test_a_known_person_is_enrolled_and_removed_with_one_call_each(office, canvas):
    course = office.course("ART", "art")
    office.register(course, "kim", sis_user_id="K-100")
    assert office.deliver() == [f"POST /courses/{canvas.ids['course.art']}/enrollments"]
    assert canvas.roster("art") == {"kim@example.org": "active"}

    office.withdraw(course, "kim", sis_user_id="K-100")
    calls = office.deliver()
    assert len(calls) == 1
    assert calls[0].startswith(f"DELETE /courses/{canvas.ids['course.art']}/enrollments/")
    assert canvas.roster("art") == {"kim@example.org": "deleted"}


def test_a_new_person_takes_three_calls(office, canvas):
    office.register(office.course("ART", "art"), "new")
    assert posts(calls := office.deliver()) == [
        f"POST /accounts/{canvas.ids['account.root']}/users",
        f"POST /courses/{canvas.ids['course.art']}/enrollments",
    ]
    assert len(calls) == 3
    assert canvas.roster("art") == {"new@example.org": "active"}
    assert office.session.query(Match).one().created_by_us


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


def test_people_are_enrolled_in_the_chosen_section(office, canvas):
    late = canvas.ids["section.art.late"]
    course = office.course("ART", "art", late)
    office.register(course)
    office.deliver()
    rows = canvas.read("world")["enrollments"]
    assert [row["section_id"] for row in rows] == [late]


def test_an_enrollment_removed_by_hand_counts_as_removed_after_a_withdrawal(office, canvas):
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


def test_two_places_in_one_canvas_course_are_two_enrollments_that_end_separately(office, canvas):
    late = canvas.ids["section.art.late"]
    one, two = office.course("ONE", "art", late), office.course("TWO", "art")
    for course in (one, two):
        office.register(course, sis_user_id="K-100")
        office.deliver()
    office.withdraw(one, sis_user_id="K-100")
    office.deliver()
    states = {row["section_id"] == late: row["state"] for row in canvas.read("world")["enrollments"]}
    assert states == {True: "deleted", False: "active"}
