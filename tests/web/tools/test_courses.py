"""Tools → Courses: edit, associate with a Canvas course, cancel."""

import re
from datetime import timedelta

import pytest

from ascriptica_plugin.tables.office import Association, Course

from ...office_at_work import Office, logged, many, policy, sign_in, statuses, wait_for
from ...pages import all_of, confirm_preview, new_course, walked, words


@pytest.mark.parametrize("how", ["id", "address", "sis"])
def test_an_association_is_looked_up_at_once(office, admin, app, canvas, how):
    number = canvas.ids["course.art"]
    typed = {"id": number, "address": f"{canvas.url}/courses/{number}/modules", "sis": "sis_course_id:ART-1"}[how]
    page = words(admin.post("/tools/courses/new", data=new_course(canvas_course=typed), follow_redirects=True))
    [association] = all_of(app, Association)
    assert (association.canvas_course_id, association.canvas_course_name) == (number, "Art")
    assert "Art for all is saved." in page
    assert "ublished" in page


@pytest.mark.parametrize(("event", "words_of_it"), [("claim", "not published"), ("conclude", "concluded")])
def test_the_state_of_the_canvas_course_is_shown(office, admin, canvas, event, words_of_it):
    where = f"{canvas.api}/courses/{canvas.ids['course.art']}"
    canvas.admin.put(where, data={"course[event]": event}, timeout=10)
    form = new_course(canvas_course=str(canvas.ids["course.art"]))
    assert words_of_it in words(admin.post("/tools/courses/new", data=form, follow_redirects=True))


@pytest.mark.parametrize(
    ("lacking", "named"),
    [
        (["add_student_to_course"], "“Users - Students”, add."),
        (["remove_student_from_course"], "“Users - Students”, remove."),
        (
            ["add_student_to_course", "remove_student_from_course"],
            "“Users - Students”, add and “Users - Students”, remove.",
        ),
        ([], None),
    ],
)
def test_a_right_that_is_missing_in_the_canvas_course_is_shown(office, admin, app, canvas, lacking, named):
    art = canvas.ids["course.art"]
    canvas.options(lacking={art: lacking}, permissions={"without": ["manage_students"]})
    page = words(admin.post("/tools/courses/new", data=new_course(canvas_course=str(art)), follow_redirects=True))
    [association] = all_of(app, Association)
    assert association.missing_permissions == ",".join(lacking)
    said = f"The token's owner lacks a permission in Art: {named} People wait there until Canvas grants it."
    assert (said in page) == bool(named), page[:1500]
    assert ("lacks a permission" in page) == bool(named)


@pytest.mark.parametrize("kind", ["blueprint", "template"])
def test_a_canvas_course_that_takes_no_students_is_refused_whatever_the_rights_are(office, admin, app, canvas, kind):
    canvas.seed(courses={"plan": {"name": "Plan", kind: True}})
    office.connect()
    plan = canvas.ids["course.plan"]
    canvas.options(lacking={plan: ["add_student_to_course", "manage_students"]})
    answer = admin.post("/tools/courses/new", data=new_course(canvas_course=str(plan)))
    assert answer.status_code == 422
    assert "Plan is a blueprint course or a course template in Canvas, and those take no students." in words(answer)
    assert "permission" not in words(answer)
    assert all_of(app, Course) == []


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"canvas_course": "99999999"}, "Canvas has no course 99999999"),
        ({"canvas_course": "https://other.example/courses/4"}, "is on other.example"),
        ({"canvas_course": "art"}, "the number after /courses/"),
        ({"canvas_course": "ID", "canvas_section": "99999999"}, "has no section 99999999"),
        ({"canvas_section": "3"}, "Name the Canvas course"),
        ({"code": ""}, "Give the course a code"),
        ({"code": "a b"}, "letters, digits"),
        ({"title": ""}, "Give the course a title"),
        ({"capacity": "-1"}, "how many people fit"),
        ({"capacity": "many"}, "whole number"),
        ({"starts_at": "soon"}, "Enter a date and a time"),
        ({"starts_at": "2027-03-02T10:00", "ends_at": "2027-03-01T10:00"}, "can't end before it starts"),
    ],
)
def test_a_mistake_in_the_course_form_is_named_and_the_form_kept(office, admin, app, canvas, fields, sentence):
    fields = {name: value.replace("ID", str(canvas.ids["course.art"])) for name, value in fields.items()}
    answer = admin.post("/tools/courses/new", data=new_course(title="Kept title") | fields)
    assert answer.status_code == 422
    assert sentence in words(answer)
    if "title" not in fields:
        assert "Kept title" in answer.text
    assert all_of(app, Course) == []


def test_a_code_is_unique_whatever_its_case(office, admin):
    admin.post("/tools/courses/new", data=new_course())
    answer = admin.post("/tools/courses/new", data=new_course(code="art"))
    assert answer.status_code == 422
    assert "There is a course art already" in words(answer)


def test_a_course_can_t_have_fewer_places_than_people(office, admin, app):
    office.register(office.course("ART", capacity=3))
    office.register(all_of(app, Course)[0], "lou")
    answer = admin.post("/tools/courses/ART/edit", data=new_course(capacity="1"))
    assert answer.status_code == 422
    assert "More people than that are registered" in words(answer)


def test_an_association_saved_while_canvas_is_away_is_looked_up_later(office, admin, app, canvas):
    canvas.options(down=True)
    page = words(
        admin.post("/tools/courses/new", data=new_course(canvas_course="sis_course_id:ART-1"), follow_redirects=True)
    )
    assert "could not be looked up in Canvas yet" in page
    office.register(all_of(app, Course)[0])
    canvas.options(down=False)
    office.later(minutes=2)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}


def test_an_association_that_canvas_does_not_know_says_so_once_it_was_looked_up(office, admin, canvas):
    canvas.options(down=True)
    admin.post("/tools/courses/new", data=new_course(canvas_course="sis_course_id:NOPE"))
    canvas.options(down=False)
    office.later(minutes=2)
    office.deliver()
    assert "Canvas has no course sis_course_id:NOPE" in words(admin.get("/tools/courses/ART"))


def test_changing_the_association_moves_everybody(office, admin, canvas):
    office.register(office.course("ART", "art"))
    office.deliver()
    admin.post("/tools/courses/ART/edit", data=new_course(canvas_course=str(canvas.ids["course.bio"])))
    office.deliver()
    confirm_preview(admin, "ART")
    office.later(minutes=1)
    office.deliver()
    assert canvas.roster("bio") == {"kim@example.org": "active"}
    assert canvas.roster("art") == {"kim@example.org": "deleted"}


def test_saving_a_course_unchanged_asks_canvas_for_nothing_more(office, admin, canvas):
    office.register(office.course("ART", "art"))
    office.deliver()
    admin.post("/tools/courses/ART/edit", data=new_course(canvas_course=str(canvas.ids["course.art"])))
    canvas.calls()
    assert office.deliver() == []


def test_an_edit_leaves_an_association_with_the_former_canvas_as_it_is(office, admin, app, canvas):
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    form = {
        "display_canvas": "y",
        "canvas_url": canvas.api.replace("127.0.0.1", "localhost"),
        "canvas_token": canvas.token,
        "canvas_root_id": str(canvas.ids["account.root"]),
    }
    form["confirm"] = f"{form['canvas_url']} {form['canvas_root_id']}"
    admin.post("/tools/settings/course-settings", data=form)
    page = admin.get("/tools/courses/ART/edit").text
    assert str(canvas.ids["course.art"]) not in page
    admin.post("/tools/courses/ART/edit", data=new_course(title="A better title", canvas_shown=""))
    assert [(row.connection_id, row.canvas_course_id) for row in all_of(app, Association)] == [
        (1, canvas.ids["course.art"])
    ]


def test_an_edit_does_not_undo_what_a_colleague_did_meanwhile(office, admin, app, canvas):
    course = office.course("ART")
    office.register(course)
    office.associate(course, "art")
    office.deliver()
    # The form was opened before the colleague associated the course.
    admin.post("/tools/courses/ART/edit", data=new_course(canvas_shown=""))
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    bio = str(canvas.ids["course.bio"])
    answer = admin.post("/tools/courses/ART/edit", data=new_course(canvas_course=bio, canvas_shown=""))
    assert answer.status_code == 422
    assert "A colleague has changed this meanwhile" in words(answer)


def test_another_association_made_while_canvas_is_away_takes_nobody_to_the_old_course(office, admin, app, canvas):
    office.associate(office.course("ART"), "art")
    canvas.options(down=True)
    bio = str(canvas.ids["course.bio"])
    admin.post("/tools/courses/ART/edit", data=new_course(canvas_course=bio))
    office.register(all_of(app, Course)[0])
    canvas.options(down=False)
    office.later(minutes=2)
    office.deliver()
    assert canvas.roster("art") == {}
    assert canvas.roster("bio") == {"kim@example.org": "active"}


def test_people_on_the_waitlist_move_up_when_places_are_added(here, admin):
    course = here.course("ART", capacity=1)
    here.register(course, "a")
    wait_for(here, course, "b", "c", "d")
    form = {"code": "ART", "title": "Art", "capacity": "3"}
    page = words(admin.post("/tools/courses/ART/edit", data=form, follow_redirects=True))
    assert "2 people moved up from the waitlist." in page
    assert list(statuses(here).values()) == ["registered"] * 3 + ["waitlisted"]
    assert "1 person moved up" in words(
        admin.post("/tools/courses/ART/edit", data=form | {"capacity": ""}, follow_redirects=True)
    )
    assert course.places_taken == 4


def test_cancelling_shows_what_will_happen_and_then_removes_everybody(office, admin, app, canvas):
    course = office.course("ART", "art", capacity=2)
    for who in ("kim", "lou"):
        office.register(course, who)
    wait_for(office, course, "ann")
    office.deliver()
    page = words(admin.get("/tools/courses/ART/cancel"))
    assert "2 people are withdrawn from the course." in page
    assert "1 person on the waitlist is taken off it." in page
    assert "2 people lose their Canvas access." in page
    assert "Their enrollments in Canvas are deleted" in page
    assert "Type 2 to confirm" in page
    assert "3 people get no mail about it. Tell them yourself." in page
    assert admin.post("/tools/courses/ART/cancel", data={"number": "3"}).status_code == 422
    assert course.cancelled_at is None
    page = words(admin.post("/tools/courses/ART/cancel", data={"number": "2"}, follow_redirects=True))
    assert "ART here is cancelled." in page
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "deleted", "lou@example.org": "deleted"}
    assert set(statuses(office).values()) == {"withdrawn"}
    assert (course.places_taken, course.cancelled_at is not None) == (0, True)
    assert "ART here" not in words(admin.get("/"))
    assert ("boss@example.org", "withdrew", "ann@example.org") in logged(office)
    assert ("boss@example.org", "cancelled", None) in logged(office)

    answer = admin.post("/tools/courses/ART", data={"name": "Ann", "email": "ann@example.org"})
    assert answer.status_code == 422
    assert set(statuses(office).values()) == {"withdrawn"}
    assert admin.get("/tools/courses/ART/cancel").location == "/tools/courses/ART"
    assert "already cancelled" in words(admin.post("/tools/courses/ART/cancel", follow_redirects=True))

    other = app.test_client()
    sign_in(other, app, "max@example.org")
    page = words(other.get("/courses/ART"))
    assert "This course is cancelled." in page
    assert "Register" not in page.replace("Registration", "")
    assert "This course is cancelled." in words(other.post("/courses/ART/register", follow_redirects=True))
    assert set(statuses(office).values()) == {"withdrawn"}


def test_cancelling_says_who_is_mailed(mailing):
    office, admin = Office(mailing, None), mailing.test_client()
    sign_in(admin, mailing, "boss@example.org", admin=True)
    course = office.course("ART", capacity=2)
    office.register(course, "kim")
    office.register(course, "lou").notify = False
    office.session.commit()
    wait_for(office, course, "ann")
    page = words(admin.get("/tools/courses/ART/cancel"))
    assert "2 people are mailed that the course is cancelled." in page
    assert "1 person gets no mail about it. Tell them yourself. Lou lou@example.org" in page
    policy(office, mails_off="cancelled")
    page = words(admin.get("/tools/courses/ART/cancel"))
    assert "are mailed" not in page
    assert "3 people get no mail about it." in page
    policy(office, mails_off="")
    admin.post("/tools/courses/ART/cancel", data={"number": "2"})
    act = re.search(r'href="(/tools/log\?act=\d+)">Who was mailed', admin.get("/tools/courses/ART").text)
    page = words(admin.get(act[1]))
    assert page.count("The course was cancelled. They are not mailed about it.") == 1
    assert re.search(r"Lou from ART here.{0,40} The course was cancelled\. They are not mailed about it\.", page), page
    assert page.count("The course was cancelled.") == 3


def test_cancelling_a_course_asks_for_the_number_of_its_people(here, admin):
    many(here, here.course("ART", capacity=20), 21)
    assert "Type 20 to confirm" in words(admin.get("/tools/courses/ART/cancel"))
    for typed in ({}, {"number": "21"}):
        answer = admin.post("/tools/courses/ART/cancel", data=typed)
        assert answer.status_code == 422
        assert "To confirm, type 20 here." in words(answer)
    assert set(statuses(here).values()) == {"registered", "waitlisted"}
    answer = admin.post("/tools/courses/ART/cancel", data={"number": " 20 "}, follow_redirects=True)
    assert "is cancelled" in words(answer)
    assert set(statuses(here).values()) == {"withdrawn"}


def test_courses_are_found_paged_and_sorted(office, admin):
    for number in range(120):
        office.course(f"C-{number:03}", title=f"Course {chr(65 + number % 26)} {number}")
    found = [one for page in walked(admin, "/tools/courses") for one in re.findall(r"C-\d\d\d", page.text)]
    assert len(set(found)) == 120
    by_title = [one for page in walked(admin, "/tools/courses?sort=name") for one in re.findall(r"C-\d\d\d", page.text)]
    assert list(dict.fromkeys(by_title))[:3] == ["C-000", "C-104", "C-026"]
    assert "1–50 of 120" in words(admin.get("/tools/courses"))
    page = words(admin.get("/tools/courses?q=c-11"))
    assert "C-110" in page
    assert "C-010" not in page
    assert "No course matches “%”" in words(admin.get("/tools/courses", query_string={"q": "%"}))


@pytest.mark.parametrize("typed", ["ÉCOLE", "ecole", "éco", "e\u0301cole", "École d’été"])
def test_courses_are_found_and_sorted_without_case_and_accents_on_every_database(office, admin, typed):
    for code, title in (("Z-1", "Zoo"), ("E-1", "École d’été"), ("F-1", "feu"), ("D-1", "Danse")):
        office.course(code, title=title)
    page = words(admin.get("/tools/courses", query_string={"q": typed}))
    assert "E-1" in page
    assert "Z-1" not in page
    for path in ("/tools/courses?sort=name", "/"):
        listed = words(admin.get(path))
        assert sorted(("Danse", "École", "feu", "Zoo"), key=listed.index) == ["Danse", "École", "feu", "Zoo"]
    admin.post("/tools/courses/E-1/edit", data={"code": "E-1", "title": "Atelier"})
    assert "E-1" in words(admin.get("/tools/courses?q=atelier"))
    assert "No course matches" in words(admin.get("/tools/courses?q=ecole"))


def test_courses_that_are_over_come_last_and_the_waitlist_is_counted(office, admin):
    over = office.course("OLD", starts_at=office.now - timedelta(days=9), ends_at=office.now - timedelta(days=1))
    office.course("NEW", starts_at=office.now + timedelta(days=9))
    long_ago = {"starts_at": office.now - timedelta(days=99), "ends_at": office.now - timedelta(days=90)}
    office.course("ANCIENT", **long_ago)
    many(office, office.course("FULL", capacity=2, starts_at=office.now + timedelta(days=1)), 5)
    page = words(admin.get("/tools/courses"))
    assert page.index("FULL") < page.index("NEW") < page.index("OLD") < page.index("ANCIENT")
    assert "2 of 2 3" in page
    assert "Ended" in page
    by_start = words(admin.get("/tools/courses?sort=time"))
    assert by_start.index("ANCIENT") < by_start.index("OLD") < by_start.index("FULL") < by_start.index("NEW")
    assert over.code in by_start


def test_the_list_says_how_many_can_enter(office, admin):
    course = office.course("ART", "art")
    office.register(course, "kim")
    office.deliver()
    office.register(course, "lou")
    assert "1 of 2 Edit" in words(admin.get("/tools/courses"))
    # In a course that is not in Canvas there is nothing to enter.
    office.register(office.course("BIO"), "kim")
    assert "Not in Canvas – Edit" in words(admin.get("/tools/courses"))


def test_no_two_links_of_the_navigation_have_the_same_name(here, admin):
    navigation = admin.get("/tools/courses").text.partition("<main")[0]
    names = re.findall(r"<li><a [^>]*>([^<]+)", navigation)
    assert {"Catalogue", "Courses"} <= {name.strip() for name in names}
    assert len({name.strip() for name in names}) == len(names)


def test_the_dash_between_two_dates_stays_beside_the_first(office, admin):
    office.course("ART", starts_at=office.now, ends_at=office.now + timedelta(weeks=4))
    assert re.search(r"</time>&nbsp;– <time", admin.get("/tools/courses").text)
