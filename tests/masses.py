"""A school where many people register at once, and what to ask about its SIS imports."""

import pytest
from sqlalchemy import select

from ascriptica_plugin.office import registrations
from ascriptica_plugin.tables.sis_imports import MassImport

from .office_at_work import policy, someone

PEOPLE = [f"m{number}" for number in range(12)]
POST_ONE = "/enrollments"


@pytest.fixture
def school(office, canvas):
    """Twelve people with SIS IDs are users in Canvas; an import is for five or more."""
    office.canvases.mass_seats = 5
    canvas.seed(
        users={who: {"name": who.title(), "login": f"{who}@example.org", "sis_user_id": who.upper()} for who in PEOPLE},
        courses={
            "art": {"name": "Art", "sis_course_id": "ART-1", "sections": {"late": {"sis_section_id": "ART-L"}}},
            "bio": {"name": "Biology"},
        },
    )
    policy(office, mass_by_sis=True)
    return office


def everybody(office, course, people=PEOPLE) -> None:
    for who in people:
        registrations.register(office.session, course, someone(who, sis_user_id=who.upper()), office.now)
    office.session.commit()


def imports(office) -> list[MassImport]:
    office.session.expire_all()
    return list(office.session.scalars(select(MassImport).order_by(MassImport.id)))


def posted(calls: list[str], what: str) -> int:
    return sum(call.startswith("POST") and call.endswith(what) for call in calls)


def in_steps(office, *, until_minutes: int = 6) -> list[str]:
    calls = []
    for _ in range(until_minutes * 6):
        calls += office.deliver()
        office.later(seconds=10)
    return calls


def emails(people=PEOPLE) -> set[str]:
    return {f"{who}@example.org" for who in people}
