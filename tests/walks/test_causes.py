"""Every cause, end to end: how it comes about in Canvas, what the clerk and the participant read, and how it heals."""

import logging

import pytest

from ascriptica_plugin.ledger.causes import CAUSES

from . import cures
from .causes_of_life import CAUSES_OF_LIFE, OFFICE
from .scene import Scene


@pytest.fixture
def database_url(sqlite_url) -> str:
    """SQLite alone: PostgreSQL would show the same, and its statements run in test_lists."""
    return sqlite_url


@pytest.mark.parametrize("life", CAUSES_OF_LIFE, ids=lambda life: life.cause)
def test_a_cause_is_shown_to_clerk_and_participant_and_heals(office, canvas, monkeypatch, caplog, life):
    caplog.set_level(logging.INFO, "ascriptica_plugin")
    scene, title = Scene(office, canvas, monkeypatch), CAUSES[life.cause].title
    life.reach(scene)
    if life.cause not in ("throttled", "our_fault"):
        office.deliver()
    shown = scene.causes()
    assert title in shown
    assert life.clerk in shown
    assert life.participant in scene.get(scene.lou, "/courses/ART")
    assert life.participant in scene.get(scene.lou, "/my/courses")
    assert canvas.roster("bio").get("kim@example.org") == ("active" if life.others else None)

    if CAUSES[life.cause].by_office:
        scene.clerk.leads_to_people(life.cause)
    life.heal(scene)
    assert bool(scene.clerk.followed) == CAUSES[life.cause].by_office
    for minutes in (16, 1):
        office.later(minutes=minutes)
        office.deliver()
    assert title not in scene.causes()
    assert life.afterwards in scene.get(scene.lou, "/courses/ART")
    assert canvas.roster("bio")["kim@example.org"] == "active"
    assert {"active"} & {canvas.roster(name).get("lou@example.org") for name in ("art", "bio")}
    # The log as a host gets it.
    assert "enrolled." in caplog.text
    assert "@" not in caplog.text


def test_every_cause_comes_about_in_a_test():
    # "other_canvas" is shown where the Canvas in use is changed, in test_a_course_left_in_another_canvas_is_shown;
    # "canvas_restored" holds endings, in test_nobody_is_removed_from_a_restored_canvas_before_it_was_read.
    assert {life.cause for life in CAUSES_OF_LIFE} | {"other_canvas", "canvas_restored"} == CAUSES.keys()


def test_nobody_is_removed_from_a_restored_canvas_before_it_was_read(office, canvas, monkeypatch):
    scene, title = Scene(office, canvas, monkeypatch), CAUSES["canvas_restored"].title
    scene.register()
    office.deliver()
    canvas.snapshot()
    office.register(office.course("BIO-2", "bio"), "max")
    office.deliver()
    canvas.restore()
    # Max's enrollment is unknown now, so Canvas was restored. That of ART can't be read for a while.
    scene.faults(f"GET /courses/{canvas.ids['course.art']}/enrollments", fault="status", status=500)
    office.later(minutes=1)
    office.recheck("bio")
    office.deliver()
    scene.withdraw()
    office.deliver()
    assert title in scene.causes()
    assert "Nobody is removed until that is done." in scene.causes()
    assert "You have withdrawn. We are checking everything with Canvas." in scene.get(scene.lou, "/courses/ART")
    assert title in scene.get(scene.admin, "/tools/courses/ART")
    assert canvas.who_is_in("art") == {"lou@example.org"}

    scene.no_faults()
    office.later(minutes=16)
    office.deliver()
    assert title not in scene.causes()
    assert canvas.who_is_in("art") == set()
    assert "Your access to the Canvas course has ended." in scene.get(scene.lou, "/courses/ART")


def test_a_course_left_in_another_canvas_is_shown(office, canvas, monkeypatch):
    scene = Scene(office, canvas, monkeypatch)
    scene.register()
    form = {
        "display_canvas": "y",
        "canvas_url": canvas.api.replace("127.0.0.1", "localhost"),
        "canvas_token": canvas.token,
        "canvas_root_id": str(canvas.ids["account.root"]),
    }
    form["confirm"] = f"{form['canvas_url']} {form['canvas_root_id']}"
    scene.post(scene.admin, "/tools/settings/course-settings", **form)
    assert CAUSES["other_canvas"].title in (shown := scene.causes())
    assert "ART here" in shown
    assert OFFICE in scene.get(scene.lou, "/courses/ART")
    cures.associating("other_canvas", "Associate it again: ART here", "art")(scene)
    office.deliver()
    assert "ART here" not in scene.causes()
    assert canvas.roster("art") == {"lou@example.org": "active"}
