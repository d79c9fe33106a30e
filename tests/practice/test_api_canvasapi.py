"""canvasapi, a client that was written for Canvas, finds here what it expects."""

from collections.abc import Iterator

import pytest
from canvasapi import Canvas
from canvasapi.exceptions import BadRequest, Forbidden, InvalidAccessToken, ResourceDoesNotExist

from ..practice_canvas import Practice

# canvasapi warns of http, which is all that a practice server needs.
pytestmark = pytest.mark.filterwarnings("ignore:Canvas may respond unexpectedly:UserWarning")

WORLD = {
    "users": {"kim": {"name": "Kim Lee", "login": "kim@example.org", "sis_user_id": "K-100"}},
    "courses": {"art": {"name": "Art", "sis_course_id": "ART-1", "sections": {"a": {"name": "A"}}}},
}


@pytest.fixture
def canvas(practice: Practice) -> Iterator[Canvas]:
    canvas = Canvas(practice.url, practice.token)
    yield canvas
    canvas._Canvas__requester._session.close()


def test_an_enrollment_is_made_listed_and_ended_in_each_way(practice: Practice, canvas: Canvas) -> None:
    ids = practice.seed(**WORLD)
    course = canvas.get_course("ART-1", use_sis_id=True)

    enrollment = course.enroll_user(ids["user.kim"], enrollment={"enrollment_state": "active"})
    assert (enrollment.enrollment_state, enrollment.user_id) == ("active", ids["user.kim"])
    assert [row.user["login_id"] for row in course.get_enrollments(type=["StudentEnrollment"])] == ["kim@example.org"]

    assert enrollment.deactivate("deactivate").enrollment_state == "inactive"
    assert enrollment.reactivate().enrollment_state == "active"
    assert enrollment.deactivate("delete").enrollment_state == "deleted"
    with pytest.raises(ResourceDoesNotExist):
        enrollment.deactivate("delete")
    assert list(course.get_enrollments()) == []


def test_a_user_is_created_found_and_removed(practice: Practice, canvas: Canvas) -> None:
    account = canvas.get_account(practice.seed(**WORLD)["account.root"])
    made = account.create_user({"unique_id": "lou@example.org", "sis_user_id": "L-1"}, user={"name": "Lou Berg"})
    with pytest.raises(BadRequest):
        account.create_user({"unique_id": "LOU@example.org"})

    assert [user.id for user in account.get_users(search_term="lou@example")] == [made.id]
    assert canvas.get_user("LOU@EXAMPLE.ORG", "sis_login_id").sis_user_id == "L-1"

    account.delete_user(made)
    with pytest.raises(ResourceDoesNotExist):
        canvas.get_user(made.id)


def test_long_lists_come_whole(practice: Practice, canvas: Canvas) -> None:
    names = [f"u{number}" for number in range(25)]
    ids = practice.seed(
        users={name: {"name": f"User {name}", "login": f"{name}@example.org"} for name in names},
        courses={"art": {"name": "Art"}},
        enrollments={name: {"user": name, "course": "art"} for name in names},
    )
    rows = list(canvas.get_course(ids["course.art"]).get_enrollments())
    assert {row.id for row in rows} == {ids[f"enrollment.{name}"] for name in names}
    assert len(rows) == 25
    assert len(list(canvas.get_account(ids["account.root"]).get_users(search_term="example.org"))) == 25


def test_courses_and_sections_are_concluded_reopened_and_deleted_as_in_canvas(
    practice: Practice, canvas: Canvas
) -> None:
    ids = practice.seed(**WORLD | {"enrollments": {"e1": {"user": "kim", "course": "art", "section": "a"}}})
    course, section = canvas.get_course(ids["course.art"]), canvas.get_section(ids["section.art.a"])
    with pytest.raises(BadRequest):
        section.delete()

    course.conclude()
    assert course.get_enrollments(state=["completed"])[0].id == ids["enrollment.e1"]
    course.update(course={"event": "offer"})
    enrollment = course.enroll_user(ids["user.kim"], enrollment={"course_section_id": section.id})
    enrollment.deactivate("delete")
    section.delete()
    assert list(course.get_sections()) == []

    course.delete()
    with pytest.raises(ResourceDoesNotExist):
        canvas.get_course(ids["course.art"])


def test_a_merged_user_is_gone_and_their_enrollments_and_login_have_moved(practice: Practice, canvas: Canvas) -> None:
    lou = {"name": "Lou Berg", "login": "lou@example.org"}
    users = WORLD["users"] | {"lou": lou}
    ids = practice.seed(**WORLD | {"users": users, "enrollments": {"e1": {"user": "kim", "course": "art"}}})
    canvas.get_user(ids["user.kim"]).merge_into(ids["user.lou"])

    assert canvas.get_user("K-100", "sis_user_id").id == ids["user.lou"]
    assert [row.user_id for row in canvas.get_course(ids["course.art"]).get_enrollments()] == [ids["user.lou"]]
    with pytest.raises(ResourceDoesNotExist):
        canvas.get_user(ids["user.kim"])


def test_revoked_token_and_missing_right(practice: Practice, canvas: Canvas) -> None:
    ids = practice.seed(**WORLD)
    practice.options(permissions={"without": ["add_student_to_course"]})
    with pytest.raises(Forbidden):
        canvas.get_course(ids["course.art"]).enroll_user(ids["user.kim"])
    practice.options(permissions=None, token="revoked")
    with pytest.raises(InvalidAccessToken):
        canvas.get_current_user()
    practice.options(token="active")
    assert canvas.get_current_user().name == "Practice Admin"
