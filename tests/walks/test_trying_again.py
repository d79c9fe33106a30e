"""Asking to try again, and when a Canvas course is looked at again without being asked."""

import re

import pytest
from flask import g
from sqlalchemy import select

from ascriptica_plugin.tables.office import LogEntry, Participant

from .scene import Scene, was_there


@pytest.fixture
def database_url(sqlite_url) -> str:
    """SQLite alone: PostgreSQL would show the same, and its statements run in test_lists."""
    return sqlite_url


def test_a_canvas_course_is_looked_at_once_a_day_and_more_often_only_while_it_is_shut(office, canvas, monkeypatch):
    scene = Scene(office, canvas, monkeypatch)
    look = [f"GET /courses/{canvas.ids['course.art']}"]

    def looks() -> list[str]:
        others = ("/enrollments", f"/tokens/{canvas.token[:5]}")
        return [call for call in office.deliver() if not call.endswith(others)]

    scene.associate(str(canvas.ids["course.art"]))
    scene.register()
    office.deliver()
    office.later(hours=23)
    assert looks() == []
    scene.course("claim")
    canvas.calls()
    office.later(hours=2)
    assert looks() == look
    assert "not open yet" in scene.get(scene.lou, "/courses/ART")
    assert "1 person" in scene.causes()
    assert looks() == []
    office.later(minutes=16)
    assert looks() == look

    # The teacher publishes it, and the clerk does not want to wait.
    scene.course("offer")
    canvas.calls()
    assert "Looking again at 1 Canvas course." in scene.post(
        scene.admin, "/tools/canvas/try-again", cause="course_unpublished"
    )
    office.later(minutes=1)
    assert looks() == look
    assert "You are in the Canvas course." in scene.get(scene.lou, "/courses/ART")

    # Nobody looks at a course that is over; and Canvas away is no reason to forget what is known.
    office.later(days=2)
    canvas.options(down=True)
    office.deliver()
    canvas.options(down=False)
    office.later(minutes=2)
    office.deliver()
    assert "You are in the Canvas course." in scene.get(scene.lou, "/courses/ART")
    scene.art.cancelled_at = office.now
    office.session.commit()
    canvas.calls()
    office.later(days=2)
    assert looks() == []


def many_held(scene: Scene) -> None:
    scene.canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})
    for course in (scene.art, scene.office.course("ART-2", "art")):
        for number in range(3):
            scene.office.register(course, f"{course.code.lower()}-{number}")
    scene.office.deliver()
    scene.canvas.options(permissions=None)
    scene.canvas.calls()


def test_trying_a_course_again_tries_no_other(office, canvas, monkeypatch):
    scene = Scene(office, canvas, monkeypatch)
    many_held(scene)
    page = scene.get(scene.admin, "/tools/courses/ART")
    assert "3 people wait for you: see why" in page
    assert "Try again for everybody" in page
    assert "Trying again for 3 people." in scene.post(scene.admin, "/tools/courses/ART/try-again")
    assert [seat.held for seat in office.seats()] == [True, False, False, False, True, True, True]
    entry = office.session.scalars(select(LogEntry).where(LogEntry.what == "tried again")).one()
    assert (entry.who, entry.words, entry.course_id) == ("boss@example.org", "For 3 people.", scene.art.id)
    office.deliver()
    assert (office.status()["seats"]["enrolled"], office.status()["seats"]["held"]) == (3, 4)
    assert "There is nothing to try again." in scene.post(scene.admin, "/tools/courses/ART/try-again")


@pytest.mark.parametrize("where", ["/tools/courses/ART/try-again", "person", "/tools/canvas/try-again"])
def test_trying_again_while_all_of_canvas_waits_says_so_and_asks_canvas_at_once(office, canvas, monkeypatch, where):
    scene = Scene(office, canvas, monkeypatch)
    scene.register()
    canvas.options(token="revoked")
    for _ in range(9):
        office.later(minutes=20)
        office.deliver()
    assert office.deliver() == []
    canvas.options(token="active")
    lou = office.session.scalars(select(Participant).where(Participant.email == "lou@example.org")).one()
    where = f"/tools/participants/{lou.id}/try-again" if where == "person" else where
    page = scene.post(scene.admin, where)
    assert "Canvas is asked again now. This page shows whether it answers." in page
    office.deliver()
    assert canvas.roster("art") == {"lou@example.org": "active"}


def test_trying_again_does_not_replace_an_answer(office, canvas, monkeypatch):
    scene = Scene(office, canvas, monkeypatch)
    was_there(scene)
    office.deliver()
    g.pop("_login_user", None)
    causes = scene.admin.get("/tools/").text
    assert 'href="/tools/canvas?standing=found_there#people"' in causes
    assert not re.search(r'name="cause" value="found_there"', causes)
    scene.post(scene.admin, "/tools/canvas/try-again")
    assert [seat.cause for seat in office.seats()].count("found_there") == 1
