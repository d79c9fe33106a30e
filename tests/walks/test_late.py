"""Two wishes for one enrollment, and requests that Canvas carries out late: nobody is left in, and nobody is lost.

The numbers in the comments are those of the review that found the scenes.
"""

import pytest
from sqlalchemy import select

from ascriptica_plugin.office import registrations
from ascriptica_plugin.tables.office import Course

from ..office_at_work import Office, during_the_first_call
from ..practice_canvas import Practice, posts

KIM = {"who": "kim", "sis_user_id": "K-100"}


def lose(canvas: Practice, method: str) -> None:
    """The next such request about a course is lost, and Canvas may still carry it out: see `carry_out`."""
    canvas.faults({"match": f"{method} /courses/", "times": 1, "fault": "reset", "when": "before"})


def carry_out(canvas: Practice, calls: list[str], **form: object) -> None:
    """Canvas carries out the request that was lost, late, if there was one: the fault `late` without its seconds."""
    for call in posts(calls)[:1]:
        method, path = call.split(" ")
        canvas.hand(method, path.removeprefix("/"), **form)


def enroll_form(**more: object) -> dict[str, object]:
    """The form of our request to enroll Kim."""
    form = {"user_id": "sis_user_id:K-100", "type": "StudentEnrollment", "enrollment_state": "active", **more}
    return {f"enrollment[{name}]": value for name, value in form.items()}


def both_withdraw(office: Office, course: Course) -> None:
    office.withdraw(course, **KIM)
    office.withdraw(course, key="kim again", **KIM)


def test_a_person_still_in_through_another_participant_is_not_shown_as_out(office, canvas):
    """One human, entered by the office and signed up: two participants, and the office says that they are one."""
    # D19
    art = office.course("ART", "art")
    entry = registrations.Entry("kim@example.org", "Kim Lee")
    registrations.register_many(office.session, art, [entry], office.now, "admin@example.org")
    office.session.commit()
    office.deliver()
    registration = office.register(art, "kim")
    office.deliver()
    office.one_person()
    office.deliver()
    office.withdraw(art, "kim")
    office.settle()
    assert canvas.who_is_in("art") == {"kim@example.org"}
    assert "has ended" not in office.sentence(registration)


def test_a_section_changed_while_a_request_is_out_gets_the_person_in_the_end(office, canvas, monkeypatch):
    """The office associates another section of the same Canvas course before the answer has arrived."""  # D20
    art = office.course("ART", "art")
    office.register(art, **KIM)
    late = canvas.ids["section.art.late"]
    during_the_first_call(
        office, monkeypatch, lambda: office.associate(office.session.scalars(select(Course)).one(), "art", late)
    )
    office.settle()
    rows = sorted(canvas.read("world")["enrollments"], key=lambda row: row["id"])
    assert [(row["section_id"] == late, row["state"]) for row in rows] == [(False, "deleted"), (True, "active")]


@pytest.mark.parametrize("revived", [False, True])
def test_a_late_request_for_the_same_enrollment_by_its_sections_number_leaves_nobody_in(office, canvas, revived):
    """The clerk picks the section that they are in anyway; that request is carried out when Kim has withdrawn."""
    # D23; where Kim is still in nothing has to be sent, so Kim also comes back to an enrollment that we ended
    art = office.course("ART", "art")
    office.register(art, **KIM)
    office.deliver()
    [row] = canvas.read("world")["enrollments"]
    if revived:
        office.withdraw(art, **KIM)
        office.deliver()
        office.associate(art, "art", row["section_id"])
        office.register(art, **KIM)
    else:
        office.associate(art, "art", row["section_id"])
    lose(canvas, "POST")
    sent = office.deliver()
    assert bool(posts(sent)) is revived
    office.withdraw(art, **KIM)
    office.deliver()
    carry_out(canvas, sent, **enroll_form(course_section_id=row["section_id"]))
    office.settle()
    assert canvas.who_is_in("art") == set(), office.causes()


@pytest.mark.parametrize("revived", [False, True])
def test_a_late_request_for_another_participants_enrollment_leaves_nobody_in(office, canvas, revived):
    """Two participants are one Canvas user, and both have withdrawn when the request is carried out."""
    # D24; where the user is still in nothing has to be sent, so both also come back to an enrollment that we ended
    art = office.course("ART", "art")
    office.register(art, **KIM)
    office.deliver()
    office.register(art, key="kim again", **KIM)
    office.deliver()
    office.one_person()
    if revived:
        office.deliver()
        both_withdraw(office, art)
        office.deliver()
        assert canvas.who_is_in("art") == set()
        office.register(art, key="kim again", **KIM)
        office.register(art, **KIM)
    lose(canvas, "POST")
    sent = office.deliver()
    assert len(posts(sent)) == int(revived), "while a request is out, no other about that user leaves"
    both_withdraw(office, art)
    office.deliver()
    carry_out(canvas, sent, **enroll_form())
    office.settle()
    assert canvas.who_is_in("art") == set(), office.causes()


@pytest.mark.parametrize("how", ["two participants", "section by number"])
def test_a_late_removal_of_the_same_enrollment_loses_nobody(office, canvas, how):
    """Kim withdraws from one course of ours and takes another one, which leads to the same enrollment."""  # D25
    one, two = office.course("ONE", "art"), office.course("TWO", "art")
    office.register(one, **KIM)
    office.deliver()
    [row] = canvas.read("world")["enrollments"]
    if how == "section by number":
        office.associate(two, "art", row["section_id"])
    lose(canvas, "DELETE")
    office.withdraw(one, **KIM)
    sent = office.deliver()
    assert len(posts(sent)) == 1
    registration = office.register(two, key="kim again" if how == "two participants" else "kim", **KIM)
    assert posts(office.deliver()) == [], "something about Kim is out, and may still be carried out"
    carry_out(canvas, sent, task="delete")
    office.settle()
    office.one_person()
    office.settle()
    assert canvas.who_is_in("art") == {"kim@example.org"}, f"the person reads {office.sentence(registration)!r}"
