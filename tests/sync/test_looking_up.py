"""What somebody typed is looked up in Canvas: a course with its section, or a user."""

import pytest

from ascriptica_plugin.canvas.client import CanvasClient
from ascriptica_plugin.canvas.errors import CanvasDown
from ascriptica_plugin.shared import clock
from ascriptica_plugin.sync.looking_up import look_up, look_up_user, missing_in
from ascriptica_plugin.tables.office import Association

from ..office_at_work import connection_of


@pytest.mark.parametrize(
    ("course", "section", "field"),
    [("{art}", "", None), ("{art}", "99999999", "canvas_section"), ("99999999", "", "canvas_course")],
)
def test_a_course_is_looked_up_with_its_section(canvas, course, section, field):
    client = CanvasClient(canvas.api, canvas.token, allow_private=True, flight=1)
    art = canvas.ids["course.art"]
    typed = Association(canvas_course=course.format(art=art), canvas_section=section)
    outcome = look_up(client, typed, clock.utc_now())
    assert (outcome.field, outcome.is_wrong, outcome.is_unanswered) == (field, field is not None, False)
    # Nothing is half done: a mistake leaves the association as it was.
    assert typed.canvas_course_id == (None if field else art)
    canvas.options(down=True)
    with pytest.raises(CanvasDown):
        look_up(client, typed, clock.utc_now())
    client.close()


@pytest.mark.parametrize("typed", ["K-100", "kim@example.org", "{id}", "sis_user_id:K-100"])
def test_a_user_is_found_by_number_login_or_sis_id(office, canvas, typed):
    client = office.canvases.client(connection_of(office))
    found = look_up_user(client, typed.format(id=canvas.ids["user.kim"]))
    assert (found.id, found.name, found.login_id) == (canvas.ids["user.kim"], "Kim Lee", "kim@example.org")


def test_looking_for_a_user_ends_when_a_page_can_t_wait_any_longer(office, canvas):
    client = office.canvases.client(connection_of(office))
    canvas.calls()
    canvas.options(latency_seconds=0.5)
    with pytest.raises(CanvasDown):
        look_up_user(client.within(0.7), "nobody")
    assert canvas.read("calls")["total"] <= 2


ADD, REMOVE, OLDER = "add_student_to_course", "remove_student_from_course", "manage_students"


@pytest.mark.parametrize(
    ("lacking", "missing"),
    [([], []), ([ADD], [ADD]), ([REMOVE], [REMOVE]), ([ADD, REMOVE], [ADD, REMOVE]), (["read_roster"], [])],
)
def test_missing_rights_are_asked_for_in_the_course_itself(office, canvas, lacking, missing):
    """The account's rights don't show it: something is lacking in that course alone."""
    client, art = office.canvases.client(connection_of(office)), canvas.ids["course.art"]
    canvas.options(lacking={art: lacking}, permissions={"without": [OLDER]})
    assert missing_in(client, art) == missing
    assert missing_in(client, canvas.ids["course.bio"]) == []
    assert canvas.calls() == [f"GET /courses/{number}/permissions" for number in (art, canvas.ids["course.bio"])]


def test_an_older_canvas_has_one_right_for_adding_and_removing(office, canvas):
    client, art = office.canvases.client(connection_of(office)), canvas.ids["course.art"]
    canvas.options(permissions={"without": [ADD, REMOVE]})
    assert missing_in(client, art) == []
    canvas.options(lacking={art: [OLDER]})
    assert missing_in(client, art) == [ADD, REMOVE]


def test_rights_that_canvas_does_not_show_are_not_said_to_be_missing(office, canvas):
    client, art = office.canvases.client(connection_of(office)), canvas.ids["course.art"]
    canvas.faults({"match": "GET /courses/*/permissions", "fault": "status", "status": 404})
    assert missing_in(client, art) == []


@pytest.mark.parametrize("kind", ["blueprint", "template"])
def test_a_course_that_takes_no_students_is_named_as_such_and_not_by_rights(office, canvas, kind):
    """Nobody may add students there, so nothing is asked about rights."""
    canvas.seed(courses={"plan": {"name": "Plan", kind: True}})
    office.connect()
    plan = canvas.ids["course.plan"]
    canvas.options(lacking={plan: [ADD, REMOVE]})
    typed = Association(canvas_course=str(plan), canvas_section="")
    outcome = look_up(office.canvases.client(connection_of(office)), typed, clock.utc_now())
    assert (outcome.field, outcome.sentence) == (
        "canvas_course",
        "Plan is a blueprint course or a course template in Canvas, and those take no students. Choose another Canvas "
        "course.",
    )
    assert (typed.canvas_course_id, typed.missing_permissions) == (None, None)
    assert canvas.calls() == [f"GET /courses/{plan}"]
