"""Problems that would keep people out on the first day are cards on the overview before it."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from ascriptica_plugin.ledger.causes import CAUSES

from .scene import Scene


def gone(scene: Scene) -> None:
    scene.course("delete")


def concluded(scene: Scene) -> None:
    scene.course("conclude")


def unpublished(scene: Scene) -> None:
    scene.course("claim")


def closed_by_dates(scene: Scene) -> None:
    scene.dates(end_at=(scene.office.now + timedelta(days=2)).isoformat())


def opens_too_late(scene: Scene) -> None:
    scene.dates(start_at=(scene.office.now + timedelta(days=9)).isoformat())


@pytest.mark.parametrize(
    ("happens", "cause", "mended"),
    [
        (gone, "course_missing", "undelete"),
        (concluded, "course_concluded", "offer"),
        (unpublished, "course_unpublished", "offer"),
        (closed_by_dates, "outside_dates", None),
        (opens_too_late, "outside_dates", None),
    ],
)
def test_a_change_of_a_canvas_course_is_shown_before_our_course_starts(
    office, canvas, monkeypatch, happens: Callable[[Scene], None], cause, mended
):
    scene, title = Scene(office, canvas, monkeypatch), CAUSES[cause].title
    scene.associate(str(canvas.ids["course.art"]))
    office.deliver()
    scene.art.starts_at = office.now + timedelta(days=4)
    office.session.commit()
    scene.register()
    office.deliver()
    assert title not in scene.causes()
    happens(scene)
    assert title not in scene.causes()
    office.later(days=1, minutes=1)
    office.settle(rounds=2, minutes=1)
    assert title in scene.causes()
    assert "ART here starts in" in scene.causes()
    if mended:
        scene.course(mended)
    else:
        scene.dates(start_at="", end_at="")
    office.later(minutes=16)
    office.settle(rounds=2, minutes=1)
    assert title not in scene.causes()


def test_a_missing_section_is_shown_before_anybody_registers(office, canvas, monkeypatch):
    scene, late = Scene(office, canvas, monkeypatch), canvas.ids["section.art.late"]
    office.associate(scene.art, "art", late)
    scene.art.association.looked_up_at = office.now
    office.session.commit()
    canvas.hand("DELETE", f"sections/{late}")
    office.later(days=1, minutes=1)
    office.deliver()
    page = scene.causes()
    assert CAUSES["section_missing"].title in page
    assert "nobody has registered yet" in page


def test_a_course_that_became_a_blueprint_is_shown(office, canvas, monkeypatch):
    scene = Scene(office, canvas, monkeypatch)
    office.associate(scene.art, "blue")
    scene.art.association.looked_up_at = office.now
    office.session.commit()
    office.later(days=1, minutes=1)
    office.deliver()
    assert CAUSES["course_closed_to_students"].title in scene.causes()


def test_a_failed_look_keeps_what_was_known(office, canvas, monkeypatch):
    """Unknown is not gone: what was known stays, and is looked at again."""
    scene = Scene(office, canvas, monkeypatch)
    scene.associate(str(canvas.ids["course.art"]))
    scene.register()
    office.deliver()
    scene.faults(f"GET /courses/{canvas.ids['course.art']}", fault="status", status=500)
    office.later(days=1, minutes=1)
    office.deliver()
    office.session.refresh(scene.art.association)
    assert scene.art.association.trouble is None
    assert scene.art.association.published


def test_a_course_in_trouble_is_looked_up_again_every_quarter_of_an_hour(office, canvas, monkeypatch):
    scene = Scene(office, canvas, monkeypatch)
    scene.associate(str(canvas.ids["course.art"]))
    office.deliver()
    known = scene.art.association
    known.trouble, known.looked_up_at = "section_missing", office.now
    office.session.commit()
    assert CAUSES["section_missing"].title in scene.causes()
    office.deliver()
    office.session.refresh(known)
    assert known.trouble == "section_missing"
    office.later(minutes=16)
    office.deliver()
    office.session.refresh(known)
    assert known.trouble is None
    assert CAUSES["section_missing"].title not in scene.causes()
