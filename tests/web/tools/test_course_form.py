"""A course's form where Canvas can't be asked: it says so, and what becomes of what is entered."""

import pytest

from ascriptica_plugin.tables.canvas import load_settings
from ascriptica_plugin.tables.office import Course

from ...office_at_work import connection_of, policy
from ...pages import all_of, words

PATH = "/tools/courses/ART/edit"


def test_the_form_has_no_notice_about_canvas_while_it_works(office, admin):
    office.course("ART", "art")
    page = words(admin.get(PATH))
    assert "is looked up as soon as" not in page
    assert "Canvas is switched off" not in page


def test_the_form_names_the_canvas_course_that_is_kept_while_canvas_is_switched_off(office, admin):
    office.course("ART", "art")
    office.course("BIO")
    policy(office, display_canvas=False)
    said = "Its Canvas course is art. Canvas is switched off in Course Settings : until it is on again"
    page = admin.get(PATH)
    assert said in words(page)
    assert 'name="canvas_course"' not in page.text
    assert "Canvas is switched off" not in words(admin.get("/tools/courses/BIO/edit"))


def test_the_form_says_that_canvas_is_disconnected(office, admin):
    office.course("ART", "art")
    admin.post("/tools/settings/course-settings/disconnect")
    said = "Its Canvas course is art. No Canvas is connected in Course Settings : until one is, nothing is sent there"
    assert said in words(admin.get(PATH))


def test_the_form_says_what_happens_to_a_canvas_course_entered_without_a_connection(office, admin):
    office.course("ART")
    load_settings(office.session).connection = None
    office.session.commit()
    page = admin.get(PATH)
    assert 'name="canvas_course"' in page.text
    assert "No Canvas is connected. What you enter here is looked up as soon as one is connected" in words(page)
    assert "No Canvas is connected in Course Settings." in words(
        admin.post("/tools/courses/ART/find", data={"find": ""})
    )


def test_the_form_says_that_canvas_is_away(office, admin):
    office.course("ART", "art")
    connection_of(office).hold_cause = "canvas_down"
    office.session.commit()
    assert "Canvas is not answering. What you enter here is looked up as soon as that is over." in words(
        admin.get(PATH)
    )


def test_places_left_blank_have_no_limit(here, admin):
    """A browser sends the field, with nothing in it."""
    form = {"code": "ART", "title": "Art"}
    for path, typed, capacity in (
        ("/tools/courses/new", "", None),
        ("/tools/courses/ART/edit", "3", 3),
        ("/tools/courses/ART/edit", " ", None),
    ):
        assert "Art is saved." in words(admin.post(path, data=form | {"capacity": typed}, follow_redirects=True))
        assert [course.capacity for course in all_of(here.app, Course)] == [capacity]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("x", "Enter a whole number of places, or leave it blank for no limit."),
        ("-1", "Enter how many people fit, or leave it blank for no limit."),
        ("9" * 40, "Enter how many people fit, or leave it blank for no limit."),
    ],
)
def test_a_mistake_in_the_places_is_said_once(here, admin, typed, sentence):
    answer = admin.post("/tools/courses/new", data={"code": "ART", "title": "Art", "capacity": typed})
    assert answer.status_code == 422
    errors = answer.text.partition('id="capacity-errors"')[2].partition("</div>")[0]
    assert errors.count("<p>") == 1
    assert sentence in errors
