"""A file that would remove many people of a course: the command refuses those rows; the page tries it out, and asks for
their number."""

import re

import pytest

from ascriptica_plugin.office.imports import run, uploads
from ascriptica_plugin.tables.imports import Import
from ascriptica_plugin.tables.office import Association

from ...office_at_work import many
from ...pages import all_of, pressed, upload, words
from .files import counts, statuses

HEAD = "email,course,status\n"


def withdrawing(n: int, code: str = "ART") -> str:
    return HEAD + "".join(f"P{i}@example.org,{code},withdrawn\n" for i in range(n))


def status_counts(app) -> dict[str, int]:
    found = [status for _, _, status in statuses(app)]
    return {status: found.count(status) for status in set(found)}


@pytest.fixture
def art(here):
    """A course with ten people."""
    course = here.course("ART")
    many(here, course, 10)
    return course


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_the_command_refuses_the_rows_that_the_brake_stops_and_imports_the_rest(
    app, art, command, options, monkeypatch
):
    # Also where they are in several batches.
    monkeypatch.setattr(run, "BATCH", 2)
    data = withdrawing(3) + "p9@example.org,ART,registered\nnobody@example.org,ART,withdrawn\n"
    code, output = command("registrations", data, *options)
    assert code == 1
    assert counts(output) == (0, 0, 1, 4)
    assert output.count("The file would remove 3 of 10 people of ART here (ART). Therefore nobody is removed.") == 3
    assert status_counts(app) == {"registered": 10}


def test_people_are_removed_below_the_brake_or_with_yes(app, art, command):
    assert counts(command("registrations", withdrawing(2))[1]) == (0, 2, 0, 0)
    for options in (["--yes", "--dry-run"], ["--yes"]):
        assert counts(command("registrations", withdrawing(8), *options)[1]) == (0, 6, 2, 0)
    assert status_counts(app) == {"registered": 2, "withdrawn": 8}


def test_the_brake_of_one_course_stops_no_other_course(app, here, art, command):
    many(here, here.course("BIO"), 10)
    data = withdrawing(3) + withdrawing(1, "BIO").removeprefix(HEAD)
    assert counts(command("registrations", data)[1]) == (0, 1, 0, 3)
    assert ("p0@example.org", "BIO", "withdrawn") in statuses(app)


def test_a_file_that_moves_a_course_s_people_is_stopped_too(office, app, canvas, command):
    course = office.course("ART", "art")
    many(office, course, 3)
    office.deliver()
    data = f"code,title,canvas_course\nART,Art anew,{canvas.ids['course.bio']}\n"
    code, output = command("courses", data)
    assert (code, counts(output)) == (1, (0, 0, 0, 1))
    assert "would remove 3 of 3 people of ART here" in output
    assert all_of(app, Association)[0].canvas_course_name == "art"
    assert counts(command("courses", "code,title\nART,Art anew\n")[1]) == (0, 1, 0, 0)
    assert counts(command("courses", data, "--yes")[1]) == (0, 1, 0, 0)
    assert all_of(app, Association)[0].canvas_course == str(canvas.ids["course.bio"])


def test_the_page_asks_for_the_number_and_then_removes_people(app, art, admin):
    tried = upload(admin, "registrations", withdrawing(3))
    page = pressed(admin, tried, "Import these now", follow_redirects=True)
    assert "Remove 3 people?" in words(page)
    assert "3 of 10 people from ART here" in words(page)
    assert status_counts(app) == {"registered": 10}
    [_, held] = all_of(app, Import)
    where = f"/tools/import/{held.id}/removing"
    wrong = admin.post(where, data={"number": "2"})
    assert wrong.status_code == 422
    assert "To confirm, type 3 here." in words(wrong)
    assert status_counts(app) == {"registered": 10}
    # No worker takes it up meanwhile.
    assert not uploads.go_on(app.extensions["sqlalchemy"].session, lambda: held.started_at, lambda: False)
    assert "Changed 3" in words(admin.post(where, data={"number": "3"}, follow_redirects=True))
    assert status_counts(app) == {"registered": 7, "withdrawn": 3}


def test_the_other_rows_can_be_imported_without_the_removals(app, art, admin):
    tried = upload(admin, "registrations", withdrawing(3) + "p9@example.org,ART,registered\n")
    asked = pressed(admin, tried, "Import these now", follow_redirects=True)
    page = words(pressed(admin, asked, "Import all other rows", data={"without": "1"}, follow_redirects=True))
    assert "Therefore nobody is removed." in page
    assert status_counts(app) == {"registered": 10}


def test_the_brake_asks_once_more_after_the_file_was_tried_out(app, art, admin):
    """Somebody has withdrawn meanwhile: the number is that of now."""
    tried = upload(admin, "registrations", withdrawing(4))
    assert "you will be asked to type how many: 4." in words(tried)
    upload(admin, "registrations", withdrawing(1), name="one.csv")
    [_, one] = all_of(app, Import)
    admin.post(f"/tools/import/{one.id}/now")
    assert status_counts(app) == {"registered": 9, "withdrawn": 1}
    asked = pressed(admin, tried, "Import these now", follow_redirects=True)
    assert "Remove 3 people?" in words(asked)
    pressed(admin, asked, "Type 3 to confirm", data={"number": "3"})
    assert status_counts(app) == {"registered": 6, "withdrawn": 4}


def test_the_page_has_the_names_of_those_who_are_removed(office, app, admin, canvas):
    many(office, office.course("ART", "art"), 3)
    many(office, office.course("BIO", "bio"), 3)
    office.register(office.course("ART2", "blue"), "kim")
    office.deliver()
    page = upload(
        admin, "registrations", withdrawing(2) + "p2@example.org,BIO,withdrawn\np1@example.org,BIO,withdrawn\n"
    )
    lists = re.findall(r"<summary>(.*?)</summary>\s*<ul>(.*?)</ul>", page.text, re.DOTALL)
    named = [re.findall(r"p\d@example.org", names) for _, names in lists]
    assert named == [["p0@example.org", "p1@example.org"], ["p1@example.org", "p2@example.org"]]
    page = upload(admin, "courses", f"code,canvas_course\nART,{canvas.ids['course.bio']}\n")
    [names] = re.findall(r"<summary>.*?</summary>\s*<ul>(.*?)</ul>", page.text, re.DOTALL)
    assert re.findall(r"p\d@example.org", names) == [f"p{number}@example.org" for number in range(3)]
