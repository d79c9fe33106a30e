"""The enrollments that an import may end: it goes by SIS ID alone, so everything else has to be certain."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from ascriptica_plugin.ledger import sis_import_candidates
from ascriptica_plugin.tables.canvas import Connection
from ascriptica_plugin.tables.ledger import CanvasRow, Match
from ascriptica_plugin.tables.office import Participant

from ..office_at_work import policy


@pytest.fixture
def leaving(office):
    """Kim, whom Canvas knows by a SIS ID, was let in by us, and withdraws."""
    course = office.course("ART", "art")
    office.register(course, sis_user_id="K-100")
    office.deliver()
    office.recheck("art")
    office.deliver()
    office.withdraw(course, sis_user_id="K-100")
    return office


def candidates(office) -> list[str]:
    seats = [seat.id for seat in office.seats()]
    connection_id = office.seats()[0].connection_id
    return [one.status for one in sis_import_candidates.among(office.session, connection_id, seats, office.now)]


def test_enrollments_of_ours_seen_within_a_day_can_be_ended_by_an_import(leaving):
    assert candidates(leaving) == ["deleted"]


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (CanvasRow, {"granted": False}),
        (CanvasRow, {"kept": True}),
        (CanvasRow, {"created_at": None}),
        (CanvasRow, {"state": "completed"}),
        (CanvasRow, {"seen_at": -timedelta(hours=25)}),
        (CanvasRow, {"canvas_user_id": 999_999}),
        (CanvasRow, {"canvas_course_id": 999_999}),
        (Match, {"doubted": True}),
        (Match, {"shared": True}),
        (Match, {"question": "who"}),
        (Match, {"canvas_sis_user_id": None}),
        (Match, {"from_email": "another@example.org"}),
        (Participant, {"erase_at": timedelta()}),
        (Connection, {"restored_at": timedelta()}),
    ],
)
def test_enrollments_that_are_less_certain_are_not_ended_by_an_import(leaving, table, values):
    for name, value in values.items():
        for one in leaving.session.scalars(select(table)):
            setattr(one, name, leaving.now + value if isinstance(value, timedelta) else value)
    leaving.session.commit()
    assert candidates(leaving) == []


def test_people_with_another_enrollment_there_are_not_ended_by_an_import(leaving):
    [row] = leaving.session.scalars(select(CanvasRow)).all()
    names = ("connection_id", "canvas_user_id", "canvas_course_id", "created_at", "seen_at", "state")
    same = {name: getattr(row, name) for name in names}
    leaving.session.add(CanvasRow(**same, canvas_enrollment_id=row.canvas_enrollment_id + 1, canvas_section_id=999))
    leaving.session.commit()
    assert candidates(leaving) == []


def test_nobody_is_ended_by_an_import_where_the_way_depends_on_activity(leaving):
    policy(leaving, on_withdrawal="by_activity")
    assert candidates(leaving) == []
