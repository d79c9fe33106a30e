"""Who is in a Canvas course already, of the people who would move there."""

from datetime import UTC, datetime

import pytest

from ascriptica_plugin.canvas.shapes import Enrollment, User
from ascriptica_plugin.ledger.moves import Place, Someone, found_in

MATCHED = Someone(1, "Kim", "kim@example.org", "K-1", 7, False)
NEW = Someone(2, "Lou", "Lou@example.org", "L-1", None, False)


def row(
    user_id: int, login: str, sis: str | None = None, kind: str = "StudentEnrollment", section: int = 4
) -> Enrollment:
    user = User(user_id, "", login, None, sis, True)
    return Enrollment(
        id=user_id,
        user_id=user_id,
        course_id=3,
        section_id=section,
        type=kind,
        state="active",
        created_at=datetime(2027, 3, 1, tzinfo=UTC),
        user=user,
    )


@pytest.mark.parametrize(
    ("there", "students", "teachers"),
    [
        (row(7, "kim@example.org"), [1], []),
        (row(8, "kim@example.org", "K-1"), [], []),  # Kim is user 7, whatever this one is called.
        (row(8, "lou@EXAMPLE.org"), [2], []),
        (row(8, "other", "L-1"), [2], []),
        (row(7, "kim@example.org", kind="TaEnrollment"), [], [1]),
        (row(7, "kim@example.org", kind="ObserverEnrollment"), [], []),
    ],
)
def test_people_are_found_by_canvas_s_number_or_else_by_sis_id_or_login(there, students, teachers):
    assert found_in([MATCHED, NEW], Place(3, None), [there]) == (students, teachers)


def test_a_student_of_another_section_is_not_in_it_but_a_teacher_teaches_the_course():
    roster = [row(7, "kim@example.org", section=5), row(8, "lou@example.org", kind="TeacherEnrollment", section=5)]
    assert found_in([MATCHED, NEW], Place(3, 4), roster) == ([], [2])
