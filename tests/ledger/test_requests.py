"""Requests that are out about a person: one at a time, and remembered until it is certain what came of it."""

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ascriptica_plugin.ledger import access
from ascriptica_plugin.office import people
from ascriptica_plugin.tables.office import Participant
from ascriptica_plugin.tables.requests import Request

from ..office_at_work import connection_of


def lost(canvas, method: str, course: str) -> None:
    """The next such request reaches nobody, and no answer says so."""
    path = f"{method} /courses/{canvas.ids[f'course.{course}']}/"
    canvas.faults({"match": path, "times": 1, "fault": "reset", "when": "before"})


@pytest.fixture
def kim(office, canvas):
    """Kim is in ART; her registration there."""
    registration = office.register(office.course("ART", "art"), "kim")
    office.deliver()
    return registration


def out(office) -> list[Request]:
    office.session.expire_all()
    return list(office.session.scalars(select(Request)))


def test_a_person_who_is_known_is_addressed_by_sis_id_and_by_no_remembered_number(office, canvas, kim):
    lost(canvas, "POST", "bio")
    office.register(office.course("BIO", "bio"), "kim")
    office.deliver()
    assert [one.address for one in out(office)] == ["sis_user_id:K-100"]


def test_no_second_request_about_a_person_leaves_while_one_is_out(office, canvas, kim):
    lost(canvas, "POST", "bio")
    office.register(office.course("BIO", "bio"), "kim")
    office.deliver()
    office.withdraw(kim.course, "kim")
    canvas.calls()
    office.deliver()
    assert not [call for call in canvas.calls() if call.startswith("DELETE")]
    office.settle()
    assert canvas.who_is_in("art") == set()
    assert canvas.who_is_in("bio") == {"kim@example.org"}


def test_the_database_holds_one_request_per_person(office, canvas, kim):
    lost(canvas, "POST", "bio")
    office.register(office.course("BIO", "bio"), "kim")
    office.deliver()
    [first] = out(office)
    times = {"first_sent_at": office.now, "until_at": office.now}
    same = {"connection_id": connection_of(office).id, "participant_id": first.participant_id}
    office.session.add(Request(id=7, kind="end", **same, **times))
    with pytest.raises(IntegrityError):
        office.session.flush()
    office.session.rollback()


def test_an_answer_to_a_repeat_leaves_the_request_out_until_it_is_looked_up(office, canvas, kim):
    """The first try may still be carried out, after the person has been taken out again."""
    lost(canvas, "POST", "bio")
    office.register(office.course("BIO", "bio"), "kim")
    office.deliver()
    office.later(seconds=20)
    office.deliver()
    assert canvas.who_is_in("bio") == {"kim@example.org"}
    assert [(one.tries, one.answered) for one in out(office)] == [(2, True)]
    office.later(minutes=3)
    office.deliver()
    assert out(office) == []


def test_nobody_is_said_to_be_in_while_a_request_to_end_it_is_out(office, canvas, kim):
    lost(canvas, "DELETE", "art")
    office.withdraw(kim.course, "kim")
    office.deliver()
    office.register(kim.course, "kim")
    assert access.of_registrations(office.session, [kim.id])[kim.id].there is None
    office.settle()
    assert access.of_registrations(office.session, [kim.id])[kim.id].there is not None


def test_nobody_is_said_to_be_in_while_their_identity_is_in_question(office, canvas, kim):
    participant = office.session.scalars(select(Participant)).one()
    people.correct(office.session, participant, office.now, "boss@example.org", email="lou@example.org")
    office.session.commit()
    assert access.of_registrations(office.session, [kim.id])[kim.id].there is None


def test_a_person_who_comes_back_while_a_request_to_end_it_is_out_is_settled_after_that_only(office, canvas, kim):
    lost(canvas, "DELETE", "art")
    office.withdraw(kim.course, "kim")
    office.deliver()
    office.register(kim.course, "kim")
    assert office.deliver() == []
    assert (office.status()["seats"]["due"], office.status()["seats"]["enrolled"]) == (1, 0)
    office.settle()
    assert (office.status()["seats"]["due"], office.status()["seats"]["enrolled"]) == (0, 1)


def test_the_same_request_by_another_id_waits_and_counts_as_no_repeat(office, canvas):
    """Kim's SIS ID is corrected while a request by the wrong one is out."""
    lost(canvas, "POST", "art")
    registration = office.register(office.course("ART", "art"), "kim", sis_user_id="K-1OO")
    office.deliver()
    office.correct(registration.participant, sis_user_id="K-100")
    office.later(seconds=20)
    assert [call for call in office.deliver() if call.startswith("POST")] == []
    assert [one.address for one in out(office)] == ["sis_user_id:K-1OO"]
    office.settle()
    assert canvas.who_is_in("art") == {"kim@example.org"}
