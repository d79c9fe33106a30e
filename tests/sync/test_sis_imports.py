"""Many people at once go by one SIS import. It is written down first, and believed as far as the roster shows it."""

import pytest
from sqlalchemy import func, select, update

from ascriptica_plugin.canvas.client import CanvasClient
from ascriptica_plugin.ledger import sis_imports
from ascriptica_plugin.tables.ledger import CanvasRow
from ascriptica_plugin.tables.office import Registration
from ascriptica_plugin.tables.sis_imports import MassSeat

from ..masses import PEOPLE, POST_ONE, emails, everybody, imports, in_steps, posted
from ..office_at_work import connection_of, policy
from ..pages import COURSE_SETTINGS, words


def test_many_people_at_once_are_one_import_and_no_calls_for_each(school, canvas):
    course = school.course("ART", "art")
    everybody(school, course)
    calls = in_steps(school, until_minutes=4)
    assert (posted(calls, "/sis_imports"), posted(calls, POST_ONE)) == (1, 0)
    assert canvas.who_is_in("art") == emails()
    assert school.status()["seats"] == {"due": 0, "held": 0, "parked": 0, "enrolled": 12, "removed": 0}
    [its] = imports(school)
    assert (its.seats, its.problem, len(its.sha256)) == (12, None, 64)
    assert its.over_at is not None
    assert school.session.scalar(select(func.count()).select_from(MassSeat)) == 0


def test_an_enrollment_made_by_an_import_is_ours_to_end(school, canvas):
    course = school.course("ART", "art")
    everybody(school, course)
    in_steps(school, until_minutes=4)
    for who in PEOPLE[:3]:
        school.withdraw(course, who, sis_user_id=who.upper())
    school.settle()
    assert canvas.who_is_in("art") == emails(PEOPLE[3:])


def test_canvas_mails_only_those_who_may_be_mailed(school, canvas):
    policy(school, canvas_mail=True)
    everybody(school, school.course("ART", "art"))
    quiet = school.session.scalars(select(Registration.id).limit(7)).all()
    school.session.execute(update(Registration).where(Registration.id.in_(quiet)).values(notify=False))
    school.session.commit()
    assert posted(in_steps(school, until_minutes=4), "/sis_imports") == 1
    assert canvas.who_is_in("art") == emails()
    assert canvas.read("seed")["mails"] == len(PEOPLE) - 7


def test_no_import_is_sent_for_few_people_or_where_the_school_does_not_want_it(school, canvas):
    course = school.course("ART", "art")
    everybody(school, course, PEOPLE[:4])
    assert posted(in_steps(school, until_minutes=4), POST_ONE) == 4
    policy(school, mass_by_sis=False)
    everybody(school, course, PEOPLE[4:])
    assert posted(in_steps(school, until_minutes=4), POST_ONE) == 8
    assert imports(school) == []


def test_people_and_courses_without_sis_ids_are_not_sent_by_import(school, canvas):
    art, bio = school.course("ART", "art"), school.course("BIO", "bio")
    everybody(school, art, PEOPLE[:8])
    everybody(school, bio, PEOPLE[8:])
    school.register(art, "nobody")
    calls = in_steps(school)
    assert posted(calls, "/sis_imports") == 1
    assert canvas.who_is_in("art") == emails([*PEOPLE[:8], "nobody"])
    assert canvas.who_is_in("bio") == emails(PEOPLE[8:])


def test_a_chosen_section_is_named_by_its_sis_id(school, canvas):
    course = school.course("ART", "art", canvas.ids["section.art.late"])
    everybody(school, course)
    assert posted(in_steps(school, until_minutes=4), POST_ONE) == 0
    sections = {row["section_id"] for row in canvas.read("world")["enrollments"]}
    assert sections == {canvas.ids["section.art.late"]}


@pytest.mark.parametrize("event", ["conclude", "claim"])
def test_a_course_that_is_over_gets_nobody_by_import_either(school, canvas, event):
    """Canvas's import would enroll into a concluded course, where its API refuses; one that is not published takes
    people."""
    course = school.course("ART", "art")
    canvas.hand("PUT", f"courses/{canvas.ids['course.art']}", **{"course[event]": event})
    everybody(school, course)
    calls = in_steps(school)
    assert posted(calls, "/sis_imports") == (0 if event == "conclude" else 1)
    assert canvas.who_is_in("art") == (set() if event == "conclude" else emails())
    assert {seat.cause for seat in school.seats()} <= {"course_concluded", None}
    assert school.status()["connection"] == "ok"


def test_people_who_register_while_an_import_runs_start_no_second_one(school, canvas):
    canvas.options(import_seconds=60)
    course = school.course("ART", "art")
    everybody(school, course, PEOPLE[:6])
    school.deliver()
    everybody(school, course, PEOPLE[6:])
    calls = in_steps(school, until_minutes=1)
    assert (posted(calls, "/sis_imports"), posted(calls, POST_ONE)) == (0, 6)
    canvas.options(clock_offset_seconds=90)
    in_steps(school)
    assert canvas.who_is_in("art") == emails()
    assert [its.seats for its in imports(school)] == [6]


def test_two_workers_can_t_start_two_imports(school):
    connection_id = connection_of(school).id
    assert sis_imports.begin(school.session, connection_id, school.now) is not None
    assert sis_imports.begin(school.session, connection_id, school.now) is None


def test_a_worker_whose_import_another_worker_has_begun_reports_no_error(school, canvas, monkeypatch, caplog):
    """Its lease ran out: it looked before the other one's import was stored, and comes to begin its own after it."""
    everybody(school, school.course("ART", "art"))
    sis_imports.begin(school.session, connection_of(school).id, school.now)
    school.session.commit()
    really, looks = sis_imports.open_import, iter([None, None])
    monkeypatch.setattr(sis_imports, "open_import", lambda *its: next(looks, really(*its)))
    school.deliver()
    assert next(looks, "both looks were made") == "both looks were made"
    in_steps(school)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    assert canvas.who_is_in("art") == emails()


@pytest.mark.parametrize("read_first", [True, False])
def test_a_person_who_was_there_before_stays_in_afterwards(school, canvas, read_first):
    course = school.course("ART", "art")
    canvas.by_hand("m0", "art")
    canvas.options(clock_offset_seconds=60)
    if read_first:
        school.recheck("art")
        school.deliver()
    everybody(school, course)
    in_steps(school)
    for who in PEOPLE:
        school.withdraw(course, who, sis_user_id=who.upper())
    in_steps(school)
    assert canvas.who_is_in("art") == {"m0@example.org"}


def test_a_withdrawal_during_an_import_is_carried_out_after_it(school, canvas):
    canvas.options(import_seconds=30)
    course = school.course("ART", "art")
    everybody(school, course)
    school.deliver()
    school.withdraw(course, "m3", sis_user_id="M3")
    calls = in_steps(school, until_minutes=4)
    assert not [call for call in calls if call.startswith("DELETE")]
    canvas.options(clock_offset_seconds=60)
    in_steps(school)
    assert canvas.who_is_in("art") == emails(PEOPLE) - {"m3@example.org"}
    assert school.status()["seats"]["enrolled"] == 11


@pytest.mark.parametrize("change", [{"imports": "off"}, {"permissions": {"without": ["import_sis"]}}])
def test_everybody_is_enrolled_one_by_one_without_the_right_to_import(school, admin, canvas, change):
    canvas.options(**change)
    course = school.course("ART", "art")
    everybody(school, course)
    calls = in_steps(school, until_minutes=4)
    assert (posted(calls, "/sis_imports"), posted(calls, POST_ONE)) == (1, 12)
    assert canvas.who_is_in("art") == emails()
    assert imports(school)[0].problem in words(admin.get(COURSE_SETTINGS))
    assert school.status()["connection"] == "ok"


def test_an_import_that_is_stuck_is_aborted_and_everybody_is_enrolled_one_by_one(school, canvas):
    canvas.options(imports="stuck")
    course = school.course("ART", "art")
    everybody(school, course)
    in_steps(school)
    assert canvas.who_is_in("art") == set()
    school.later(hours=2)
    in_steps(school)
    assert canvas.who_is_in("art") == emails()
    assert "aborted" in imports(school)[0].problem
    assert school.status()["connection"] == "ok"


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_import_whose_answer_was_lost_is_never_sent_twice(school, canvas, when):
    canvas.faults({"match": "POST *sis_imports", "fault": "reset", "when": when})
    course = school.course("ART", "art")
    everybody(school, course)
    calls = in_steps(school, until_minutes=10)
    assert posted(calls, "/sis_imports") == 1
    assert posted(calls, POST_ONE) == (12 if when == "before" else 0)
    assert canvas.who_is_in("art") == emails()
    assert {state for *_, state in canvas.rows()} == {"active"}


def test_an_import_whose_answer_was_lost_is_found_again_and_waited_for(school, canvas):
    """It takes longer than a request may still be on its way; meanwhile nobody in it is asked about."""
    canvas.faults({"match": "POST *sis_imports", "fault": "reset", "when": "after"})
    canvas.options(import_seconds=600)
    course = school.course("ART", "art")
    everybody(school, course)
    calls = in_steps(school, until_minutes=8)
    assert (posted(calls, "/sis_imports"), posted(calls, POST_ONE)) == (1, 0)
    assert imports(school)[0].canvas_import_id is not None
    canvas.options(clock_offset_seconds=660)
    calls = in_steps(school)
    assert (posted(calls, "/sis_imports"), posted(calls, POST_ONE)) == (0, 0)
    assert canvas.who_is_in("art") == emails()
    assert [its.problem for its in imports(school)] == [None]


def test_a_person_whom_the_import_did_not_enroll_is_enrolled_by_a_call(school, canvas):
    canvas.hand("DELETE", f"accounts/{canvas.ids['account.root']}/users/{canvas.ids['user.m5']}")
    course = school.course("ART", "art")
    everybody(school, course)
    in_steps(school)
    assert emails(PEOPLE) - {"m5@example.org"} <= canvas.who_is_in("art")


def test_a_worker_killed_in_any_step_of_an_import_leaves_nothing_undone(school, canvas, monkeypatch):
    """It dies right before or after each call, as by kill -9; another one continues."""
    course = school.course("ART", "art")
    everybody(school, course)
    real, left = CanvasClient.start_import, [1]

    class Killed(BaseException):
        """Nothing handles it."""

    def killed(self, account_id, file):
        answer = real(self, account_id, file)
        if left:
            left.pop()
            raise Killed
        return answer

    monkeypatch.setattr(CanvasClient, "start_import", killed)
    with pytest.raises(Killed):
        school.deliver()
    school.session.rollback()
    canvas.calls()
    assert imports(school)[0].canvas_import_id is None
    school.later(seconds=11)
    calls = in_steps(school)
    assert posted(calls, "/sis_imports") == 0
    assert canvas.who_is_in("art") == emails()
    granted = school.session.scalars(select(CanvasRow.granted)).all()
    assert granted == [True] * 12
