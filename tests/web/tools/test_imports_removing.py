"""A file that takes people out of courses is shown line by line before it does."""

import pytest

from ascriptica_plugin.tables.imports import Import
from ascriptica_plugin.tables.office import Registration

from ...office_at_work import many
from ...pages import all_of, pressed, upload, words

WITHDRAWS = "email,course,status\np0@example.org,ART,withdrawn\nnew@example.org,ART,registered\n"


def in_art(here) -> int:
    here.session.expire_all()
    return sum(one.status == "registered" for one in all_of(here.app, Registration))


def test_a_file_that_withdraws_somebody_is_tried_out_first_and_then_imported(here, admin):
    many(here, here.course("ART"), 20)
    upload(admin, "participants", "email,name\nnew@example.org,New\n")
    tried = upload(admin, "registrations", WITHDRAWS)
    assert "This file withdraws people. Such a file is always tried out first" in words(tried)
    assert "ART here (ART): withdraws 1 of 20 people. P 0 p0@example.org" in words(tried)
    assert "P 1 p1@example.org" not in words(tried)
    assert "Line 2 Withdrawn: p0@example.org, ART, withdrawn" in words(tried)
    assert in_art(here) == 20
    assert "The file is imported." in words(pressed(admin, tried, "Import these now", follow_redirects=True))
    assert in_art(here) == 20
    assert [one.dry_run for one in all_of(here.app, Import)] == [False, True, False]
    # Once they are out, the same file takes nobody out.
    assert "The file is imported." in words(upload(admin, "registrations", WITHDRAWS))


def test_columns_that_have_to_be_confirmed_come_first(here, admin):
    many(here, here.course("ART"), 20)
    asked = upload(admin, "registrations", WITHDRAWS.replace("email,", "E-Mail-Adresse,"))
    chosen = {"column-0": "email", "column-1": "course", "column-2": "status"}
    tried = pressed(admin, asked, "column-0", data=chosen, follow_redirects=True)
    assert "always tried out first" in words(tried)
    assert in_art(here) == 20
    assert "imported" in words(pressed(admin, tried, "Import these now", follow_redirects=True))
    assert in_art(here) == 19


def test_a_file_that_gives_people_another_canvas_course_is_shown_first(office, admin, canvas):
    art = office.course("ART", "art")
    many(office, art, 3)
    tried = upload(admin, "courses", f"code,canvas_course\nART,{canvas.ids['course.bio']}\n")
    assert "This file gives courses with people another Canvas course. Such a file is always tried out first" in words(
        tried
    )
    names = " ".join(f"P {n} p{n}@example.org" for n in range(3))
    assert f"ART here (ART): 3 people move to another Canvas course. {names}" in words(tried)
    office.session.expire_all()
    assert art.association.canvas_course_id == canvas.ids["course.art"]
    pressed(admin, tried, "Import these now", follow_redirects=True)
    office.settle(2)
    assert canvas.who_is_in("bio") == {"p0@example.org", "p1@example.org", "p2@example.org"}
    assert canvas.who_is_in("art") == set()


def test_a_file_of_courses_lists_everybody_it_moves_also_people_not_in_canvas_yet(office, admin, canvas):
    art = office.course("ART", "art")
    many(office, art, 1)
    office.deliver()
    many(office, art, 9, start=1)
    tried = upload(admin, "courses", f"code,canvas_course\nART,{canvas.ids['course.bio']}\n")
    said = (
        "ART here (ART): 10 people move to another Canvas course; removed from the present one: 1. P 0 p0@example.org"
    )
    assert said in words(tried)
    assert "P 9 p9@example.org" in words(tried)
    pressed(admin, tried, "Import these now", follow_redirects=True)
    assert "people move to another Canvas course" in words(admin.get(tried.request.path))


MANY = "email,course,status\n" + "".join(f"p{n}@example.org,ART,withdrawn\n" for n in range(3))
ASKS = "Many people would be removed from ART here. When you import the file, you will be asked to type how many: 3."


@pytest.mark.parametrize("tick", [{}, {"dry_run": "y"}])
def test_a_file_over_the_brake_is_tried_out_first_and_asks_for_the_number_when_it_is_imported(here, admin, tick):
    many(here, here.course("ART"), 10)
    tried = upload(admin, "registrations", MANY, **tick)
    assert "New 0 Changed 3 Unchanged 0 Refused 0" in words(tried)
    assert "Line 2 Withdrawn: p0@example.org, ART, withdrawn" in words(tried)
    assert "ART here (ART): withdraws 3 of 10 people." in words(tried)
    assert ASKS in words(tried)
    assert in_art(here) == 10
    asked = pressed(admin, tried, "Import these now", follow_redirects=True)
    assert "Remove 3 people?" in words(asked)
    assert in_art(here) == 10
    done = pressed(admin, asked, "Type 3 to confirm", data={"number": "3"}, follow_redirects=True)
    assert "The file is imported." in words(done)
    assert in_art(here) == 7


def test_a_file_below_the_brake_asks_for_no_number(here, admin):
    many(here, here.course("ART"), 20)
    assert "asked to type how many" not in words(upload(admin, "registrations", WITHDRAWS))


def test_a_file_of_courses_over_the_brake_is_tried_out_first_too(office, admin, canvas):
    art = office.course("ART", "art")
    many(office, art, 3)
    office.deliver()
    tried = upload(admin, "courses", f"code,canvas_course\nART,{canvas.ids['course.bio']}\n")
    assert ASKS in words(tried)
    assert "New 0 Changed 1 Unchanged 0 Refused 0" in words(tried)
    assert "Remove 3 people?" in words(pressed(admin, tried, "Import these now", follow_redirects=True))


def test_columns_are_confirmed_before_a_file_over_the_brake_is_tried_out(here, admin):
    many(here, here.course("ART"), 10)
    asked = upload(admin, "registrations", MANY.replace("email,", "E-Mail-Adresse,"))
    chosen = {"column-0": "email", "column-1": "course", "column-2": "status"}
    tried = pressed(admin, asked, "column-0", data=chosen, follow_redirects=True)
    assert ASKS in words(tried)
    assert "Remove 3 people?" in words(pressed(admin, tried, "Import these now", follow_redirects=True))
    assert in_art(here) == 10
