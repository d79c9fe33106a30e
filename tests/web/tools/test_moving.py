"""What another Canvas course would do to people is shown first, and done when it is confirmed, and not otherwise."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from ascriptica_plugin.office import previews
from ascriptica_plugin.office.brake import Brake
from ascriptica_plugin.shared import pauses
from ascriptica_plugin.tables.ledger import Claim, Seat
from ascriptica_plugin.tables.office import Association, Course
from ascriptica_plugin.tables.previews import Preview
from ascriptica_plugin.web import paging

from ...office_at_work import logged, many, statuses, wait_for
from ...pages import all_of, confirm_preview, new_course, queries, words
from ...practice_canvas import posts

PREVIEW = "/tools/courses/ART/preview"


def to(canvas, name: str, **more) -> dict:
    return new_course(title="ART here", canvas_course=str(canvas.ids[f"course.{name}"])) | more


def lines(answer) -> list[str]:
    """What the page says would happen."""
    outcomes = re.search(r'<ul class="outcomes">(.*?)\n  </ul>', answer.text, re.DOTALL)[1]
    found = re.findall(r"<summary>(.*?)</summary>|<li>(Nobody.*?)\s*</li>", outcomes, re.DOTALL)
    return [re.sub(r"<[^>]+>|\s+", " ", one or other).strip().replace("  ", " ") for one, other in found]


@pytest.fixture
def crowd(office, canvas):
    """Five people in Biology: Kim is in Art already, Lou teaches it, Ann and Bob are known, Cid is asked about."""
    canvas.seed(
        users={
            **{who: {"name": who.title(), "login": f"{who}@example.org"} for who in ("kim", "lou", "ann", "bob")},
            "cid1": {"name": "Cid One", "login": "one@example.org", "email": "cid@example.org"},
            "cid2": {"name": "Cid Two", "login": "two@example.org", "email": "cid@example.org"},
        },
        courses={"art": {"name": "Art", "sections": {"late": {"name": "Late"}}}, "bio": {"name": "Biology"}},
        enrollments={
            "k": {"user": "kim", "course": "art"},
            "l": {"user": "lou", "course": "art", "type": "TeacherEnrollment"},
        },
    )
    course = office.course("ART", "bio")
    for who in ("kim", "lou", "ann", "bob", "cid"):
        office.register(course, who)
    office.deliver()
    assert len(canvas.who_is_in("bio")) == 4
    return course


def test_the_preview_s_numbers_and_names_are_exactly_what_is_done(office, admin, app, canvas, crowd):
    answer = admin.post("/tools/courses/ART/edit", data=to(canvas, "art", title="A new title"))
    assert (answer.status_code, answer.location) == (303, PREVIEW)
    page = admin.get(PREVIEW)
    assert "Reading Art in Canvas" in words(page)
    assert 'http-equiv="refresh" content="2; url=/tools/courses/ART/preview"' in page.text
    before = [(seat.id, seat.version) for seat in all_of(app, Seat)], [row.ended_at for row in all_of(app, Claim)]
    canvas.calls()
    assert posts(office.deliver()) == []
    page = admin.get(PREVIEW)
    assert lines(page) == [
        "3 people are enrolled in Art.",
        "1 person is in it already, and stays as they are.",
        "1 person teaches it, and stays a teacher there.",
        "1 person needs you: say who they are in Canvas.",
        "4 people are removed from bio.",
    ]
    assert ">Kim</a>" in page.text
    assert "Type 4 to confirm" in words(page)
    # The rest of the form is saved, and nothing else has happened.
    [course] = all_of(app, Course)
    assert (course.title, course.association.canvas_course_name) == ("A new title", "bio")
    assert before == ([(s.id, s.version) for s in all_of(app, Seat)], [row.ended_at for row in all_of(app, Claim)])
    done = confirm_preview(admin, "ART")
    assert "A new title is saved." in words(done)
    assert "3 people are being enrolled in Art." in words(done)
    assert "4 people are being removed from bio." in words(done)
    office.later(minutes=1)
    office.deliver()
    office.deliver()
    assert canvas.who_is_in("art") == {f"{who}@example.org" for who in ("kim", "lou", "ann", "bob")}
    assert canvas.who_is_in("bio") == set()
    assert ("lou@example.org", "art", canvas.ids["enrollment.l"], "Teacher", "active") in canvas.rows()
    assert all_of(app, Preview) == []
    assert ("boss@example.org", "changed a course", None) in logged(office)


def test_people_who_were_never_looked_up_are_counted_apart(office, admin, app, canvas):
    course = office.course("ART")
    many(office, course, 3)
    office.register(course, "kim")
    enrolled = canvas.by_hand("kim", "art")
    admin.post("/tools/courses/ART/edit", data=to(canvas, "art"))
    office.deliver()
    assert lines(admin.get(PREVIEW)) == [
        "3 people are looked up in Canvas first, and then enrolled.",
        "1 person is in it already, and stays as they are.",
    ]
    canvas.calls()
    office.deliver()
    assert [call for call in canvas.calls() if call.startswith("POST")] == []
    done = words(confirm_preview(admin, "ART"))
    assert "3 people are being enrolled in Art." in done
    assert "being removed" not in done
    office.later(minutes=1)
    office.deliver()
    assert len(canvas.who_is_in("art")) == 4
    assert [row[2] for row in canvas.rows() if row[:2] == ("kim@example.org", "art")] == [enrolled["id"]]


def test_the_page_says_if_everybody_is_in_the_course_already(office, admin, canvas):
    office.register(office.course("ART"), "kim")
    canvas.by_hand("kim", "art")
    admin.post("/tools/courses/ART/edit", data=to(canvas, "art"))
    office.deliver()
    done = words(confirm_preview(admin, "ART"))
    assert "Everybody is in Art already." in done
    assert "being enrolled" not in done


def test_a_course_without_people_is_associated_at_once(office, admin, app, canvas):
    office.course("ART")
    answer = admin.post("/tools/courses/ART/edit", data=to(canvas, "art"))
    assert answer.location == "/tools/courses/ART"
    assert all_of(app, Association)[0].canvas_course_name == "Art"
    assert all_of(app, Preview) == []


def test_the_preview_shows_new_numbers_if_something_changed_in_between(office, admin, app, canvas, crowd):
    admin.post("/tools/courses/ART/edit", data=to(canvas, "art"))
    office.deliver()
    seen = re.search('name="seen" value="(.*?)"', admin.get(PREVIEW).text)[1]
    office.withdraw(crowd, "ann")
    answer = admin.post(PREVIEW, data={"seen": seen, "number": "4"})
    assert answer.status_code == 409
    assert "This has changed meanwhile" in words(answer)
    assert "2 people are enrolled in Art." in lines(answer)
    assert all_of(app, Association)[0].canvas_course_name == "bio"
    # A course that was read too long ago is read again.
    old = all_of(app, Preview)[0].read_at - pauses.PREVIEW_FRESH - timedelta(seconds=1)
    app.extensions["sqlalchemy"].session.execute(update(Preview).values(read_at=old))
    app.extensions["sqlalchemy"].session.commit()
    canvas.by_hand("bob", "art")
    page = confirm_preview(admin, "ART")
    assert "is out of date" in words(page)
    assert "Reading Art in Canvas" in words(page)
    office.deliver()
    assert "1 person is enrolled in Art." in lines(admin.get(PREVIEW))
    assert all_of(app, Association)[0].canvas_course_name == "bio"


@pytest.mark.parametrize("number", ["", "3", "four"])
def test_above_the_brake_the_number_has_to_be_typed(office, admin, app, canvas, crowd, number):
    admin.post("/tools/courses/ART/edit", data=to(canvas, "art"))
    office.deliver()
    answer = confirm_preview(admin, "ART", number=number)
    assert answer.status_code == 422
    assert "To confirm, type 4 here." in words(answer)
    assert all_of(app, Association)[0].canvas_course_name == "bio"
    assert len(canvas.who_is_in("bio")) == 4


def test_a_button_is_enough_below_the_brake(office, admin, app, canvas, crowd):
    app.extensions["ascriptica"].brake = Brake(4, 100)
    admin.post("/tools/courses/ART/edit", data=to(canvas, "art"))
    office.deliver()
    assert "to confirm" not in words(admin.get(PREVIEW))
    assert "is saved." in words(confirm_preview(admin, "ART"))


def test_taking_a_course_out_of_canvas_reads_nothing_and_asks_first(office, admin, app, canvas, crowd):
    answer = admin.post("/tools/courses/ART/edit", data=new_course(), follow_redirects=True)
    assert "Take Art for all out of Canvas?" in words(answer)
    assert lines(answer) == ["4 people are removed from bio."]
    assert len(all_of(app, Association)) == 1
    confirm_preview(admin, "ART")
    assert all_of(app, Association) == []
    office.deliver()
    assert canvas.who_is_in("bio") == set()


def test_a_person_who_has_another_registration_or_was_there_before_is_not_removed(office, admin, canvas):
    course = office.course("ART", "bio")
    canvas.by_hand_before("kim", "bio")
    for who in ("kim", "lou", "max"):
        office.register(course, who)
    office.register(office.course("TOO", "bio"), "lou")
    office.deliver()
    page = admin.post("/tools/courses/ART/edit", data=new_course(), follow_redirects=True)
    assert lines(page) == [
        "1 person is removed from bio.",
        "1 person stays in bio: another registration asks for it, or you let them stay.",
        "1 person was in bio before registering here. You are asked whether they stay.",
    ]
    confirm_preview(admin, "ART")
    office.deliver()
    assert canvas.who_is_in("bio") == {"kim@example.org", "lou@example.org"}
    assert office.status()["questions"] == 1


def test_people_are_moved_into_a_section_and_back_to_the_default_one(office, admin, canvas):
    office.register(office.course("ART", "art"), "kim")
    office.deliver()
    late = str(canvas.ids["section.art.late"])
    admin.post("/tools/courses/ART/edit", data=to(canvas, "art", canvas_section=late))
    office.deliver()
    page = admin.get(PREVIEW)
    assert "with Art, Late group?" in words(page)
    assert lines(page) == ["1 person is enrolled in Art, Late group.", "1 person is removed from art."]
    confirm_preview(admin, "ART")
    office.later(minutes=1)
    office.deliver()
    admin.post("/tools/courses/ART/edit", data=to(canvas, "art"))
    office.deliver()
    assert lines(admin.get(PREVIEW)) == [
        "Nobody is enrolled in Art.",
        "1 person is in it already, and stays as they are.",
        "Nobody is removed from Art.",
    ]


def test_a_move_is_refused_while_canvas_is_away_and_its_preview_names_a_course_that_can_t_be_read(
    office, admin, app, canvas, crowd
):
    canvas.options(down=True)
    answer = admin.post("/tools/courses/ART/edit", data=to(canvas, "art", title="Typed"))
    assert answer.status_code == 422
    assert "Canvas could not be asked" in words(answer)
    assert 'value="Typed"' in answer.text
    assert all_of(app, Preview) == []
    canvas.options(down=False)
    admin.post("/tools/courses/ART/edit", data=to(canvas, "art"))
    path = f"GET /courses/{canvas.ids['course.art']}/enrollments"
    canvas.faults({"match": path, "times": None, "when": "before", "fault": "status", "status": 500})
    office.deliver()
    page = admin.get(PREVIEW)
    assert "Art could not be read" in words(page)
    assert "4 people are enrolled in Art." in lines(page)
    canvas.session.delete(f"{canvas.url}/practice/faults", timeout=10)
    admin.post(PREVIEW, data={"again": "1"})
    office.deliver()
    assert "3 people are enrolled in Art." in lines(admin.get(PREVIEW))


def test_a_cancelled_course_is_reopened_after_a_preview(office, admin, app, canvas):
    course = office.course("ART", "art", capacity=2)
    for who in ("kim", "lou"):
        office.register(course, who)
    wait_for(office, course, "ann")
    office.deliver()
    admin.post("/tools/courses/ART/cancel", data={"number": "2"})
    office.deliver()
    assert canvas.who_is_in("art") == set()
    assert "Reopen the course" in words(admin.get("/tools/courses/ART"))
    admin.post("/tools/courses/ART/reopen")
    office.deliver()
    page = admin.get(PREVIEW)
    assert "2 people were registered when the course was cancelled" in words(page)
    assert "1 person goes back to the waitlist" in words(page)
    assert lines(page) == ["2 people are enrolled in art."]
    assert set(statuses(office).values()) == {"withdrawn"}
    done = words(confirm_preview(admin, "ART"))
    assert "ART here is open again." in done
    assert "2 people are being enrolled in art." in done
    office.later(minutes=1)
    office.deliver()
    assert canvas.who_is_in("art") == {"kim@example.org", "lou@example.org"}
    assert statuses(office)["ann@example.org"] == "waitlisted"


def test_a_cancelled_course_without_a_canvas_course_can_be_reopened_too(here, admin):
    here.register(here.course("ART"), "kim")
    admin.post("/tools/courses/ART/cancel", data={"number": "1"})
    page = admin.post("/tools/courses/ART/reopen", follow_redirects=True)
    assert "1 person was registered when the course was cancelled" in words(page)
    assert "ART here is open again." in words(confirm_preview(admin, "ART"))
    assert set(statuses(here).values()) == {"registered"}


def test_a_preview_that_has_lost_its_meaning_is_deleted(office, admin, app, canvas, crowd):
    assert admin.get(PREVIEW).location == "/tools/courses/ART"
    assert admin.post(PREVIEW).location == "/tools/courses/ART"
    admin.post("/tools/courses/ART/edit", data=to(canvas, "art"))
    office.deliver()
    seen = re.search('name="seen" value="(.*?)"', admin.get(PREVIEW).text)[1]
    admin.post("/tools/courses/ART/cancel", data={"number": "5"})
    assert admin.post(PREVIEW, data={"seen": seen, "number": "4"}).location == "/tools/courses/ART"
    assert all_of(app, Association)[0].canvas_course_name == "bio"
    previews.forget_old(office.session, office.now + timedelta(hours=2))
    office.session.commit()
    assert all_of(app, Preview) == []


def test_a_preview_of_more_people_needs_no_more_queries(office, admin, app, canvas):
    course, asked = office.course("ART", "bio"), []
    for number in (3, 30):
        many(office, course, number, start=number)
        office.deliver()
        admin.post("/tools/courses/ART/edit", data=to(canvas, "art"))
        office.deliver()
        asked.append(queries(app, admin, PREVIEW))
        assert f"{course.places_taken} people are removed from bio." in lines(admin.get(PREVIEW))
    assert asked[0] == asked[1]


def names_of(page: str, group: str) -> tuple[list[str], str | None]:
    """The people in an opened list, and the address of its next page."""
    its = re.search(rf'<details id="{group}"(?: open)?>(.*?)</details>', page, re.DOTALL)[1]
    on = re.search(r'rel="next" href="([^"]*)"', its)
    return re.findall(r'address">([^<]*)</span>', its), on[1].replace("&amp;", "&").partition("#")[0] if on else None


@pytest.mark.parametrize("path", [PREVIEW, "/tools/courses/ART/cancel"])
def test_every_name_in_a_preview_can_be_listed_however_many_there_are(office, admin, canvas, monkeypatch, path):
    monkeypatch.setattr(paging.page_of_people, "__defaults__", (3,))
    many(office, office.course("ART", "bio"), 7)
    office.deliver()
    admin.post("/tools/courses/ART/edit", data=to(canvas, "art"))
    office.deliver()
    found, there = [], path
    while there:
        page = admin.get(there).text
        more, there = names_of(page, "removed")
        found.append(more)
    assert [len(part) for part in found] == [3, 3, 1]
    assert sorted(one for part in found for one in part) == [f"p{number}@example.org" for number in range(7)]
    assert '<details id="removed" open>' in page
    # People who have gone meanwhile leave the first page.
    assert names_of(admin.get(f"{path}?removed=99999").text, "removed")[0] == found[0]
    back = re.search(r'rel="prev" href="([^"]*)"', page)[1].partition("#")[0]
    assert names_of(admin.get(back).text, "removed")[0] == found[1]
