"""Prove it on Course Settings, as an administrator meets it."""

import re

import pytest

from ...office_at_work import connection_of, logged
from ...pages import COURSE_SETTINGS, words

PROVE = f"{COURSE_SETTINGS}/prove"


def press(admin, **form) -> str:
    return words(admin.post(PROVE, data=form, follow_redirects=True))


def test_a_course_is_found_and_the_steps_are_shown_with_their_times(office, admin, canvas):
    assert f'href="{PROVE}"' in admin.get(COURSE_SETTINGS).text
    page = words(admin.get(PROVE))
    assert "we enroll Practice Admin , the token's owner, or a test user as a student" in page
    assert "Prove it here : Art" in press(admin, find="art", find_by="course")
    page = press(admin, canvas_course=canvas.ids["course.art"])
    assert "Under way" in page
    assert "Find the Canvas course under way" in page
    office.deliver()
    page = words(admin.get(PROVE))
    assert "Art Proven" in page
    assert "Remove it Enrollment" in page
    assert page.count(" ms done") == 8
    assert ("boss@example.org", "asked for a proof", None) in logged(office)


def test_a_proof_that_is_not_possible_is_explained_on_the_page(office, admin, canvas):
    press(admin, canvas_course=canvas.ids["course.blue"])
    office.deliver()
    page = words(admin.get(PROVE))
    assert "Blueprint Not proven" in page
    assert "those take no students" in page
    assert "failed" in page


def test_a_test_user_is_named_and_kept_for_the_next_time(office, admin, canvas):
    canvas.seed(users={"test": {"name": "Test Student", "login": "test.student"}}, courses={"art": {"name": "Art"}})
    form = {"find": "art", "find_by": "course", "test_user": " test.student "}
    assert "Prove it here : Art" in press(admin, **form)
    assert "Find the test user not yet" in press(admin, **form, canvas_course=canvas.ids["course.art"])
    office.deliver()
    page = admin.get(PROVE)
    assert "A search finds Test Student." in words(page)
    assert "Art Proven" in words(page)
    assert re.search('name="test_user"[^>]* value="test.student"', page.text)


def test_an_impossible_name_for_the_test_user_is_refused(office, admin, canvas):
    page = press(admin, canvas_course=canvas.ids["course.art"], test_user="x" * 256)
    assert "255" in page
    assert connection_of(office).proof is None


def test_a_second_proof_is_refused_while_one_runs(office, admin, canvas):
    press(admin, canvas_course=canvas.ids["course.art"])
    assert "A proof is under way." in press(admin, canvas_course=canvas.ids["course.bio"])
    assert connection_of(office).proof["canvas_course_id"] == canvas.ids["course.art"]


@pytest.mark.parametrize("typed", ["", "x", "-1", "0", "9" * 19, "9" * 400, "٤٢", "1.5"])
def test_a_text_that_is_no_canvas_course_id_is_refused(office, admin, typed):
    assert "Choose a Canvas course." in press(admin, canvas_course=typed)
    assert connection_of(office).proof is None


def test_the_page_says_after_a_while_that_no_worker_runs(office, admin, canvas, monkeypatch):
    press(admin, canvas_course=canvas.ids["course.art"])
    assert "Ask your operator" not in words(admin.get(PROVE))
    proof = dict(connection_of(office).proof)
    connection_of(office).proof = proof | {"asked_at": "2026-01-01T00:00:00+00:00"}
    office.session.commit()
    assert "Ask your operator whether the worker runs." in words(admin.get(PROVE))


def test_nothing_can_be_proven_while_canvas_is_on_hold(office, admin, canvas):
    canvas.options(token="revoked")
    office.register(office.course("ART", "art"))
    office.deliver()
    page = words(admin.get(PROVE))
    canvas.options(token="active")
    assert "Canvas no longer accepts the token. Nothing can be proven until that is put right" in page


def test_the_page_says_that_canvas_can_t_be_searched(office, admin, canvas):
    canvas.options(down=True)
    page = press(admin, find="art", find_by="course")
    canvas.options(down=False)
    assert "Canvas could not be searched" in page


def test_the_page_leads_back_where_nothing_is_connected(app, admin):
    assert "No Canvas is connected." in words(admin.get(PROVE, follow_redirects=True))
