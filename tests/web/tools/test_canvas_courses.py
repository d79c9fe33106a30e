"""Finding the Canvas course of a course: nothing that was typed is lost, and Canvas is not waited for."""

import re
import time

import pytest

from ascriptica_plugin.shared import pauses
from ascriptica_plugin.tables.office import Association, Course

from ...pages import all_of, new_course, words

TEACHER = {"name": "Teachy McTea", "login": "tea@example.org", "sis_user_id": "T-1"}


@pytest.fixture
def canvas(canvas):
    canvas.seed(
        users={"tea": TEACHER, "kim": {"name": "Kim Lee", "login": "kim@example.org"}},
        courses={
            "art": {
                "name": "Art",
                "course_code": "A-1",
                "sis_course_id": "ART-1",
                "sections": {"s": {"name": "Late"}, "e": {"name": "Early"}},
            },
            "old": {"name": "Art of 2025", "workflow_state": "completed"},
            "new": {"name": "Art next year", "workflow_state": "claimed"},
            "blue": {"name": "Art blueprint", "blueprint": True},
            "plan": {"name": "Art template", "template": True},
            "bio": {"name": "Biology"},
        },
        enrollments={
            "t": {"user": "tea", "course": "bio", "type": "TeacherEnrollment"},
            "k": {"user": "kim", "course": "bio"},
        },
    )
    return canvas


def results(answer) -> dict[str, str]:
    """The text about each course that was found, by its name."""
    found = {}
    for part in re.findall(r'<li class="sheet row-sheet">.*?</li>', answer.text, re.DOTALL):
        name = re.search("<h2>(.*?)</h2>", part)[1]
        found[name] = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", part)) + ("USABLE" if 'name="chosen"' in part else "")
    return found


def test_a_search_shows_each_course_s_details_and_which_can_t_be_chosen(office, admin):
    found = results(admin.post("/tools/courses/new/find", data=new_course(find="art")))
    assert list(found) == ["Art", "Art blueprint", "Art next year", "Art of 2025", "Art template"]
    for word in ("Published", "Default Term", "A-1", "ART-1", "None", "USABLE"):
        assert word in found["Art"]
    assert "Not published" in found["Art next year"]
    assert "Concluded" in found["Art of 2025"]
    assert "blueprint courses take no students" in found["Art blueprint"]
    assert "course templates take no students" in found["Art template"]
    assert "USABLE" not in found["Art blueprint"] + found["Art template"]


@pytest.mark.parametrize(("term", "by"), [("tea", "teacher"), ("biol", "course")])
def test_a_course_is_found_by_its_teacher_and_shows_who_is_there(office, admin, term, by):
    found = results(admin.post("/tools/courses/new/find", data=new_course(find=term, find_by=by)))
    assert list(found) == ["Biology"]
    assert "Teachy McTea" in found["Biology"]
    assert "Students 1" in found["Biology"]
    assert results(admin.post("/tools/courses/new/find", data=new_course(find="tea"))) == {}


def test_the_search_begins_with_the_text_typed_as_the_canvas_course(office, admin, canvas):
    found = results(admin.post("/tools/courses/new/find", data=new_course(canvas_course="biol", title="Art")))
    assert list(found) == ["Biology"]
    # A saved value is not searched for: people come here to find another course.
    office.course("ART", "art")
    [saved] = all_of(office.app, Association)
    typed = new_course(canvas_course=saved.canvas_course, title="Biology")
    assert list(results(admin.post("/tools/courses/ART/find", data=typed))) == ["Biology"]


def test_an_empty_search_shows_all_courses_and_one_letter_is_too_few(office, admin, canvas):
    page = admin.post("/tools/courses/new/find", data=new_course(find=" "))
    assert list(results(page)) == ["Art", "Art blueprint", "Art next year", "Art of 2025", "Art template", "Biology"]
    page = admin.post("/tools/courses/new/find", data=new_course(find="", find_by="teacher"))
    assert len(results(page)) == 6
    page = admin.post("/tools/courses/new/find", data=new_course(find="a"))
    assert page.status_code == 422
    assert "Type 2 to 100 characters to look for, or none to see all." in words(page)
    # A person who comes with an empty form has not searched yet.
    canvas.calls()
    page = admin.post("/tools/courses/new/find", data=new_course(title="", canvas_course=""))
    assert page.status_code == 200
    assert (results(page), canvas.calls()) == ({}, [])


def test_the_typed_form_comes_back_with_the_chosen_course_and_is_saved_with_its_section(office, admin, app, canvas):
    typed = new_course(title="Kept & title", description="Kept <words>", capacity="7", starts_at="2030-01-02T03:04")
    page = admin.post("/tools/courses/new/find", data=typed)
    kept = {
        name: value.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
        for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="(.*?)">', page.text)
    }
    del kept["csrf_token"]
    assert kept == typed
    back = admin.post("/tools/courses/new", data={**kept, "chosen": str(canvas.ids["course.art"])})
    assert back.status_code == 200
    for value in ("Kept &amp; title", "Kept &lt;words&gt;", 'value="7"', "2030-01-02T03:04", "Chosen: <b>Art</b>"):
        assert value in back.text
    assert all_of(app, Course) == []
    late = str(canvas.ids["section.art.s"])
    assert re.search(rf'<option value="{late}">\s*Late</option>', back.text)
    typed |= {"canvas_course": str(canvas.ids["course.art"]), "canvas_section": late}
    admin.post("/tools/courses/new", data=typed)
    [association] = all_of(app, Association)
    assert (association.canvas_course_name, association.canvas_section_name) == ("Art", "Late")
    assert f'<option value="{late}" selected>Late</option>' in admin.get("/tools/courses/ART/edit").text


def test_going_back_without_choosing_saves_nothing(office, admin, app):
    office.course("ART", "art")
    answer = admin.post("/tools/courses/ART/edit", data=new_course(title="Typed", canvas_course="77", chosen=""))
    assert answer.status_code == 200
    assert 'value="Typed"' in answer.text
    assert 'value="77"' in answer.text
    assert all_of(app, Course)[0].title == "ART here"


def as_opened(canvas, **more) -> dict:
    return new_course(canvas_course=str(canvas.ids["course.art"]), **more)


def test_an_opened_form_asks_canvas_nothing_and_lists_all_sections_once_it_is_asked(office, admin, app, canvas):
    """It is there at once even if Canvas hangs; the section that the course has is chosen all the same."""
    late = canvas.ids["section.art.s"]
    office.course("ART", "art", late)
    canvas.calls()
    opened = admin.get("/tools/courses/ART/edit")
    assert canvas.calls() == []
    assert f'<option value="{late}" selected>' in opened.text
    assert ">Early</option>" not in opened.text
    assert "Show all sections" in words(opened)
    [first, *_] = all_of(app, Association)
    listed = admin.post("/tools/courses/ART/edit", data=as_opened(canvas, title="Typed", sections="1"))
    assert listed.status_code == 200
    assert 'value="Typed"' in listed.text
    for section in (">Late</option>", ">Early</option>"):
        assert section in listed.text
    assert "Show all sections" not in words(listed)
    [now] = all_of(app, Association)
    assert now.canvas_section_id == first.canvas_section_id
    assert all_of(app, Course)[0].title == "ART here"


@pytest.mark.parametrize("how", ["down", "hangs", "held", "busy"])
def test_the_page_offers_typing_at_once_while_canvas_is_away(office, admin, canvas, monkeypatch, how):
    monkeypatch.setattr(pauses, "PAGE_SECONDS", 0.5)
    office.course("ART", "art")
    canvas.options(**{"down": {"down": True}, "hangs": {"latency_seconds": 25}}.get(how, {}))
    if how == "held":
        canvas.options(down=True)
        office.register(office.course("BIO", "bio"))
        office.deliver()
    if how == "busy":
        monkeypatch.setattr("ascriptica_plugin.ledger.page_calls.PLACES", ())
        monkeypatch.setattr(pauses, "PLACE_SECONDS", 0.1)
    began = time.monotonic()
    page = admin.post("/tools/courses/ART/find", data=new_course(find="art"))
    assert "Canvas could not be searched" in words(page)
    assert "type the Canvas course's ID" in words(page)
    form = admin.post("/tools/courses/ART/edit", data=as_opened(canvas, sections="1"))
    assert re.search('<input[^>]* name="canvas_section"', form.text)
    if how != "held":
        assert "Canvas could not be asked for the sections" in words(form)
    assert time.monotonic() - began < 15  # Canvas itself takes 25


def test_a_search_term_that_is_too_short_is_reported(office, admin, canvas):
    canvas.calls()
    answer = admin.post("/tools/courses/new/find", data=new_course(find="a"))
    assert answer.status_code == 422
    assert "Type 2 to 100 characters" in words(answer)
    assert canvas.calls() == []


def test_a_section_of_another_course_is_refused_and_the_right_ones_are_offered(office, admin, app, canvas):
    office.course("ART", "bio")
    form = new_course(canvas_course=str(canvas.ids["course.art"]), canvas_section=str(canvas.ids["course.bio"]))
    answer = admin.post("/tools/courses/ART/edit", data=form)
    assert answer.status_code == 422
    assert "Art has no section" in words(answer)
    assert "Late</option>" in answer.text


def test_a_concluded_course_is_marked_with_its_consequence(office, admin, canvas):
    page = admin.post("/tools/courses/new/find", data=new_course(find="art"))
    found = results(page)
    assert (
        "Nobody can be enrolled in it while it is concluded. People who are in it can only read."
        in (found["Art of 2025"])
    )
    assert "USABLE" in found["Art of 2025"]
    assert "while it is concluded" not in "".join(found[name] for name in found if name != "Art of 2025")
    main = re.findall(r'<button class="button-accent"[^>]*value="(\d+)"', page.text)
    assert main == [str(canvas.ids[f"course.{name}"]) for name in ("art", "new")]
