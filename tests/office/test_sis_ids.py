"""SIS IDs: what is accepted as one, and that nobody gets somebody else's, least of all from a host."""

import threading

import pytest

from ascriptica_plugin.office import people, registrations, sis_ids, sis_questions
from ascriptica_plugin.office.imports import file as csvfile
from ascriptica_plugin.office.imports import run
from ascriptica_plugin.office.places import NotPossible
from ascriptica_plugin.shared import clock
from ascriptica_plugin.tables.office import Course, Participant

from ..office_at_work import someone
from ..pages import all_of
from .at_once import at_once


@pytest.mark.parametrize(
    "typed",
    [
        *("S-1", "0012", "12345678901", "1e5", "#12", "Na1", "a b", "é", "0x0", "A.0"),
        # Nearly what a spreadsheet writes.
        *("MAR-26", "mar-26", "Mar26", "Mar-260", "2026-03-01", "1.3.2026", "Jana 26", "123-Mar"),
        *("1234567890123450", "12345678901234500", "123456789012345001", "000000000000012000"),
    ],
)
def test_ordinary_sis_ids_are_accepted_as_they_are(typed):
    assert sis_ids.read_sis_user_id(f" \u200b{typed}\u00ad ") == typed


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        *((error, "a spreadsheet error") for error in ("#N/A", "#REF!", "#NAME?", "#NV", "#BEZUG!", "#DIV/0!")),
        *((date, "is a date") for date in ("Mrz 26", "1-Mar", "26. Mrz", "Mar-26", "Mär 26", "01-mars", "1-Mar-26")),
        *((date, "is a date") for date in ("2026-03-01 00:00:00", "Okt 2026", "26 déc.")),
        *(
            (number, "a number that a spreadsheet has changed")
            for number in ("12345678901234500000", "123456789012345000")
        ),
        *((error, "a spreadsheet error") for error in ("#####", "#", "#¿NOMBRE?", "#Н/Д")),
        *(
            (number, "a number that a spreadsheet has changed")
            for number in ("1.00E+11", "1,00E+11", "2E+05", "1.5e11", "42.0")
        ),
        *(
            (none, "is not a SIS ID")
            for none in ("0", "0.0", "000", "n/a", "N/A", "NULL", "NaN", "-", "--", "–", "?", ".", "keine")
        ),
    ],
)
def test_a_sis_id_that_a_spreadsheet_spoiled_is_refused_with_the_reason(typed, reason):
    with pytest.raises(ValueError, match=reason) as refused:
        sis_ids.read_sis_user_id(f" {typed} ")
    assert f"“{typed}”" in str(refused.value)


def sis_ids_of(app) -> dict[str, tuple[str | None, str | None]]:
    """By email: the SIS ID, and the one that was left out."""
    return {one.email: (one.sis_user_id, one.sis_user_id_refused) for one in all_of(app, Participant)}


def test_a_sis_id_that_the_host_gives_to_two_people_stays_with_the_first(app, here):
    course = here.course()
    here.register(course, "kim", sis_user_id="S-1")
    here.register(course, "lou", sis_user_id=" S-1 ")
    assert sis_ids_of(app) == {"kim@example.org": ("S-1", None), "lou@example.org": (None, "S-1")}
    # Nor does the next visit, or another host's correction of Lou, change that.
    here.withdraw(course, "lou", sis_user_id="S-1")
    assert sis_ids_of(app)["lou@example.org"] == (None, "S-1")
    here.register(course, "lou", sis_user_id="S-2")
    assert sis_ids_of(app)["lou@example.org"] == ("S-2", "S-1")


def test_a_text_from_the_host_that_is_no_sis_id_is_not_asked_about(app, here):
    course = here.course()
    here.register(course, "kim", sis_user_id="n/a")
    here.register(course, "lou", sis_user_id="n/a")
    here.register(course, "bea", sis_user_id="")
    here.register(course, "ann", sis_user_id="  ")
    assert sis_ids_of(app) == {
        "kim@example.org": (None, "n/a"),
        "lou@example.org": (None, "n/a"),
        "bea@example.org": (None, None),
        "ann@example.org": (None, None),
    }
    assert sis_questions.undecided(here.session) == ([], 0)


def test_a_sis_id_that_has_become_free_is_given_at_the_next_visit(app, here):
    course = here.course()
    here.register(course, "kim", sis_user_id="S-1")
    here.register(course, "lou", sis_user_id="S-1")
    [kim, _] = all_of(app, Participant)
    people.correct(here.session, kim, here.now, "boss@example.org", sis_user_id="K-1")
    here.session.commit()
    here.withdraw(course, "lou", sis_user_id="S-1")
    assert sis_ids_of(app) == {"kim@example.org": ("K-1", None), "lou@example.org": ("S-1", None)}


def test_a_sis_id_left_out_for_two_people_goes_to_neither_automatically(app, here):
    course = here.course()
    for who in ("kim", "lou"):
        here.register(course, who)
    for one in all_of(app, Participant):
        sis_ids.leave_out(one, "S-1")
    here.session.commit()
    for who in ("kim", "lou", "new"):
        (here.withdraw if who != "new" else here.register)(course, who, sis_user_id="S-1")
    assert set(sis_ids_of(app).values()) == {(None, "S-1")}


@pytest.mark.parametrize("known", [False, True])
def test_one_of_several_who_bring_a_sis_id_at_once_gets_it_and_nobody_gets_an_error(app, here, known):
    here.course("BIO")
    who = [f"p{n}" for n in range(6)]
    for one in who if known else ():
        here.register(here.course(one.upper()), one)
    gate, errors = threading.Barrier(len(who)), []

    def visit(one: str) -> None:
        with app.app_context():
            session = app.extensions["sqlalchemy"].session
            try:
                gate.wait()
                people.participant_for(session, someone(one, sis_user_id="S-1"))
                session.commit()
            except Exception as error:
                errors.append(error)
            finally:
                session.remove()

    visits = [threading.Thread(target=visit, args=(one,)) for one in who]
    for one in visits:
        one.start()
    for one in visits:
        one.join()
    assert errors == []
    assert sorted(sis_ids_of(app).values(), key=str) == sorted([("S-1", None), *[(None, "S-1")] * 5], key=str)


def test_somebody_who_waits_to_be_erased_keeps_their_sis_id(app, here):
    course = here.course()
    here.register(course, "kim", sis_user_id="S-1")
    [kim] = all_of(app, Participant)
    kim.key, kim.erase_at = None, here.now
    here.session.commit()
    here.register(course, "kim", key="again", sis_user_id="S-1")
    again = all_of(app, Participant)[1]
    assert (again.sis_user_id, again.sis_user_id_refused) == (None, "S-1")
    why, can_be_given = sis_questions.about(here.session, again)
    assert "and is being erased" in why
    assert can_be_given
    with pytest.raises(ValueError, match="is being erased"):
        sis_questions.decide(here.session, again, True, here.now, "boss@example.org")


def test_a_sign_in_beside_an_import_that_gives_the_sis_id_to_somebody_else_meets_no_deadlock(app, here):
    """The file gives p0 the SIS ID of p1 and has p1 as well, who signs in with it at the same moment."""
    for n in range(12):
        here.session.add(Participant(key=f"p{n}", email=f"p{n}@example.org", name=f"P{n}"))
    here.session.commit()
    for round_ in range(6):
        a, b = f"p{2 * round_}", f"p{2 * round_ + 1}"
        data = f"email,sis_user_id\n{a}@example.org,S-{round_}\n{b}@example.org,T-{round_}\n".encode()
        rows = csvfile.read("participants", data).rows

        def sign_in(session, b=b, round_=round_):
            people.participant_for(session, someone(b, sis_user_id=f"S-{round_}"))
            session.flush()

        def bring(session, rows=rows):
            run.run(session, "participants", rows, clock.utc_now, "boss@example.org")

        assert at_once(here, [sign_in, bring]) == ["done", "done"]
    # Where the sign-in was first, the file takes it away again, and the other one was left out already.
    for n, one in enumerate(all_of(app, Participant)[::2]):
        assert f"S-{n}" in (one.sis_user_id, one.sis_user_id_refused)


def test_a_page_a_list_an_import_and_a_sign_in_at_once_give_a_sis_id_to_one_person(app, here):
    course = here.course()
    kim = Participant(email="kim@example.org", name="Kim")
    here.session.add(kim)
    here.session.commit()
    rows = csvfile.read("participants", b"email,name,sis_user_id\nlou@example.org,Lou,S-1\n").rows
    number, course_id = kim.id, course.id

    def correct(session):
        try:
            people.correct(session, session.get(Participant, number), here.now, "boss", sis_user_id="S-1")
        except sis_ids.Taken as reason:
            raise NotPossible(str(reason)) from None

    def register(session):
        entry = registrations.Entry("ann@example.org", "Ann", "S-1")
        [result] = registrations.register_many(session, session.get(Course, course_id), [entry], here.now, "boss")
        if isinstance(result, NotPossible):
            raise result

    def bring(session):
        run.run(session, "participants", rows, clock.utc_now, "boss")

    def sign_in(session):
        people.participant_for(session, someone("bea", sis_user_id="S-1"))

    results = at_once(here, [correct, register, bring, sign_in])
    assert len(results) == 4
    assert all(result == "done" or "has the SIS ID S-1" in result for result in results)
    assert [one.sis_user_id for one in all_of(app, Participant) if one.sis_user_id] == ["S-1"]


def test_a_sis_id_that_an_administrator_decided_against_is_never_given_automatically(app, here):
    course = here.course()
    here.register(course, "kim", sis_user_id="S-1")
    here.register(course, "lou", sis_user_id="S-1")
    kim, lou = all_of(app, Participant)
    sis_questions.decide(here.session, lou, False, here.now, "boss@example.org")
    people.correct(here.session, kim, here.now, "boss@example.org", sis_user_id=None)
    here.session.commit()
    here.withdraw(course, "lou", sis_user_id="S-1")
    assert sis_ids_of(app) == {"kim@example.org": (None, None), "lou@example.org": (None, "S-1")}


def test_giving_a_sis_id_to_one_of_three_answers_for_the_other_two(app, here):
    for who in ("kim", "lou", "bea"):
        here.register(here.course(who), who)
    for one in all_of(app, Participant):
        sis_ids.leave_out(one, "S-1")
    here.session.commit()
    [question], total = sis_questions.undecided(here.session)
    assert (question.holder, len(question.left_out), total) == (None, 3, 1)
    sis_questions.decide(here.session, question.left_out[1], True, here.now, "boss@example.org")
    here.session.commit()
    assert sis_questions.undecided(here.session) == ([], 0)
    assert sis_ids_of(app)["lou@example.org"] == ("S-1", None)


def test_another_sis_id_that_the_office_enters_is_an_answer(app, here):
    course = here.course()
    here.register(course, "kim", sis_user_id="S-1")
    here.register(course, "lou", sis_user_id="S-1")
    lou = all_of(app, Participant)[1]
    people.correct(here.session, lou, here.now, "boss@example.org", sis_user_id="L-1")
    here.session.commit()
    assert sis_questions.undecided(here.session) == ([], 0)
