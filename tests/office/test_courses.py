"""Saving a course: on its page and by import in one way, with what changed in the activity log."""

import io

import pytest
from sqlalchemy import select

from ascriptica_plugin.office import courses
from ascriptica_plugin.tables.office import Association, LogEntry

from ..conftest import Office, sign_in


@pytest.fixture
def admin(app, client):
    sign_in(client, app, "boss@example.org", admin=True)
    return client


def by_page(client, **facts) -> None:
    facts = {"code": "ART", "title": "Art"} | facts
    exists = client.get("/tools/courses/ART").status_code == 200
    answer = client.post(f"/tools/courses/{'ART/edit' if exists else 'new'}", data=facts)
    assert answer.status_code == 302


def by_import(client, **facts) -> None:
    facts = {"code": "ART", "title": "Art"} | facts
    data = f"{','.join(facts)}\n{','.join(facts.values())}\n"
    answer = client.post("/tools/import", data={"kind": "courses", "file": (io.BytesIO(data.encode()), "f.csv")})
    assert answer.status_code == 302


def logged(office: Office) -> list[tuple[str, str, str]]:
    """Who, what, and the words."""
    office.session.expire_all()
    entries = office.session.scalars(select(LogEntry).order_by(LogEntry.id))
    return [(entry.who, entry.what, entry.words.removesuffix(" (by import)")) for entry in entries]


@pytest.mark.parametrize("save", [by_page, by_import])
def test_what_changed_is_in_the_activity_log(office, admin, canvas, save):
    canvas_course = str(canvas.ids["course.art"])
    save(admin, capacity="10")
    save(admin, capacity="10")
    save(admin, title="Art & craft", capacity="12", canvas_course=canvas_course)
    assert logged(office) == [
        ("boss@example.org", "made a course", "code: ART; title: Art; places: 10"),
        (
            "boss@example.org",
            "changed a course",
            f"title: Art → Art & craft; places: 10 → 12; Canvas course: {canvas_course}",
        ),
    ]


def test_what_is_taken_away_and_times_are_in_the_activity_log_too(office, admin, canvas):
    shown = {"canvas_course": str(canvas.ids["course.art"])}
    by_page(admin, description="Long\n" * 100, starts_at="2030-05-04T13:00", **shown)
    by_page(admin, starts_at="", canvas_course="", canvas_shown=f"{shown['canvas_course']}|")
    [made, changed] = [words for _, _, words in logged(office)]
    assert "starts: 2030-05-04 13:00 UTC" in made
    assert len(made) < 300
    assert "starts: 2030-05-04 13:00 UTC → none" in changed
    assert f"Canvas course: {shown['canvas_course']} → none" in changed


def test_nothing_of_the_old_canvas_course_stays_with_one_that_is_not_looked_up_yet(office):
    course = office.course("ART", "art")
    office.session.get(Association, course.id).concluded = True
    office.session.commit()
    courses.associate(office.session, course, Association(connection_id=1, canvas_course="7"), office.now)
    office.session.commit()
    its = office.session.get(Association, course.id, populate_existing=True)
    assert (its.canvas_course, its.canvas_course_id, its.canvas_course_name, its.concluded) == ("7", None, "", False)
