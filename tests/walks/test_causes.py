"""Every cause, end to end: how it comes about in Canvas, what the clerk and the participant read, and how it heals."""

import html
import logging
import shutil

import pytest
from flask import g

from ascriptica_plugin.ledger.causes import CAUSES

from ..pages import COURSE_SETTINGS
from .causes_of_life import CAUSES_OF_LIFE, OFFICE
from .scene import Scene


@pytest.fixture
def database_url(empty_sqlite, tmp_path) -> str:
    """SQLite alone: what is told here of PostgreSQL would be the same, and its statements run in test_lists."""
    shutil.copy(empty_sqlite, tmp_path / "office.sqlite3")
    return f"sqlite:///{tmp_path}/office.sqlite3"


EDIT = "/tools/courses/ART/edit#canvas_course"
PLACES = {
    "token_dead": f"{COURSE_SETTINGS}#canvas_token",
    "key_refused": f"{COURSE_SETTINGS}#approve",
    "scope_missing": f"{COURSE_SETTINGS}#approve-again",
    "token_unreadable": f"{COURSE_SETTINGS}#canvas_token",
    "address_refused": f"{COURSE_SETTINGS}#canvas_url",
    "root_id_wrong": f"{COURSE_SETTINGS}#canvas_root_id",
    "no_account": f"{COURSE_SETTINGS}#missing_users",
    "sign_in_missing": f"{COURSE_SETTINGS}#way_in",
    "permission_missing": "{canvas}/accounts/{root}/permissions",
    "course_missing": EDIT,
    "course_closed_to_students": EDIT,
    "not_looked_up": EDIT,
    "section_missing": "/tools/courses/ART/edit#canvas_section",
    "course_concluded": "{canvas}/courses/{art}/settings",
    "outside_dates": "{canvas}/courses/{art}/settings",
    "course_unpublished": "{canvas}/courses/{art}",
    "who_is_it": "/tools/canvas?standing=who_is_it#people",
    "same_user": "/tools/canvas?standing=same_user#people",
    "changed_in_canvas": "/tools/canvas?standing=changed_in_canvas#people",
    "found_there": "/tools/canvas?standing=found_there#people",
    # Who it is stands in the list; what Canvas said, and whom to correct, beside each.
    "user_missing": "/tools/canvas?standing=user_missing#people",
    "refused": "/tools/canvas?standing=refused#people",
    "our_fault": "/tools/canvas?standing=our_fault#people",
    "no_answer": "/tools/canvas?standing=no_answer#people",
}
"""Where the card of a cause leads to; the others need nobody: canvas_down, throttled."""


def follow_the_card(scene: Scene, cause: str) -> None:
    """The card leads to the very place: a page that is there and has the field, or Canvas's own."""
    ids = scene.canvas.ids
    place = PLACES[cause].format(canvas=scene.canvas.url, root=ids["account.root"], art=ids["course.art"])
    g.pop("_login_user", None)
    assert f'href="{place}"' in html.unescape(scene.admin.get("/tools/").text)
    if place.startswith("/"):
        path, _, anchor = place.partition("#")
        answer = scene.admin.get(path)
        assert answer.status_code == 200
        assert f'id="{anchor}"' in answer.text


@pytest.mark.parametrize("life", CAUSES_OF_LIFE, ids=lambda life: life.cause)
def test_a_cause_is_told_to_clerk_and_participant_and_heals(office, canvas, monkeypatch, caplog, life):
    caplog.set_level(logging.INFO, "ascriptica_plugin")
    scene, title = Scene(office, canvas, monkeypatch), CAUSES[life.cause].title
    life.reach(scene)
    if life.cause not in ("throttled", "our_fault"):
        office.deliver()
    told = scene.causes()
    assert title in told
    assert life.clerk in told
    if life.cause in PLACES:
        follow_the_card(scene, life.cause)
    else:
        assert not CAUSES[life.cause].by_office
    assert life.participant in scene.get(scene.lou, "/courses/ART")
    assert life.participant in scene.get(scene.lou, "/my/courses")
    assert canvas.roster("bio").get("kim@example.org") == ("active" if life.others else None)

    life.heal(scene)
    for minutes in (16, 1):
        office.later(minutes=minutes)
        office.deliver()
    assert title not in scene.causes()
    assert life.afterwards in scene.get(scene.lou, "/courses/ART")
    assert canvas.roster("bio")["kim@example.org"] == "active"
    assert {"active"} & {canvas.roster(name).get("lou@example.org") for name in ("art", "bio")}
    # As a host's own log gets it.
    assert "enrolled." in caplog.text
    assert "@" not in caplog.text


def test_every_cause_is_lived_through():
    # "other_canvas" is shown where the Canvas in use is changed, in test_a_course_left_in_another_canvas_is_told;
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


def test_a_course_left_in_another_canvas_is_told(office, canvas, monkeypatch):
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
    assert CAUSES["other_canvas"].title in (told := scene.causes())
    assert "ART here" in told
    assert OFFICE in scene.get(scene.lou, "/courses/ART")
    scene.associate(str(canvas.ids["course.art"]))
    office.deliver()
    assert "ART here" not in scene.causes()
    assert canvas.roster("art") == {"lou@example.org": "active"}
