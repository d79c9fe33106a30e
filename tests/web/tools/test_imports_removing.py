"""A file that takes people out of courses is shown line by line before it does."""

from ascriptica_plugin.tables.imports import Import
from ascriptica_plugin.tables.office import Registration

from ...office_at_work import many
from ...pages import all_of, upload, words
from .test_imports import pressed

WITHDRAWS = "email,course,status\np0@example.org,ART,withdrawn\nnew@example.org,ART,registered\n"


def in_art(here) -> int:
    here.session.expire_all()
    return sum(one.status == "registered" for one in all_of(here.app, Registration))


def test_a_file_that_withdraws_somebody_is_tried_out_first_and_then_imported(here, admin):
    many(here, here.course("ART"), 20)
    upload(admin, "participants", "email,name\nnew@example.org,New\n")
    tried = upload(admin, "registrations", WITHDRAWS)
    assert "This file withdraws people, so it was only tried out" in words(tried)
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
    assert "so it was only tried out" in words(tried)
    assert in_art(here) == 20
    assert "imported" in words(pressed(admin, tried, "Import these now", follow_redirects=True))
    assert in_art(here) == 19


def test_a_file_that_gives_people_another_canvas_course_is_shown_first(office, admin, canvas):
    art = office.course("ART", "art")
    many(office, art, 3)
    tried = upload(admin, "courses", f"code,canvas_course\nART,{canvas.ids['course.bio']}\n")
    assert "This file gives courses with people another Canvas course, so it was only tried out" in words(tried)
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


def test_a_file_over_the_brake_asks_for_the_number(here, admin):
    many(here, here.course("ART"), 3)
    rows = "".join(f"p{n}@example.org,ART,withdrawn\n" for n in range(3))
    asked = upload(admin, "registrations", f"email,course,status\n{rows}")
    assert "Remove 3 people?" in words(asked)
    assert in_art(here) == 3
