"""Results come back from Canvas, and who has passed is ours to decide."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from ascriptica_plugin import signals
from ascriptica_plugin.ledger import passing, results, results_to_fetch
from ascriptica_plugin.office import erasing, personal_data
from ascriptica_plugin.tables.office import Registration
from ascriptica_plugin.tables.results import CourseResults, Result

from ..office_at_work import logged

HOUR = timedelta(hours=1)


@pytest.fixture
def course(office, canvas):
    """Kim and Lou are in ART, which has two requirements."""
    made = office.course("ART", "art")
    for who in ("kim", "lou"):
        office.register(made, who)
    office.deliver()
    modules(canvas, requirements=2)
    return made


def modules(canvas, **changes) -> None:
    canvas._order(f"courses/{canvas.ids['course.art']}/modules", **changes)


def row_of(canvas, who: str) -> int:
    return next(row for login, _, row, _, _ in canvas.rows() if login == f"{who}@example.org")


def work(canvas, who: str, **changes) -> None:
    """What a person did in Canvas, or was given there."""
    canvas._order(f"enrollments/{row_of(canvas, who)}", **changes)


def want(office, course, **wishes) -> None:
    its = results_to_fetch.wishes_of(office.session, course.id)
    for name, value in wishes.items():
        setattr(its, name, value)
    office.session.commit()


def fetch(office, course) -> list[str]:
    results_to_fetch.owe(office.session, course.id, office.now)
    office.session.commit()
    calls = office.deliver()
    office.session.expire_all()
    return calls


def of(office, course, who: str) -> results.Known:
    number = office.participant(f"{who}@example.org").id
    office.session.expire_all()
    registration = office.session.scalars(select(Registration).where(Registration.participant_id == number)).one()
    return results.of_registrations(office.session, [registration.id], office.now).get(registration.id)


def test_nothing_is_fetched_until_the_office_wants_it(office, canvas, course):
    office.later(days=2)
    assert not [call for call in office.deliver() if "bulk_user_progress" in call]
    want(office, course, completed=True)
    assert [call for call in office.deliver() if "bulk_user_progress" in call] != []
    assert office.deliver() == []
    office.later(days=1)
    assert [call for call in office.deliver() if "bulk_user_progress" in call] != []


def test_completions_and_scores_are_kept_with_when_and_from_where(office, canvas, course):
    modules(canvas, met={canvas.ids["user.kim"]: 2})
    work(canvas, "kim", scores={"current": 95.0, "final": 40.0})
    want(office, course, completed=True, score=True)
    office.deliver()
    kim, lou = of(office, course, "kim"), of(office, course, "lou")
    assert (kim.requirements_met, kim.completed_at is not None, kim.score, kim.score_kind) == (2, True, 95.0, "current")
    assert (lou.requirements_met, lou.completed_at, lou.score) == (0, None, None)
    its = office.session.get(Result, kim.registration_id)
    assert (its.canvas_course_id, its.progress_at, its.scores_at) == (canvas.ids["course.art"], office.now, office.now)


def test_an_override_replaces_the_final_score_and_the_final_score_counts_once_the_course_is_over(
    office, canvas, course
):
    work(canvas, "kim", scores={"current": 95.0, "final": 40.0, "override": 88.0})
    work(canvas, "lou", scores={"current": 95.0, "final": 40.0})
    course.ends_at = office.now + HOUR
    want(office, course, score=True, passes_by="score", passes_from=60.0)
    office.deliver()
    assert (of(office, course, "kim").score, of(office, course, "kim").passed) == (88.0, True)
    assert (of(office, course, "lou").score_kind, of(office, course, "lou").passed) == ("current", None)
    # It is asked once more when the course ends.
    office.later(hours=2)
    assert office.deliver() != []
    assert (of(office, course, "lou").score, of(office, course, "lou").score_kind) == (40.0, "final")


def test_a_requirement_that_is_added_later_takes_no_pass_away_and_is_shown(office, canvas, course):
    modules(canvas, met={canvas.ids["user.kim"]: 2})
    want(office, course, completed=True, passes_by="completed")
    office.deliver()
    assert of(office, course, "kim").passed is True
    modules(canvas, requirements=3)
    fetch(office, course)
    kim = of(office, course, "kim")
    assert (kim.passed, kim.completed_at, kim.undone, kim.requirements) == (True, None, True, 3)


def test_an_enrollment_that_canvas_calls_completed_is_no_pass(office, canvas, course):
    """It was concluded, by a hand or by the course's end, whatever the person had done."""
    canvas.change_state(row_of(canvas, "kim"), "completed")
    work(canvas, "kim", scores={"current": 95.0, "final": 10.0})
    want(office, course, completed=True, score=True, passes_by="score", passes_from=60.0)
    fetch(office, course)
    assert (of(office, course, "kim").score, of(office, course, "kim").passed) == (95.0, None)
    want(office, course, passes_by="completed")
    fetch(office, course)
    assert (of(office, course, "kim").completed_at, of(office, course, "kim").passed) == (None, None)


def test_a_decision_by_hand_is_stronger_than_the_rule(office, canvas, course):
    modules(canvas, met={canvas.ids["user.kim"]: 2})
    want(office, course, completed=True, passes_by="completed")
    office.deliver()
    registration = office.session.get(Registration, of(office, course, "kim").registration_id)
    passing.decide_by_hand(office.session, registration.id, False, office.now)
    office.session.commit()
    fetch(office, course)
    assert (of(office, course, "kim").passed, of(office, course, "kim").passed_how) == (False, "hand")


@pytest.mark.parametrize(
    ("wishes", "permissions", "requirements", "problem"),
    [
        ({"completed": True}, None, 0, "no_modules"),
        ({"completed": True, "score": True}, {"without": ["view_all_grades", "manage_grades"]}, 2, "progress_refused"),
        ({"score": True}, {"without": ["view_all_grades", "manage_grades"]}, 2, "scores_refused"),
    ],
)
def test_results_that_can_t_be_fetched_are_reported_once_and_stop_nothing(
    office, canvas, course, wishes, permissions, requirements, problem
):
    modules(canvas, requirements=requirements)
    canvas.options(permissions=permissions)
    want(office, course, **wishes)
    office.deliver()
    for _ in range(2):
        office.later(days=1)
        office.deliver()
    office.session.expire_all()
    its = office.session.get(CourseResults, course.id)
    assert problem in its.problems
    assert its.problem is None
    assert [what for _, what, _ in logged(office)].count("missed results") == len(its.problems)
    # Somebody who registers now is let in all the same.
    office.register(course, "max")
    office.deliver()
    assert "max@example.org" in canvas.who_is_in("art")


def test_the_results_of_somebody_who_left_canvas_are_kept(office, canvas, course):
    work(canvas, "kim", scores={"current": 70.0, "final": 70.0})
    want(office, course, score=True)
    office.deliver()
    canvas.hand("DELETE", f"courses/{canvas.ids['course.art']}/enrollments/{row_of(canvas, 'kim')}", task="delete")
    fetch(office, course)
    fetch(office, course)
    assert of(office, course, "kim").score == 70.0
    assert office.session.get(CourseResults, course.id).problems == ["people_gone"]
    assert [what for _, what, _ in logged(office)].count("missed results") == 1


def test_a_canvas_course_that_is_gone_is_reported_once_and_fetched_results_stay(office, canvas, course):
    work(canvas, "kim", scores={"current": 70.0, "final": 70.0})
    want(office, course, completed=True, score=True, passes_by="score", passes_from=60.0)
    office.deliver()
    canvas.hand("PUT", f"courses/{canvas.ids['course.art']}", **{"course[event]": "delete"})
    for _ in range(2):
        fetch(office, course)
    assert (of(office, course, "kim").score, of(office, course, "kim").passed) == (70.0, True)
    assert office.session.get(CourseResults, course.id).problems == ["course_gone"]
    assert [what for _, what, _ in logged(office)].count("missed results") == 1


def test_fetching_is_put_off_while_canvas_is_away(office, canvas, course):
    want(office, course, completed=True)
    canvas.faults({"match": "GET *bulk_user_progress", "fault": "status", "status": 500})
    office.deliver()
    its = office.session.get(CourseResults, course.id)
    office.session.refresh(its)
    assert its.problem
    assert its.fetched_at is None
    office.later(minutes=16)
    office.deliver()
    office.session.refresh(its)
    assert (its.problem, its.fetched_at) == (None, office.now)


def test_results_are_in_a_person_s_export_and_are_erased_with_them(office, canvas, course):
    work(canvas, "kim", scores={"current": 70.0, "final": 70.0})
    want(office, course, score=True)
    office.deliver()
    kim = office.participant("kim@example.org")
    assert '"current_score": 70.0' in json.dumps(personal_data.held_on(office.session, kim, None))
    erasing.ask_to_erase(office.session, kim, office.now, "boss@example.org", end_access=True)
    office.session.commit()
    office.settle()
    assert [one.current_score for one in office.session.scalars(select(Result))] == [None]


def test_the_host_gets_a_signal_when_a_result_changes(office, canvas, course):
    heard = []

    def hear(app, **what):
        heard.append((what["email"], what["course"]))

    signals.listen(office.session)
    signals.result_changed.connect(hear)
    try:
        work(canvas, "kim", scores={"current": 70.0, "final": 70.0})
        want(office, course, score=True)
        office.deliver()
        fetch(office, course)
    finally:
        signals.result_changed.disconnect(hear)
    assert heard == [("kim@example.org", "ART")]
