"""What a course's results are and who has passed: chosen on a page, seen on the roster, exported, shown to people."""

import csv
import io
import re
from datetime import timedelta

import pytest

from ascriptica_plugin.ledger import results_to_fetch
from ascriptica_plugin.shared import clock
from ascriptica_plugin.tables.results import CourseResults

from ...office_at_work import logged
from ...pages import words

PAGE = "/tools/courses/ART/results"


@pytest.fixture
def course(office, canvas):
    """Kim and Lou are in ART. Kim has met both of its requirements, and has 82.5 percent; Lou was never there."""
    made = office.course("ART", "art")
    for who in ("kim", "lou"):
        office.register(made, who)
    office.deliver()
    canvas._order(f"courses/{canvas.ids['course.art']}/modules", requirements=2, met={canvas.ids["user.kim"]: 2})
    kims = next(row for login, _, row, _, _ in canvas.rows() if login == "kim@example.org")
    canvas._order(
        f"enrollments/{kims}", scores={"current": 82.5, "final": 40.0}, last_activity_at="2026-11-01T09:00:00Z"
    )
    return made


def chosen(office, admin, **form) -> str:
    answer = admin.post(PAGE, data={"passes_by": "", **form}, follow_redirects=True)
    office.deliver()
    return words(answer)


def exported(admin) -> dict[str, dict[str, str]]:
    text = admin.post("/tools/courses/ART/roster.csv").get_data(as_text=True).removeprefix("\ufeff")
    return {row["email"]: row for row in csv.DictReader(io.StringIO(text))}


def test_chosen_results_are_fetched_and_shown_on_the_roster_and_in_its_export(office, admin, course):
    assert "canvas_score" not in exported(admin)["kim@example.org"]
    assert "Saved." in chosen(office, admin, completed="y", score="y", passes_by="completed")
    roster = words(admin.get("/tools/courses/ART"))
    assert re.search(r"Kim kim@example.org .* Passed Completed \d\d \w+ \d{4} · 82.5 % so far", roster)
    assert re.search(r"Lou lou@example.org .* 0 of 2 requirements met", roster)
    kims = admin.get(f"/tools/participants/{office.participant('kim@example.org').id}")
    assert re.search(
        r"Registered \d\d \w+ \d{4}, \d\d:\d\d Passed Completed \d\d \w+ \d{4} · 82.5 % so far", words(kims)
    )
    kim, lou = exported(admin)["kim@example.org"], exported(admin)["lou@example.org"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", kim["canvas_completed_at"])
    assert (kim["canvas_score"], kim["canvas_score_kind"], kim["passed"]) == ("82.5", "current", "yes")
    assert kim["canvas_last_activity_at"].startswith("2026-11-01")
    assert (lou["canvas_completed_at"], lou["canvas_score"], lou["passed"]) == ("", "", "")
    assert "Registered 2 Completed 1 Passed 1" in words(admin.get(PAGE))


def test_a_pass_stays_and_the_roster_says_that_a_requirement_was_added_since(office, admin, canvas, course):
    chosen(office, admin, completed="y", passes_by="completed")
    canvas._order(f"courses/{canvas.ids['course.art']}/modules", requirements=3)
    admin.post(f"{PAGE}/fetch")
    office.deliver()
    roster = words(admin.get("/tools/courses/ART"))
    assert re.search(r"Kim .* Passed 2 of 3 requirements met, some were added after it was completed", roster)
    kim = exported(admin)["kim@example.org"]
    assert (kim["passed"], kim["canvas_completed_at"]) == ("yes", "")


def test_the_button_fetch_now_fetches_for_a_course_without_wishes(office, admin, course):
    admin.post(f"{PAGE}/fetch")
    assert "Being fetched from Canvas" in words(admin.get(PAGE))
    office.deliver()
    assert "Last fetched" in words(admin.get(PAGE))
    assert exported(admin)["kim@example.org"]["canvas_score"] == "82.5"
    assert ("boss@example.org", "asked for results", None) in logged(office)


def test_a_course_without_canvas_course_has_nothing_to_fetch(office, admin):
    office.course("ART")
    assert "nothing to fetch" in words(admin.get(PAGE))
    admin.post(f"{PAGE}/fetch")
    assert office.session.get(CourseResults, 1) is None


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"passes_by": "score", "score": "y"}, "Enter the score that passes, in percent."),
        ({"passes_by": "score", "score": "y", "passes_from": "many"}, "Enter a number of percent"),
        ({"passes_by": "score", "passes_from": "60"}, "also tick “Scores”"),
        ({"passes_by": "completed", "score": "y"}, "also tick “Who has completed it”"),
    ],
)
def test_an_impossible_rule_is_refused_and_the_typed_form_kept(office, admin, course, form, sentence):
    answer = admin.post(PAGE, data=form)
    assert (answer.status_code, sentence in words(answer)) == (422, True)
    assert office.session.get(CourseResults, course.id) is None
    if "passes_from" in form:
        assert f'value="{form["passes_from"]}"' in answer.text


def test_the_office_decides_by_hand(office, admin, course):
    chosen(office, admin, completed="y")
    roster = admin.get("/tools/courses/ART").text
    address = re.search(r'action="(/tools/courses/ART/results/\d+)', roster)[1]
    assert "Kim has passed ART here." in words(admin.post(address, data={"passed": "yes"}, follow_redirects=True))
    assert exported(admin)["kim@example.org"]["passed"] == "yes"
    admin.post(address, data={"passed": "no"})
    assert "Not passed" in words(admin.get("/tools/courses/ART"))
    log = words(admin.get("/tools/log"))
    assert "decided that Kim has passed ART here" in log
    assert "decided that Kim has not passed ART here" in log


def test_participants_see_their_own_results_if_the_office_wants_it(office, canvas, app, kim):
    course = office.course("ART", "art")
    kim.post("/courses/ART/register")
    office.later(minutes=1)
    office.deliver()
    [row] = [row for login, _, row, _, _ in canvas.rows() if login == "kim@example.org"]
    canvas._order(f"enrollments/{row}", scores={"current": 82.5, "final": 40.0})
    for shown in (False, True):
        wishes = results_to_fetch.wishes_of(office.session, course.id)
        wishes.score, wishes.shown = True, shown
        results_to_fetch.owe(office.session, course.id, office.now)
        office.session.commit()
        office.deliver()
        for page in ("/my/courses", "/courses/ART"):
            assert ("82.5 % so far" in words(kim.get(page))) == shown


def test_the_roster_can_be_filtered_by_never_opened_once_canvas_reports_it(office, admin, course):
    assert "Never opened" not in words(admin.get("/tools/courses/ART"))
    office.recheck("art")
    office.deliver()
    everybody = words(admin.get("/tools/courses/ART"))
    assert "Never opened the course 1" in everybody
    assert "Last there: 01 Nov 2026" in everybody
    few = words(admin.get("/tools/courses/ART?opened=never"))
    assert "lou@example.org" in few
    assert "kim@example.org" not in few
    course.starts_at = clock.utc_now() + timedelta(days=9)
    office.session.commit()
    page = words(admin.get("/tools/courses/ART"))
    assert "Never opened" not in page, "nobody could, before it begins"
    assert "Last there: 01 Nov 2026" in page
